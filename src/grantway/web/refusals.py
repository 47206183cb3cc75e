"""Every refusal gets a reference, a count, a line of the log, and a line that `grantway logs` finds again.

How many lines there are is bounded, for each network and for the process, so that a flood of refused requests
fills no disk. Above that a refusal still has its reference and its count, but nothing more is known of it.
"""

import logging
from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime

import msgspec

from grantway.crypto.secrets import new_reference, redacted
from grantway.flows.throttles import Throttles
from grantway.protocol.client_auth import claimed_client_id
from grantway.protocol.clients import Client
from grantway.protocol.diagnosis import Diagnosis, Gw, shown
from grantway.protocol.differences import first_difference, nearest
from grantway.protocol.errors import OAuthError
from grantway.protocol.fixes import edit_app
from grantway.protocol.names import ErrorCode
from grantway.storage.refusal_files import RefusalFiles
from grantway.web.metrics import Metrics
from grantway.web.requests import MAX_BODY, Request

MAX_FIELD = 700  # characters
_ALL = "all"
_log = logging.getLogger("grantway.refusals")


def printable(text: str) -> str:
    """The text for a log: on one line, which nobody can forge, and without secrets (threats T1, T2)."""
    return redacted(text).encode("unicode_escape").decode("ascii")


class Refusals:
    """The refusals of one process.

    `files` is None where none are kept. `clock` only ever goes forward, `now` tells Unix seconds.
    """

    def __init__(
        self,
        files: RefusalFiles | None,
        metrics: Metrics,
        *,
        node: str,
        clock: Callable[[], float],
        now: Callable[[], float],
    ) -> None:
        self._files, self._metrics, self._node, self._now = files, metrics, node, now
        self._networks = Throttles(burst=500, seconds_each=0.2, clock=clock)
        self._everybody = Throttles(burst=2000, seconds_each=0.04, clock=clock)
        self._unrecorded = 0

    def note(
        self,
        request: Request,
        diagnosis: Diagnosis,
        *,
        error: str,
        network: str,
        client_id: str | None = None,
        reference: str | None = None,
    ) -> str:
        """Note a refusal, and return its reference, which may be one that it has already.

        Without a `client_id` the one that the request claims is noted.
        """
        client_id = client_id or claimed_client_id(request.every(b"authorization"), request.sent)
        where = {
            "error": error,
            "method": request.method,
            "path": request.path,
            "client_id": client_id or "",
            "network": network,
        }
        return self._note(reference or new_reference(), diagnosis, where, network)

    def note_unasked(self, client_id: str, diagnosis: Diagnosis) -> str:
        """Note what went wrong although nothing was refused, and return its reference."""
        return self._note(new_reference(), diagnosis, {"client_id": client_id}, f"client:{client_id}")

    def _note(self, reference: str, diagnosis: Diagnosis, where: Mapping[str, str], bucket: str) -> str:
        self._metrics.diagnosed(diagnosis.gw)
        if self._everybody.wait(_ALL) or self._networks.wait(bucket):
            self._unrecorded += 1
            return reference
        self._everybody.take(_ALL)
        self._networks.take(bucket)
        if self._unrecorded:
            _log.warning("%d refusals before this one were not recorded: too many at once", self._unrecorded)
            self._unrecorded = 0
        fields = {
            "reference": reference,
            "diagnosis": diagnosis.gw.value,
            **where,
            "received": diagnosis.received,
            "expected": diagnosis.expected,
            "difference": diagnosis.difference,
            "fix": diagnosis.fix,
        }
        fields = {name: printable(text)[:MAX_FIELD] for name, text in fields.items() if text}
        message = printable(diagnosis.why)[:MAX_FIELD]
        _log.info("%s", message, extra=fields)
        if self._files is not None:
            moment = datetime.fromtimestamp(self._now(), UTC).isoformat(timespec="milliseconds")
            head = {"ts": moment.replace("+00:00", "Z"), "event": _log.name, "node": self._node}
            self._files.note(msgspec.json.encode({**head, "message": message, **fields}))
        return reference


def too_large() -> OAuthError:
    """A body beyond the limit (threat U2)."""
    words = f"the body is longer than {MAX_BODY // 1024} kB"
    found = Diagnosis(Gw.TOO_LARGE, words, "a longer body", f"at most {MAX_BODY} bytes", words)
    return OAuthError(ErrorCode.INVALID_REQUEST, words, found)


def unavailable(why: str) -> OAuthError:
    """Nothing could be done for sure: try again."""
    found = Diagnosis(
        Gw.UNAVAILABLE,
        why,
        received="a request that needs the database",
        expected="a database that answers in time",
        difference=why,
        fix="`grantway doctor` says what is away; /readyz turns green when it is back.",
    )
    return OAuthError(ErrorCode.TEMPORARILY_UNAVAILABLE, "try again in a moment", found, retry_after=1)


def nothing_here(request: Request) -> OAuthError:
    """An address that leads nowhere: mistyped, or of a version that is gone."""
    words = "there is nothing at this address"
    found = Diagnosis(Gw.NOT_THERE, words, request.path[:MAX_FIELD], "an address of this server", words)
    return OAuthError(ErrorCode.INVALID_REQUEST, words, found)


def origin_refused(origin: str, registered: Collection[str], client: Client | None) -> Diagnosis:
    """A browser asks from an origin that is not registered: it lets the page see none of the answer."""
    own = () if client is None else client.origins
    known = sorted(registered if client is None else own)
    near = nearest(origin, known)
    words = "it is registered for another app" if origin in registered else "no registered origin is like it"
    more = [word for one in (*own, origin) for word in ("--origin", one)]
    command = "`grantway app edit APP --origin ORIGIN`" if client is None else edit_app(client, *more)
    return Diagnosis(
        Gw.ORIGIN,
        f"a browser asks from {origin[:200]!r}, which is not registered: the page cannot read the answer",
        received=f"Origin: {shown(origin)}",
        expected=near or ", ".join(known[:5]) or "no origin is registered",
        difference=first_difference(origin, near) if near else words,
        fix=f"If the page is the app's: {command}. What is given replaces the origins there were.",
    )
