"""Each diagnosis provoked over HTTP: id → what to do, and what the operator then reads.

The words are pieces of received, expected, difference and fix, in this order; an empty piece says nothing.
"""

from tests.diagnosis import acts_of_apps as apps
from tests.diagnosis import acts_of_people as people
from tests.diagnosis.scene import SPA_ORIGIN, Case
from tests.node import (
    CALLBACK,
)

CASES: dict[str, tuple[Case, ...]] = {
    "GW-100": (Case(apps.no_response_type, "client_id", "response_type", "is missing"),),
    "GW-101": (
        Case(apps.unknown_client, "client_id=Printer ", "registered", "white space", "grantway app list"),
        Case(apps.disabled_client, "off", "enabled", "disabled", "grantway app edit off --enable"),
        Case(apps.unknown_caller, "client_id=nobody", "registered", "no app has this id", "app list"),
    ),
    "GW-102": (
        Case(
            apps.address(CALLBACK + "/"),
            CALLBACK + "/",
            CALLBACK,
            "a trailing slash: from character 33: '/' instead of the end",
            f"grantway app edit printer --add-redirect-uri {CALLBACK}/",
        ),
        Case(
            apps.address(CALLBACK.replace("https", "http")),
            "http://printer",
            CALLBACK,
            "http instead of https: from character 5",
            "plain http is for",
        ),
        Case(apps.address(CALLBACK + "?x=1"), "?x=1", CALLBACK, "the query", "--add-redirect-uri 'https://"),
        Case(apps.address(CALLBACK.upper()), "CALLBACK", CALLBACK, "upper and lower case", "lower case"),
        Case(apps.address(CALLBACK + "#x"), "#x", CALLBACK, "a fragment", "must not have a fragment"),
        Case(
            apps.address("https://printer.example:444/callback"),
            ":444",
            CALLBACK,
            "port 444 instead of left out",
            "add it",
        ),
        Case(
            apps.link("tool", redirect_uri="http://localhost/cb"),
            "localhost",
            "http://127.0.0.1/cb",
            "localhost instead of 127.0.0.1, which are two hosts",
            "grantway app edit tool --add-redirect-uri http://localhost/cb",
        ),
    ),
    "GW-103": (
        Case(
            apps.link("two", redirect_uri=None),
            "no redirect_uri",
            "https://two.example/a or https://two.example/b",
            "2 registered",
            "send redirect_uri",
        ),
    ),
    "GW-104": (
        Case(apps.link(response_mode="jwt"), "response_mode=jwt", "form_post", "not supported"),
        Case(apps.link(prompt="nose"), "prompt=nose", "select_account", "unknown value"),
        Case(apps.link(max_age="soon"), "max_age=soon", "max_age=3600", "whole number"),
    ),
    "GW-105": (Case(apps.link(request="e30."), "a parameter request", "plain parameters", "not supported"),),
    "GW-106": (Case(apps.link(state="x" * 2049), "state of 2049", "at most 2048", "longer"),),
    "GW-107": (Case(people.get_token, "GET /token", "POST", "use"),),
    "GW-108": (Case(people.large, "a longer body", "65536", "64 kB"),),
    "GW-109": (
        Case(apps.link(id_token_hint="e30.e30."), "an id_token_hint", "an ID token of this server", ""),
    ),
    "GW-110": (
        Case(
            apps.link(code_challenge=None, code_challenge_method=None),
            "no parameter of PKCE",
            "code_challenge_method=S256",
            "does not use PKCE",
        ),
    ),
    "GW-111": (
        Case(apps.wrong_verifier, "whose S256 begins", "one whose S256 begins", "another flow, another tab"),
        Case(apps.challenge_as_verifier, "whose S256 begins", "begins", "the challenge itself was sent"),
        Case(apps.no_verifier, "no code_verifier", "behind the code_challenge", "missing"),
    ),
    "GW-112": (
        Case(apps.link(code_challenge_method="plain"), "method=plain", "method=S256", "shows the verifier"),
        Case(
            apps.link(code_challenge_method="s256"), "method=s256", "method=S256", "the case of its letters"
        ),
        Case(apps.link(code_challenge="x" * 43 + "="), "44 characters", "43 characters", "padded"),
        Case(apps.link(code_challenge="a+" + "x" * 41), "43 characters", "43 characters", "base64 instead"),
        Case(apps.link(code_challenge="0f" * 32), "64 characters", "43 characters", "hexadecimal"),
    ),
    "GW-120": (Case(apps.expired_code, "a code 7", "at most 60 s", "s too late"),),
    "GW-121": (Case(apps.code_twice, "used already", "each code once", "first used", "runs twice"),),
    "GW-122": (
        Case(apps.address_differs, CALLBACK + "/", CALLBACK, "a trailing slash", f"redirect_uri={CALLBACK},"),
        Case(
            apps.code_of_another, "a code from hasty", "printer", "the client_id", "Authenticate as printer"
        ),
    ),
    "GW-124": (Case(apps.cut_code, "no living code", "byte for byte", "cut"),),
    "GW-125": (Case(apps.withdrawn, "a grant that is over", "a living grant", "was revoked"),),
    "GW-130": (
        Case(
            apps.secret_in_the_body,
            "client_secret_post: the secret in the body",
            "client_secret_basic: the secret in the Authorization header",
            "client_secret_post instead of client_secret_basic",
            "grantway app edit printer --auth-method client_secret_post",
        ),
        Case(apps.two_proofs, "more than one proof", "exactly one", "only one way"),
        Case(apps.public_introspection, "which is public", "proves itself", "none", "--credentials"),
    ),
    "GW-131": (
        Case(apps.secret("wrong"), "a secret of 5 characters", "live secret", "no secret that", "secret add"),
        Case(apps.secret("printer"), "7 characters", "live secret", "it is the client_id", "secret list"),
        Case(apps.secret(" gwcs_x"), "7 characters", "live secret", "white space around it", "secret add"),
        Case(apps.secret_with_a_line_break, "at the end", "nothing after it", "the line break of a file"),
        Case(apps.expired_secret, "old one", "live", "expired 6", "grantway app secret add hasty"),
    ),
    "GW-132": (Case(apps.secret("50%"), "cannot be read", "form-encoded", "hexadecimal"),),
    "GW-133": (
        Case(
            apps.asserting(aud="https://other.example"),
            "aud 'https://other.example'",
            "as one string",
            "aud",
            "one string",
        ),
        Case(apps.asserting(exp=people.now_off(-75)), "exp ", "now", "is the app's clock behind"),
        Case(
            apps.asserting(iat=people.now_off(86_400)),
            "iat ",
            "now",
            "10 s are forgiven: is the app's clock ahead",
        ),
        Case(apps.same_assertion, "a jti that was used", "a new jti", "used before"),
    ),
    "GW-134": (Case(apps.no_certificate, "no certificate", "a trusted proxy", "client_certificate_header"),),
    "GW-136": (
        Case(
            apps.token_unbound,
            "no client certificate",
            "the client certificate",
            "the app sent none",
            "grantway app edit bound --no-certificate-bound-tokens",
        ),
    ),
    "GW-137": (Case(apps.keys_away, "no key set", "over https", "http://127.0.0.1:9/keys"),),
    "GW-140": (
        Case(
            apps.link(scope="photos:raed photos:read"),
            "photos:raed",
            "photos:read",
            "photos:raed is defined by no API (near: photos:read)",
            "grantway api list",
        ),
        Case(
            apps.link(scope="calendar:read"),
            "calendar:read",
            "photos:read",
            "calendar:read is not registered for printer",
            "grantway app edit printer --add-scope calendar:read",
        ),
        Case(
            apps.machine_scope, "calendar:raed", "calendar:read", "near: calendar:read", "--add-scope openid"
        ),
    ),
    "GW-141": (
        Case(apps.wider_refresh, "photos:write", "photos:read", "missing: photos:write"),
        Case(apps.userinfo_without_openid, "scope=photos:read", "scope openid", "missing: openid"),
    ),
    "GW-150": (
        Case(
            apps.link(response_type="token"), "response_type=token", "response_type=code", "implicit", "PKCE"
        ),
        Case(
            apps.password_grant,
            "grant_type=password",
            "authorization_code",
            "shows people's passwords",
            "Use",
        ),
        Case(
            apps.machine_with_code,
            "authorization_code",
            "client_credentials",
            "a machine app signs nobody in",
            "grantway app edit machine --grant-type client_credentials --grant-type authorization_code",
        ),
    ),
    "GW-160": (
        Case(
            apps.link(resource="https://api.example/Photos"),
            "resource=https://api.example/Photos",
            "https://api.example/photos",
            "from character 21: 'Photos' instead of 'photos'",
            "grantway api list",
        ),
        Case(
            apps.resource_elsewhere, "/photo", "https://api.example/photos", "the end instead of 's'", "byte"
        ),
        Case(
            apps.link(resource="https://api.example/calendar"),
            "calendar",
            "api.example",
            "printer has no scope of it",
            "--add-scope",
        ),
    ),
    "GW-170": (Case(apps.refresh_twice, "replaced", "the newest one", "first used 3", "in one place"),),
    "GW-171": (Case(apps.unknown_refresh_token, "no living refresh token", "byte for byte", "cut"),),
    "GW-190": (
        Case(
            people.another_host,
            "Host: backend:8600; X-Forwarded-Host: 127.0.0.1",
            "Host: 127.0.0.1",
            "in X-Forwarded-Host, but not in Host",
            "proxy_set_header Host $host;",
        ),
        Case(
            people.description("api.example"),
            "Host: api.example",
            "Host: 127.0.0.1",
            "the host, or its port",
            "server.hosts = ['api.example']. If the description of an API is meant: at this host there is "
            "/.well-known/oauth-protected-resource/",
            name="description of an API without its path",
        ),
        Case(
            people.description("elsewhere.example"),
            "Host: elsewhere.example",
            "Host: 127.0.0.1",
            "the host, or its port",
            "none has an audience there (`grantway api list`)",
            name="description of an API at no host of ours",
        ),
    ),
    "GW-180": (
        Case(
            people.preflight,
            "Origin: http://spa.example",
            SPA_ORIGIN,
            "from character 5: '://spa.examp'... instead of 's://spa.exam'...",
            "--origin",
        ),
    ),
    "GW-201": (
        Case(apps.dead_token, "an access token", "a living one", "not an access token of ours"),
        Case(apps.no_token, "no Authorization header", "Bearer", "in the query"),
    ),
    "GW-221": (Case(apps.declined, "Cancel", "Allow", "did not allow"),),
    "GW-222": (
        Case(apps.silent_stranger, "prompt=none", "nothing left to ask", "nobody is signed in"),
        Case(apps.from_a_frame, "a frame", "a window", "window of its own"),
    ),
    "GW-223": (Case(apps.another_person, "another person", "who was named", "another person"),),
    "GW-224": (
        Case(
            apps.link(
                "reader",
                scope="openid",
                claims='{"id_token": {"acr": {"essential": true, "value": "gold"}}}',
            ),
            "an essential acr of: gold",
            "one of:",
            "no sign-in here",
        ),
    ),
    "GW-230": (
        Case(
            people.bad_return,
            "https://printer.example/bye",
            "registered",
            "no registered address",
            "--post-logout-redirect-uri https://printer.example/bye",
        ),
    ),
    "GW-300": (Case(people.wrong_password, "a name and a password", "a pair that fits", "'s password"),),
    "GW-301": (Case(people.too_many_tries, "one try more", "another try in", "too many tries"),),
    "GW-310": (Case(people.from_elsewhere, "cross-site", "same-origin", "cross-site"),),
    "GW-311": (Case(people.page_of_another, "without the cookie", "it was made for", "no cookie"),),
    "GW-312": (Case(people.old_page, "no longer good", "within 30 minutes", "open too long"),),
    "GW-313": (Case(people.no_such_app, "its name", "one of their own", "not connected"),),
    "GW-900": (Case(people.database_held, "needs the database", "answers in time", "", "grantway doctor"),),
    "GW-901": (Case(people.broken_row, "maybe in order", "an answer", "ValidationError"),),
    "GW-135": (
        Case(apps.too_many_failures, "one more failure from 127.0.0.1", "ten a second", "a retry loop"),
    ),
}
