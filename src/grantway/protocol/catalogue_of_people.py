"""Diagnoses of what people do and do not do, of their pages, and of faults of ours."""

from grantway.protocol.diagnosis import Gw
from grantway.protocol.entries import Entry
from grantway.protocol.names import ErrorCode as E

OF_PEOPLE = (
    Entry(
        Gw.DECLINED,
        "The person said no",
        "They cancelled, denied, or left every box unticked. Nothing is wrong.",
        "Say what the app cannot do without it, and offer to try again.",
        "RFC 6749 §4.1.2.1",
        (E.ACCESS_DENIED,),
    ),
    Entry(
        Gw.QUESTION_NEEDED,
        "The person would have had to be asked",
        "prompt=none forbids questions, and nobody is signed in, the sign-in is too old, or not all of it "
        "was allowed before; or the request came from a frame or a script, where no page can be shown.",
        "Open the same link without prompt=none, in a window of its own.",
        "OpenID Connect Core §3.1.2.6",
        (E.LOGIN_REQUIRED, E.CONSENT_REQUIRED, E.INTERACTION_REQUIRED),
    ),
    Entry(
        Gw.ANOTHER_PERSON,
        "Another person is signed in than the one who was named",
        "id_token_hint or claims names somebody, and it is somebody else who is here.",
        "Leave the hint out to let anybody in, or ask the person to sign in as the one who was meant.",
        "OpenID Connect Core §3.1.2.1",
        (E.LOGIN_REQUIRED,),
    ),
    Entry(
        Gw.SIGN_IN_TOO_WEAK,
        "No sign-in here is as strong as demanded",
        "claims demands an acr that this server does not have.",
        "Ask for one that acr_values_supported of the metadata lists, or make it voluntary.",
        "OpenID Connect Core §5.5.1.1",
        (E.UNMET_AUTHENTICATION_REQUIREMENTS,),
    ),
    Entry(
        Gw.RETURN_AFTER_LOGOUT,
        "The address after signing out is not registered",
        "post_logout_redirect_uri equals none that is registered for the app, or nothing says which app "
        "asks.",
        "Register it: `grantway app edit APP --post-logout-redirect-uri URI`; and send client_id or "
        "id_token_hint.",
        "RP-Initiated Logout §2, §3",
    ),
    Entry(
        Gw.WRONG_PASSWORD,
        "The name or the password is not right",
        "Strangers are not told which of them; the log says it.",
        "`grantway user list` shows who there is, `grantway user password NAME` sets a new password.",
        "OWASP ASVS 6.3",
    ),
    Entry(
        Gw.TOO_MANY_TRIES,
        "Too many tries to sign in",
        "The tries for one name from one network, for one name, or from one network have used up their "
        "room. Devices that have signed in before have room of their own.",
        "Wait as long as the page says.",
        "OWASP ASVS 6.3",
    ),
    Entry(
        Gw.PASSWORDS_BUSY,
        "Too many passwords wait to be checked",
        "Checking one takes memory and time on purpose; the queue is full.",
        "Try again in a moment. If it lasts, give the server more processor cores.",
        "RFC 9110 §15.6.4",
    ),
    Entry(
        Gw.FORM_FROM_ELSEWHERE,
        "A form of ours was sent from another site",
        "The browser says so itself, by Sec-Fetch-Site or Origin. A proxy that changes Host or Origin looks "
        "the same.",
        "Open the page itself. Let the proxy pass Host and Origin on as they are.",
        "RFC 9700 §4.7",
        (E.INVALID_REQUEST,),
    ),
    Entry(
        Gw.PAGE_OF_ANOTHER,
        "The page belongs to another browser, person or session",
        "Its cookie is not here: another browser, cookies switched off, a link that was passed on, or a new "
        "sign-in since.",
        "Start again from the app, in one browser, with cookies allowed.",
        "RFC 9700 §4.7",
        (E.INVALID_REQUEST,),
    ),
    Entry(
        Gw.PAGE_TOO_OLD,
        "The page was open too long",
        "Signing in and consent have to be finished within login.flow_lifetime, the last redirect within a "
        "minute.",
        "Start again from the app.",
        "RFC 9700 §4.7",
        (E.INVALID_REQUEST,),
    ),
    Entry(
        Gw.NOT_THERE,
        "It is not there, or not theirs",
        "An app that is not connected any more, a session that has ended, or an address that leads nowhere.",
        "Open the list again; take addresses of endpoints from the metadata document.",
        "RFC 9110 §15.5.5",
        (E.INVALID_REQUEST,),
    ),
    Entry(
        Gw.UNAVAILABLE,
        "The database did not answer in time",
        "It is away, restarting, or overloaded. Nothing is known to have happened; a retry is safe.",
        "Try again after Retry-After. `grantway doctor` and /readyz say what is away.",
        "RFC 6749 §4.1.2.1, RFC 9110 §15.6.4",
        (E.TEMPORARILY_UNAVAILABLE,),
    ),
    Entry(
        Gw.FAILED,
        "Something failed on our side",
        "A fault of the server, which its log holds whole.",
        "Report the reference to the people who run the server.",
        "RFC 6749 §4.1.2.1",
        (E.SERVER_ERROR,),
    ),
)
