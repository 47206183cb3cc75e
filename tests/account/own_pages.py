"""A person at their own pages, with a browser without JavaScript."""

import html
import re

import httpx2

from tests.node import SAME_ORIGIN, Visitor, answer_of, forms
from tests.threats.attacks import FORM, Target


async def at_home(node: Target, username: str, path: str = "/account") -> Visitor:
    """A browser in which this person has signed in to their account."""
    visitor = Visitor(node)
    page = await enter(visitor, username, path)
    assert page.status_code == 200, page.text[:500]
    return visitor


async def enter(visitor: Visitor, username: str, path: str = "/account", **typed: str) -> httpx2.Response:
    """Open a page of one's own, and sign in on the way."""
    page = await visitor.get(path)
    assert 'id="login-submit"' in page.text, page.text[:500]
    return await visitor.sign_in(page, username, **typed)


async def connect(visitor: Visitor, username: str, client_id: str = "printer", **parameters) -> dict:
    """Allow everything an app asks for, from a browser that need not be signed in. The tokens."""
    page = await visitor.get(visitor.link(client_id, **parameters))
    if 'id="login-submit"' in page.text:
        page = await visitor.sign_in(page, username)
    if 'id="consent-allow"' in page.text:
        scope = str(parameters.get("scope", "")).split()
        page = await visitor.submit(page, answer="allow", scope=scope)
    to = {"redirect_uri": parameters["redirect_uri"]} if "redirect_uri" in parameters else {}
    reply = await visitor.node.redeem(answer_of(page)["code"], visitor.verifier, client_id, **to)
    assert reply.status_code == 200, reply.text
    return reply.json()


async def post(visitor: Visitor, path: str, fields: dict[str, str], **headers: str) -> httpx2.Response:
    """A form as it stands; follows nothing."""
    return await visitor.http.post(path, data=fields, headers={**SAME_ORIGIN, **FORM, **headers})


def hidden(page: httpx2.Response) -> dict[str, str]:
    """What the first form of the page sends by itself."""
    return dict(forms(page)[0]["fields"])


def words(markup: str) -> str:
    """What a person reads of it."""
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", markup)).split())


def card(page: httpx2.Response, client_id: str) -> str | None:
    """The words of the card of this app."""
    found = re.search(rf'<article[^>]* data-app="{client_id}".*?</article>', page.text, re.DOTALL)
    return None if found is None else words(found[0])
