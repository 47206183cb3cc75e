"""Photo Printer, the sample web app: an ordinary OAuth client that asks people for access to their photos.

The authorization code grant (RFC 6749 §4.1) with PKCE (RFC 7636), a random `state` bound to the browser's
session, and the issuer check of RFC 9207. Authlib builds the requests; what a client has to check is here.
"""

import hmac
import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import httpx2
from authlib.integrations.base_client import OAuthError
from authlib.integrations.starlette_client import OAuth
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.sessions import SessionMiddleware
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from grantway.samples.printer_memory import Connected, LoginsUnderWay, Memory, Notice, utc
from grantway.samples.printer_words import explain, explain_refusal

_HERE = Path(__file__).parent
_FILES = {
    "grantway.css": _HERE.parent / "static" / "grantway.css",
    "printer.css": _HERE / "printer_pages" / "printer.css",
    "printer.svg": _HERE / "printer_pages" / "printer.svg",
}
_SESSION_SECONDS = 8 * 3600
_PHOTO = "1"  # the one that the delete button deletes
_HEADERS = {
    "cache-control": "no-store",
    "content-security-policy": (
        "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none';"
        " frame-ancestors 'none'"
    ),
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class PrinterConfig:
    """What the app has to know: the server, who it is there, where it runs itself and where the photos are.

    Addresses are without trailing slash. `cookie_secret` signs the session cookie; a new one signs everybody
    out.
    """

    issuer: str
    client_id: str
    client_secret: str = field(repr=False)
    base_url: str
    api_url: str
    scope: str = "photos:read photos:write photos:delete"
    cookie_secret: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)

    @property
    def redirect_uri(self) -> str:
        """What to register at the server."""
        return f"{self.base_url}/callback"


def create_printer(config: PrinterConfig) -> Starlette:
    """The app, to be served at `config.base_url`. It reads the server's metadata at the first login."""
    printer = _Printer(config)
    return Starlette(
        routes=[
            Route("/", printer.home),
            Route("/photos", printer.photos),
            Route("/login", printer.login),
            Route("/callback", printer.callback),
            Route("/add-photo", printer.form(printer.add_photo), methods=["POST"]),
            Route("/delete-photo", printer.form(printer.delete_photo), methods=["POST"]),
            Route("/refresh", printer.form(printer.refresh), methods=["POST"]),
            Route("/signout", printer.form(printer.sign_out), methods=["POST"]),
            Route("/files/{name}", _file),
        ],
        middleware=[
            Middleware(
                SessionMiddleware,
                secret_key=config.cookie_secret,
                session_cookie="photo_printer",
                max_age=_SESSION_SECONDS,
                same_site="lax",
                https_only=config.base_url.startswith("https:"),
            )
        ],
    )


_Press = Callable[[Request, str, Connected], Awaitable[Response]]


class _Printer:
    def __init__(self, config: PrinterConfig) -> None:
        self._config = config
        self._connected: Memory[Connected] = Memory()
        oauth = OAuth(cache=LoginsUnderWay())
        self._client = oauth.register(
            "grantway",
            client_id=config.client_id,
            client_secret=config.client_secret,
            server_metadata_url=_metadata_url(config.issuer),
            client_kwargs={
                "scope": config.scope,
                "code_challenge_method": "S256",
                "token_endpoint_auth_method": "client_secret_basic",
                "trust_env": config.issuer.startswith("https:"),  # a loopback address is asked of no proxy
                "timeout": 10,
            },
        )
        self._pages = Environment(
            loader=FileSystemLoader(_HERE / "printer_pages"), autoescape=True, undefined=StrictUndefined
        )

    # ------------------------------------------------------------------------------------------ pages

    async def home(self, request: Request) -> Response:
        """What this app is; when connected, what it was given."""
        request.session["return_to"] = "/"
        return self._page("home.html", request)

    async def photos(self, request: Request) -> Response:
        """The person's photos, from the API. Who is not connected logs in first and comes back here."""
        _, connected = self._find(request)
        request.session["return_to"] = "/photos"
        if connected is None:
            return RedirectResponse("/login", 303)
        reply = await self._ask_api("GET", "/photos", connected)
        if isinstance(reply, Notice):
            return self._page("photos.html", request, refused=reply, photos=())
        if reply.status_code != 200:
            refused = explain_refusal(reply, "Seeing your photos")
            return self._page("photos.html", request, refused=refused, photos=())
        return self._page("photos.html", request, photos=reply.json()["photos"])

    async def login(self, request: Request) -> Response:
        """Send the browser to the server with a fresh `state` and code challenge (RFC 6749 §4.1.1)."""
        try:
            metadata = await self._client.load_server_metadata()
            if metadata.get("issuer") != self._config.issuer:  # RFC 8414 §3.3
                return self._failed(request, explain("wrong_issuer"))
            redirect: Response = await self._client.authorize_redirect(request, self._config.redirect_uri)
        except (httpx2.HTTPError, ValueError):  # no answer, or not in JSON
            return self._failed(request, explain("unreachable"), status=502)
        redirect.headers.update(_HEADERS)
        return redirect

    async def callback(self, request: Request) -> Response:
        """The answer of the server (RFC 6749 §4.1.2): check that it is ours, then exchange the code."""
        query = request.query_params
        state = query.get("state", "")
        if await self._client.framework.get_state_data(request.session, state) is None:
            return self._failed(request, explain("unknown_state"))
        if query.get("iss") != self._config.issuer:  # RFC 9207 §2.4: before anything in the answer is used
            await self._client.framework.clear_state_data(request.session, state)
            return self._failed(request, explain("wrong_issuer"))
        if "error" in query:
            await self._client.framework.clear_state_data(request.session, state)
            return self._failed(request, explain(query["error"], query.get("error_description")))
        try:
            token = await self._client.authorize_access_token(request)
        except OAuthError as refused:
            return self._failed(request, explain(refused.error, refused.description))
        except (httpx2.HTTPError, ValueError):  # no answer, or not in JSON
            return self._failed(request, explain("unreachable"), status=502)
        return_to = request.session.get("return_to", "/")
        self._connected.forget(request.session.get("id"))
        request.session.clear()  # a new session for the new state of things: nobody else can know its id
        request.session["id"] = secrets.token_urlsafe(32)
        self._keep(request.session["id"], self._from_token(token))
        return RedirectResponse(return_to, 303, headers=_HEADERS)

    # ---------------------------------------------------------------------------------------- buttons

    def form(self, press: _Press) -> Callable[[Request], Awaitable[Response]]:
        """A button's handler: for a connected person, and from a form of ours."""

        async def pressed(request: Request) -> Response:
            session, connected = self._find(request)
            if connected is None:
                return RedirectResponse("/", 303, headers=_HEADERS)
            given = dict(parse_qsl((await _body(request)).decode("latin-1"))).get("form_key", "")
            if not hmac.compare_digest(given.encode(), connected.form_key.encode()):
                return self._failed(request, explain("unknown_state"))
            return await press(request, session, connected)

        return pressed

    async def add_photo(self, _request: Request, session: str, connected: Connected) -> Response:
        """Needs `photos:write`."""
        what = "Adding a photo"
        reply = await self._ask_api("POST", "/photos", connected, {"title": "A print", "picture": "🖨️"})
        return self._say(session, connected, reply, what, Notice(title="A photo was added"))

    async def delete_photo(self, _request: Request, session: str, connected: Connected) -> Response:
        """Needs `photos:delete`, which people often do not give."""
        what = f"Deleting photo {_PHOTO}"
        reply = await self._ask_api("DELETE", f"/photos/{_PHOTO}", connected)
        return self._say(session, connected, reply, what, Notice(title=f"Photo {_PHOTO} was deleted"))

    async def refresh(self, _request: Request, session: str, connected: Connected) -> Response:
        """Trade the refresh token for new tokens (RFC 6749 §6). The old refresh token is spent by that."""
        if connected.refresh_token is None:
            return self._say(session, connected, explain("invalid_grant", "no refresh token was given"))
        try:
            token = await self._client.fetch_access_token(
                grant_type="refresh_token",
                refresh_token=connected.refresh_token,
                # What was granted. Left to itself the library asks for all it ever asked for, and more than
                # the person gave is refused (RFC 6749 §6).
                scope=" ".join(connected.scope),
            )
        except OAuthError as refused:
            return self._say(session, connected, explain(refused.error, refused.description))
        except (httpx2.HTTPError, ValueError):
            return self._say(session, connected, explain("unreachable"))
        fresh = self._from_token({"scope": " ".join(connected.scope), **token}, before=connected)
        text = f"The old one ends at {connected.ends}, the new one at {fresh.ends}."
        return self._say(session, fresh, Notice(title="The token was refreshed", text=text))

    async def sign_out(self, request: Request, session: str, connected: Connected) -> Response:
        """Forget the tokens, and tell the server that they are no longer wanted (RFC 7009 §2.1)."""
        self._connected.forget(session)
        request.session.clear()
        unwanted = connected.refresh_token or connected.access_token
        try:
            metadata = await self._client.load_server_metadata()
            async with self._http(self._config.issuer) as http:
                await http.post(
                    metadata["revocation_endpoint"],
                    data={"token": unwanted},
                    auth=(self._config.client_id, self._config.client_secret),
                )
        except (httpx2.HTTPError, LookupError, ValueError):
            pass  # the tokens are forgotten here, and they end by themselves
        return RedirectResponse("/", 303, headers=_HEADERS)

    # ------------------------------------------------------------------------------------------ parts

    def _find(self, request: Request) -> tuple[str, Connected | None]:
        session: str = request.session.get("id", "")
        return session, self._connected.find(session)

    def _keep(self, session: str, connected: Connected) -> None:
        self._connected.keep(session, connected, _SESSION_SECONDS)

    def _from_token(self, token: Mapping[str, object], before: Connected | None = None) -> Connected:
        """A token response (RFC 6749 §5.1). Without `scope` everything asked for was given (§3.3)."""
        expires_at, refresh_token = token.get("expires_at"), token.get("refresh_token")
        old = None if before is None else before.refresh_token
        return Connected(
            access_token=str(token["access_token"]),
            refresh_token=str(refresh_token) if refresh_token else old,
            scope=tuple(str(token.get("scope", self._config.scope)).split()),
            expires_at=float(expires_at) if isinstance(expires_at, int | float) else 0.0,
            form_key=secrets.token_urlsafe(32) if before is None else before.form_key,
        )

    def _say(
        self,
        session: str,
        connected: Connected,
        reply: httpx2.Response | Notice,
        what: str = "",
        done: Notice | None = None,
    ) -> Response:
        """Tell what came of a button on the next page."""
        if isinstance(reply, Notice):
            notice = reply
        elif reply.is_success and done is not None:
            notice = done
        else:
            notice = explain_refusal(reply, what)
        self._keep(session, replace(connected, notice=notice))
        return RedirectResponse("/photos", 303, headers=_HEADERS)

    async def _ask_api(
        self, method: str, path: str, connected: Connected, json: object = None
    ) -> httpx2.Response | Notice:
        """Call the photos API with the person's access token (RFC 6750 §2.1)."""
        url, headers = self._config.api_url + path, {"authorization": f"Bearer {connected.access_token}"}
        try:
            async with self._http(url) as http:
                return await http.request(method, url, headers=headers, json=json)
        except httpx2.HTTPError:
            return Notice(title="The photos API does not answer", text="Is it running?", error="unreachable")

    @staticmethod
    def _http(url: str) -> httpx2.AsyncClient:
        return httpx2.AsyncClient(timeout=10, trust_env=url.startswith("https:"))

    def _page(self, name: str, request: Request, *, status: int = 200, **parts: object) -> Response:
        session, connected = self._find(request)
        notice = None if connected is None else connected.notice
        if connected is not None and notice is not None:
            self._keep(session, replace(connected, notice=None))
        known = {
            "connected": connected,
            "notice": notice,
            "refused": None,
            "config": self._config,
            "utc": utc,
        }
        return HTMLResponse(self._pages.get_template(name).render(**(known | parts)), status, _HEADERS)

    def _failed(self, request: Request, refused: Notice, status: int = 400) -> Response:
        return self._page("failed.html", request, status=status, refused=refused)


def _metadata_url(issuer: str) -> str:
    """RFC 8414 §3.1: the well-known name goes between the host and the issuer's path."""
    parts = urlsplit(issuer)
    return f"{parts.scheme}://{parts.netloc}/.well-known/oauth-authorization-server{parts.path}"


async def _body(request: Request) -> bytes:
    """The form, at most 4 kB of it: ours are far smaller."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > 4096:
            return b""
    return body


async def _file(request: Request) -> Response:
    path = _FILES.get(request.path_params["name"])
    return Response(status_code=404) if path is None else FileResponse(path)
