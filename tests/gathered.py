"""Every line that was logged and every secret that was made while the tests of this process ran (threat T1).

`tests/conftest.py` starts it before anything is made, and looks at the end. Secrets are noted where their
values come into being, by whichever name a module imported the maker.
"""

import base64
import logging
import re
from functools import wraps

from grantway.crypto.envelope import MasterKey
from grantway.crypto.jwk import SigningKey
from grantway.crypto.secrets import IssuedSecret

WINDOW = 16  # characters of a secret that give it away; by chance once in 10^28
_TOLD = ("reference", "path", "client_id", "received", "expected", "difference", "fix")
_RUN = re.compile(r"[0-9A-Za-z_+/-]{16,}")


class _Words(logging.Formatter):
    """Tells exceptions by their words, not by their lines.

    On Python 3.11 a traceback parses source, and the garbage collector may log while somebody else parses:
    that ends both with a SystemError.
    """

    def formatException(self, ei) -> str:  # noqa: N802 - logging's name
        words, one = [], ei[1]
        while one is not None:
            words.append(f"{one!r} {getattr(one, '__notes__', '')}")
            one = one.__cause__ or one.__context__
        return "\n".join(words)


class Gathered(logging.Handler):
    """Lines and secrets, and whether they meet."""

    def __init__(self) -> None:
        super().__init__(logging.NOTSET)
        self.lines: list[str] = []
        self.telling: dict[str, str] = {}  # a piece of a secret → its kind
        told = " ".join(f"%({name})s" for name in _TOLD)
        self.setFormatter(_Words(f"%(name)s %(message)s {told}", defaults=dict.fromkeys(_TOLD, "")))

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the line as its writer meant it, with its exception, before any formatter improves on it."""
        self.lines.append(self.format(record))

    def note(self, kind: str, secret: str) -> None:
        """A secret of 16 characters or more, whose first and last are as random as the others."""
        raw = secret.encode()
        for shift in range(3):  # base64 of a text that holds it, wherever it begins there
            inside = base64.b64encode(b"\0" * shift + raw)[4:].decode()
            self.telling[inside[:WINDOW]] = kind
            self.telling[inside[:WINDOW].replace("+", "-").replace("/", "_")] = kind
        self.telling[secret[:WINDOW]] = kind
        self.telling[secret[-WINDOW:]] = kind
        self.telling[raw.hex()[: 2 * WINDOW]] = kind

    def found(self) -> list[str]:
        """The lines that hold a piece of a secret, each with its kind."""
        return [f"{kind}: {line[:500]}" for line in set(self.lines) if (kind := self._kind_in(line))]

    def _kind_in(self, line: str) -> str | None:
        for run in _RUN.findall(line):
            for at in range(len(run) - WINDOW + 1):
                kind = self.telling.get(run[at : at + WINDOW]) or self.telling.get(run[at : at + 2 * WINDOW])
                if kind:
                    return kind
        return None


GATHERED = Gathered()


def start() -> None:
    """Note from now on."""
    _after(IssuedSecret, "__init__", lambda made, _: GATHERED.note(made.text[:4], made.text[21:64]))
    _after(SigningKey, "sign", lambda _, token: GATHERED.note("jwt", token.rpartition(".")[2]))
    _after(MasterKey, "__post_init__", lambda key, _: _note_master(key))
    root = logging.getLogger()
    root.addHandler(GATHERED)
    logging.getLogger("grantway").setLevel(logging.DEBUG)


def _note_master(key: MasterKey) -> None:
    GATHERED.note("master key", key.secret.hex())
    GATHERED.note("master key", key.to_text())


def _after(owner, name, then):
    """Do `then` with the object and the result whenever this method has run."""
    original = getattr(owner, name)

    @wraps(original)
    def noted(self, *arguments, **named):
        result = original(self, *arguments, **named)
        then(self, result)
        return result

    setattr(owner, name, noted)
