"""`python -m bench.peers`: install the peers, start each in each round, see that it does what is measured.

A peer that answered a refusal quickly, or let a used code pass, would be a fast peer: here that shows.
"""

import asyncio
import http.client
import json
import sys
from base64 import urlsafe_b64decode
from collections.abc import Callable, Iterator
from urllib.parse import parse_qs, quote, urlencode, urlsplit

from bench.peers import PEERS, ROUNDS, Peer, install
from bench.peers.serve import authorization_path
from bench.target import Target
from tests.node import pkce
from tests.services.postgres import Postgres

# A finding: what was looked at, whether it is as it should be, and what to say about it.
Finding = tuple[str, bool, str]


class Caller:
    """A client of a peer, and the browser of one of its people."""

    def __init__(self, target: Target) -> None:
        self.target = target
        self._connection = http.client.HTTPConnection(target.host, timeout=30)

    def _send(
        self, method: str, path: str, headers: dict[str, str], body: str = ""
    ) -> http.client.HTTPResponse:
        self._connection.request(method, path, body=body or None, headers=headers)
        return self._connection.getresponse()

    def get(self, path: str) -> int:
        """The status of a document."""
        answer = self._send("GET", path, {})
        answer.read()
        return answer.status

    def code(self, cookie: int = 0, *, opaque: bool = False) -> tuple[str, str]:
        """A code, and the verifier that goes with it."""
        verifier, challenge = pkce()
        path = authorization_path(self.target, challenge=challenge, state="here and back", opaque=opaque)
        answer = self._send("GET", path, {"Cookie": self.target.cookies[cookie]})
        body = answer.read()
        query = parse_qs(urlsplit(answer.headers.get("location") or "").query)
        assert query.get("state") == ["here and back"] and "code" in query, (answer.status, query, body[:300])
        return query["code"][0], verifier

    def post(self, path: str, form: str, basic: str = "") -> tuple[int, dict]:
        """Status and members of the answer to a form."""
        headers = {
            "Authorization": basic or self.target.basic,
            "Content-Type": "application/x-www-form-urlencoded",
        }
        answer = self._send("POST", path, headers, form)
        return answer.status, json.loads(answer.read())

    def exchange(self, code: str, verifier: str) -> tuple[int, dict]:
        """The answer to a code."""
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self.target.redirect_uri,
            "code_verifier": verifier,
        }
        return self.post(self.target.token, urlencode(form) + self.target.token_more)

    def refresh(self, token: str) -> tuple[int, dict]:
        """The answer to a refresh token."""
        return self.post(
            self.target.token, urlencode({"grant_type": "refresh_token", "refresh_token": token})
        )


def kind(token: str) -> str:
    """What sort of access token this is."""
    if token.count(".") != 2:
        return f"opaque ({len(token)})"
    parts = [part + "=" * (-len(part) % 4) for part in token.split(".")[:2]]
    header, claims = (json.loads(urlsafe_b64decode(part)) for part in parts)
    return f"{header.get('typ', 'JWT')} {header['alg']} for {claims.get('aud', 'nobody')}"


def refused(status: int, members: dict) -> bool:
    """Is this the answer to a code or refresh token that is good no more (RFC 6749 §5.2)?"""
    return status == 400 and members.get("error") == "invalid_grant"


def findings(target: Target) -> Iterator[Finding]:
    """What the peer does, one thing at a time."""
    caller = Caller(target)
    status, tokens = caller.exchange(*caller.code())
    yield (
        "code",
        status == 200 and "access_token" in tokens and "refresh_token" in tokens,
        kind(tokens.get("access_token", "")),
    )
    wants_id_token = "openid" in target.scope.split()
    yield "id_token", ("id_token" in tokens) == wants_id_token, "yes" if wants_id_token else "no"
    code, verifier = caller.code(cookie=1)
    yield "wrong verifier refused", refused(*caller.exchange(code, pkce()[0])), ""
    code, verifier = caller.code(cookie=1)
    first, second = caller.exchange(code, verifier), caller.exchange(code, verifier)
    yield "used code refused", first[0] == 200 and refused(*second), ""
    status, fresh = caller.refresh(tokens["refresh_token"])
    yield "refresh", status == 200 and fresh["refresh_token"] != tokens["refresh_token"], ""
    status, fresher = caller.refresh(fresh["refresh_token"])
    yield "refresh again", status == 200, kind(fresher.get("access_token", ""))
    yield "used refresh token refused", refused(*caller.refresh(tokens["refresh_token"])), ""
    if target.introspect:
        _, tokens = caller.exchange(*caller.code(cookie=2, opaque=True))
        form = f"token={quote(tokens['access_token'], safe='')}"
        seen = caller.post(target.introspect, form, target.introspect_basic)[1]
        yield "introspection", seen.get("active") is True, kind(tokens["access_token"])
        yield "unknown token", caller.post(target.introspect, "token=unknown")[1] == {"active": False}, ""
    if target.credentials_form:
        status, tokens = caller.post(target.token, target.credentials_form, target.credentials_basic)
        yield "client credentials", status == 200, kind(tokens.get("access_token", ""))
    if target.metadata:
        yield "metadata", caller.get(target.metadata) == 200, ""


def check(peer: Peer, round_name: str, database: Callable[[], str]) -> bool:
    """Start one peer in one round and print one line."""
    url = database() if peer.storage == "PostgreSQL" else None
    with peer.running(round_name=round_name, workers=2, database=url, cores="", connections=3) as running:
        found = list(findings(running.target))
    wrong = [name for name, right, _ in found if not right]
    said = "; ".join(f"{name}: {words}" if words else name for name, _, words in found)
    verdict = f"WRONG: {', '.join(wrong)} — of" if wrong else "ok:"
    print(f"{peer.name} {peer.version}, {peer.storage}, {round_name} — {verdict} {said}", flush=True)
    return not wrong


def main() -> None:
    install()
    with Postgres() as cluster:
        right = [
            check(peer, round_name, lambda: asyncio.run(cluster.fresh_database()))
            for peer in PEERS
            for round_name in ROUNDS
        ]
    sys.exit(not all(right))


if __name__ == "__main__":
    main()
