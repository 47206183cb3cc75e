"""Consent: what a person has allowed, what is new, what may be unticked."""

import hashlib
import json
from dataclasses import dataclass

from grantway.protocol.authorization import AuthorizationRequest
from grantway.protocol.claims import wider_scope
from grantway.protocol.clients import Client
from grantway.protocol.grants import Consent
from grantway.protocol.names import Prompt
from grantway.protocol.registry import Registry
from grantway.protocol.scope import Scope


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentQuestion:
    """What the person must be asked. Together the parts are the requested scope."""

    required: Scope  # comes with Allow
    optional: Scope  # the person ticks
    ticked: Scope  # optional ones shown ticked: all but the sensitive
    allowed_before: Scope  # shown folded; in force already

    def granted(self, ticked: Scope) -> Scope:
        """What Allow gives when these optional scopes are ticked. Never more than was asked."""
        return self.allowed_before | self.required | (self.optional & ticked)


def consent_question(
    request: AuthorizationRequest, consent: Consent | None, registry: Registry
) -> ConsentQuestion | None:
    """What to ask, or None when everything requested is allowed already.

    First-party clients need no consent unless `prompt=consent` demands it. Neither that nor a remembered
    consent counts for clients that somebody else can pretend to be: they are asked every time
    (RFC 8252 §8.6, `design` 9, threat D4).
    """
    client = request.client
    demanded = Prompt.CONSENT in request.prompts
    if client.first_party and not demanded and not client.can_be_impersonated:
        return None
    before = (
        Scope()
        if demanded or consent is None or client.can_be_impersonated
        else _covered(request.scope, consent.scope)
    )
    new = request.scope - before
    if not new:
        return None
    optional = _covered(new, client.optional_scope)
    return ConsentQuestion(
        required=new - optional,
        optional=optional,
        ticked=Scope(tuple(token for token in optional if not registry.is_sensitive(token))),
        allowed_before=before,
    )


def what_is_read(request: AuthorizationRequest, question: ConsentQuestion, registry: Registry) -> str:
    """A digest of what the person reads before they press Allow.

    Who asks, where it leads, and every scope with its words and its box. Whoever answers a page answers
    this and nothing else, whatever has been registered since (threats D7, D10).
    """
    client = request.client

    def words(scope: Scope) -> list[tuple[str, ...]]:
        return [(name, registry.sentence_of(name), registry.sensitivity_of(name)) for name in scope]

    told = (
        (client.name, client.first_party, client.can_be_impersonated, request.answer_to.redirect_uri),
        *map(words, (question.required, question.optional, question.allowed_before)),
    )
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()[:32]


def _covered(asked: Scope, by: Scope) -> Scope:
    """What is asked that these scopes hold: a single claim is held by its scope, too."""
    return Scope(tuple(token for token in asked if token in by or wider_scope(token) in by))


def scope_to_remember(request: AuthorizationRequest, consent: Consent | None, granted: Scope) -> Scope:
    """What the consent holds after an answer: what was asked now as answered now, the rest as it was."""
    return granted if consent is None else (consent.scope - request.scope) | granted


def consent_end(client: Client, now: float) -> float | None:
    """When a consent given now stops being remembered (Unix seconds); None: it does not."""
    return None if client.consent_lifetime is None else now + client.consent_lifetime


def resources_of(request: AuthorizationRequest, granted: Scope, registry: Registry) -> tuple[str, ...]:
    """The APIs the grant is for: those asked for that something was granted of, else the first of them."""
    apis = {api.identifier for api in registry.apis_of(granted)}
    return tuple(name for name in request.resources if name in apis) or request.resources[:1]
