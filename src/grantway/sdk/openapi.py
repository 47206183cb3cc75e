"""What an API's own OpenAPI document says about tokens: the same from FastAPI and drf-spectacular."""

from typing import Any

from grantway.protocol import openapi_export
from grantway.protocol.apis import Api
from grantway.protocol.scope import Scope
from grantway.sdk.guard import is_public
from grantway.sdk.protection import Protection


def known_api(protection: Protection) -> Api | None:
    """The definition, if it is at hand: nobody is asked for it only to write a document."""
    definition = protection.definition
    return definition if isinstance(definition, Api) else definition.at_hand()


def code_flow(protection: Protection) -> dict[str, Any]:
    """The flow by which apps come to tokens; with the scopes, where the definition is at hand."""
    return openapi_export.code_flow(known_api(protection), issuer=protection.issuer)


def scopes_to_say(api: Api | None, method: str, template: str | None, declared: Scope) -> list[str] | None:
    """Scopes that are enough for an operation, by its rule and its code; None where it needs no token."""
    rule = None if api is None or template is None else api.rule_for(method, template)
    if is_public(rule) and not declared:
        return None
    return sorted({*declared, *(() if rule is None else rule.enough())})
