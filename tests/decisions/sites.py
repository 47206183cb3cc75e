"""A site whose gateway lets people sign in, and a browser before it, without JavaScript."""

from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlsplit

from grantway.protocol.apis import Access, Api, Rule
from grantway.protocol.scope import Scope
from tests.decisions.asking import Answer, Gate, scoped
from tests.node import Visitor, leaving_url, web_client

HOST = "album.example"
ORIGIN = f"https://{HOST}"
CALLBACK = f"{ORIGIN}/.grantway/callback"
ALBUM = Api(
    identifier="https://album.example",
    name="Album",
    servers=(ORIGIN,),
    scopes=scoped("album:see", "album:change"),
    rules=(
        Rule("*", "/", frozenset({"album:see"})),
        Rule("GET", "/pages/{id}", frozenset({"album:see"})),
        Rule("POST", "/pages", frozenset({"album:see"})),
        Rule("GET", "/edit", frozenset({"album:change"})),
        Rule("GET", "/about", access=Access.PUBLIC),
    ),
)
NAVIGATES = ("Accept: text/html,*/*;q=0.8", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: document")
SITE_COOKIE, FLOW_COOKIE = "__Host-gw_site", "__Host-gw_site_tx"


def album_client(**members):
    """The app of the site. Nobody has its secret: only Grantway exchanges its codes."""
    scope = Scope.of(["album:see", "album:change"])
    return web_client(
        "album",
        **{
            "name": "Album",
            "redirect_uris": (CALLBACK,),
            "scope": scope,
            "optional_scope": Scope.of(["album:change"]),
            **members,
        },
    )


async def furnish_site(gate: Gate) -> None:
    await gate.node.put_api(ALBUM)
    await gate.node.put_client(album_client(), secret=False)


@dataclass
class SiteBrowser:
    """A browser at the site, and the same person's at Grantway."""

    gate: Gate
    host: str = HOST
    family: str = "forward"
    cookies: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.person = Visitor(self.gate.node)

    async def ask(self, target: str, *lines: str, method: str = "GET", others: str = "") -> Answer:
        """What the gateway is told about a request of this browser; cookies are kept."""
        jar = "; ".join([*(f"{name}={value}" for name, value in self.cookies.items()), *others.split("; ")])
        sent = [f"Cookie: {jar}"] if jar.strip("; ") else []
        asked = f"/decision/{self.family}?api={ALBUM.identifier}&login=1"
        url = f"https://{self.host}{target}"
        told = (
            (f"X-Original-Method: {method}", f"X-Original-URL: {url}")
            if self.family == "nginx"
            else (
                f"X-Forwarded-Method: {method}",
                "X-Forwarded-Proto: https",
                f"X-Forwarded-Host: {self.host}",
                f"X-Forwarded-Uri: {target}",
            )
        )
        answer = await self.gate.send("GET", asked, *told, *sent, *lines)
        for header in answer.every("set-cookie"):
            name, _, rest = header.partition("=")
            value = rest.partition(";")[0]
            self.cookies.pop(name, None)
            if value:
                self.cookies[name] = value
        return answer

    async def visit(self, target: str, *lines: str) -> Answer:
        """A person opens a page."""
        return await self.ask(target, *NAVIGATES, "Sec-Fetch-Site: none", *lines)

    async def at_grantway(self, sent: Answer, *, ticked: list[str] | None = None) -> str:
        """From the redirect through sign-in and consent; where the person comes back to, within the site."""
        page = await self.person.get(sent["location"])
        if 'id="login-submit"' in page.text:
            page = await self.person.sign_in(page)
        if 'id="consent-allow"' in page.text:
            extra = {} if ticked is None else {"scope": ticked}
            page = await self.person.submit(page, answer="allow", **extra)
        url = leaving_url(page)
        assert url is not None, page.text
        assert url.startswith(CALLBACK + "?")
        return url.removeprefix(ORIGIN)

    async def sign_in(self, target: str = "/", *, ticked: list[str] | None = None) -> Answer:
        """All of it; the answer at the callback."""
        return await self.visit(await self.at_grantway(await self.visit(target), ticked=ticked))


def parameters(answer: Answer) -> dict[str, str]:
    return {name: one for name, (one,) in parse_qs(urlsplit(answer["location"]).query).items()}
