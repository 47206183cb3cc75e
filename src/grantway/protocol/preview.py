"""Why each scope of a token would be in it, or not: told from what each step of issuing left over."""

from dataclasses import dataclass

from grantway.protocol.authorization import AuthorizationRequest
from grantway.protocol.clients import Client
from grantway.protocol.consent import ConsentQuestion
from grantway.protocol.issuing import Granted
from grantway.protocol.registry import Registry
from grantway.protocol.scope import Scope


@dataclass(frozen=True, slots=True)
class Verdict:
    """One scope: in or out, and why."""

    scope: str
    is_in: bool
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Steps:
    """What each step of issuing left; None where it was not reached."""

    asked: Scope  # empty: the defaults
    request: AuthorizationRequest | None = None
    question: ConsentQuestion | None = None  # None: nothing is asked, or there is nobody to ask
    approved: Scope | None = None  # with what the person would leave ticked
    granted: Granted | None = None


def verdicts(client: Client, registry: Registry, steps: Steps, *, person: str | None) -> tuple[Verdict, ...]:
    """Every scope that was asked for, or that the client has; in the order they were named."""
    everything = steps.asked or client.scope
    given = Scope() if steps.granted is None else steps.granted.scope
    return tuple(
        Verdict(name, name in given, _why(name, client, registry, steps, person))
        for name in everything | given
    )


def _why(name: str, client: Client, registry: Registry, steps: Steps, person: str | None) -> str:
    if registry.find_scope(name) is None:
        return "no API defines it"
    if name not in client.scope:
        return f"{client.id} is not registered for it"
    if steps.granted is None:
        return "may be asked for; the request as a whole is refused"
    given = steps.granted
    requested = None if steps.request is None else steps.request.scope
    if not steps.asked and requested is not None and name not in requested:
        return "no scope was asked for, and this one is no default"
    if steps.approved is not None and name not in steps.approved:
        why = "it is sensitive" if registry.is_sensitive(name) else "it was left out"
        return f"{person} would have to tick it: {why}"
    if name not in given.scope:
        owner = registry.api_of_scope.get(name)
        if owner is None:
            return "it stands for a person, and there is none"
        if given.api is None or owner.identifier != given.api.identifier:
            named = "no API" if given.api is None else given.api.name
            return f"it belongs to {owner.name}, and the token is for {named}: choose with resource"
        return "no scope was asked for, and this one is no default"
    return f"{'asked for' if steps.asked else 'a default scope'}; {_how_allowed(name, client, steps, person)}"


def _how_allowed(name: str, client: Client, steps: Steps, person: str | None) -> str:
    if steps.request is None:
        return f"{client.id} acts for itself"
    if steps.question is None:
        return "an owner marked the app first-party" if client.first_party else f"{person} allowed it before"
    if name in steps.question.allowed_before:
        return f"{person} allowed it before"
    if name in steps.question.required:
        return f"{person} is asked, and it comes with Allow"
    return f"{person} is asked, and leaves it ticked"
