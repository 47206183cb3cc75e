"""Diagnoses of what apps send: at the authorization endpoint, at the token endpoint, and in the browser."""

from grantway.protocol.diagnosis import Gw
from grantway.protocol.entries import Entry
from grantway.protocol.names import ErrorCode as E

OF_APPS = (
    Entry(
        Gw.UNREADABLE,
        "A parameter is missing, repeated, or cannot be read",
        "A parameter that is needed is not there or is empty, one came twice, or the form is not encoded as "
        "forms are.",
        "Send each parameter once, as application/x-www-form-urlencoded in UTF-8. A secret read from a file "
        "often ends in a line break: cut it off.",
        "RFC 6749 §3.1, §3.2, appendix B",
        (E.INVALID_REQUEST,),
    ),
    Entry(
        Gw.UNKNOWN_CLIENT,
        "The app is not registered here",
        "The client_id belongs to no app of this server, or to one that is disabled. Often it is the one of "
        "another environment, or has white space around it.",
        "Compare client_id with `grantway app list`, and the address of the server with the one the app was "
        "registered at.",
        "RFC 6749 §4.1.2.1, §5.2",
        (E.INVALID_REQUEST, E.INVALID_CLIENT),
    ),
    Entry(
        Gw.REDIRECT_URI_DIFFERS,
        "The redirect URI is not registered for this app",
        "The redirect_uri of the link equals none that is registered, character by character. Usual "
        "differences: a trailing slash, http for https, localhost for 127.0.0.1, the port, upper case, a "
        "query, a fragment, or that it was percent-encoded twice. Native apps alone may choose the port of "
        "their loopback address.",
        "Send the registered address exactly, or register this one: `grantway app edit APP "
        "--add-redirect-uri URI`.",
        "RFC 9700 §2.1, RFC 8252 §7.3",
        (E.INVALID_REQUEST,),
    ),
    Entry(
        Gw.REDIRECT_URI_MISSING,
        "The redirect URI is missing",
        "The link has no redirect_uri. It may be left out only where exactly one is registered, the owner "
        "of the app allows it, and openid is not asked for.",
        "Send redirect_uri, exactly as it is registered.",
        "RFC 6749 §3.1.2.3, OpenID Connect Core §3.1.2.1",
        (E.INVALID_REQUEST,),
    ),
    Entry(
        Gw.NOT_SUPPORTED,
        "A parameter has a value that is not supported",
        "response_mode, prompt, max_age or claims says something this server does not understand, or does "
        "not do for this app.",
        "Look the value up in the metadata document, `/.well-known/oauth-authorization-server`.",
        "RFC 6749 §4.1.2.1, OpenID Connect Core §3.1.2.1",
        (E.INVALID_REQUEST,),
    ),
    Entry(
        Gw.REQUEST_OBJECT,
        "Request objects are not supported",
        "The link has a parameter request, request_uri or registration.",
        "Send the parameters themselves; most libraries have a switch for it.",
        "OpenID Connect Core §3.1.2.6",
        (E.REQUEST_NOT_SUPPORTED, E.REQUEST_URI_NOT_SUPPORTED, E.REGISTRATION_NOT_SUPPORTED),
    ),
    Entry(
        Gw.TOO_LONG,
        "A parameter is too long",
        "state may have 2,048 bytes, nonce 512 characters, login_hint 254, scope 100 names, and all "
        "parameters together 4,096 bytes. Nothing is ever cut.",
        "Keep what is long in the app's own session, and send a short name for it in state.",
        "RFC 6749 §4.1.1",
        (E.INVALID_REQUEST, E.INVALID_SCOPE),
    ),
    Entry(
        Gw.WRONG_METHOD,
        "The endpoint is not called by this method",
        "For instance GET where a form has to be posted.",
        "Use the method that the answer names in its Allow header.",
        "RFC 6749 §3.2, RFC 9110 §15.5.6",
        (E.INVALID_REQUEST,),
    ),
    Entry(
        Gw.TOO_LARGE,
        "The request is too large",
        "The body is longer than 64 kB.",
        "Send the parameters of the protocol and nothing else.",
        "RFC 9110 §15.5.14",
        (E.INVALID_REQUEST,),
    ),
    Entry(
        Gw.HINT,
        "id_token_hint is not an ID token of this app",
        "The hint is no ID token, was signed by another server, or belongs to another app; or it names "
        "another person than claims does. It may be expired.",
        "Send the id_token that this app received last, whole.",
        "OpenID Connect Core §3.1.2.1",
        (E.INVALID_REQUEST,),
    ),
    Entry(
        Gw.PKCE_MISSING,
        "PKCE is missing",
        "The link has no code_challenge, and this app has to send one. Some libraries do not use PKCE, or "
        "only when asked to; sometimes the parameter is misspelt.",
        "Switch PKCE with S256 on in the app's library. Where it has no such switch, the owner of a "
        "confidential app may relax it: `grantway app edit APP --pkce optional`.",
        "RFC 7636 §4.4.1, RFC 9700 §2.1.1",
        (E.INVALID_REQUEST,),
    ),
    Entry(
        Gw.VERIFIER_DIFFERS,
        "The code verifier does not fit the code challenge",
        "The verifier belongs to another flow or tab, was made anew after the link, was sent where the link "
        "had no challenge, or the challenge was made in another way than S256.",
        "Keep the verifier of each flow beside its state, and send exactly it. The challenge is "
        "BASE64URL(SHA256(verifier)) without padding.",
        "RFC 7636 §4.6",
        (E.INVALID_GRANT,),
    ),
    Entry(
        Gw.CHALLENGE_NOT_S256,
        "The code challenge was not made with S256",
        "code_challenge_method is plain, is missing (which means plain), or is written in other letters; or "
        "the challenge has another form than 43 characters of base64url.",
        "Send code_challenge_method=S256 and BASE64URL(SHA256(verifier)) without padding.",
        "RFC 7636 §4.2, RFC 9700 §2.1.1",
        (E.INVALID_REQUEST,),
    ),
    Entry(
        Gw.CODE_EXPIRED,
        "The code is too old",
        "A code lives for a minute. The callback waited for something else first, or was opened again from "
        "the history of the browser.",
        "Exchange the code in the callback, before anything else.",
        "RFC 6749 §4.1.2",
        (E.INVALID_GRANT,),
    ),
    Entry(
        Gw.CODE_REPLAYED,
        "The code was used before",
        "A code buys tokens once. A callback that runs twice (a reload, a link preview, a retry) is the "
        "usual cause; a thief is the other one, so everything the code had bought is revoked.",
        "Make the callback run once: check and delete the state first, then exchange the code, then "
        "redirect. The person has to allow the app again.",
        "RFC 6749 §4.1.2, RFC 9700 §4.5",
        (E.INVALID_GRANT,),
    ),
    Entry(
        Gw.CODE_OF_ANOTHER,
        "The code was made for another app or another redirect URI",
        "The client_id or the redirect_uri of the exchange is not the one of the link.",
        "Send the same client_id and the same redirect_uri at both places.",
        "RFC 6749 §4.1.3",
        (E.INVALID_GRANT,),
    ),
    Entry(
        Gw.CODE_NEVER_CAME,
        "The code was never exchanged",
        "The person allowed the app and was sent back with a code, but no tokens were bought with it while "
        "it lived. Nothing was refused, or a refusal stands beside this one. Usually the callback answers "
        "404 or 500, the app rejects its own `state`, its link is not claimed on the device, or the window "
        "was closed.",
        "Look up what the callback of the app answered at that moment. It has to compare `state` with what "
        "it kept for this browser, then post the code to the token endpoint within its lifetime.",
        "RFC 6749 §4.1.2, §4.1.3",
    ),
    Entry(
        Gw.CODE_UNKNOWN,
        "This is no code of this server",
        "It was cut, changed or decoded twice on its way, comes from another server or environment, or is "
        "so old that nothing is known of it.",
        "Decode the callback's query once, and send the code as it is, form-encoded.",
        "RFC 6749 §5.2",
        (E.INVALID_GRANT,),
    ),
    Entry(
        Gw.GRANT_ENDED,
        "What the person had allowed is over",
        "The person or an operator took it back, the account is disabled or changed its password, the app "
        "was told to start anew, or the API is gone.",
        "Send the person through the authorization endpoint again.",
        "RFC 6749 §5.2",
        (E.INVALID_GRANT,),
    ),
    Entry(
        Gw.AUTH_METHOD,
        "The app proves itself in another way than it is registered for",
        "Its secret came in the body and it is registered for the header, or the other way round; it sent "
        "two proofs, or none; or a public app asked for what only confidential ones may.",
        "Set the library to the app's auth method, or accept what it does: `grantway app edit APP "
        "--auth-method METHOD`.",
        "RFC 6749 §2.3",
        (E.INVALID_CLIENT, E.INVALID_REQUEST),
    ),
    Entry(
        Gw.SECRET,
        "The secret is wrong",
        "It is of another app or environment, was deleted, has expired, or came with a line break at its "
        "end.",
        "`grantway app secret list APP` shows the live ones by label and last use, `grantway app secret add "
        "APP` makes another. Two may live at once, so nothing stands still meanwhile.",
        "RFC 6749 §2.3.1",
        (E.INVALID_CLIENT,),
    ),
    Entry(
        Gw.BASIC_NOT_ENCODED,
        "The Basic credentials are not encoded as they have to be",
        "client_id and secret are form-encoded before they are joined by a colon and put into base64. What "
        "is made here needs no encoding; what was brought along from another server may.",
        "Form-encode both first, or send the secret in the body (client_secret_post).",
        "RFC 6749 §2.3.1",
        (E.INVALID_CLIENT,),
    ),
    Entry(
        Gw.ASSERTION,
        "The client assertion does not prove the app",
        "Its signature is by another key, aud is not this server's issuer, exp or iat is off because a "
        "clock is, or its jti was used before.",
        "aud is the issuer, one string; exp at most an hour ahead; a new jti for every request. Clocks may "
        "be off by ten seconds.",
        "RFC 7523 §3",
        (E.INVALID_CLIENT,),
    ),
    Entry(
        Gw.CERTIFICATE,
        "The client certificate does not prove the app",
        "None came, the proxy did not hand it over or did not verify it, it is not in force, or it names "
        "somebody else.",
        "See server.client_certificate_header, server.client_certificate_verify_header and "
        "server.trusted_proxies; and what is registered with `grantway app show APP`.",
        "RFC 8705 §2",
        (E.INVALID_CLIENT, E.INVALID_REQUEST),
    ),
    Entry(
        Gw.TOO_MANY_FAILURES,
        "Too many failed authentications from this network",
        "Something tries a wrong secret again and again, or a proxy that is not trusted makes everybody "
        "look like one caller. Who is right passes even now.",
        "Stop the loop and mend the secret; name the proxy in server.trusted_proxies. Wait as long as "
        "Retry-After says.",
        "RFC 6585 §4",
        (E.TEMPORARILY_UNAVAILABLE,),
    ),
    Entry(
        Gw.CERTIFICATE_BINDING,
        "The token is bound to a client certificate that was not shown",
        "The tokens of this app are good only beside its certificate, and the request came with none or "
        "another.",
        "Use the same certificate at every endpoint, through the address that asks for one.",
        "RFC 8705 §3, §4",
        (E.INVALID_GRANT, E.INVALID_REQUEST, E.INVALID_TOKEN),
    ),
    Entry(
        Gw.KEYS_UNREACHABLE,
        "The app's published keys cannot be read",
        "jwks_uri did not answer in time, answered something else than a key set, or lies in a network that "
        "is not asked.",
        "Open the address from the server's machine; register the keys themselves if it has no way out.",
        "RFC 7591 §2",
        (E.TEMPORARILY_UNAVAILABLE,),
    ),
    Entry(
        Gw.TOO_MANY_STREAMS,
        "Too many streams of revocations are open for one API",
        "Each process of an API needs one stream. There are more processes than the server allows for, or an "
        "intermediary keeps old streams open while new ones are made.",
        "If the API has so many processes, raise `server.revocation_streams`; else look for what opens them.",
        "RFC 6585 §4",
        (E.TEMPORARILY_UNAVAILABLE,),
    ),
    Entry(
        Gw.SCOPE,
        "A scope is unknown, or not this app's to ask for",
        "No API defines it, or the app is not registered for it; or there was none, and no default.",
        "Ask for what is registered, or allow more: `grantway app edit APP --add-scope SCOPE`.",
        "RFC 6749 §3.3",
        (E.INVALID_SCOPE,),
    ),
    Entry(
        Gw.SCOPE_NARROWED,
        "Less was granted than is asked for now",
        "People may untick scopes and take them back later. The answer's scope says what was granted; a "
        "refresh cannot ask for more, and userinfo needs openid.",
        "Read scope in every token response, work with what is there, and send the person through the "
        "authorization endpoint when more is needed.",
        "RFC 6749 §3.3, §6; RFC 6750 §3.1",
        (E.INVALID_SCOPE, E.INSUFFICIENT_SCOPE),
    ),
    Entry(
        Gw.GRANT_TYPE,
        "This grant type or response type is off",
        "The implicit and the password grant are gone; or the app is not registered for this grant type, as "
        "a machine app is not for signing people in.",
        "Use the authorization code grant with PKCE for people, client credentials for the app itself; or "
        "register it: `grantway app edit APP --grant-type TYPE`.",
        "RFC 9700 §2.1.2, §2.4",
        (E.UNSUPPORTED_GRANT_TYPE, E.UNSUPPORTED_RESPONSE_TYPE, E.UNAUTHORIZED_CLIENT),
    ),
    Entry(
        Gw.RESOURCE,
        "The resource is unknown, or not among those allowed",
        "resource equals no API's identifier (one slash at the end is forgiven), names one the app has no "
        "scope of or the person was not asked for, or is needed because the scopes belong to several.",
        "Send the identifier as `grantway api list` shows it, one for each token.",
        "RFC 8707 §2",
        (E.INVALID_TARGET,),
    ),
    Entry(
        Gw.REFRESH_REPLAYED,
        "The refresh token was used before",
        "Each refresh replaces the token. For ten seconds a retry gets the same answer again; later, two "
        "parties hold the same token, so everything of this grant is revoked. Usual causes: two processes "
        "without a common store, or an answer that was not stored.",
        "Store the new refresh_token before it is used, and let one process refresh at a time. The person "
        "has to allow the app again.",
        "RFC 9700 §4.14.2",
        (E.INVALID_GRANT,),
    ),
    Entry(
        Gw.REFRESH_UNUSABLE,
        "The refresh token is not good any more",
        "It expired unused, was replaced, was made for another app, or is none of this server's.",
        "Use the refresh_token of the last answer; when it is over, send the person through the "
        "authorization endpoint.",
        "RFC 6749 §5.2, §6",
        (E.INVALID_GRANT,),
    ),
    Entry(
        Gw.ORIGIN,
        "The browser's origin is not registered",
        "A script called from a page whose origin no app has registered. The server answers, and the "
        "browser keeps the answer from the page: all it says is Failed to fetch, or a CORS error.",
        "Register the origin, scheme, host and port and nothing else: `grantway app edit APP --origin "
        "ORIGIN`.",
        "Fetch standard, CORS protocol",
    ),
    Entry(
        Gw.HOST,
        "The request came for another host",
        "The Host header is neither the issuer's nor one of server.hosts; most often a proxy does not pass "
        "it on.",
        "Let the proxy pass Host on (nginx: proxy_set_header Host $host;), or name the host in server.hosts. "
        "The description of an API (RFC 9728) is at the API's host, with its audience's path at the end.",
        "RFC 9110 §7.4, §15.5.20; RFC 9728 §3.1",
    ),
)
