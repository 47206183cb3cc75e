"""The answers a client or a person can get, each asserted whole, and a node that never answers 5xx."""

import json
import re
from base64 import urlsafe_b64decode
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlencode

import httpx2

from grantway.testing.passing_time import PassTime, passing_in_postgres, passing_in_sqlite
from tests.node import CALLBACK, PASSWORD, Node, Visitor, forms, leaving_url

FORM = {"content-type": "application/x-www-form-urlencoded"}
PAGE = 'id="login-submit"', 'id="consent-allow"'
INACTIVE = b'{"active":false}'


@dataclass
class CheckedNode(Node):
    """A node whose every answer is below 500."""

    database: str = ""

    def http(self, **options) -> httpx2.AsyncClient:
        return super().http(event_hooks={"response": [never_our_fault]}, **options)

    @property
    def pass_time(self) -> PassTime:
        """Make the rows of the database older."""
        if self.database.startswith("postgresql"):
            return passing_in_postgres(self.database)
        return passing_in_sqlite(self.database.removeprefix("sqlite:///"))

    async def redeem(self, code: str, verifier: str | None, client_id: str = "printer", **form: str):
        """A code request; a parameter of None is left out."""
        sent = {"redirect_uri": CALLBACK, "code_verifier": verifier, **form}
        return await self.token(
            client_id,
            grant_type="authorization_code",
            code=code,
            **{name: value for name, value in sent.items() if value is not None},
        )

    async def refresh(self, refresh_token: str, client_id: str = "printer", **form: str):
        return await self.token(client_id, grant_type="refresh_token", refresh_token=refresh_token, **form)

    async def introspect(self, token: str, client_id: str = "printer", **form: str) -> httpx2.Response:
        return await self.post("/introspect", client_id, token=token, **form)

    async def lives(self, token: str, client_id: str = "printer") -> bool:
        reply = await self.introspect(token, client_id)
        assert reply.status_code == 200
        return reply.json()["active"]

    async def send(
        self, method: str, path: str, *, raw: str | bytes | None = None, headers=None, **form: str
    ) -> httpx2.Response:
        """A request as it stands: nobody is authenticated, nothing is added but the form's content type."""
        body = urlencode(form) if raw is None else raw
        async with self.http() as http:
            return await http.request(
                method, path, content=body, headers=FORM if headers is None else headers
            )


async def never_our_fault(response: httpx2.Response) -> None:
    if response.status_code >= 500:
        await response.aread()
        raise AssertionError(f"{response.request.url} answered {response.status_code}: {response.text[:300]}")


# --- the authorization endpoint ---------------------------------------------------------------------


def page_of(visitor: Visitor, client_id: str = "printer", **parameters: str | None):
    """What the browser shows after opening a link with these parameters (None: left out)."""
    return visitor.get(visitor.link(client_id, **parameters))


def is_login(page: httpx2.Response) -> bool:
    return page.status_code == 200 and PAGE[0] in page.text


def is_consent(page: httpx2.Response) -> bool:
    return page.status_code == 200 and PAGE[1] in page.text


def told_on_a_page(page: httpx2.Response, status: int = 400) -> None:
    """The person is told, on our own origin; no client hears of it (RFC 6749 §4.1.2.1)."""
    assert page.status_code == status, page.text[:500]
    assert page.headers["content-type"].startswith("text/html")
    assert page.headers["cache-control"] == "no-store"
    assert "location" not in page.headers
    assert leaving_url(page) is None
    assert "data-error=" in page.text


def returned(page: httpx2.Response, to: str = CALLBACK) -> dict[str, str]:
    """The parameters the client receives in the query of its redirect URI, each once."""
    url = leaving_url(page)
    assert url is not None, f"not leaving: {page.status_code} {page.text[:500]}"
    assert page.status_code in {200, 302, 303}, "never 307 or 308: they would post the password on"
    assert page.headers["cache-control"] == "no-store"
    separator = "&" if "?" in to else "?"
    assert url.startswith(to + separator), url
    return _once(parse_qsl(url.removeprefix(to + separator), keep_blank_values=True, strict_parsing=True))


def posted(page: httpx2.Response, to: str = CALLBACK) -> dict[str, str]:
    """The parameters the client receives by a form post (Form Post §2)."""
    assert page.status_code == 200
    assert page.headers["content-type"].startswith("text/html")
    assert page.headers["cache-control"] == "no-store"
    form = forms(page)[0]
    assert (form["method"], form["action"]) == ("post", to)
    return _once(form["fields"])


def _once(pairs: list[tuple[str, str]]) -> dict[str, str]:
    assert len(pairs) == len(dict(pairs)), f"a parameter came twice: {pairs}"
    return dict(pairs)


def is_code(answer: dict[str, str], node: Node, state: str | None = "xyz") -> str:
    """A success: code, state if there was one, iss, and nothing else. Returns the code."""
    code = answer.pop("code", None)
    assert code is not None, f"no code: {answer}"
    assert answer == _context(node, state)
    return code


def is_refusal(answer: dict[str, str], node: Node, *errors: str, state: str | None = "xyz") -> None:
    """One of these errors, with a description, a page about it, state if there was one, iss, nothing else."""
    assert answer.pop("error", None) in errors, f"not {errors}: {answer}"
    assert answer.pop("error_description")
    is_page_about_it(answer.pop("error_uri"), node)
    assert answer == _context(node, state)


def is_page_about_it(error_uri: str, node: Node) -> None:
    """On our own origin, with a reference, in characters that an error_uri may have (RFC 6749 §4.1.2.1)."""
    path = re.escape(node.issuer) + r"/errors/(GW-[0-9]{3}|[a-z_]+)\?ref=[0-9A-F]{4}-[0-9A-F]{2}"
    assert re.fullmatch(path, error_uri)


def _context(node: Node, state: str | None) -> dict[str, str]:
    return {"iss": node.issuer} if state is None else {"state": state, "iss": node.issuer}


async def signed_in_visitor(node: Node, username: str = "ada") -> Visitor:
    """A browser signed in, whose person has allowed `printer` to read photos."""
    visitor = Visitor(node)
    page = await visitor.sign_in(await page_of(visitor), username, PASSWORD)
    if is_consent(page):
        page = await visitor.submit(page, answer="allow")
    is_code(returned(page), node)
    return visitor


async def fresh_code(
    visitor: Visitor, client_id: str = "printer", to: str = CALLBACK, **parameters: str | None
) -> tuple[str, str]:
    """A code and its verifier, for somebody who is signed in and allows what is asked."""
    page = await page_of(visitor, client_id, **{"redirect_uri": to, **parameters})
    page = await visitor.submit(page, answer="allow") if is_consent(page) else page
    return is_code(returned(page, to), visitor.node), visitor.verifier


async def bought(visitor: Visitor, client_id: str = "printer", to: str = CALLBACK, **parameters) -> dict:
    """The tokens of a fresh approval by somebody who is signed in."""
    code, verifier = await fresh_code(visitor, client_id, to, **parameters)
    return tokens_of(await visitor.node.redeem(code, verifier, client_id, redirect_uri=to))


# --- the endpoints of machines ----------------------------------------------------------------------


def tokens_of(reply: httpx2.Response) -> dict:
    """A token response (RFC 6749 §5.1), with an ID token where openid was granted, and only there."""
    assert reply.status_code == 200, reply.text
    _is_private_json(reply)
    body = reply.json()
    needed = {"access_token", "token_type", "expires_in", "scope"}
    needed |= {"id_token"} if "openid" in body["scope"].split() else set()
    assert body.keys() - {"refresh_token"} == needed
    return body


def is_error(reply: httpx2.Response, *errors: str, status: int = 400) -> None:
    """A refusal of the token endpoint (RFC 6749 §5.2), and no token; one reference at both places."""
    assert reply.status_code == status, reply.text
    _is_private_json(reply)
    body = reply.json()
    assert body.keys() == {"error", "error_description", "error_uri"}
    assert body["error"] in errors
    assert body["error_uri"].endswith(f"?ref={reply.headers['grantway-flow']}")


def is_unauthenticated(reply: httpx2.Response) -> None:
    """The client has not proven itself (RFC 6749 §5.2)."""
    is_error(reply, "invalid_client", status=401)
    assert reply.headers["www-authenticate"].startswith("Basic ")


def _is_private_json(reply: httpx2.Response) -> None:
    assert reply.headers["content-type"] == "application/json"
    assert reply.headers["cache-control"] == "no-store"


def claims_of(jwt: str) -> dict:
    """What a JWT says, unverified."""
    payload = jwt.split(".")[1]
    return json.loads(urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
