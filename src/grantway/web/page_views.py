"""What the pages show, made of what the flows found out."""

from collections.abc import Iterable
from dataclasses import replace

from grantway.flows.authorize import Ask
from grantway.flows.interaction_answers import TryAgain
from grantway.flows.login import LoginFailed
from grantway.protocol.apis import spoken
from grantway.protocol.clients import Client
from grantway.protocol.consent import ConsentQuestion
from grantway.protocol.next_step import AskConsent, Login
from grantway.protocol.people import Person
from grantway.protocol.redirect_uris import RedirectUri
from grantway.protocol.registry import Registry
from grantway.protocol.return_address import Redirection
from grantway.web.views import (
    Account,
    ConsentView,
    ContinueView,
    Destination,
    DestinationKind,
    FormPostView,
    LoginProblem,
    LoginView,
    Retry,
    RowState,
    ScopeGroup,
    ScopeRow,
    SelectAccountView,
    Standing,
)

OWN_GROUP = "Your account here"


def login_view(ask: Ask, *, action: str, seal: str, username: str | None = None) -> LoginView:
    """The sign-in page of a running flow."""
    client = ask.request.client
    hint = ask.request.login_hint or ""
    return LoginView(
        client_name=client.name,
        client_host=destination(ask.request.answer_to.redirect_uri).shown,
        action=action,
        seal=seal,
        username=hint if username is None else username,
        problem=None,
        retry=None,
        reauthenticate=ask.signed_in is not None and isinstance(ask.step, Login) and ask.step.reauthenticate,
    )


def failed_login_view(again: TryAgain, *, action: str, seal: str, username: str, now: float) -> LoginView:
    """The sign-in page after a failed try."""
    view = login_view(again.ask, action=action, seal=seal, username=username)
    return with_failure(view, again.failure, now=now)


def with_failure(view: LoginView, failure: LoginFailed, *, now: float) -> LoginView:
    """The same sign-in page, saying why the try failed."""
    problem, retry = LoginProblem.WRONG_PAIR, None
    if failure.busy:
        problem = LoginProblem.BUSY
    elif failure.retry_after is not None:
        problem = LoginProblem.TOO_MANY_TRIES
        retry = Retry(after=failure.retry_after, at=now + failure.retry_after)
    return replace(view, problem=problem, retry=retry)


def select_account_view(ask: Ask, person: Person, *, action: str, seal: str) -> SelectAccountView:
    """Go on as this person, or as another."""
    return SelectAccountView(
        client_name=ask.request.client.name,
        client_host=destination(ask.request.answer_to.redirect_uri).shown,
        account=account(person),
        action=action,
        seal=seal,
    )


def consent_view(
    ask: Ask,
    step: AskConsent,
    person: Person,
    registry: Registry,
    *,
    action: str,
    seal: str,
    lifetime: float,
    withdraw_path: str,
) -> ConsentView:
    """Who asks for what, as whom, and where it goes."""
    client, question = ask.request.client, step.question
    return ConsentView(
        client_name=client.name,
        standing=_standing(client),
        destination=destination(ask.request.answer_to.redirect_uri),
        account=account(person),
        can_switch=True,
        groups=_groups(question, registry),
        already=tuple(_row(name, question, registry) for name in question.allowed_before),
        keeps_access=int(min(lifetime, client.consent_lifetime or lifetime)),
        withdraw_path=withdraw_path,
        terms_uri=client.terms_uri,
        privacy_uri=client.privacy_uri,
        action=action,
        seal=seal,
    )


def _standing(client: Client) -> Standing | None:
    """An app on the person's own device may be anybody's, whoever registered it."""
    if client.can_be_impersonated:
        return None
    return Standing.FIRST_PARTY if client.first_party else Standing.VERIFIED


def _groups(question: ConsentQuestion, registry: Registry) -> tuple[ScopeGroup, ...]:
    """The new rows by API, in the order the client asked."""
    by_api: dict[str, list[ScopeRow]] = {}
    for name in _in_order(question):
        api = registry.api_of_scope.get(name)
        by_api.setdefault(OWN_GROUP if api is None else api.name, []).append(_row(name, question, registry))
    return tuple(ScopeGroup(api_name=spoken(api_name), rows=tuple(rows)) for api_name, rows in by_api.items())


def _in_order(question: ConsentQuestion) -> Iterable[str]:
    return (*question.required, *question.optional)


def _row(name: str, question: ConsentQuestion, registry: Registry) -> ScopeRow:
    optional = name in question.optional
    locked = RowState.REQUIRED if name in registry.api_of_scope else RowState.IDENTITY
    return ScopeRow(
        scope=name,
        sentence=registry.sentence_of(name),
        state=RowState.OPTIONAL if optional else locked,
        ticked=name in question.ticked or not optional,
        sensitivity=registry.sensitivity_of(name),
    )


def account(person: Person) -> Account:
    """The person, as the pages name them."""
    return Account(name=person.name, username=person.username)


def destination(redirect_uri: str) -> Destination:
    """Where the browser goes next, as the person reads it."""
    uri = RedirectUri.parse(redirect_uri)
    host = (uri.host or "") + (f":{uri.port}" if uri.port else "")
    if uri.is_private_use:
        return Destination(kind=DestinationKind.SCHEME, shown=uri.scheme)
    return Destination(kind=DestinationKind.LOOPBACK if uri.is_loopback else DestinationKind.WEB, shown=host)


def parting_view(client_name: str, to: Redirection) -> ContinueView | FormPostView:
    """The page that leaves the server: by address, or by a form (Form Post §2)."""
    if to.fields is not None:
        return FormPostView(client_name=client_name, action=to.url, fields=dict(to.fields))
    address = to.url.partition("#")[0].partition("?")[0]  # without the answer, which may be long
    is_app = destination(address).kind is not DestinationKind.WEB
    return ContinueView(client_name=client_name, url=to.url, is_app=is_app)


def name_of(client: Client | None) -> str:
    """What to call the app when it may be unknown."""
    return "the app" if client is None else client.name
