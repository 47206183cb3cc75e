"""What gateways are told: the same decision in the way of each family (RFC 6750 §3, RFC 9728 §5.1)."""

import pytest

from tests.decisions.asking import FAMILIES, MALFORMED, NOTES, NOTES_HOST, PHOTOS, bearer
from tests.diagnosis.looked_up import looked_up_by

DOCUMENT = 'resource_metadata="https://api.example/.well-known/oauth-protected-resource/photos"'
NOBODY = {
    "x-grantway-subject": "-",
    "x-grantway-client": "-",
    "x-grantway-scopes": "-",
    "x-grantway-email": "-",
}
every_family = pytest.mark.parametrize("family", FAMILIES)


@every_family
async def test_a_request_with_the_scope_of_its_row_passes_and_the_api_is_told_who_it_is(gate, reader, family):
    """DC01, FC2, FS45: every identity header, each once."""
    answer = await gate.ask(family, "GET", "/v1/photos?size=9", bearer(reader))
    assert 200 == answer.status
    assert answer.identity == {
        "x-grantway-subject": gate.node.people["ada"].subject,
        "x-grantway-client": "printer",
        "x-grantway-scopes": "photos:read",
        "x-grantway-email": "-",
        "x-grantway-api": PHOTOS.identifier,
    }
    assert "no-store" == answer["cache-control"]


@every_family
@pytest.mark.parametrize(
    "row",
    [
        ("GET", "/v1/photos/7", 200),
        ("HEAD", "/v1/photos/7", 200),
        ("POST", "/v1/photos", 403),
        ("PUT", "/v1/photos/7", 403),
        ("PATCH", "/v1/photos/7", 403),
        ("DELETE", "/v1/photos/7", 403),
        ("OPTIONS", "/v1/photos", 200),
        ("OPTIONS", "/v1/photos/7", 403),
        ("QUERY", "/v1/photos", 403),
        ("FOO", "/v1/photos", 403),
        ("get", "/v1/photos", 403),
        ("GET", "/v1/admin", 403),
        ("GET", "/v1/internal", 403),
        ("GET", "/v1/albums", 403),
        ("GET", "/v1", 403),
        ("GET", "/photos", 403),
        ("GET", "/v12/photos", 403),
    ],
    ids=lambda row: " ".join(row[:2]),
)
async def test_each_method_and_path_has_its_own_answer(gate, reader, family, row):
    """O7, FS45: what no row lists is refused, whatever the token."""
    method, target, status = row
    answer = await gate.ask(family, method, target, bearer(reader))
    unknown = family == "envoy" and method in {"FOO", "get"}  # is not even HTTP for the parser
    assert (400 if unknown else status) == answer.status


@every_family
async def test_a_refusal_names_every_scope_that_is_needed(gate, reader, family):
    """DC02: the exact challenge of RFC 6750 §3.1, with where the API describes itself."""
    answer = await gate.ask(family, "POST", "/v1/photos", bearer(reader))
    assert 403 == answer.status
    assert answer["www-authenticate"] == (
        'Bearer realm="Photos", error="insufficient_scope", '
        'error_description="POST /photos needs photos:write; the token lacks photos:write", '
        f'scope="photos:write", {DOCUMENT}'
    )
    assert ("insufficient_scope", "photos:write") == (answer.json["error"], answer.json["scope"])
    assert answer.every("x-grantway-subject") == []


@every_family
async def test_without_a_token_no_error_is_named(gate, family):
    """DC02: RFC 6750 §3.1."""
    answer = await gate.ask(family, "GET", "/v1/photos")
    assert 401 == answer.status
    assert f'Bearer realm="Photos", scope="photos:read", {DOCUMENT}' == answer["www-authenticate"]


@every_family
async def test_a_token_for_another_api_is_none_here(gate, family):
    """DC02: both ways round; one is a JWT, the other opaque."""
    photos, notes = await gate.token("photos:read"), await gate.token("notes:read")
    for token, host, target in ((notes, "api.example", "/v1/photos"), (photos, NOTES_HOST, "/photos")):
        answer = await gate.ask(family, "GET", target, bearer(token), host=host)
        assert 401 == answer.status
        assert 'error="invalid_token"' in answer["www-authenticate"]
    answer = await gate.ask(family, "GET", "/photos", bearer(notes), host=NOTES_HOST)
    assert (200, NOTES.identifier) == (answer.status, answer["x-grantway-api"])


@every_family
@pytest.mark.parametrize("token", ["x", "a.b.c", "gwat_" + "0" * 65, "é", "x" * 20_000], ids=range(5))
async def test_what_is_no_token_is_refused_in_the_words_for_a_dead_one(gate, family, token):
    """DC02, O8: nothing that is sent as a token is a fault of ours."""
    answer = await gate.ask(family, "GET", "/v1/photos", bearer(token))
    assert answer.meant in {400, 401}
    if answer.meant == 401:
        assert "invalid, expired or revoked" in answer.json["error_description"]


@every_family
async def test_a_public_row_needs_no_token_and_looks_at_none(gate, family):
    """DC01: all headers are there and say that nobody is known."""
    for lines in ([], [bearer("nonsense")]):
        answer = await gate.ask(family, "GET", "/v1/health", *lines)
        assert (200, {**NOBODY, "x-grantway-api": PHOTOS.identifier}) == (answer.status, answer.identity)


@every_family
async def test_the_e_mail_is_told_where_its_scope_was_given(gate, family):
    """O1: claims by scope; the one sign that is not plain is percent-encoded."""
    token = await gate.token("openid", "email", "photos:read")
    answer = await gate.ask(family, "GET", "/v1/photos", bearer(token))
    assert (200, "ada%25x@example.org") == (answer.status, answer["x-grantway-email"])
    token = await gate.token("photos:read")
    assert "-" == (await gate.ask(family, "GET", "/v1/photos", bearer(token)))["x-grantway-email"]


@every_family
async def test_a_machine_is_its_own_subject(gate, family):
    """DC01: no person is behind it."""
    reply = await gate.node.token("robot", grant_type="client_credentials", scope="photos:read")
    answer = await gate.ask(family, "GET", "/v1/photos", bearer(reply.json()["access_token"]))
    assert (200, "robot", "robot") == (
        answer.status,
        answer["x-grantway-subject"],
        answer["x-grantway-client"],
    )


@every_family
@pytest.mark.parametrize(
    "brought",
    [
        ([], "?access_token={}", 401),
        (["Authorization: Bearer {}"], "?access_token={}", MALFORMED),
        (["Authorization: Bearer {}", "Authorization: Bearer {}"], "", MALFORMED),
        (["Authorization: Basic {}"], "", 401),
        (["Authorization: Bearer"], "", MALFORMED),
        (["Authorization: Bearer {}", "X-HTTP-Method-Override: DELETE"], "", MALFORMED),
        (["Cookie: access_token={}"], "", 401),
    ],
    ids=["address", "both", "twice", "basic", "empty", "override", "cookie"],
)
async def test_the_token_comes_in_one_authorization_header(gate, reader, family, brought):
    """O1, O7: a header that names another method is a refusal, not an instruction."""
    lines, query, status = brought
    told = [line.format(reader) for line in lines]
    answer = await gate.ask(family, "GET", "/v1/photos" + query.format(reader), *told)
    assert status == answer.meant


@every_family
async def test_a_method_named_by_a_header_is_refused_on_public_rows_too(gate, family):
    """O7: an API that obeys it would do something else than was judged."""
    answer = await gate.ask(family, "GET", "/v1/health", "X-HTTP-Method-Override: DELETE")
    assert MALFORMED == answer.meant


async def test_nginx_is_told_nothing_it_does_not_understand(gate, reader):
    """DC03: 200, 401 or 403; what it would be stands in a header, for configurations that use it."""
    answer = await gate.ask("nginx", "GET", "/v1//photos", bearer(reader))
    assert (403, "400") == (answer.status, answer["x-grantway-status"])
    answer = await gate.ask("forward", "GET", "/v1//photos", bearer(reader))
    assert (400, []) == (answer.status, answer.every("x-grantway-status"))


@every_family
async def test_the_gateway_may_name_the_api_itself(gate, reader, family):
    """DC04, O3: then no Host that a caller chooses leads to another API's rules."""
    notes = await gate.token("notes:read")
    photos = {"api": PHOTOS.identifier}
    assert (
        401 == (await gate.ask(family, "GET", "/v1/photos", bearer(notes), host=NOTES_HOST, **photos)).status
    )
    answer = await gate.ask(family, "GET", "/v1/photos", bearer(reader), host="anything.example", **photos)
    assert (200, PHOTOS.identifier) == (answer.status, answer["x-grantway-api"])
    assert 403 == (await gate.ask(family, "GET", "/photos", bearer(reader), **photos)).status
    assert (
        403
        == (await gate.ask(family, "GET", "/v1/photos", bearer(reader), api="https://none.example")).status
    )


@every_family
@pytest.mark.parametrize("host", ["api.example:443", "API.example", "api.example:80"])
async def test_a_host_is_one_whatever_its_case_and_usual_port(gate, reader, family, host):
    assert 200 == (await gate.ask(family, "GET", "/v1/photos", bearer(reader), host=host)).status


@every_family
@pytest.mark.parametrize(
    "host", ["api.example:8443", "api.example.", "evil.example", "api.example@x", "[::1]"]
)
async def test_no_api_is_registered_at_any_other(gate, reader, family, host):
    answer = await gate.ask(family, "GET", "/v1/photos", bearer(reader), host=host)
    assert answer.meant in {400, 403}


async def test_a_refusal_is_looked_up_by_the_reference_it_carries(gate, reader):
    """FU1, FC2: what the request was, what its row needs, and what the token lacks."""
    answer = await gate.ask("nginx", "POST", "/v1/photos", bearer(reader))
    record = await looked_up_by(gate.node, answer["grantway-flow"])
    assert ("GW-206", "insufficient_scope") == (record["diagnosis"], record["error"])
    assert "POST api.example/v1/photos" == record["received"]
    assert "photos:write" in record["expected"]
    assert "missing: photos:write" == record["difference"]
    assert "grantway api matrix" in record["fix"]
