"""What was wrong with a refused request, for those who may know: the operator, and the owner of the app.

Every refusal carries one. What each id means in general stands in `catalogue`.
"""

from dataclasses import dataclass
from enum import StrEnum

_MAX_SHOWN = 300  # characters of a value that somebody sent


class Gw(StrEnum):
    """The ids of diagnoses. None ever changes its meaning: people write them down, dashboards count them."""

    UNREADABLE = "GW-100"
    UNKNOWN_CLIENT = "GW-101"
    REDIRECT_URI_DIFFERS = "GW-102"
    REDIRECT_URI_MISSING = "GW-103"
    NOT_SUPPORTED = "GW-104"
    REQUEST_OBJECT = "GW-105"
    TOO_LONG = "GW-106"
    WRONG_METHOD = "GW-107"
    TOO_LARGE = "GW-108"
    HINT = "GW-109"
    PKCE_MISSING = "GW-110"
    VERIFIER_DIFFERS = "GW-111"
    CHALLENGE_NOT_S256 = "GW-112"
    CODE_EXPIRED = "GW-120"
    CODE_REPLAYED = "GW-121"
    CODE_OF_ANOTHER = "GW-122"
    CODE_NEVER_CAME = "GW-123"
    CODE_UNKNOWN = "GW-124"
    GRANT_ENDED = "GW-125"
    AUTH_METHOD = "GW-130"
    SECRET = "GW-131"
    BASIC_NOT_ENCODED = "GW-132"
    ASSERTION = "GW-133"
    CERTIFICATE = "GW-134"
    TOO_MANY_FAILURES = "GW-135"
    CERTIFICATE_BINDING = "GW-136"
    KEYS_UNREACHABLE = "GW-137"
    TOO_MANY_STREAMS = "GW-138"
    SCOPE = "GW-140"
    SCOPE_NARROWED = "GW-141"
    GRANT_TYPE = "GW-150"
    RESOURCE = "GW-160"
    REFRESH_REPLAYED = "GW-170"
    REFRESH_UNUSABLE = "GW-171"
    ORIGIN = "GW-180"
    HOST = "GW-190"
    API_REFUSED = "GW-200"
    TOKEN_REFUSED = "GW-201"
    SITE_LOGIN = "GW-202"
    API_UNKNOWN = "GW-203"
    API_UNLISTED = "GW-204"
    API_DENIED = "GW-205"
    API_LACKS_SCOPE = "GW-206"
    GATEWAY_UNREADABLE = "GW-207"
    GATEWAY_UNKNOWN = "GW-208"
    DECLINED = "GW-221"
    QUESTION_NEEDED = "GW-222"
    ANOTHER_PERSON = "GW-223"
    SIGN_IN_TOO_WEAK = "GW-224"
    RETURN_AFTER_LOGOUT = "GW-230"
    WRONG_PASSWORD = "GW-300"
    TOO_MANY_TRIES = "GW-301"
    PASSWORDS_BUSY = "GW-302"
    FORM_FROM_ELSEWHERE = "GW-310"
    PAGE_OF_ANOTHER = "GW-311"
    PAGE_TOO_OLD = "GW-312"
    NOT_THERE = "GW-313"
    UNAVAILABLE = "GW-900"
    FAILED = "GW-901"


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """One refusal explained. Never for strangers, never with a secret; whoever logs it escapes it.

    `why` says it in a sentence. `fix` is empty where the general words of the catalogue are all there is.
    """

    gw: Gw
    why: str
    received: str = ""
    expected: str = ""
    difference: str = ""
    fix: str = ""


def shown(value: str | None) -> str:
    """A value that somebody sent, at a length that fits a line; `nothing` where there was none."""
    if value is None:
        return "nothing"
    return value if len(value) <= _MAX_SHOWN else f"{value[:_MAX_SHOWN]}... ({len(value)} characters)"
