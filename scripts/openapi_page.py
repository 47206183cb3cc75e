"""docs/reference/openapi.yaml: the endpoints for apps, APIs and gateways as an OpenAPI 3.1 document.

Made from what makes docs/reference/endpoints.md; what stands only here are the shapes of answers.
tests/checks/test_schemathesis.py asks a running server whether it is true.
"""

import re
from collections.abc import Mapping
from typing import Any

import yaml

from grantway import __version__
from grantway.protocol import endpoints as at
from grantway.protocol.names import ErrorCode, GrantType
from grantway.protocol.resource_metadata import WELL_KNOWN as RESOURCE_METADATA
from grantway.web.forwarded import ENVOY, FORWARD, NGINX
from grantway.web.routes import PROBES, ROUTES
from scripts.endpoints_page import Detail, details, meaning
from scripts.made_pages import FOLDER

PAGE = FOLDER / "openapi.yaml"
_HEAD = "# Made from the table of routes by `make pages`; do not edit. More words: endpoints.md.\n"
_FORM = "application/x-www-form-urlencoded"
_ALWAYS = ("401", "403")  # of a decision: what every gateway understands beside 200
IDENTITY = ("Subject", "Client", "Scopes", "Email", "Api")

Json = dict[str, Any]


def text(description: str = "", **more: object) -> Json:
    return {"type": "string", **({"description": description} if description else {}), **more}


def many(of: Json) -> Json:
    return {"type": "array", "items": of}


def record(required: str, /, **properties: Json) -> Json:
    return {"type": "object", "required": required.split(), "properties": properties}


def ref(name: str) -> Json:
    return {"$ref": f"#/components/schemas/{name}"}


SECONDS: Json = {"type": "integer", "description": "Unix seconds"}
SCHEMAS: Mapping[str, Json] = {
    "Refusal": record(
        "error error_description",
        error=text(f"One of {', '.join(ErrorCode)}; `missing_token` where none came."),
        error_description=text("in words"),
        error_uri=text("where it is explained; ends with the reference", format="uri"),
        scope=text("everything the request needs"),
    ),
    # RFC 6750 §3.1: a request without a token is told no error.
    "NoToken": {"anyOf": [{"$ref": "#/components/schemas/Refusal"}, {"const": {}}]},
    "Tokens": record(
        "access_token token_type expires_in",
        access_token=text(),
        token_type={"const": "Bearer"},
        expires_in={"type": "integer", "minimum": 1},
        scope=text("what was given"),
        refresh_token=text("good once"),
        id_token=text("a signed JWT"),
    ),
    "Introspection": record(
        "active",
        active={"type": "boolean"},
        scope=text(),
        client_id=text(),
        sub=text(),
        aud={"oneOf": [text(), many(text())]},
        iss=text(),
        jti=text(),
        exp=SECONDS,
        iat=SECONDS,
        auth_time=SECONDS,
        acr=text(),
        token_type=text(),
        cnf={"type": "object"},
    ),
    "Claims": record("sub", sub=text("who, for this app")),
    "Keys": record("keys", keys=many(record("kty kid", kty=text(), kid=text(), alg=text(), use=text()))),
    "Metadata": record(
        "issuer authorization_endpoint token_endpoint response_types_supported",
        issuer=text(format="uri"),
        authorization_endpoint=text(format="uri"),
        token_endpoint=text(format="uri"),
        response_types_supported=many(text()),
    ),
    "ApiDefinition": record("apis", apis=many({"type": "object"})),
    "ResourceMetadata": record(
        "resource authorization_servers",
        resource=text(),
        authorization_servers=many(text(format="uri")),
        scopes_supported=many(text()),
    ),
    "Health": {"type": "object"},
}
# The answer of each endpoint when all is well: a schema, or a content type without one.
_GOOD = {
    at.TOKEN: "Tokens",
    at.REVOKE: None,
    at.INTROSPECT: "Introspection",
    at.API_DEFINITION: "ApiDefinition",
    at.REVOCATIONS: None,
    at.REVOCATION_STREAM: None,
    at.USERINFO: "Claims",
    at.JWKS: "Keys",
    at.WELL_KNOWN: "Metadata",
    at.OPENID_WELL_KNOWN: "Metadata",
}
_PAGES = {at.AUTHORIZE, at.END_SESSION}  # answered for people
_CONTENT_TYPES = {
    at.USERINFO: ["application/json", "application/jwt"],
    at.REVOCATIONS: ["application/vnd.grantway.revocations"],
    at.REVOCATION_STREAM: ["text/event-stream"],
}
_MANY = {(at.AUTHORIZE, "resource")}
_SIGNING_IN = {"302": {"description": "with `login=1`: to the sign-in, or back to where it began"}}
_REQUIRED = {
    at.TOKEN: ["grant_type"],
    at.REVOKE: ["token"],
    at.INTROSPECT: ["token"],
    at.AUTHORIZE: ["client_id", "response_type"],
}


def page() -> str:
    """The whole document."""
    return _HEAD + yaml.dump(document(), Dumper=_Plain, sort_keys=False, allow_unicode=True, width=110)


class _Plain(yaml.SafeDumper):
    """Without anchors: parts that are equal are written out."""

    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002 - the library's signature
        return True


def document() -> Json:
    """The document as it is dumped."""
    paths: dict[str, Json] = {path: _endpoint(path, detail) for path, detail in details().items()}
    paths |= {path: {"get": _decision(path)} for path in (NGINX, FORWARD)}
    envoy = _decision(ENVOY)
    target = {"name": "path", "in": "path", "required": True, "schema": text("of the request in question")}
    methods = ("get", "post", "put", "patch", "delete")
    paths[f"{ENVOY}/{{path}}"] = {"parameters": [target], **dict.fromkeys(methods, envoy)}
    paths[f"{RESOURCE_METADATA}/{{path}}"] = {"get": _resource_document(target)}
    paths |= {path: {"get": _probe(path)} for path in PROBES}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Grantway",
            "version": __version__,
            "description": "The endpoints for apps, APIs and gateways. Paths are below the issuer.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "https://id.example", "description": "your issuer"}],
        "paths": paths,
        "components": {
            "schemas": dict(SCHEMAS),
            "securitySchemes": {
                "client_secret_basic": {"type": "http", "scheme": "basic"},
                "bearer": {"type": "http", "scheme": "bearer"},
            },
        },
    }


def _endpoint(path: str, detail: Detail) -> Json:
    found = {}
    for method in ROUTES[path]:
        if method in {"HEAD", "OPTIONS"}:  # as GET; a preflight of the browser's own
            continue
        operation: Json = {
            "operationId": f"{method.lower()}_{re.sub(r'[^a-z0-9]+', '_', path.strip('/').lower())}",
            "summary": detail.title,
            "description": f"Who may ask: {detail.who}.",
        }
        names = [name for name, _ in detail.parameters]
        if method == "POST" and names:
            operation["requestBody"] = {"content": {_FORM: {"schema": _form(path, names)}}}
        elif path in _PAGES:
            operation["parameters"] = [
                {
                    "name": name,
                    "in": "query",
                    "required": name in _REQUIRED.get(path, ()),
                    "schema": _parameter(path, name),
                }
                for name in names
            ]
        operation["responses"] = _responses(path, method, detail)
        if path == at.USERINFO:
            operation["security"] = [{"bearer": []}]
        elif "client_secret" in names:
            operation["security"] = [{"client_secret_basic": []}, {}]
        found[method.lower()] = operation
    return found


def _form(path: str, names: list[str]) -> Json:
    properties = {name: _parameter(path, name) for name in names}
    required = _REQUIRED.get(path, [])
    return {"type": "object", **({"required": required} if required else {}), "properties": properties}


def _parameter(path: str, name: str) -> Json:
    if name == "grant_type":
        return text(meaning(path, name), enum=[str(one) for one in GrantType])
    one = text(meaning(path, name))
    return many(one) if (path, name) in _MANY else one


def _responses(path: str, method: str, detail: Detail) -> Json:
    told = {status: {"description": what} for status, what in detail.answers}
    if method != "GET":
        told.pop("304", None)
    found: Json = {}
    for status, answer in sorted(told.items()):
        found[status] = {**answer, **_content(path, status)}
    return found | _misdirected()


def _content(path: str, status: str) -> Json:
    if status in {"303", "304"}:
        return {}
    if path in _PAGES:
        return {"content": {"text/html": {}}}
    if (path, status) == (at.USERINFO, "401"):
        return _json("NoToken")
    if status != "200":
        return _json("Refusal")
    name = _GOOD[path]
    schema = {"schema": {"type": "object"} if name is None else ref(name)}
    types = _CONTENT_TYPES.get(path, ["application/json"])
    return {"content": {one: schema if one == "application/json" else {} for one in types}}


def _json(name: str) -> Json:
    return {"content": {"application/json": {"schema": ref(name)}}}


def _misdirected() -> Json:
    return {"421": {"description": "the Host is none of ours", "content": {"text/plain": {}}}}


def _decision(path: str) -> Json:
    """May this request pass? The same for every family but in how the request is told."""
    told = {
        NGINX: ["X-Original-Method", "X-Original-URL"],
        FORWARD: ["X-Forwarded-Method", "X-Forwarded-Host", "X-Forwarded-Uri"],
        ENVOY: [],
    }[path]
    parameters = [
        {"name": name, "in": "header", "required": True, "schema": text("of the request in question")}
        for name in told
    ]
    if path == ENVOY:
        parameters.append({"name": "X-Grantway-Api", "in": "header", "schema": text("the API's identifier")})
    else:
        parameters.append({"name": "api", "in": "query", "schema": text("the API's identifier")})
        parameters.append({"name": "login", "in": "query", "schema": text("people sign in", enum=["1"])})
    headers = {
        f"X-Grantway-{name}": {"required": True, "schema": text("`-` where there is nothing to tell")}
        for name in IDENTITY
    }
    refused = {
        "400": "the question, or the caller's token, cannot be read",
        "401": "no token, or one that is not good: `WWW-Authenticate` says why",
        "403": "the token is not enough, no row allows it, or the gateway is not trusted",
        "503": "nothing could be decided",
    }
    if path == NGINX:  # which understands nothing else
        refused = {status: words for status, words in refused.items() if status in _ALWAYS}
        refused["403"] += "; any other status, in `X-Grantway-Status`"
    return {
        "summary": "May this request pass?",
        "description": "Asked by the gateway before an API, if it is in `gateways.trusted`.",
        "parameters": parameters,
        "security": [{"bearer": []}, {}],
        "responses": {
            "200": {"description": "it may; who it is, for the API", "headers": headers},
            **({} if path == ENVOY else _SIGNING_IN),
            **{status: {"description": words, **_refusal(path)} for status, words in refused.items()},
        },
    }


def _refusal(path: str) -> Json:
    """JSON for programs; a page for people where they sign in."""
    found = _json("Refusal")
    if path != ENVOY:
        found["content"]["text/html"] = {}
    return found


def _resource_document(target: Json) -> Json:
    return {
        "summary": "The metadata of an API, at its own host (RFC 9728 §3).",
        "parameters": [target],
        "responses": {
            "200": {"description": "the document", **_json("ResourceMetadata")},
            "404": {"description": "no API is there", **_json("Refusal")},
            **_misdirected(),
        },
    }


def _probe(path: str) -> Json:
    return {
        "summary": {"/livez": "Is the process alive?", "/readyz": "Can it answer?"}[path],
        "responses": {
            "200": {"description": "yes", **_json("Health")},
            **({"503": {"description": "no", **_json("Health")}} if path == "/readyz" else {}),
        },
    }
