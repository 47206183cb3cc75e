"""One honest example of every page of a person's own account, in the states that look different."""

from dataclasses import replace

from grantway.protocol.apis import Sensitivity
from grantway.web.account import WAYS
from grantway.web.account_views import (
    AppCard,
    AppGroup,
    AppRow,
    AppsView,
    Frame,
    NameView,
    NotThereView,
    OverviewView,
    PasswordProblem,
    PasswordView,
    ProfileView,
    SessionCard,
    SessionsView,
    Summary,
    SureView,
    Way,
)
from grantway.web.views import Account

READ, WRITE, SENSITIVE = Sensitivity.READ, Sensitivity.WRITE, Sensitivity.SENSITIVE
NOON = 1_795_262_400.0  # 21 November 2026, 12:00 UTC
DAY = 86_400.0
CSRF = "c3Rvcmtlbg"


def frame(here, notice=None):
    return Frame(
        account=Account(name="Ada Lovelace", username="ada@example.org"),
        ways=tuple(Way(path=path, words=words) for path, words in WAYS),
        here=here,
        now=NOON,
        notice=notice,
    )


def row(scope, sentence, ago, *, kind=Sensitivity.NORMAL, removable=False):
    return AppRow(
        scope=scope,
        sentence=sentence,
        sensitivity=kind,
        last_used_at=None if ago is None else NOON - ago,
        remove_path=f"/account/apps/narrow?scope={scope}" if removable else None,
    )


PRINTER = AppCard(
    client_id="printer",
    name="Photo Printer",
    hosts=("printer.example",),
    enabled=True,
    asked_every_time=False,
    changes=(
        "It was called “Print my photos”.",
        "It can now send you to prints.example, too.",
        "“Add photos” is now described as “Add photos, and change the ones you have”.",
    ),
    groups=(
        AppGroup(
            api_name="Photos API",
            rows=(
                row("photos:read", "See your photos and albums", 3_600, kind=READ),
                row(
                    "photos:write",
                    "Add photos, and change the ones you have",
                    3 * DAY,
                    kind=WRITE,
                    removable=True,
                ),
                row("photos:delete", "Delete your photos, for good", DAY, kind=SENSITIVE, removable=True),
            ),
        ),
        AppGroup(
            api_name="Your account here",
            rows=(row("offline_access", "Keep this access while you are not using the app", None),),
        ),
    ),
    since=NOON - 40 * DAY,
    last_used_at=NOON - 60,
    remove_path="/account/apps/remove?client_id=printer",
)
COMMAND = AppCard(
    client_id="cli",
    name="files-cli",
    hosts=(),
    enabled=False,
    asked_every_time=True,
    changes=(),
    groups=(AppGroup(api_name="Files API", rows=(row("files:read", "See your files", 90 * DAY),)),),
    since=NOON - 90 * DAY,
    last_used_at=NOON - 90 * DAY,
    remove_path="/account/apps/remove?client_id=cli",
)
APPS = AppsView(frame=frame("/account/apps"), cards=(PRINTER, COMMAND))
SURE = SureView(
    frame=frame("/account/apps"),
    question="Remove the access of Photo Printer?",
    consequences=(
        "Photo Printer loses everything you allowed it, and cannot renew it.",
        "Photos API: what it holds already may work for up to 10 minutes more.",
        "Notes API: it is locked out at once.",
    ),
    answer="Remove access",
    action="/account/apps/remove",
    csrf=CSRF,
    fields=(("client_id", "printer"),),
    back="/account/apps",
)

HERE = SessionCard(
    browser="Firefox on Linux",
    network="192.0.2.7",
    since=NOON - 7_200,
    seen_at=NOON,
    end_path=None,
)
THERE = SessionCard(
    browser="Safari on iPhone",
    network="2001:db8:1:2::/64",
    since=NOON - 3 * DAY,
    seen_at=NOON - 1_500,
    end_path="/account/sessions/end?id=0KN6xDJAwyKwRduu",
)
SESSIONS = SessionsView(
    frame=frame("/account/sessions"),
    cards=(HERE, THERE, replace(THERE, browser=None, network=None)),
    end_others_path="/account/sessions/end-others",
    sign_out_path="/logout",
)
PROFILE = ProfileView(
    frame=frame("/account/profile"),
    email="ada@example.org",
    email_verified=False,
    since=NOON - 400 * DAY,
    name_path="/account/name",
    password_path="/account/password",
)
NAME = NameView(
    frame=frame("/account/profile"),
    name="Ada Lovelace",
    problem=None,
    action="/account/name",
    csrf=CSRF,
    back="/account/profile",
)
PASSWORD = PasswordView(
    frame=frame("/account/password"), problem=None, words="", action="/account/password", csrf=CSRF
)

ACCOUNT_VIEWS = {
    "account_sessions": SESSIONS,
    "account_sessions_one": replace(SESSIONS, cards=(HERE,), end_others_path=None),
    "account_profile": PROFILE,
    "account_profile_bare": replace(PROFILE, email=None),
    "account_name": NAME,
    "account_name_problem": replace(NAME, name="", problem="A name has 1 to 200 printable characters."),
    "account_password": PASSWORD,
    **{
        f"account_password_{problem}": replace(PASSWORD, problem=problem, words="It is not right.")
        for problem in PasswordProblem
    },
    "account": OverviewView(
        frame=frame("/account"),
        summaries=(
            Summary(path="/account/apps", title="Connected apps", words="2 apps may do something for you"),
            Summary(path="/account/sessions", title="Sessions", words="You are signed in with 3 browsers"),
            Summary(path="/account/profile", title="Profile", words="Your name, and what is kept about you"),
            Summary(
                path="/account/password", title="Password", words="Changing it signs out every other browser"
            ),
        ),
    ),
    "account_apps": APPS,
    "account_apps_after": replace(
        APPS,
        frame=frame("/account/apps", "Photo Printer is no longer connected."),
        cards=(COMMAND,),
    ),
    "account_apps_none": replace(APPS, cards=()),
    "account_sure": SURE,
    "account_not_there": NotThereView(
        frame=frame("/account/apps"),
        heading="This app is not connected",
        sentence="Its access has been removed already, or it never had any.",
        back="/account/apps",
        back_words="Your connected apps",
        reference="7F3A-91",
    ),
}
