"""The diagnoses of requests that did not pass the gateway before an API, or were refused its token."""

from grantway.protocol.diagnosis import Gw
from grantway.protocol.entries import Entry
from grantway.protocol.names import ErrorCode as E

_RULES = "`grantway api matrix API` shows what each resource and method needs."

OF_GATEWAYS = (
    Entry(
        Gw.API_REFUSED,
        "The access token is not good at this API",
        "It has expired or was revoked, was issued for another API, is bound to a certificate that did not "
        "come with it, or there was none, or more than one, in the Authorization header.",
        "Refresh; ask with the API's audience as resource; send the token once, as Authorization: Bearer.",
        "RFC 6750 §3.1",
        (E.INVALID_TOKEN, E.INVALID_REQUEST),
    ),
    Entry(
        Gw.API_UNKNOWN,
        "No API is registered at this address",
        "The host and path that the gateway handed on are below no server of any API: the gateway rewrites "
        "the path or the host, or the API has no `servers`, or others.",
        "`grantway api show API` shows its servers, `grantway api edit API --add-server URL` adds one; or "
        "let the gateway's configuration name the API.",
        "RFC 8707 §2",
        (E.INSUFFICIENT_SCOPE,),
    ),
    Entry(
        Gw.API_UNLISTED,
        "No rule of the API is for this request",
        "What is not listed is refused. The path is below the base of the API, and its case, a slash at the "
        "end and every segment count; or the path has rules, but none for this method.",
        f"{_RULES} `grantway api edit API --add-rule 'METHOD PATH SCOPE'` adds a rule; with the method `*` "
        "it is for every method that has none of its own.",
        "RFC 6750 §3.1",
        (E.INSUFFICIENT_SCOPE,),
    ),
    Entry(
        Gw.API_DENIED,
        "A rule of the API says deny",
        "The rule for this resource and method lets nothing pass, whatever the token.",
        "If it should pass, put a rule with a scope in its place: `grantway api edit API --remove-rule "
        "'METHOD PATH' --add-rule 'METHOD PATH SCOPE'`.",
        "RFC 6750 §3.1",
        (E.INSUFFICIENT_SCOPE,),
    ),
    Entry(
        Gw.API_LACKS_SCOPE,
        "The access token lacks a scope",
        "The app did not ask for it, the person did not allow it or took it back, or the app asked for "
        "another API.",
        f"Ask for the scopes that the challenge names, with the API's audience as resource. {_RULES}",
        "RFC 6750 §3.1",
        (E.INSUFFICIENT_SCOPE,),
    ),
    Entry(
        Gw.GATEWAY_UNREADABLE,
        "What the gateway asked could be read in two ways, or not at all",
        "A header of the gateway's recipe is missing or came twice, or the path holds what two programs read "
        "differently: `..`, `//`, `;`, an encoded slash, a fragment.",
        "Compare the gateway's configuration with the page for it, line by line. A caller with such a path "
        "has to write it plainly.",
        "RFC 3986 §6.2",
        (E.INVALID_REQUEST,),
    ),
    Entry(
        Gw.GATEWAY_UNKNOWN,
        "The address that asked is no gateway known here",
        "Whoever may ask decides which method, host and path a request has, so nobody may by default.",
        "Name the gateway's own address, as the server sees it: `trusted` in `[gateways]`.",
        "",
        (E.ACCESS_DENIED,),
    ),
    Entry(
        Gw.TOKEN_REFUSED,
        "The access token is not good here",
        "It is none of this server's, has expired, was revoked, or what it was issued for is over; or there "
        "was none in the Authorization header.",
        "Refresh, and send the new access token as Authorization: Bearer.",
        "RFC 6750 §3.1",
        (E.INVALID_TOKEN,),
    ),
    Entry(
        Gw.SITE_LOGIN,
        "A person could not sign in at a site behind a gateway, or may not do what they wanted there",
        "The sign-in came back to another browser or too late, was cancelled, or cookies are off; or the "
        "person has not allowed what the page needs, or the app of the site may not ask for it.",
        "Open the page again. Of the app: the redirect URI is https://SITE/.grantway/callback, registered "
        "for one web app alone, and its scopes hold all that the rules of the API need.",
        "RFC 6749 §4.1.2, §10.12, RFC 9207 §2.4",
        (E.INVALID_REQUEST, E.ACCESS_DENIED, E.INSUFFICIENT_SCOPE),
    ),
)
