"""A person's browser without JavaScript, for a server that may go away between two clicks."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlencode, urlsplit

from lab.caller import FORM, Caller
from lab.wire import Reply
from tests.node import CALLBACK, FETCH, PASSWORD, SAME_ORIGIN, answer_of, forms, leaving_url, pkce

SCOPES = {"printer": "photos:read", "archive": "calendar:read", "asker": "photos:read"}
CALENDAR = "https://api.example/calendar"


@dataclass(frozen=True, slots=True)
class Answer:
    """What the client received at its redirect URI, and what it kept of its request."""

    members: Mapping[str, str]
    verifier: str

    @property
    def code(self) -> str:
        """The code, or nothing."""
        return self.members.get("code", "")


@dataclass
class Browser:
    """Cookies, redirects within our server, and forms."""

    caller: Caller
    cookies: dict[str, str] = field(default_factory=dict)

    @classmethod
    def signed_in(cls, caller: Caller, cookie: str) -> "Browser":
        """With the session that this Cookie header names."""
        name, _, value = cookie.partition("=")
        return cls(caller, {name: value})

    async def authorize(self, client_id: str, **parameters: str) -> Answer:
        """From the client's link to its answer, signing in and allowing on the way. Raises NoAnswer."""
        verifier, challenge = pkce()
        link = {
            "response_type": "code",
            "client_id": client_id,
            "redirect_uri": CALLBACK,
            "scope": SCOPES[client_id],
            "state": verifier[:16],
            "code_challenge": challenge,
            "code_challenge_method": "S256",
            **({"resource": CALENDAR} if client_id == "archive" else {}),
            **parameters,
        }
        page = await self._get(f"/authorize?{urlencode(link)}", "none")
        if 'id="login-submit"' in page.text:
            person = {"username": parameters.get("login_hint", "ada"), "password": PASSWORD}
            page = await self._submit(page, **person, answer="login")
        if 'id="consent-allow"' in page.text:
            page = await self._submit(page, answer="allow")
        if leaving_url(page) is None:
            return Answer({"error": f"page {page.status}"}, verifier)
        return Answer(answer_of(page), verifier)

    async def _get(self, url: str, site: str) -> Reply:
        return await self._ask("GET", url, {**FETCH, "sec-fetch-site": site})

    async def _submit(self, page: Reply, **fields: str) -> Reply:
        form = forms(page)[0]
        pairs = [(name, value) for name, value in form["fields"] if name not in fields]
        body = urlencode([*pairs, *fields.items()]).encode()
        return await self._ask("POST", form["action"], {**FORM, **SAME_ORIGIN}, body)

    async def _ask(self, method: str, url: str, headers: Mapping[str, str], body: bytes = b"") -> Reply:
        parts = urlsplit(url)
        path = f"{parts.path}?{parts.query}" if parts.query else parts.path
        sent = {**headers, "cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items())}
        reply = await self.caller.once(method, path, sent, body)
        for cookie in reply.cookies:
            name, _, value = cookie.partition(";")[0].partition("=")
            self.cookies[name] = value
            if not value:
                del self.cookies[name]
        here = reply.headers.get("location", "")
        if reply.status == 303 and not here.startswith(CALLBACK):
            return await self._get(here, "same-origin")
        return reply
