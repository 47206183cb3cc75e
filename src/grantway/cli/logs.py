"""Logs on stderr: one event a line, as JSON for machines or in columns for people; never a secret.

Secrets are kept out where a line is written (`web.door.printable`). What comes here is read once more,
because exceptions and libraries choose their own words (threat T1), and no line looks like two (T2).
"""

import json
import logging
import sys
import time
import traceback
from typing import Final, TextIO

from grantway.crypto.secrets import redacted
from grantway.web.bounded_log import BoundedWarnings

_BRIEF: Final = ("reference", "diagnosis", "client_id", "path", "error")  # what a record may bring along
_FIELDS: Final = (*_BRIEF, "method", "network", "received", "expected", "difference", "fix")
_COLORS: Final = {"WARNING": "\x1b[33m", "ERROR": "\x1b[31m", "CRITICAL": "\x1b[31m"}


def log_to_stderr(form: str, level: str, *, color: bool = False) -> None:
    """Send every log of this process to stderr in this form, from this level on."""
    if form == "auto":
        form = "console" if sys.stderr.isatty() else "json"
    handler: logging.StreamHandler[TextIO] = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines() if form == "json" else Columns(color=color))
    logging.basicConfig(handlers=[handler], level=level.upper(), force=True)
    if level != "debug":
        library = logging.getLogger("uvicorn.error")
        library.setLevel(logging.WARNING)
        library.filters = [BoundedWarnings()]  # a line for each request that is none would fill a disk


class JsonLines(logging.Formatter):
    """An object a line: ts (RFC 3339, UTC), level, event, message, and what the event brings along."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        line: dict[str, str] = {
            "ts": _utc(record, "%Y-%m-%dT%H:%M:%S", "Z"),
            "level": record.levelname.lower(),
            "event": record.name,
            "message": _clean(record.getMessage()),
        }
        line |= {name: _clean(str(value)) for name, value in _extras(record, _FIELDS)}
        if record.exc_info:
            line["exception"] = redacted("".join(traceback.format_exception(*record.exc_info)))
        return json.dumps(line)  # ASCII: control and separator characters are escaped


class Columns(logging.Formatter):
    """Time, level, event, message, short fields. Lines of an exception are set in: none can pass for one."""

    def __init__(self, *, color: bool) -> None:
        super().__init__()
        self._color = color

    def format(self, record: logging.LogRecord) -> str:
        """The line, and the traceback if there is one."""
        level = record.levelname.lower().ljust(7)
        if self._color and record.levelname in _COLORS:
            level = f"{_COLORS[record.levelname]}{level}\x1b[0m"
        more = "".join(f" {name}={_clean(str(value))}" for name, value in _extras(record, _BRIEF))
        text = f"{_utc(record, '%H:%M:%S', '')} {level} {record.name}: {_clean(record.getMessage())}{more}"
        if record.exc_info:
            lines = "".join(traceback.format_exception(*record.exc_info)).splitlines()
            text += "".join(f"\n    {_clean(line)}" for line in lines)
        return text


def _extras(record: logging.LogRecord, names: tuple[str, ...]) -> list[tuple[str, object]]:
    return [(name, value) for name in names if (value := getattr(record, name, None)) is not None]


def _utc(record: logging.LogRecord, form: str, zone: str) -> str:
    return f"{time.strftime(form, time.gmtime(record.created))}.{int(record.msecs):03}{zone}"


def _clean(text: str) -> str:
    """On one line, without control characters and secrets. What is escaped already stays as it is."""
    shown = redacted(text)
    return (
        shown if shown.isascii() and shown.isprintable() else shown.encode("unicode_escape").decode("ascii")
    )
