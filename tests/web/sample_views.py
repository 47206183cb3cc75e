"""One honest example of every page, in the states that look different."""

from dataclasses import replace

from grantway.protocol.apis import Sensitivity
from grantway.web.site_views import SiteView
from grantway.web.views import (
    Account,
    AlreadyDoneView,
    Cause,
    ConsentView,
    ContinueView,
    Destination,
    DestinationKind,
    ErrorView,
    ExplainedView,
    Fact,
    FormPostView,
    HomeView,
    Link,
    LoginProblem,
    LoginView,
    LogoutView,
    Retry,
    RowState,
    ScopeGroup,
    ScopeRow,
    SelectAccountView,
    SignedOutView,
    Standing,
)
from tests.web.sample_account_views import ACCOUNT_VIEWS, READ, SENSITIVE, WRITE

NOON = 1_795_262_400.0  # 21 November 2026, 12:00 UTC
ADA = Account(name="Ada Lovelace", username="ada@example.org")
PRINTER = "Photo Printer"
SEAL = "v1.c2VhbGVk.aGlkZGVu"


def row(scope, sentence, state=RowState.OPTIONAL, *, ticked=True, kind=Sensitivity.NORMAL):
    return ScopeRow(scope=scope, sentence=sentence, state=state, ticked=ticked, sensitivity=kind)


LOGIN = LoginView(
    client_name=PRINTER,
    client_host="printer.example",
    action="/login",
    seal=SEAL,
    username="",
    problem=None,
    retry=None,
    reauthenticate=False,
)
CONSENT = ConsentView(
    client_name=PRINTER,
    standing=Standing.VERIFIED,
    destination=Destination(kind=DestinationKind.WEB, shown="printer.example"),
    account=ADA,
    can_switch=True,
    groups=(
        ScopeGroup(
            api_name="Your identity",
            rows=(
                row("openid", "Know that it is you who signs in", RowState.IDENTITY),
                row("email", "See your e-mail address", kind=READ),
            ),
        ),
        ScopeGroup(
            api_name="Photos API",
            rows=(
                row("photos:read", "See your photos and albums", RowState.REQUIRED, kind=READ),
                row("photos:write", "Add photos, and change the ones you have", kind=WRITE),
                row("photos:delete", "Delete your photos, for good", ticked=False, kind=SENSITIVE),
            ),
        ),
    ),
    already=(row("profile", "See your name and your picture", kind=READ),),
    keeps_access=90 * 86_400,
    withdraw_path="/account/apps",
    terms_uri="https://printer.example/terms",
    privacy_uri="https://printer.example/privacy",
    action="/consent",
    seal=SEAL,
)
MANY_ROWS = tuple(row(f"files:{n}", f"See the files of folder {n}", ticked=n % 2 == 0) for n in range(12))

VIEWS = {
    "login": LOGIN,
    "login_alone": replace(LOGIN, client_name=None, client_host=None),
    "login_wrong_pair": replace(LOGIN, username="ada@example.org", problem=LoginProblem.WRONG_PAIR),
    "login_too_many_tries": replace(
        LOGIN, problem=LoginProblem.TOO_MANY_TRIES, retry=Retry(after=290, at=NOON + 290)
    ),
    "login_busy": replace(LOGIN, username="ada@example.org", problem=LoginProblem.BUSY),
    "login_again": replace(LOGIN, username="ada@example.org", reauthenticate=True),
    "select_account": SelectAccountView(
        client_name=PRINTER, client_host="printer.example", account=ADA, action="/select-account", seal=SEAL
    ),
    "consent": CONSENT,
    "consent_first_party": ConsentView(
        client_name="Example Mail",
        standing=Standing.FIRST_PARTY,
        destination=Destination(kind=DestinationKind.WEB, shown="mail.example.org"),
        account=Account(name="ada", username="ada"),
        can_switch=False,
        groups=(),
        already=(row("a", "See your messages"), row("b", "Send messages for you")),
        keeps_access=None,
        withdraw_path=None,
        terms_uri=None,
        privacy_uri=None,
        action="/consent",
        seal=SEAL,
    ),
    "consent_loopback": ConsentView(
        client_name="files-cli",
        standing=Standing.UNVERIFIED,
        destination=Destination(kind=DestinationKind.LOOPBACK, shown="127.0.0.1:49321"),
        account=ADA,
        can_switch=True,
        groups=(ScopeGroup(api_name="Files API", rows=MANY_ROWS),),
        already=(),
        keeps_access=3_600,
        withdraw_path="/account/apps",
        terms_uri=None,
        privacy_uri=None,
        action="/consent",
        seal=SEAL,
    ),
    "consent_scheme": ConsentView(
        client_name="Photo Pocket",
        standing=Standing.UNVERIFIED,
        destination=Destination(kind=DestinationKind.SCHEME, shown="example.photopocket"),
        account=ADA,
        can_switch=True,
        groups=(ScopeGroup(api_name="Photos API", rows=(row("photos:read", "See your photos and albums"),)),),
        already=(),
        keeps_access=None,
        withdraw_path="/account/apps",
        terms_uri=None,
        privacy_uri="https://pocket.example/privacy",
        action="/consent",
        seal=SEAL,
    ),
    "continue": ContinueView(
        client_name=PRINTER,
        url="https://printer.example/callback?code=gwac_1&state=a%20b&iss=https%3A%2F%2Fid.example",
        is_app=False,
    ),
    "continue_app": ContinueView(
        client_name="Photo Pocket", url="example.photopocket:/callback?code=gwac_1&state=xyz", is_app=True
    ),
    "already_done": AlreadyDoneView(client_name=PRINTER),
    "already_done_unknown": AlreadyDoneView(client_name=None),
    "form_post": FormPostView(
        client_name=PRINTER,
        action="https://printer.example/callback",
        fields={"code": "gwac_1", "state": 'a "b" <c> \u202e&amp;', "iss": "https://id.example"},
    ),
    "logout": LogoutView(account=ADA, client_name=PRINTER, app_count=2, action="/logout", csrf="c3Rvcmtlbg"),
    "signed_out": SignedOutView(client_name=None, refused_return=False),
    "signed_out_frames": SignedOutView(
        client_name=None,
        refused_return=False,
        frames=(
            "https://printer.example/out?iss=https%3A%2F%2Fid.example&sid=0a",
            "https://club.example/out",
        ),
    ),
    "signed_out_on": SignedOutView(
        client_name=PRINTER,
        refused_return=False,
        frames=("https://printer.example/out",),
        next_url="https://printer.example/bye?state=s&x=%22",
    ),
    "signed_out_stays": SignedOutView(client_name=PRINTER, refused_return=True, reference="7F3A-91"),
    "error": ErrorView(
        code="invalid_request",
        heading="Photo Printer sent you to us with a wrong return address",
        sentence="It asked us to send you to an address it has not registered. Nothing was shared.",
        advice="Go back to Photo Printer and try again. If it happens again, tell its makers the reference.",
        reference="7F3A-91",
        at=NOON,
        back=Link(text="Back to Photo Printer", url="https://printer.example/"),
        facts=(
            Fact(label="Parameter", value="redirect_uri"),
            Fact(label="Received", value="http://localhost:3000/callback/"),
            Fact(label="Difference", value="a slash at the end that the registered address does not have"),
        ),
        spec="RFC 9700 §2.1, RFC 6749 §3.1.2.3",
        diagnosis="GW-102",
        explained="/errors/GW-102?ref=7F3A-91",
    ),
    "error_bare": ErrorView(
        code="server_error",
        heading="Something failed on our side",
        sentence="Your data is safe.",
        advice="Wait a minute and start again from the app.",
        reference="0B44-E2",
        at=NOON,
        back=None,
        facts=(),
        spec=None,
        diagnosis="GW-901",
        explained="/errors/GW-901?ref=0B44-E2",
    ),
    "explained": ExplainedView(
        name="GW-102",
        title="The redirect URI is not registered for this app",
        cause="The redirect_uri of the link equals none that is registered, character by character.",
        fix="Send the registered address exactly, or register this one.",
        spec="RFC 9700 §2.1",
        errors=("invalid_request",),
        causes=(),
        reference="7F3A-91",
    ),
    "explained_code": ExplainedView(
        name="invalid_grant",
        title="The code or refresh token buys nothing",
        cause="",
        fix="Look up the reference of your request, or go through the list.",
        spec="RFC 6749 §5.2",
        errors=(),
        causes=(
            Cause(id="GW-111", title="The code verifier does not fit", path="/errors/GW-111"),
            Cause(id="GW-120", title="The code is too old", path="/errors/GW-120"),
        ),
        reference=None,
    ),
    "home": HomeView(
        issuer_host="id.example",
        metadata_path="/.well-known/oauth-authorization-server",
        account_path="/account",
    ),
    "site": SiteView(
        code="insufficient_scope",
        site="album.example",
        heading="You have not allowed this",
        sentence="This page needs your permission for: Change your albums.",
        button=Link(text="Allow it", url="https://id.example/authorize?client_id=album"),
        reference="7F3A-91",
        assets_at="http://id.example",
    ),
    "site_question": SiteView(
        code="",
        site="album.example",
        heading="Sign out?",
        sentence="You came here from another site.",
        button=Link(text="Sign out", url="https://album.example/.grantway/sign-out?x=seal"),
        reference=None,
        assets_at="http://id.example",
    ),
    **ACCOUNT_VIEWS,
}
