"""Why a request did not pass a gateway, cause by cause, and what puts each right: for the operator."""

import shlex

from grantway.flows.decision import TurnedAway
from grantway.protocol.apis import ANY_METHOD, METHODS, Access, Api
from grantway.protocol.diagnosis import Diagnosis, Gw, shown
from grantway.protocol.names import ErrorCode
from grantway.protocol.paths import segments_of
from grantway.protocol.registry import Registry
from grantway.web.forwarded import Forwarded

_NOBODY, _UNREAD = "a question of nobody known", "a question that cannot be read"


def diagnosis_of(found: TurnedAway, asked: Forwarded | None, registry: Registry) -> Diagnosis:
    """The record of a refusal. `asked` is None where the question was not even read."""
    refused, api = found.refused, found.api
    expected = f"a token with scope={refused.need}" if refused.need else "a rule of the API that lets it pass"
    if asked is None:
        unknown = refused.status == 403
        return Diagnosis(
            Gw.GATEWAY_UNKNOWN if unknown else Gw.GATEWAY_UNREADABLE,
            found.tell_operator,
            received=_NOBODY if unknown else _UNREAD,
            expected="one of gateways.trusted" if unknown else "the request, as one of our pages hands it on",
            difference=refused.why,
        )
    gw, fix = _unknown_api(asked, registry) if api is None else _cause(found, api, asked, registry)
    return Diagnosis(
        gw,
        found.tell_operator,
        received=f"{asked.method} {asked.host}{asked.path}{f' for {asked.api}' if asked.api else ''}",
        expected="an API at this address" if api is None else expected,
        difference=f"missing: {refused.missing}" if refused.missing else refused.why,
        fix=fix,
    )


def _unknown_api(asked: Forwarded, registry: Registry) -> tuple[Gw, str]:
    if asked.api is not None:
        named = registry.apis.get(asked.api)
        if named is None:
            fix = "The gateway's configuration names an API that is not there: `grantway api list`."
        else:
            fix = (
                f"The path is below none of its servers ({', '.join(named.servers)}). Let the gateway pass "
                f"on the path as it came, or add the base: {_add_server(named)}."
            )
        return Gw.API_UNKNOWN, fix
    here = [api for api in registry.apis.values() for host, _ in api.bases if host.lower() == asked.host]
    if here:
        fix = (
            f"{here[0].name} is at {', '.join(here[0].servers)}, and the path is below none of these. Let "
            f"the gateway pass on the path as it came, or add the base: {_add_server(here[0])}."
        )
    else:
        fix = (
            f"No API has the host {shown(asked.host)}. Let the gateway name the API itself (its page shows "
            "how), or give the API its address: `grantway api edit API --add-server https://HOST/BASE`."
        )
    return Gw.API_UNKNOWN, fix


def _add_server(api: Api) -> str:
    if api.managed_by_file:
        return f"`servers` of {api.name} in the registry file"
    return f"`{shlex.join(['grantway', 'api', 'edit', api.name, '--add-server'])} https://HOST/BASE`"


def _cause(found: TurnedAway, api: Api, asked: Forwarded, registry: Registry) -> tuple[Gw, str]:
    refused = found.refused
    if refused.missing:
        return Gw.API_LACKS_SCOPE, (
            f"Let the app ask for {refused.missing} with resource={api.identifier}, and the person allow it. "
            f"`grantway api matrix {shlex.quote(api.name)}` shows what each request needs."
        )
    if refused.error is not ErrorCode.INSUFFICIENT_SCOPE:
        return Gw.API_REFUSED, ""
    at = registry.api_asked_for(asked.api, asked.host, asked.path)
    path = asked.path if at is None else at[1]
    rule = api.rule_for(asked.method, path)
    if rule is not None and rule.access is Access.DENY:
        return Gw.API_DENIED, (
            f"If it should pass: {_edit(api, '--remove-rule', str(rule))}, and a rule with a scope instead."
        )
    return Gw.API_UNLISTED, _list_it(api, asked.method, path)


def _list_it(api: Api, method: str, path: str) -> str:
    """What to do about a request that no rule is for: is it the method, or the path?"""
    if method not in METHODS:
        return f"{shown(method)} is no method that a rule can name."
    rows = api.templates.find(segments_of(path))
    if rows is None:
        known = f"No rule has the path {shown(path)} (below the base of the API)."
    else:
        methods = ", ".join(sorted(one for one in rows if one != ANY_METHOD))
        known = f"{shown(path)} has rules for {methods} alone."
    return f"{known} If it should pass: {_edit(api, '--add-rule', f'{method} {shown(path)} SCOPE')}."


def _edit(api: Api, *words: str) -> str:
    if api.managed_by_file:
        return f"change the rules of {api.name} in the registry file, then `grantway import FILE`"
    return f"`{shlex.join(['grantway', 'api', 'edit', api.name, *words])}`"
