"""Codes that left with a person, and that their app has not brought back yet.

When an app never exchanges its code nothing is refused, so no request would tell of it: the node that sent
the code away has to notice. It is told for diagnosis alone; a node that ends, or that has sent more than it
watches, tells less.
"""

from collections.abc import Callable

from grantway.protocol.code_grant import never_exchanged
from grantway.protocol.diagnosis import Diagnosis
from grantway.protocol.grants import Code
from grantway.storage.port import Grants

MAX_WATCHED = 2000
LATE = 5.0  # seconds after its end, when no exchange that began in time can still be under way

Tell = Callable[[str, Diagnosis], object]  # the id of the client, and what happened


class SentCodes:
    """The codes this node has sent and waits for, the oldest first: all live equally long."""

    def __init__(self) -> None:
        self._waiting: dict[str, Code] = {}

    def sent(self, code: Code) -> None:
        """Watch this code, if there is room."""
        if len(self._waiting) < MAX_WATCHED:
            self._waiting[code.id] = code

    def came(self, code_id: str) -> None:
        """Somebody has brought it: whatever became of that is told elsewhere."""
        self._waiting.pop(code_id, None)

    def overdue(self, now: float) -> list[Code]:
        """Those that should have come by now (Unix seconds). They are watched no longer."""
        found = []
        while self._waiting and (code := next(iter(self._waiting.values()))).expires_at + LATE <= now:
            found.append(self._waiting.pop(code.id))
        return found


async def tell_of_codes(overdue: list[Code], store: Grants, tell: Tell, *, now: float) -> int:
    """Tell of each code that no node has exchanged; returns how many. Raises Unavailable."""
    told = 0
    for code in overdue:
        evidence = await store.find_code(code.id)
        if evidence is not None and evidence.code.spent_at is None:
            tell(code.client_id, never_exchanged(code, now=now))
            told += 1
    return told
