"""Every address of the server on one page, in the order a flow meets them."""

from collections.abc import Mapping

from grantway.protocol import metadata as at
from grantway.web import machine, pages, signing_out
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
    signing_out.LOGOUT: {"GET": signing_out.show_logout, "POST": signing_out.answer_logout},
    "/": _readable(pages.home),
    # the app, and the API
    at.TOKEN: {"POST": machine.token, "OPTIONS": machine.preflight_post},
    at.REVOKE: {"POST": machine.revocation, "OPTIONS": machine.preflight_post},
    at.INTROSPECT: {"POST": machine.introspection},
    at.USERINFO: {"GET": machine.userinfo, "POST": machine.userinfo, "OPTIONS": machine.preflight_userinfo},
    at.JWKS: _readable(machine.jwks),
    at.WELL_KNOWN: _readable(machine.metadata),
    at.OPENID_WELL_KNOWN: _readable(machine.metadata),
}

# Asked by machines that know no name of ours: answered whatever the Host.
PROBES: Mapping[str, Methods] = {
    "/readyz": _readable(machine.readiness),
    "/livez": _readable(machine.liveness),
}
