"""What an API's own OpenAPI document says about tokens: the same from FastAPI and drf-spectacular."""

from typing import Any

from grantway.protocol.apis import Api
from grantway.protocol.scope import Scope
from grantway.sdk.guard import is_public
from grantway.sdk.protection import Protection

AUTHORIZE, TOKEN = "/authorize", "/token"  # below the issuer


def known_api(protection: Protection) -> Api | None:
    """The definition, if it is at hand: nobody is asked for it only to write a document."""
    definition = protection.definition
    return definition if isinstance(definition, Api) else definition.at_hand()


def code_flow(protection: Protection) -> dict[str, Any]:
    """An `authorizationCode` flow (OpenAPI 3.1 §4.8.29): the issuer's addresses, and scopes in words."""
    api, issuer = known_api(protection), protection.issuer
    return {
        "authorizationUrl": issuer + AUTHORIZE,
        "tokenUrl": issuer + TOKEN,
        "refreshUrl": issuer + TOKEN,
        "scopes": {} if api is None else {one.name: one.description for one in api.scopes},
    }


def scopes_to_say(api: Api | None, method: str, template: str | None, declared: Scope) -> list[str] | None:
    """Scopes that are enough for an operation, by its rule and its code; None where it needs no token."""
    rule = None if api is None or template is None else api.rule_for(method, template)
    if is_public(rule) and not declared:
        return None
    return sorted({*declared, *(() if rule is None else rule.enough())})
