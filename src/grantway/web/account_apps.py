"""Connected apps: one card each, and the two ways to take something back."""

from urllib.parse import urlencode

from grantway.flows.connected import disconnect, find_connected, list_connected, take_back
from grantway.protocol.apis import spoken
from grantway.protocol.changes_since import Change, ChangeKind
from grantway.protocol.connected import ConnectedApp, ConnectedScope, Ending
from grantway.protocol.params import Params
from grantway.protocol.redirect_uris import RedirectUri
from grantway.protocol.registry import SERVER_SCOPES
from grantway.web.account import AccountRequest, own_form, own_page
from grantway.web.account_views import APPS, AppCard, AppGroup, AppRow, AppsView, SureView
from grantway.web.page_views import OWN_GROUP, destination
from grantway.web.render import duration
from grantway.web.replies import Reply

REMOVE, NARROW = "/account/apps/remove", "/account/apps/narrow"
_GONE_GROUP = "No longer offered"  # scopes that no API here defines any more


@own_page
async def show_apps(own: AccountRequest) -> Reply:
    """GET: one card per app."""
    server = own.door.server
    view = AppsView(
        frame=own.frame(APPS),
        cards=tuple(_card(own, app) for app in await list_connected(server, own.person)),
    )
    return own.door.page(own.request, view)


def _card(own: AccountRequest, app: ConnectedApp) -> AppCard:
    groups: dict[str, list[AppRow]] = {}
    for scope in app.scopes:
        groups.setdefault(_group(scope), []).append(_row(own, app, scope))
    return AppCard(
        client_id=app.client.id,
        name=app.client.name,
        hosts=_hosts(app),
        enabled=app.client.enabled,
        asked_every_time=app.client.can_be_impersonated,
        changes=tuple(_in_words(change) for change in app.changes),
        groups=tuple(AppGroup(api_name=spoken(name), rows=tuple(rows)) for name, rows in groups.items()),
        since=app.since,
        last_used_at=app.last_used_at,
        remove_path=_path(own, REMOVE, client_id=app.client.id),
    )


def _in_words(change: Change) -> str:
    before, after = change.before, change.after
    return {
        ChangeKind.NAME: f"It was called “{before}”.",
        ChangeKind.PLACE_ADDED: f"It can now send you to {after}, too.",
        ChangeKind.PLACE_GONE: f"It no longer sends you to {before}.",
        ChangeKind.SENTENCE: f"“{before}” is now described as “{after}”.",
        ChangeKind.MORE_SENSITIVE: f"“{after}” now counts as sensitive.",
        ChangeKind.LESS_SENSITIVE: f"“{after}” no longer counts as sensitive.",
        ChangeKind.CAN_CHANGE: f"“{after}” can change things now.",
        ChangeKind.ONLY_SEES: f"“{after}” no longer changes anything.",
    }[change.kind]


def _group(scope: ConnectedScope) -> str:
    if scope.api is not None:
        return scope.api
    return OWN_GROUP if scope.name in SERVER_SCOPES else _GONE_GROUP


def _row(own: AccountRequest, app: ConnectedApp, scope: ConnectedScope) -> AppRow:
    narrow = _path(own, NARROW, client_id=app.client.id, scope=scope.name)
    return AppRow(
        scope=scope.name,
        sentence=scope.sentence,
        sensitivity=scope.sensitivity,
        last_used_at=None if scope.name in SERVER_SCOPES else scope.last_used_at,
        remove_path=narrow if scope.optional else None,
    )


def _hosts(app: ConnectedApp) -> tuple[str, ...]:
    """Where the app lives on the web."""
    on_the_web = [uri for uri in app.client.redirect_uris if RedirectUri.parse(uri).belongs_to_one_host]
    return tuple(dict.fromkeys(destination(uri).shown for uri in on_the_web))


def _path(own: AccountRequest, path: str, **query: str) -> str:
    return f"{own.door.base}{path}?{urlencode(query)}"


# --- everything ------------------------------------------------------------


@own_page
async def ask_remove(own: AccountRequest) -> Reply:
    """GET: says what the app loses and when, and asks."""
    app = await find_connected(own.door.server, own.person, own.request.query_params().need("client_id"))
    return _no_such_app(own) if app is None else own.door.page(own.request, _sure_to_remove(own, app))


def _sure_to_remove(own: AccountRequest, app: ConnectedApp) -> SureView:
    name = app.client.name
    comes_back = (
        f"To use {name} with your account again, start from {name}. It will ask you once more."
        if not app.client.first_party
        else f"{name} is part of this service: it is connected again when you next sign in to it."
    )
    return SureView(
        frame=own.frame(APPS),
        question=f"Remove the access of {name}?",
        consequences=(
            f"{name} loses everything you allowed it, and cannot renew it.",
            *_endings(app.endings),
            comes_back,
        ),
        answer="Remove access",
        action=own.door.base + REMOVE,
        csrf=own.csrf(REMOVE),
        fields=(("client_id", app.client.id),),
        back=own.door.base + APPS,
    )


@own_form(back=APPS)
async def answer_remove(own: AccountRequest, form: Params) -> Reply:
    """POST: takes back the consent and every grant."""
    server = own.door.server
    app = await find_connected(server, own.person, form.need("client_id"))
    if app is None:
        return _no_such_app(own)
    await disconnect(server, own.person, app.client.id)
    return own.note(APPS, " ".join((f"{app.client.name} is no longer connected.", *_endings(app.endings))))


def _endings(endings: tuple[Ending, ...]) -> tuple[str, ...]:
    """How long what the app holds still works, API by API."""
    return tuple(
        f"{spoken(one.api)}: it is locked out at once."
        if one.within == 0
        else f"{spoken(one.api)}: what it holds already may work for up to {duration(one.within)} more."
        for one in endings
    )


def _no_such_app(own: AccountRequest) -> Reply:
    return own.not_there(
        "This app is not connected",
        "Its access has been removed already, or it never had any.",
        back=APPS,
        back_words="Your connected apps",
    )


# --- one scope -------------------------------------------------------------


@own_page
async def ask_narrow(own: AccountRequest) -> Reply:
    """GET: says what goes and what stays, and asks."""
    query = own.request.query_params()
    app = await find_connected(own.door.server, own.person, query.need("client_id"))
    if app is None:
        return _no_such_app(own)
    scope = app.find_scope(query.need("scope"))
    if scope is None or not scope.optional:
        return _not_alone(own, app)
    return own.door.page(own.request, _sure_to_narrow(own, app, scope))


def _sure_to_narrow(own: AccountRequest, app: ConnectedApp, scope: ConnectedScope) -> SureView:
    name = app.client.name
    return SureView(
        frame=own.frame(APPS),
        question=f"Take “{scope.sentence}” back from {name}?",
        consequences=(
            f"{name} stays connected and keeps everything else you allowed it.",
            *_endings(_endings_of(app, scope)),
            f"When it needs this again, {name} can ask you.",
        ),
        answer="Take it back",
        action=own.door.base + NARROW,
        csrf=own.csrf(NARROW),
        fields=(("client_id", app.client.id), ("scope", scope.name)),
        back=own.door.base + APPS,
    )


def _endings_of(app: ConnectedApp, scope: ConnectedScope) -> tuple[Ending, ...]:
    return tuple(one for one in app.endings if one.api == scope.api)


@own_form(back=APPS)
async def answer_narrow(own: AccountRequest, form: Params) -> Reply:
    """POST: takes this one scope back. Only what is optional now can go alone, whatever was posted."""
    server = own.door.server
    app = await find_connected(server, own.person, form.need("client_id"))
    if app is None:
        return _no_such_app(own)
    scope = app.find_scope(form.need("scope"))
    if scope is None or not scope.optional:
        return _not_alone(own, app)
    await take_back(server, own.person, app.client.id, scope.name)
    said = f"{app.client.name} can no longer do this: {scope.sentence}."
    return own.note(APPS, " ".join((said, *_endings(_endings_of(app, scope)))))


def _not_alone(own: AccountRequest, app: ConnectedApp) -> Reply:
    return own.not_there(
        "This cannot be taken back alone",
        f"{app.client.name} does not have it any more, or does not work without it. "
        "You can remove all of its access instead.",
        back=APPS,
        back_words="Your connected apps",
    )
