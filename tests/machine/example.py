"""One example: its clients and people on the nodes, its model, and what every answer must satisfy."""

import base64
import itertools
import json
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import httpx2

from grantway.protocol.names import ErrorCode
from grantway.protocol.scope import Scope
from tests.machine.fleet import APIS, Browser, Fleet, api_client
from tests.machine.model import (
    CLOSE,
    INACTIVE,
    OK,
    REPEATED,
    REPLAYED,
    TOKENS,
    AccessToken,
    Asked,
    Client,
    Code,
    Grant,
    Model,
    Person,
    RefreshToken,
    Tokens,
    Wanted,
    is_close,
)
from tests.node import CALLBACK, answer_of, leaving_url, native_client, web_client

API_OF = {scope.name: api.identifier for api in APIS for scope in api.scopes}
OPTIONAL = frozenset({"photos:write", "notes:read", "calendar:read"})
SCOPES = {
    "printer": frozenset({"photos:read", "photos:write", "notes:read", "calendar:read", "offline_access"}),
    "album": frozenset({"photos:read", "photos:write", "notes:read"}),
    "cli": frozenset({"photos:read", "photos:delete", "notes:read", "calendar:read"}),
}
REDIRECT_URIS = {
    "printer": CALLBACK,
    "album": "https://album.example/callback",
    "cli": "http://127.0.0.1:5123/cb",
}
PEOPLE = ("ada", "eve")
MOST_DRIFT = 1.0  # seconds
MOST_WRONG_LOGINS = 3  # more would meet the throttle, which is no part of this


class Example:
    """The names that steps use, `printer` or `ada`, stand for a client and a person of this example alone."""

    def __init__(self, fleet: Fleet) -> None:
        self.fleet = fleet
        self.number = next(fleet.numbers)
        self.now = 0.0  # seconds by the model's clock
        self.still_since = time.monotonic()
        self.codes: list[Code] = []
        self.touched: list[Grant] = []  # by the last step
        self.turn = itertools.count()
        self.wrong_logins = dict.fromkeys(PEOPLE, 0)
        self.model = Model(API_OF)
        self.browsers = {name: Browser(fleet.nodes[0]) for name in PEOPLE}
        fleet.run(self._begin())

    async def _begin(self) -> None:
        drafts = []
        for name, scope in SCOPES.items():
            known = {"id": f"{name}-{self.number}", "optional": OPTIONAL & scope, "scope": scope}
            is_public = name == "cli"
            client = Client(
                redirect_uri=REDIRECT_URIS[name], is_public=is_public, is_remembered=not is_public, **known
            )
            self.model.clients[name] = client
            members = {"scope": Scope.of(sorted(scope)), "optional_scope": Scope.of(sorted(OPTIONAL & scope))}
            if is_public:
                drafts.append(native_client(client.id, **members))
            else:
                drafts.append(web_client(client.id, redirect_uris=(client.redirect_uri,), **members))
        await self.fleet.change(self.fleet.with_secrets(drafts))
        for name in PEOPLE:
            added = await self.fleet.add_person(f"{name}-{self.number}")
            self.model.people[name] = Person(added.username, added.subject)

    async def end(self) -> None:
        for browser in self.browsers.values():
            await browser.http.aclose()
        await self.fleet.forget([client.id for client in self.model.clients.values()])

    # ------------------------------------------------------------------------------- time

    async def enable(self, client: Client, *, enabled: bool) -> None:
        """Put a client in or out of use."""
        await self.fleet.enable_client(client.id, enabled=enabled)
        client.enabled = enabled

    async def enable_person(self, person: Person, node: int) -> None:
        """Put a person back in use. The nodes' clocks differ a little: a second later, all are past the
        cut-off."""
        await self.fleet.enable_person(person.username, node)
        person.enabled = True
        await self.let_pass(1)

    async def let_pass(self, seconds: float) -> None:
        people = [person.username for person in self.model.people.values()]
        await self.fleet.pass_time(seconds, people)
        self.now += seconds

    async def stand_still(self) -> None:
        """Take back the seconds that have really gone by: only steps make time pass, else the same steps
        would come to another end on a slower machine. Nor does a registry grow old between steps."""
        drift = time.monotonic() - self.still_since
        if drift > MOST_DRIFT:
            self.still_since += drift
            await self.fleet.look()
            await self.fleet.pass_time(-drift, [])

    async def moment(self, first: float | None, seconds: float) -> float:
        """Now; or later, where it is too close to tell whether so many seconds have gone by since."""
        await self.stand_still()
        if is_close(self.now, first, seconds):
            await self.let_pass(2 * CLOSE + 1)
        return self.now

    # ---------------------------------------------------------------------- authorization

    async def authorize(
        self, person: Person, client: Client, asked: Asked, ticked: frozenset[str], node: int
    ) -> Code | None:
        """From the link to the code, or to the refusal that the model foretells."""
        name = person.username.partition("-")[0]
        browser = self.browsers[name].at(self.fleet.node(node))
        link = browser.link(
            client.id,
            redirect_uri=client.redirect_uri,
            scope=asked.scope,
            resource=asked.resource,
            prompt="consent" if asked.anew else None,
        )
        await self.stand_still()
        page = of_our_own(await browser.get(link))
        if not client.enabled:
            assert_page_of_refusal(page)
            return None
        if (foretold := self.model.authorization(client, asked)) != OK:
            assert answer_of(page).get("error") == foretold, page.text[:300]
            return None
        if 'id="login-submit"' in page.text:
            page = await self._sign_in(browser, page, person, name)
        if not person.enabled:
            assert leaving_url(page) is None, "a code for somebody who may not sign in"
            return None
        scope = self.model.approved(person, client, asked, ticked)
        is_asked = 'id="consent-allow"' in page.text
        assert is_asked == self.model.must_ask(person, client, asked), "asked too much, or too little"
        if is_asked:
            page = of_our_own(await browser.submit(page, answer="allow", scope=sorted(ticked)))
        answer = answer_of(page)
        if not scope:
            assert answer.get("error") == ErrorCode.ACCESS_DENIED, answer
            return None
        grant = self.model.approve(person, client, asked, scope)
        self.codes.append(Code(answer["code"], browser.verifier, grant, self.now))
        return self.codes[-1]

    async def _sign_in(
        self, browser: Browser, page: httpx2.Response, person: Person, name: str
    ) -> httpx2.Response:
        if not person.enabled:
            if self.wrong_logins[name] >= MOST_WRONG_LOGINS:
                return page
            self.wrong_logins[name] += 1
        return of_our_own(await browser.sign_in(page, person.username))

    # --------------------------------------------------------------------- token requests

    async def redeem(
        self, code: Code, client: Client, node: int, wanted: Wanted, changed: Mapping[str, str | None]
    ) -> tuple[str, dict[str, Any]]:
        """Send a code with all that belongs to it, except for what is changed. The word, and the JSON."""
        form = {
            "grant_type": "authorization_code",
            "code": code.text,
            "redirect_uri": code.grant.client.redirect_uri,
            "code_verifier": code.verifier,
            "resource": wanted.resource,
            **changed,
        }
        return word_of(await self.fleet.post(node, "/token", client.id, **form))

    async def refresh(
        self, token: RefreshToken, client: Client, node: int, wanted: Wanted
    ) -> tuple[str, dict[str, Any]]:
        """Send a refresh token. The word, and the JSON."""
        form = {
            "grant_type": "refresh_token",
            "refresh_token": token.text,
            "scope": wanted.scope,
            "resource": wanted.resource,
        }
        return word_of(await self.fleet.post(node, "/token", client.id, **form))

    def received(self, code: Code, answer: dict[str, Any], wanted: Wanted) -> Tokens:
        """Tokens were issued: they are for whom, for what, and as much as was approved and wanted."""
        grant = code.grant
        scope = frozenset(answer["scope"].split())
        possible = self.model.audiences(grant, wanted)
        fitting = [api for api in possible if self.model.scope_at(grant, wanted, api) == scope]
        assert fitting, f"{answer['scope']!r} for none of {sorted(possible)}, of {sorted(grant.scope)}"
        audience = fitting[0]
        if answer["access_token"].startswith("ey"):
            claims = claims_of(answer["access_token"])
            assert claims["aud"] in fitting, claims
            audience = claims["aud"]
            expected = (grant.person.subject, grant.client.id, scope)
            assert (claims["sub"], claims["client_id"], frozenset(claims["scope"].split())) == expected
        return self.model.issued(code, answer, audience=audience)

    # --------------------------------------------------------------------------- invariants

    async def assert_told(self, token: AccessToken, node: int) -> None:
        """The API that an access token is for learns what the model knows, from this node."""
        reply = await self.fleet.post(node, "/introspect", api_client(token.audience), token=token.text)
        assert told_by(reply) == self.model.told_about(token, token.audience)

    async def assert_told_about_refresh(self, token: RefreshToken, node: int) -> None:
        """The client that holds a refresh token learns what the model knows, if it may ask."""
        client = token.grant.client
        if client.enabled and not client.is_public:
            reply = await self.fleet.post(node, "/introspect", client.id, token=token.text)
            assert told_by(reply) == self.model.told_about_refresh(token, client)

    async def assert_all(
        self, access: Iterable[AccessToken], refresh: Iterable[RefreshToken], node: int
    ) -> None:
        """All of these tokens are worth on this node what the model says."""
        for token in access:
            await self.assert_told(token, node)
        for token in refresh:
            await self.assert_told_about_refresh(token, node)

    async def assert_step(self) -> None:
        """After a step: the tokens of the grants it touched, and two others in turn, on one node in turn."""
        await self.stand_still()
        self.fleet.forgive()
        turn = next(self.turn)
        access, refresh = self.model.access_tokens, list(self.model.refresh_tokens.values())
        near = [token for token in access if token.grant in self.touched] + in_turn(access, turn)
        also = [token for token in refresh if token.grant in self.touched] + in_turn(refresh, turn)
        self.touched = []
        await self.assert_all(dict.fromkeys(near), dict.fromkeys(also), turn)

    async def assert_end(self) -> None:
        """At the end every token is asked about on every node; in between nothing dead can be used again."""
        for client in self.model.clients.values():
            if not client.enabled:
                await self.enable(client, enabled=True)
        access, refresh = self.model.access_tokens, self.model.refresh_tokens.values()
        await self.assert_all(access, refresh, 0)
        for credential in (*self.codes, *refresh):
            await self.assert_dead(credential)
        await self.assert_all(access, [], 1)

    async def assert_dead(self, credential: Code | RefreshToken) -> None:
        """If its grant has ended, it buys nothing."""
        client = credential.grant.client
        if credential.grant.ended is None:
            return
        if isinstance(credential, Code):
            word, _ = await self.redeem(credential, client, 0, Wanted(), {})
        else:
            word, _ = await self.refresh(credential, client, 1, Wanted())
        assert word == ErrorCode.INVALID_GRANT, f"its grant ended: {credential.grant.ended}"


# ------------------------------------------------------------------------------------ answers


def word_of(reply: httpx2.Response) -> tuple[str, dict[str, Any]]:
    """What a machine is told, in a word: `tokens`, `ok`, or a registered error code (RFC 6749 §5.2)."""
    assert reply.status_code < 500, f"{reply.url} answered {reply.status_code}: {reply.text[:300]}"
    assert reply.headers["content-type"] == "application/json", reply.text[:300]
    answer = reply.json()
    if reply.status_code == 200:
        assert "error" not in answer, answer
        return (TOKENS if "access_token" in answer else OK), answer
    error = ErrorCode(answer["error"])
    assert reply.status_code == (401 if error is ErrorCode.INVALID_CLIENT else 400), answer
    assert (reply.status_code == 401) == ("www-authenticate" in reply.headers)
    return error, answer


def heard(word: str) -> str:
    """What of a foretold outcome is heard: a repetition is tokens, a replay is like any other bad grant."""
    return {REPEATED: TOKENS, REPLAYED: ErrorCode.INVALID_GRANT}.get(word, word)


def told_by(reply: httpx2.Response) -> dict[str, Any] | str:
    """What introspection says about whom a token is of and what it is for, or the refusal."""
    word, answer = word_of(reply)
    if word != OK:
        return word
    if not answer["active"]:
        assert answer == INACTIVE, "an inactive token tells nothing else (RFC 7662 §2.2)"
        return INACTIVE
    told = {name: answer.get(name) for name in ("active", "sub", "client_id", "aud")}
    return told | {"scope": frozenset(answer["scope"].split())}


def of_our_own(page: httpx2.Response) -> httpx2.Response:
    """An answer to a browser is a page or a redirect; a refusal in a redirect is a registered one."""
    assert page.status_code < 500, f"{page.url} answered {page.status_code}: {page.text[:300]}"
    if leaving_url(page) is not None and "error" in (answer := answer_of(page)):
        ErrorCode(answer["error"])
    return page


def assert_page_of_refusal(page: httpx2.Response) -> None:
    """A page on our own origin: nobody is sent anywhere."""
    assert page.status_code == 400, page.status_code
    assert leaving_url(page) is None
    assert "data-error" in page.text


def claims_of(jwt: str) -> dict[str, Any]:
    payload = jwt.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))


def in_turn(these: Sequence[Any], turn: int) -> list[Any]:
    """Two of them, others each time."""
    return [these[(2 * turn + offset) % len(these)] for offset in range(min(2, len(these)))]
