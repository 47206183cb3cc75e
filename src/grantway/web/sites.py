"""People at a site behind a gateway: sent to sign in, back, and out again (`?login=1`).

Whatever a gateway is answered but 2xx goes to the browser as it is: redirects, cookies and pages of the site
come from here. One cookie is set at a time, since nginx can hand on no more. Where an Authorization header
came, there is no browser to sign in: the header alone is judged.
"""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Final
from urllib.parse import urlencode, urlsplit

from msgspec.structs import replace

from grantway.crypto.seal import BrokenSeal
from grantway.flows.decision import SiteCookie, TurnedAway, living_session
from grantway.flows.site_login import begin, end, finish
from grantway.protocol.clients import Client
from grantway.protocol.diagnosis import Diagnosis, Gw
from grantway.protocol.endpoints import END_SESSION
from grantway.protocol.errors import OAuthError
from grantway.protocol.names import ErrorCode
from grantway.protocol.params import Params
from grantway.protocol.site_callbacks import CALLBACK, SIGN_OUT
from grantway.protocol.site_login import Fetch, why_not_of_the_site
from grantway.web.cookies import Cookies
from grantway.web.door import Door
from grantway.web.forwarded import Forwarded
from grantway.web.replies import NO_STORE, Header, Reply, flow_header, site_page_reply
from grantway.web.requests import Request
from grantway.web.site_views import SiteView
from grantway.web.views import Link

JUST_NOW: Final = 10.0  # seconds: whoever signed in so lately gains nothing by signing in again
_SIGN_IN_MENDS = frozenset({None, ErrorCode.INVALID_TOKEN, ErrorCode.INSUFFICIENT_USER_AUTHENTICATION})
_LEAVING = "site-sign-out"
_AUTHORIZATION = frozenset({b"authorization"})
_UPGRADES = frozenset({b"upgrade", b"sec-websocket-key"})


class Site:
    """One request at a site whose gateway lets people sign in."""

    def __init__(self, door: Door, request: Request, asked: Forwarded) -> None:
        self._door, self._request, self._asked = door, request, asked
        self._origin = asked.origin
        https = asked.origin.startswith("https://")
        registry = door.server.snapshots.newest.registry
        self._client = (
            registry.site_clients.get(asked.origin + CALLBACK) if https or door.policy.dev else None
        )
        self._cookies = Cookies(https=https)
        self._brought = self._cookies.read(request.every(b"cookie"))
        self._fetch = Fetch(
            method=asked.method,
            site=request.header(b"sec-fetch-site"),
            mode=request.header(b"sec-fetch-mode"),
            dest=request.header(b"sec-fetch-dest"),
            origin=request.header(b"origin"),
            accept=request.header(b"accept") or "",
            upgrades=asked.upgrades
            or request.has_any(_UPGRADES)
            or request.header(b"sec-fetch-mode") == "websocket",
        )

    @property
    def cookie(self) -> SiteCookie | None:
        """What the browser brought along to prove who it is."""
        text = self._brought.get(self._cookies.site)
        if text is None or self._client is None:
            return None
        return SiteCookie(
            text=text,
            origin=self._origin,
            client_id=self._client.id,
            distrusted=why_not_of_the_site(self._fetch, self._origin),
        )

    @property
    def other_cookies(self) -> tuple[Header, ...]:
        """The cookies that are none of ours, for gateways that pass on these in place of all."""
        ours = {self._cookies.site, self._cookies.site_flow}
        pairs = (pair.strip(" \t") for header in self._request.every(b"cookie") for pair in header.split(";"))
        others = "; ".join(pair for pair in pairs if pair and pair.partition("=")[0] not in ours)
        return ((b"cookie", others.encode("latin-1")),) if others else ()

    async def own_page(self) -> Reply | None:
        """The answer at an address of the site that is ours; None at any other, and where nobody signs in."""
        client, path, method = self._client, self._asked.path, self._asked.method
        if client is None or method != "GET":
            return None
        if path == CALLBACK:
            return await self._come_back(client)
        return await self._sign_out(client) if path == SIGN_OUT else None

    def explained(self, found: TurnedAway) -> TurnedAway:
        """The refusal, with what keeps people from signing in here, for the operator."""
        if self._client is not None or found.refused.status != HTTPStatus.UNAUTHORIZED:
            return found
        why = f"nobody can sign in: not one app alone has the redirect URI {self._origin}{CALLBACK}"
        return replace(found, tell_operator=f"{found.tell_operator}; {why}")

    def instead(self, found: TurnedAway) -> Reply | None:
        """What a person gets in place of a refusal that signing in may mend; None: the refusal."""
        refused, client = found.refused, self._client
        if client is None or not self._fetch.is_navigation or self._request.has_any(_AUTHORIZATION):
            return None
        if refused.status == HTTPStatus.UNAUTHORIZED and refused.error in _SIGN_IN_MENDS:
            more = {} if refused.step_up is None else refused.step_up.parameters
            now = self._door.server.now()
            in_vain = found.token is not None and now - found.token.issued_at < JUST_NOW
            return self._in_vain(client, found) if in_vain else self._to_sign_in(client, more)
        if refused.error is ErrorCode.INSUFFICIENT_SCOPE and refused.missing:
            return self._lacking(client, found)
        return None

    # --- signing in --------------------------------------------------------------------

    def _to_sign_in(self, client: Client, more: Mapping[str, str]) -> Reply:
        url, cookie = self._begun(client, more)
        return _found(url).plus(cookie)

    def _begun(self, client: Client, more: Mapping[str, str]) -> tuple[str, Header]:
        server = self._door.server
        begun = begin(
            server,
            client,
            origin=self._origin,
            target=self._asked.target,
            binding=self._brought.get(self._cookies.site_flow),
            more=more,
        )
        lifetime = server.policy.flow_lifetime
        return begun.url, self._cookies.set_site_flow(begun.binding, lifetime=lifetime)

    async def _come_back(self, client: Client) -> Reply:
        server, cookie = self._door.server, self.cookie
        try:
            finished = await finish(
                server,
                client,
                Params.parse(self._asked.query),
                origin=self._origin,
                binding=self._brought.get(self._cookies.site_flow),
                session=None if cookie is None else await living_session(server, cookie),
            )
        except OAuthError as refusal:
            return self._not_finished(refusal)
        reply = _found(self._origin + finished.target)
        if finished.session is None:
            return reply
        lifetime = server.policy.site_session_lifetime
        return reply.plus(self._cookies.set_site(finished.session.text, lifetime=lifetime))

    def _not_finished(self, refusal: OAuthError) -> Reply:
        declined = refusal.code is ErrorCode.ACCESS_DENIED
        return self._page(
            refusal.diagnosis,
            refusal.code,
            heading="You are not signed in" if declined else "This sign-in cannot be finished",
            sentence="The sign-in was cancelled, or not allowed."
            if declined
            else "It was begun in another browser, too long ago, or is over already; or cookies are off.",
            button=Link(text="Try again", url=self._origin + "/"),
        )

    def _in_vain(self, client: Client, found: TurnedAway) -> Reply:
        """Whoever has just signed in, and is no better off: a page, not a circle."""
        diagnosis = Diagnosis(
            Gw.SITE_LOGIN,
            found.tell_operator,
            received=f"a session of {client.id}, just begun",
            expected=found.refused.why,
            difference="signing in again would not mend it",
            fix=f"`grantway app show {client.id}`: has it scopes of this API? `grantway api matrix`: what is "
            "demanded of the sign-in?",
        )
        return self._page(
            diagnosis,
            found.refused.error or ErrorCode.ACCESS_DENIED,
            heading="Signing in was not enough",
            sentence="This page asks for another sign-in than the one you have just made.",
            button=None,
        )

    def _lacking(self, client: Client, found: TurnedAway) -> Reply:
        """Signed in, and not allowed to: what is missing, and, where it may be had, the way to it.

        It is a link and no redirect: whoever does not want to allow it is not asked in a circle.
        """
        refused, registry = found.refused, self._door.server.snapshots.newest.registry
        sentences = "; ".join(registry.sentence_of(name) for name in refused.missing)
        button: Link | None = None
        cookies: tuple[Header, ...] = ()
        if refused.missing <= client.scope:
            url, cookie = self._begun(client, {"prompt": "consent"})
            button, cookies = Link(text="Allow it", url=url), (cookie,)
        diagnosis = Diagnosis(
            Gw.SITE_LOGIN,
            found.tell_operator,
            received=f"{self._asked.method} {self._asked.path} of {client.id}",
            expected=f"scope={refused.need}",
            difference=f"missing: {refused.missing}",
            fix="" if button else f"{client.id} may not ask for it: `grantway app edit {client.id} --scope`.",
        )
        return self._page(
            diagnosis,
            ErrorCode.INSUFFICIENT_SCOPE,
            heading="You have not allowed this",
            sentence=f"This page needs your permission for: {sentences}.",
            button=button,
        ).plus(*cookies)

    # --- signing out -------------------------------------------------------------------

    async def _sign_out(self, client: Client) -> Reply:
        """End the session here, and offer to end the one at Grantway, else the next page signs in again.

        Another site's link asks first (threat P2).
        """
        cookie = self.cookie
        session = None if cookie is None else await living_session(self._door.server, cookie)
        if cookie is not None and session is not None:
            if not self._means_it(cookie):
                return self._ask_whether_meant(cookie)
            await end(self._door.server, session)
        query = {"client_id": client.id}
        own = [uri for uri in client.post_logout_redirect_uris if uri.startswith(f"{self._origin}/")]
        if len(own) == 1:
            query["post_logout_redirect_uri"] = own[0]
        url = f"{self._door.policy.issuer}{END_SESSION}?{urlencode(query)}"
        return _found(url).plus(self._cookies.clear_site())

    def _means_it(self, cookie: SiteCookie) -> bool:
        if self._fetch.site in {"same-origin", "none"} and self._fetch.is_navigation:
            return True  # a picture in somebody's comment has another destination
        try:
            seal = Params.parse(self._asked.query).get("x") or ""
            payload = self._door.server.unseal(seal, purpose=_LEAVING, binding=cookie.text)
        except (BrokenSeal, OAuthError):
            return False
        return payload == _LEAVING.encode()

    def _ask_whether_meant(self, cookie: SiteCookie) -> Reply:
        seal = self._door.server.seal(_LEAVING.encode(), purpose=_LEAVING, binding=cookie.text)
        view = self._view(
            code="",
            heading="Sign out?",
            sentence="You came here from another site.",
            button=Link(text="Sign out", url=f"{self._origin}{SIGN_OUT}?x={seal}"),
            reference=None,
        )
        return self._shown(view)

    # --- pages -----------------------------------------------------------------

    def _page(
        self, diagnosis: Diagnosis, code: ErrorCode, *, heading: str, sentence: str, button: Link | None
    ) -> Reply:
        reference = self._door.refused_behind_gateway(self._request, diagnosis, error=code.value)
        view = self._view(
            code=code.value, heading=heading, sentence=sentence, button=button, reference=reference
        )
        return self._shown(view).plus(flow_header(reference))

    def _view(
        self, *, code: str, heading: str, sentence: str, button: Link | None, reference: str | None
    ) -> SiteView:
        return SiteView(
            code=code,
            site=urlsplit(self._origin).netloc,
            heading=heading,
            sentence=sentence,
            button=button,
            reference=reference,
            assets_at=self._assets_at,
        )

    @property
    def _assets_at(self) -> str:
        return f"{self._door.scheme}://{self._door.issuer_host}"

    def _shown(self, view: SiteView) -> Reply:
        body = self._door.renderer.render(view)
        return site_page_reply(body, status=HTTPStatus.FORBIDDEN, assets_at=self._assets_at)


def _found(url: str) -> Reply:
    """302, which every gateway hands on."""
    headers = ((b"location", url.encode("ascii")), NO_STORE, (b"referrer-policy", b"no-referrer"))
    return Reply(HTTPStatus.FOUND, headers)
