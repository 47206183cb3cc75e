"""May this token do this here? Pure: no I/O, no clock, no framework."""

import re
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

from grantway.protocol.apis import Api, Rule
from grantway.protocol.names import ErrorCode
from grantway.protocol.scope import Scope
from grantway.sdk.verify import AccessToken

# One segment, decoded: printable ASCII except what another reader of the path could take for more.
_SEGMENT = re.compile(rb"[^\x00-\x1F\x7F-\xFF/\\;%?#]*")
_BROKEN_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2})")


class BadPath(Exception):
    """The path could be read in two ways. `reason` says where, without quoting it."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Allowed:
    """The request may pass, by this row of the API definition."""

    rule: Rule


@dataclass(frozen=True, slots=True)
class Refused:
    """The request may not pass: HTTP status, error code (None where RFC 6750 §3.1 wants none) and why.

    `need` holds every scope the request needs, `missing` those the token lacks; both are empty
    where no scope would help.
    """

    status: int
    error: ErrorCode | None
    why: str
    need: Scope = Scope()
    missing: Scope = Scope()


def judge(api: Api, token: AccessToken, method: str, path: str) -> Allowed | Refused:
    """May this token do this here? (RFC 6750 §3.1, RFC 9068 §4, RFC 8707 §2).

    `token` is verified, `method` is the request's own and `path` is canonical. What is not listed is refused.
    """
    if api.identifier not in token.audience:
        return Refused(401, ErrorCode.INVALID_TOKEN, f"The token is not meant for {api.identifier}")
    rule = api.rule_for(method, path)
    if rule is None:
        return Refused(403, ErrorCode.INSUFFICIENT_SCOPE, f"No rule of this API allows {method} {path}")
    need = needed_scope(rule)
    missing = need - token.scope
    if missing:
        why = f"{method} {path} needs {_in_words(need)}; the token lacks {_in_words(missing)}"
        return Refused(403, ErrorCode.INSUFFICIENT_SCOPE, why, need, missing)
    return Allowed(rule)


def needed_scope(rule: Rule | None) -> Scope:
    """Everything a request judged by this row needs, in a settled order; nothing without a row."""
    return Scope() if rule is None else Scope(tuple(sorted(rule.need)))


def canonical_path(raw_path: bytes) -> str:
    r"""The one reading of a request's path (without query), as it came: percent-encoding decoded once.

    Raises BadPath where another reader could understand another path: an encoded slash, backslash, `;`,
    `?`, `#` or `%`, a raw `\` or `;`, an empty segment before the end, `.` and `..` segments, and control
    or non-ASCII bytes, encoded or not. `/%61dmin` is `/admin`; `/admin/` and `/ADMIN` are other paths.
    """
    if not raw_path.startswith(b"/"):
        raise BadPath("the path does not start with a slash")
    if _BROKEN_ESCAPE.search(raw_path):
        raise BadPath("the path holds a percent sign that encodes nothing")
    segments = [unquote_to_bytes(segment) for segment in raw_path[1:].split(b"/")]
    if not all(_SEGMENT.fullmatch(segment) for segment in segments):
        raise BadPath("the path holds a character that could be read in two ways")
    if b"" in segments[:-1]:
        raise BadPath("the path holds an empty segment")
    if b"." in segments or b".." in segments:
        raise BadPath("the path holds a dot segment")
    return "/" + b"/".join(segments).decode("ascii")


def _in_words(scope: Scope) -> str:
    return " and ".join(scope)
