"""What a refused client is told, in the header made for it (RFC 6750 §3)."""

from grantway.protocol.errors import wire_safe
from grantway.protocol.names import ErrorCode
from grantway.protocol.scope import Scope


def challenge(
    realm: str,
    *,
    error: ErrorCode | None = None,
    description: str = "",
    scope: Scope | None = None,
    acr_values: tuple[str, ...] = (),
    max_age: int | None = None,
    resource_metadata: str | None = None,
) -> str:
    """The value of `WWW-Authenticate` for the Bearer scheme (RFC 6750 §3, RFC 9470 §3, RFC 9728 §5.1).

    `scope` names everything the request needs, so that a client asks once. A request that brought no token
    gets no `error` and no `description` (§3.1). Characters that the header may not hold become `?`.
    """
    members = [("realm", wire_safe(realm))]
    if error is not None:
        members += [("error", error.value)]
        members += [("error_description", wire_safe(description))] if description else []
    if scope:
        members += [("scope", str(scope))]
    if acr_values:
        members += [("acr_values", wire_safe(" ".join(acr_values)))]
    if max_age is not None:
        members += [("max_age", str(max_age))]
    if resource_metadata is not None:
        members += [("resource_metadata", wire_safe(resource_metadata))]
    return "Bearer " + ", ".join(f'{name}="{value}"' for name, value in members)
