"""Every address of the server on one page, in the order a flow meets them."""

from collections.abc import Mapping

from grantway.protocol import endpoints as at
from grantway.protocol.errors import ERRORS
from grantway.web import (
    account,
    account_apps,
    account_profile,
    account_sessions,
    account_views,
    explained,
    machine,
    pages,
    revocations,
    signing_out,
)
from grantway.web.door import Handler

Methods = Mapping[str, Handler]


def _readable(handler: Handler) -> Methods:
    """Looking does nothing, so HEAD is as good as GET. Where GET may issue a code, it is not."""
    return {"GET": handler, "HEAD": handler}


ROUTES: Mapping[str, Methods] = {
    # the person's browser
    at.AUTHORIZE: {"GET": pages.authorize, "POST": pages.authorize},
    pages.LOGIN: {"GET": pages.show_step, "POST": pages.answer_login},
    pages.SELECT_ACCOUNT: {"GET": pages.show_step, "POST": pages.answer_select_account},
    pages.CONSENT: {"GET": pages.show_step, "POST": pages.answer_consent},
    pages.CONTINUE: {"GET": pages.leave_page},
    at.END_SESSION: {"GET": signing_out.end_session, "POST": signing_out.end_session},
    account_views.SIGN_OUT: {"GET": signing_out.show_logout, "POST": signing_out.answer_logout},
    "/": _readable(pages.home),
    # the person's own pages
    account_views.OVERVIEW: {"GET": account.overview},
    account.ENTER: {"GET": account.show_sign_in, "POST": account.answer_sign_in},
    account_views.APPS: {"GET": account_apps.show_apps},
    account_apps.NARROW: {"GET": account_apps.ask_narrow, "POST": account_apps.answer_narrow},
    account_apps.REMOVE: {"GET": account_apps.ask_remove, "POST": account_apps.answer_remove},
    account_views.SESSIONS: {"GET": account_sessions.show_sessions},
    account_sessions.END: {"GET": account_sessions.ask_end, "POST": account_sessions.answer_end},
    account_sessions.END_OTHERS: {
        "GET": account_sessions.ask_end_others,
        "POST": account_sessions.answer_end_others,
    },
    account_views.PROFILE: {"GET": account_profile.show_profile},
    account_profile.NAME: {"GET": account_profile.show_name, "POST": account_profile.answer_name},
    account_views.PASSWORD: {
        "GET": account_profile.show_password,
        "POST": account_profile.answer_password,
    },
    # the app, and the API
    at.TOKEN: {"POST": machine.token, "OPTIONS": machine.preflight_post},
    at.REVOKE: {"POST": machine.revocation, "OPTIONS": machine.preflight_post},
    at.INTROSPECT: {"POST": machine.introspection},
    at.API_DEFINITION: {
        **_readable(machine.api_definition),
        "POST": machine.api_definition,
    },
    at.REVOCATIONS: {**_readable(revocations.complete), "POST": revocations.complete},
    at.REVOCATION_STREAM: {"GET": revocations.stream, "POST": revocations.stream},
    at.USERINFO: {"GET": machine.userinfo, "POST": machine.userinfo, "OPTIONS": machine.preflight_userinfo},
    at.JWKS: _readable(machine.jwks),
    at.WELL_KNOWN: _readable(machine.metadata),
    at.OPENID_WELL_KNOWN: _readable(machine.metadata),
    # whoever follows an error_uri
    **{ERRORS + name: _readable(explained.explained) for name in explained.NAMES},
}

# Asked by machines that know no name of ours: answered whatever the Host.
PROBES: Mapping[str, Methods] = {
    "/readyz": _readable(machine.readiness),
    "/livez": _readable(machine.liveness),
}
