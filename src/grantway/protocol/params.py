"""Decoded parameters: read once, strictly; repeated ones are refused when they are asked for."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self
from urllib.parse import unquote_to_bytes

from grantway.protocol.diagnosis import Diagnosis, Gw, shown
from grantway.protocol.errors import OAuthError, wire_safe
from grantway.protocol.names import ErrorCode

MAX_PARAMETERS = 100
_BROKEN_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
# C0 controls, DEL and noncharacters reach neither a database nor a header (threats B10, U6).
_FORBIDDEN = re.compile("[\x00-\x1f\x7f\ufdd0-\ufdef\ufffe\uffff]")


@dataclass(frozen=True, slots=True)
class Params:
    """The parameters of one request: each name with its values, in order.

    An empty value counts as left out (RFC 6749 §3.1).
    """

    values: Mapping[str, tuple[str, ...]]

    @classmethod
    def parse(cls, raw: bytes) -> Self:
        """Decode `application/x-www-form-urlencoded` (RFC 6749 appendix B). Raises `invalid_request`."""
        try:
            text = raw.decode("ascii")
        except UnicodeDecodeError:
            raise _malformed(
                "parameters must be percent-encoded ASCII",
                received="a byte above 127",
                expected="percent-encoded ASCII, as application/x-www-form-urlencoded says",
            ) from None
        pairs = text.split("&")
        if len(pairs) > MAX_PARAMETERS:
            words = f"more than {MAX_PARAMETERS} parameters"
            raise _malformed(words, received=f"{len(pairs)} parameters", expected=f"at most {MAX_PARAMETERS}")
        values: dict[str, tuple[str, ...]] = {}
        for pair in pairs:
            name, _, value = pair.partition("=")
            if value:
                name = form_decode(name)
                values[name] = (*values.get(name, ()), form_decode(value))
        return cls(values)

    @classmethod
    def of(cls, **values: str) -> Self:
        """Parameters with one value each."""
        return cls({name: (value,) for name, value in values.items()})

    def get(self, name: str) -> str | None:
        """The value; None when it was left out. Raises `invalid_request` when repeated or unclean (§3.1)."""
        value = self._one(name)
        return None if value is None else _clean(name, value)

    def need(self, name: str) -> str:
        """The value. Raises `invalid_request` when it was left out."""
        return _clean(name, self.need_any_text(name))

    def need_any_text(self, name: str) -> str:
        """The value, unclean as it may be.

        For `token`: a text that cannot be one is an unknown token, no mistake (RFC 7662 §2.2, RFC 7009 §2.2).
        """
        value = self._one(name)
        if value is None:
            sent = ", ".join(sorted(self.values)) or "no parameters"
            raise _malformed(
                f"{wire_safe(name)} is missing",
                received=shown(sent),
                expected=f"{name} beside them; an empty one counts as left out",
            )
        return value

    def _one(self, name: str) -> str | None:
        found = self.values.get(name)
        if found is None:
            return None
        if len(found) > 1:
            words = f"{wire_safe(name)} must not be sent more than once"
            raise _malformed(words, received=f"{name} {len(found)} times", expected="once")
        return found[0]

    def every(self, name: str) -> tuple[str, ...]:
        """All values of a parameter that may be repeated, such as `resource` (RFC 8707 §2)."""
        return tuple(_clean(name, value) for value in self.values.get(name, ()))


def form_decode(text: str) -> str:
    """Undo form encoding: `+` and `%XX`, as UTF-8. Raises `invalid_request` for anything malformed."""
    if "+" in text:
        text = text.replace("+", " ")
    if "%" not in text:
        return text
    if _BROKEN_ESCAPE.search(text):
        raise _malformed(
            "a percent sign must be followed by two hexadecimal digits",
            received="a percent sign that stands alone",
            expected="%25 for a percent sign itself",
        )
    try:
        return unquote_to_bytes(text).decode("utf-8")
    except UnicodeDecodeError:
        raise _malformed(
            "parameters must be UTF-8", received="bytes that are no UTF-8", expected="UTF-8, percent-encoded"
        ) from None


def _clean(name: str, value: str) -> str:
    if _FORBIDDEN.search(value):
        raise _malformed(
            f"{wire_safe(name)} holds a control character",
            received=_where(name, value),
            expected="text without control characters",
        )
    return value


def _where(name: str, value: str) -> str:
    """Which character it is, never the value around it, which may be a secret."""
    at = next(_FORBIDDEN.finditer(value)).start()
    ending = ", the last one: maybe a line break of a file" if at == len(value) - 1 else ""
    return f"U+{ord(value[at]):04X} as character {at + 1} of {len(value)} of {name}{ending}"


def _malformed(words: str, *, received: str = "", expected: str = "", difference: str = "") -> OAuthError:
    found = Diagnosis(Gw.UNREADABLE, words, received, expected, difference or words)
    return OAuthError(ErrorCode.INVALID_REQUEST, words, found)
