"""An API definition as an OpenAPI document, or filled into one: operations say which scopes they need."""

from collections.abc import Mapping
from copy import deepcopy

from grantway.protocol.apis import ANY_METHOD, Access, Api, Rule
from grantway.protocol.endpoints import AUTHORIZE, TOKEN

VERSION = "3.1.0"
SCHEME = "grantway"
_IN_DOCUMENTS = ("GET", "PUT", "POST", "DELETE", "OPTIONS", "HEAD", "PATCH")
Json = dict[str, object]


def security_of(rule: Rule) -> list[dict[str, list[str]]]:
    """The list of requirements that says what a row needs; empty for `public`."""
    return [{SCHEME: sorted(one)} for one in rule.alternatives]


def code_flow(api: Api | None, *, issuer: str) -> Json:
    """An `authorizationCode` flow (OpenAPI 3.1 §4.8.29): the issuer's addresses, and scopes in words."""
    return {
        "authorizationUrl": issuer + AUTHORIZE,
        "tokenUrl": issuer + TOKEN,
        "refreshUrl": issuer + TOKEN,
        "scopes": {} if api is None else {scope.name: scope.description for scope in api.scopes},
    }


def oauth_scheme(api: Api, *, issuer: str) -> Json:
    """The security scheme of tokens of this server: the authorization code flow, with every scope."""
    return {
        "type": "oauth2",
        "description": f"Access tokens of {issuer}, with PKCE (S256) and resource={api.identifier}",
        "flows": {"authorizationCode": code_flow(api, issuer=issuer)},
    }


def document_of(api: Api, *, issuer: str, version: str = "1") -> Json:
    """The document that says what the definition says: one operation for each method that passes somewhere.

    Rows that say `deny` are left out, as everything that is not listed is refused. OpenAPI has no word for
    `*`: such a row becomes the methods that documents know and that have no row of their own.
    """
    paths: dict[str, Json] = {}
    for rule in api.rules:
        if rule.access is Access.DENY:
            continue
        for method in _methods(rule, api):
            answers = {"default": {"description": "Any answer"}}
            operation = {"security": security_of(rule), "responses": answers}
            parameters = [
                {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
                for name in variables_of(rule.path)
            ]
            item = paths.setdefault(rule.path, {"parameters": parameters} if parameters else {})
            item[method.lower()] = operation
    return {
        "openapi": VERSION,
        "info": {"title": api.name, "version": version},
        **({"servers": [{"url": server} for server in api.servers]} if api.servers else {}),
        "paths": paths,
        "components": {"securitySchemes": {SCHEME: oauth_scheme(api, issuer=issuer)}},
    }


def filled_in(document: Mapping[str, object], api: Api, *, issuer: str) -> tuple[Json, tuple[str, ...]]:
    """A document with the security of every operation as the definition has it; our scheme beside its own.

    Operations that nothing lets through keep what they say; they are the second part of the answer. The
    document has been read without mistakes; path items behind a `$ref` are left as they are.
    """
    filled: Json = deepcopy(dict(document))
    refused = []
    paths = filled["paths"]
    for path, item in paths.items() if isinstance(paths, dict) else ():
        for name, operation in item.items() if isinstance(item, dict) else ():
            if name.upper() not in _IN_DOCUMENTS or not isinstance(operation, dict):
                continue
            rule = api.rule_for(name.upper(), path)  # a template stands for its paths
            if rule is None or rule.access is Access.DENY:
                refused.append(f"{name.upper()} {path}")
                continue
            operation["security"] = security_of(rule)
    components = filled.setdefault("components", {})
    if isinstance(components, dict):
        components.setdefault("securitySchemes", {})[SCHEME] = oauth_scheme(api, issuer=issuer)
    return filled, tuple(refused)


def variables_of(path: str) -> tuple[str, ...]:
    """The names of the variables of a path template."""
    return tuple(part.partition("}")[0] for part in path.split("{")[1:])


def _methods(rule: Rule, api: Api) -> tuple[str, ...]:
    if rule.method != ANY_METHOD:
        return (rule.method,) if rule.method in _IN_DOCUMENTS else ()
    return tuple(method for method in _IN_DOCUMENTS if api.rule_for(method, rule.path) == rule)
