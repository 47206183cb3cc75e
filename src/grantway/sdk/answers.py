"""A refusal as an HTTP answer, the same before every framework: JSON and the challenge (RFC 6750 §3)."""

from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from grantway.protocol.errors import wire_safe
from grantway.protocol.names import ErrorCode
from grantway.protocol.scope import Scope
from grantway.sdk.challenge import challenge
from grantway.sdk.guard import Refused

__all__ = ["TRY_AGAIN", "UNAVAILABLE", "Answer", "answer_to"]

TRY_AGAIN = 5  # seconds


@dataclass(frozen=True, slots=True)
class Answer:
    """What a request that does not pass is told."""

    status: int
    content: Mapping[str, object]
    own_headers: tuple[tuple[str, str], ...] = ()

    @property
    def body(self) -> bytes:
        """The content, as JSON."""
        return msgspec.json.encode(self.content)

    @property
    def headers(self) -> tuple[tuple[str, str], ...]:
        """All headers but Content-Length."""
        return (
            ("content-type", "application/json"),
            ("cache-control", "no-store"),
            ("x-content-type-options", "nosniff"),
            *self.own_headers,
        )

    @property
    def asgi_headers(self) -> list[tuple[bytes, bytes]]:
        """All headers, as ASGI has them."""
        headers = (*self.headers, ("content-length", str(len(self.body))))
        return [(name.encode("ascii"), value.encode("latin-1")) for name, value in headers]

    @property
    def challenge(self) -> str | None:
        """What `WWW-Authenticate` says, if it says anything."""
        return dict(self.own_headers).get("www-authenticate")


UNAVAILABLE = Answer(
    503,
    {
        "error": ErrorCode.TEMPORARILY_UNAVAILABLE.value,
        "error_description": "The token cannot be checked at the moment. Please try again.",
    },
    (("retry-after", str(TRY_AGAIN)),),
)
"""Something failed on our side: never a pass, never the caller's fault."""


def answer_to(
    refused: Refused, *, realm: str, need: Scope | None = None, resource_metadata: str | None = None
) -> Answer:
    """The answer (RFC 6750 §3, RFC 9470 §3, RFC 9728 §5.1).

    `need` is everything the request needs, where the refusal does not say: a client asks once.
    """
    wanted = refused.need or need
    content = {
        "error": "missing_token" if refused.error is None else refused.error.value,
        "error_description": wire_safe(refused.why),
    }
    if wanted:
        content["scope"] = str(wanted)
    step_up = refused.step_up
    words = challenge(
        realm,
        error=refused.error,
        description=refused.why,
        scope=wanted,
        acr_values=() if step_up is None else step_up.acr_values,
        max_age=None if step_up is None else step_up.max_age,
        resource_metadata=resource_metadata,
    )
    return Answer(refused.status, content, (("www-authenticate", words),))
