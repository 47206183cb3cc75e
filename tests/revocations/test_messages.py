"""What is said, to whom, and what an API believes of it."""

import asyncio
import base64
import json
import re
from dataclasses import replace

import httpx2
import pytest

from grantway.crypto.jose import SigningKey, UnknownKey
from grantway.protocol.revocations import (
    REVOCATIONS_TYPE,
    Listing,
    Revocation,
    RevokedKind,
    digest,
)
from grantway.protocol.scope import Scope
from grantway.sdk.revoked import BadMessage, Gap, Revoked
from grantway.sdk.verify import read_claims
from tests.node import CALENDAR, PHOTOS, Visitor
from tests.revocations.conftest import PATIENCE, becomes, listening, status
from tests.serving import serving

KEY, OTHER = SigningKey.generate("ES256"), SigningKey.generate("ES256")
KEYS = {KEY.kid: KEY.verification_key}
ISSUER = "https://id.example"
NOW = 1_900_000_000.0


def listing(*ids, api=PHOTOS.identifier, kind=RevokedKind.GRANT, scope=Scope(), before=None):
    """The second line for these."""
    made = Listing(api)
    for number, one in enumerate(ids, 1):
        made.add(
            Revocation(
                number=number, kind=kind, id=one, audience=(), scope=scope, issued_before=before, at=NOW
            )
        )
    return made.line()


def message(*ids, key=KEY, typ=REVOCATIONS_TYPE, line=None, list_options=None, **claims):
    line = listing(*ids, **(list_options or {})) if line is None else line
    head = {
        "iss": ISSUER,
        "aud": PHOTOS.identifier,
        "iat": int(NOW),
        "exp": int(NOW) + 60,
        "as_of": NOW,
        "id": "one",
        "keep": 660,
        "sha256": digest(line),
        **claims,
    }
    return key.sign(head, typ=typ).encode() + b"\n" + line


def token(grant="g1", **claims):
    return read_claims(
        {
            "sub": "ada",
            "client_id": "printer",
            "scope": "a b",
            "aud": PHOTOS.identifier,
            "exp": NOW + 600,
            "iat": NOW,
            "jti": "j1",
            "grant_id": grant,
            **claims,
        }
    )


@pytest.fixture
def clocks():
    return {"wall": NOW, "ticks": 0.0}


@pytest.fixture
def revoked(clocks):
    return Revoked(
        ISSUER, PHOTOS.identifier, most=100, clock=lambda: clocks["wall"], ticks=lambda: clocks["ticks"]
    )


def test_each_kind_stands_for_itself(revoked):
    """C15, N6: a grant, a token, one scope of a grant, an app until a moment."""
    assert token() == revoked.verdict(token())
    revoked.take(message("g1"), KEYS)
    assert None is revoked.verdict(token())
    assert None is not revoked.verdict(token("g2", jti="g1"))
    revoked.take(message("j2", list_options={"kind": RevokedKind.TOKEN}), KEYS)
    assert None is revoked.verdict(token("g2", jti="j2"))
    one = {"kind": RevokedKind.SCOPE, "scope": Scope(("b",))}
    revoked.take(message("g3", list_options=one), KEYS)
    left = revoked.verdict(token("g3"))
    assert left is not None
    assert "a" == str(left.scope)
    assert None is revoked.verdict(token("g3", scope="b"))
    moment = {"kind": RevokedKind.CLIENT, "before": int(NOW)}
    revoked.take(message("printer", list_options=moment), KEYS)
    assert None is revoked.verdict(token("g4", iat=NOW - 1))
    assert None is not revoked.verdict(token("g4"))
    assert 4 == len(revoked)


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        ({"key": OTHER}, "not published"),
        ({"typ": "at+jwt"}, "not a token of type"),
        ({"iss": "https://evil.example"}, "another server"),
        ({"aud": CALENDAR.identifier}, "another audience"),
        ({"exp": int(NOW) - 20}, "expired"),
        ({"as_of": NOW - 5}, "older than what was told"),
        ({"as_of": NOW + 60}, "from the future"),
        ({"sha256": "x"}, "not the one that was signed"),
        ({"line": b"[]"}, "cannot be read"),
        ({"line": b'{"revoked":"AAAA"}'}, "list cannot be read"),
        ({"keep": "long"}, "head cannot be read"),
        ({"after": "another"}, "something lies between"),
    ],
    ids=lambda one: next(iter(one)) if isinstance(one, dict) else one,
)
def test_a_message_that_proves_nothing_is_not_believed(revoked, bad, why):
    """K8, N6: forged, of another type, for another API, old, replayed, cut."""
    revoked.take(message(), KEYS)
    with pytest.raises((BadMessage, UnknownKey), match=why):
        revoked.take(message("g1", **bad), KEYS)
    assert 0 == len(revoked)
    assert token() == revoked.verdict(token())


def test_nothing_that_was_told_is_taken_back_before_its_time(revoked, clocks):
    """N6: an empty message, honest or sent again, revives nobody; what is over leaves."""
    revoked.take(message("g1"), KEYS)
    revoked.take(message(id="two"), KEYS)
    assert None is revoked.verdict(token())
    with pytest.raises(Gap):
        revoked.take(message(after="one"), KEYS)
    clocks["ticks"] = 659.0
    revoked.take(message(id="three", as_of=NOW + 1), KEYS)
    assert None is revoked.verdict(token())
    clocks["ticks"] = 700.0
    revoked.take(message(id="four", as_of=NOW + 2), KEYS)
    assert 0 == len(revoked)


def test_what_is_kept_is_bounded(revoked):
    """U5: more than was reckoned with is an outage, not a memory leak."""
    revoked.take(message(*(f"g{number}" for number in range(100))), KEYS)
    with pytest.raises(BadMessage, match="more than 100"):
        revoked.take(message("one more", id="two"), KEYS)
    assert 100 == len(revoked)


def test_what_is_told_again_is_counted_once(revoked):
    """U5, O9: a complete list after a gap, by which more than half of the room is taken."""
    told = [f"g{number}" for number in range(60)]
    revoked.take(message(*told), KEYS)
    revoked.take(message(*told, "one more", id="two"), KEYS)
    assert 61 == len(revoked)


@pytest.mark.parametrize("kind", [RevokedKind.GRANT, RevokedKind.SCOPE, RevokedKind.CLIENT])
def test_what_is_told_again_lives_no_shorter(revoked, clocks, kind):
    """N6: the life of tokens was made shorter since; those from before are revoked to their end."""
    name = "printer" if kind is RevokedKind.CLIENT else "g1"
    options = {"kind": kind, "scope": Scope.of(["a"]), "before": int(NOW) + 1}
    said = {"list_options": options}
    revoked.take(message(name, **said), KEYS)
    revoked.take(message(name, id="two", keep=60, **said), KEYS)
    clocks["ticks"] = 600.0
    revoked.take(message(id="three", as_of=NOW + 1), KEYS)
    assert token() != revoked.verdict(token())


def test_an_api_whose_clock_is_put_right_is_as_fresh_as_before(revoked, clocks):
    """O8, O9: it was nine seconds slow; with `must_be_fresh` everything would be refused from then on."""
    clocks["wall"] = NOW - 9
    revoked.take(message(), KEYS)
    clocks["wall"], clocks["ticks"] = NOW + 2, 2.0
    revoked.take(message(id="two", as_of=NOW + 2), KEYS)
    assert 0 == revoked.age


def test_a_server_whose_clock_is_put_right_is_believed_by_and_by(revoked, clocks):
    """O9: in an hour it is, not only when the API starts anew."""
    revoked.take(message(as_of=NOW + 6), KEYS)
    for turn in range(4, 3601, 40):  # its clock goes back by six seconds
        now = NOW + 2.0 * turn
        clocks["wall"], clocks["ticks"] = now, 2.0 * turn
        revoked.take(message(id=str(turn), iat=int(now), exp=int(now) + 60, as_of=now), KEYS)
    assert 0 == pytest.approx(revoked.age, abs=0.01)


def test_a_message_that_was_held_up_is_as_old_as_it_is(revoked, clocks):
    """O9: freshness counts from what the message vouches for, however the clocks differ."""
    clocks["wall"] = NOW + 3  # this clock is ahead
    revoked.take(message(), KEYS)
    assert 0 == revoked.age
    clocks["wall"], clocks["ticks"] = NOW + 10, 7.0
    revoked.take(message(id="two", as_of=NOW + 2), KEYS)
    assert 5 == pytest.approx(revoked.age, abs=0.01)


async def test_a_stranger_and_an_app_are_told_nothing(node):
    """N1: only an API with its own credentials."""
    async with node.http() as http:
        for path in ("/revocations", "/revocations/stream"):
            assert 401 == (await http.get(path)).status_code
            assert 401 == (await http.get(path, headers=node.basic("photos_api", "gwcs_x"))).status_code
            assert 400 == (await http.get(path, headers=node.basic("printer"))).status_code
            assert 405 == (await http.delete(path, headers=node.basic("photos_api"))).status_code
            known = await http.post(path, data={"client_id": "cli"})
            assert 401 == known.status_code


async def complete(node, name):
    async with node.http() as http:
        reply = await http.get("/revocations", headers=node.basic(name))
    assert 200 == reply.status_code, reply.text
    head, _, line = reply.content.partition(b"\n")
    assert digest(line) == members_of(head)["sha256"]
    return members_of(head), json.loads(line)


def members_of(head):
    body = head.split(b".")[1]
    return json.loads(base64.urlsafe_b64decode(body + b"=" * (-len(body) % 4)))


async def test_another_api_is_told_nothing_of_this_one(node):
    """N1: not what, not of whom, and not even how many; and its name for the same is another."""
    tokens = await Visitor(node).tokens(scope="photos:read offline_access")
    before = [await complete(node, name) for name in ("photos_api", "calendar_api")]
    assert [{}, {}] == [line for _, line in before]
    await node.post("/revoke", "printer", token=tokens["refresh_token"])
    await node.change_client("robot", enabled=False)
    await asyncio.sleep(0.6)  # a complete message serves for half a second
    (photos, told), (calendar, nothing) = [
        await complete(node, name) for name in ("photos_api", "calendar_api")
    ]
    assert (12, 1) == (len(told["revoked"]), len(told["clients"]))
    assert {} == nothing
    assert (PHOTOS.identifier, CALENDAR.identifier) == (photos["aud"], calendar["aud"])
    assert set(calendar) == {"iss", "aud", "iat", "exp", "as_of", "id", "keep", "sha256"}
    assert listing("x") != listing("x", api=CALENDAR.identifier)


async def test_the_place_of_one_api_in_the_list_is_none_for_another(node):
    """N1: what was told last is sealed for the API; a strange one gets all that matters to itself."""
    photos, _ = await complete(node, "photos_api")
    async with node.http() as http:
        for name, key, continues in (
            ("photos_api", photos["id"], True),
            ("calendar_api", photos["id"], False),
            ("photos_api", "x" * 71, False),
            ("photos_api", "\xe9", False),
        ):
            headers = {**node.basic(name), "last-event-id": key.encode("latin-1")}
            head = await first_event(http, headers)
            assert continues == ("after" in head), (name, key)


async def first_event(http: httpx2.AsyncClient, headers):
    async with http.stream("GET", "/revocations/stream", headers=headers) as reply:
        assert "text/event-stream" == reply.headers["content-type"]
        async for line in reply.aiter_lines():
            if line.startswith("data: "):
                return members_of(line[6:].encode())
    raise AssertionError("no event")


async def test_an_old_longer_life_of_tokens_still_counts(node):
    """N6: what was issued before the API's tokens were made to live shorter."""
    await node.put_api(replace(PHOTOS, token_lifetime=7200))
    await node.put_api(replace(PHOTOS, token_lifetime=60))
    head, _ = await complete(node, "photos_api")
    assert 7260 == head["keep"]


async def test_a_server_that_goes_on_without_vouching_is_left_for_another(node, monkeypatch):
    """O8, O9: one node of several has lost its database; whoever comes again reaches the next one."""
    monkeypatch.setattr("grantway.sdk.revocations._SILENCE", 0.3)
    streams = []

    async def only_says_that_it_cannot(scope, receive, send):
        if scope["type"] == "http":
            streams.append(scope["path"])
            await send({"type": "http.response.start", "status": 200, "headers": []})
            while len(streams) < 4:
                part = b": nothing can be vouched for\n\n"
                await send({"type": "http.response.body", "body": part, "more_body": True})
                await asyncio.sleep(0.05)

    tokens = await Visitor(node).tokens(scope="photos:read")
    async with serving(lambda _origin: only_says_that_it_cannot) as origin:
        with listening(node, stream=f"{origin}/revocations/stream") as protection:
            assert 200 == await status(protection, tokens["access_token"])
            async with asyncio.timeout(PATIENCE):
                while len(streams) < 2:
                    await asyncio.sleep(0.05)
            assert "vouches for nothing" in str(protection.feed.health.problem)


async def test_must_be_fresh_refuses_with_503_and_without_it_tokens_live_on(node, tmp_path):
    """O8: fails closed where that is wished; the server answers for its keys alone here."""
    tokens = await Visitor(node).tokens(scope="photos:read")
    nowhere = f"{node.issuer}/nowhere"
    with (
        listening(node, stream=nowhere) as lenient,
        listening(node, stream=nowhere, must_be_fresh=5) as strict,
    ):
        assert 200 == await status(lenient, tokens["access_token"])
        assert 503 == await status(strict, tokens["access_token"])
        health = strict.feed.health
        assert (False, None, 0) == (health.connected, health.age, health.entries)
        assert re.search(
            r"answered 404; why: grantway logs show [0-9A-F]{4}-[0-9A-F]{2}$", str(health.problem)
        )
    with listening(node, must_be_fresh=5) as strict:
        await becomes(200, lambda: status(strict, tokens["access_token"]))
        assert (True, None) == (strict.feed.health.connected, strict.feed.health.problem)
