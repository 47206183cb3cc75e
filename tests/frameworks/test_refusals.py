"""Every framework refuses in the same form: status, JSON, challenge, and nothing that a cache may keep."""

import pytest

from grantway.sdk import Protection, StepUp, certificate_header
from tests.frameworks.conftest import FRAMEWORKS
from tests.frameworks.definition import API, READ
from tests.sdk.callers import Caller, bearer

HEADERS = {
    "content-type": "application/json",
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
}
READS, WRITES = (lambda tokens, scope=scope: [bearer(tokens[scope])] for scope in ("read", "photos:write"))
CASES = {
    "no token": (b"/photos", lambda tokens: [], 401, "missing_token"),
    "a bad token": (b"/photos", lambda tokens: [bearer("a.b.c")], 401, "invalid_token"),
    "an old sign-in": (
        b"/inner/albums/x",
        READS,
        401,
        "insufficient_user_authentication",
    ),
    "too little scope": (
        b"/admin",
        WRITES,
        403,
        "insufficient_scope",
    ),
    "no rule": (b"/files/x", WRITES, 403, "insufficient_scope"),
    "a malformed token": (b"/photos", lambda tokens: [b"Authorization: Bearer a b"], 400, "invalid_request"),
    "a broken proxy": (
        b"/photos",
        lambda tokens: [bearer(tokens["read"]), b"X-Client-Cert: junk"],
        503,
        "temporarily_unavailable",
    ),
}


@pytest.mark.parametrize("framework", FRAMEWORKS)
async def test_a_refusal_has_the_same_form_everywhere(framework, node, tokens):
    """FN13, O8, RFC 6750 §3: the status and its error, the challenge unless we failed, never to be cached."""
    protection = Protection(
        api=API,
        issuer=node.issuer,
        step_up={READ: StepUp(max_age=0)},
        certificate=certificate_header("X-Client-Cert", proxies=["127.0.0.1"]),
    )
    async with FRAMEWORKS[framework](protection) as port:
        for name, (target, headers, status, error) in CASES.items():
            reply = await Caller(port)(target, *headers(tokens))
            assert (status, error) == (reply.status, reply.json["error"]), name
            assert HEADERS == {header: reply.headers.get(header) for header in HEADERS}, name
            challenged = (reply.challenge or "").startswith('Bearer realm="Photos"')
            assert (status != 503, status == 503) == (challenged, "retry-after" in reply.headers), name


@pytest.mark.parametrize("framework", FRAMEWORKS)
async def test_what_passes_may_be_cached_as_its_view_says(framework, node, tokens):
    """The headers of a refusal are on refusals alone."""
    async with FRAMEWORKS[framework](Protection(api=API, issuer=node.issuer)) as port:
        reply = await Caller(port)(b"/photos", bearer(tokens["read"]))
        assert (200, None) == (reply.status, reply.headers.get("cache-control"))
