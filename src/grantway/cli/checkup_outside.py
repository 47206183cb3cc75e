"""What `grantway doctor` asks of the running server, the way apps and browsers do: through the proxy."""

import json
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from grantway.cli.checkup import ERROR, OK, WARNING, Finding
from grantway.protocol.endpoints import JWKS
from grantway.protocol.metadata import metadata_path
from grantway.settings_rules import is_loopback

if TYPE_CHECKING:
    import httpx2

    from grantway.flows.snapshot import Snapshot
    from grantway.settings import Settings

_LONGEST = 11_000  # characters of the longest address of ours: a sealed redirect (`/continue?x=…`)
_PATIENCE = 5.0  # seconds
_PROXY_PAGE = "docs/howto/run-it.md, nginx in front"


async def check_outside(settings: "Settings", served: "Snapshot | None", *, url: str) -> list[Finding]:
    """Is the issuer there, does it say what we would say, and does the proxy pass everything on?"""
    import httpx2

    where = urlsplit(url)
    root = f"{where.scheme}://{where.netloc}"
    headers = {"host": urlsplit(settings.issuer).netloc}
    try:
        async with httpx2.AsyncClient(timeout=_PATIENCE, headers=headers) as http:
            document = await http.get(root + metadata_path(settings.issuer))
            found = [_metadata(settings, served, document)]
            if found[0].status == ERROR:
                return found
            keys = await http.get(url + JWKS)
            found += [_jwks(served, keys), await _long_address(http, url)]
    except (httpx2.HTTPError, OSError) as away:
        hint = "is it running? grantway serve; does the name resolve, and is the certificate good?"
        if behind := await _behind_the_proxy(settings):
            hint = f"the server itself answers at {behind}: look at the proxy, its certificate and the name"
        return [Finding("issuer", ERROR, f"{url} does not answer: {str(away) or type(away).__name__}", hint)]
    return [*found, _proxies(settings)]


async def _behind_the_proxy(settings: "Settings") -> str | None:
    """Where the server listens by itself, if it does."""
    import httpx2

    own = settings.server
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(own.host, own.host)  # noqa: S104 - asked, not bound
    url = f"http://{f'[{host}]' if ':' in host else host}:{own.port}"
    try:
        async with httpx2.AsyncClient(timeout=_PATIENCE) as http:
            return url if (await http.get(f"{url}/livez")).status_code == 200 else None
    except (httpx2.HTTPError, OSError):
        return None


def _metadata(settings: "Settings", served: "Snapshot | None", document: "httpx2.Response") -> Finding:
    """RFC 8414 §3.3: the document at its one address, with the very issuer."""
    if document.status_code == 421:
        asked = document.request.headers["host"]
        words = f"the server does not know the host it is asked for, {asked}"
        how = "with its port, nginx: proxy_set_header Host $http_host" if ":" in asked else _PROXY_PAGE
        return Finding("issuer", ERROR, words, f"let the proxy pass the Host header on: {how}")
    try:
        published = json.loads(document.content) if document.status_code == 200 else None
    except ValueError:
        published = None
    if not isinstance(published, dict):
        words = f"{document.request.url} answers {document.status_code}, not the metadata"
        hint = f"the proxy has to pass this address on, at the root of the host: {_PROXY_PAGE}"
        return Finding("issuer", ERROR, words, hint)
    if published.get("issuer") != settings.issuer:
        words = f"the metadata names {published.get('issuer')!r}, the setting is {settings.issuer!r}"
        return Finding("issuer", ERROR, words, "another server answers there, or it runs with other settings")
    ours = None if served is None else json.loads(served.metadata)
    if ours is not None and ours != published:
        names = sorted(
            name for name in ours.keys() | published.keys() if ours.get(name) != published.get(name)
        )
        words = f"the metadata differs from what this release would say: {', '.join(names)}"
        hint = "restart the server with this release and this configuration; is it the same database?"
        return Finding("issuer", WARNING, words, hint)
    return Finding("issuer", OK, f"{settings.issuer} answers with the metadata of this configuration")


def _jwks(served: "Snapshot | None", keys: "httpx2.Response") -> Finding:
    try:
        there = {key["kid"] for key in json.loads(keys.content)["keys"]}
    except (ValueError, KeyError, TypeError):
        hint = f"the proxy has to pass {JWKS} on: {_PROXY_PAGE}"
        return Finding("jwks", ERROR, f"{keys.request.url} answers {keys.status_code}, not keys", hint)
    ours = there if served is None else set(served.verification_keys)
    if ours - there:
        words = f"keys of this database are not served: {', '.join(sorted(ours - there))}"
        hint = "a cache in front keeps /jwks too long, or another database is served; ask again in a minute"
        return Finding("jwks", WARNING, words, hint)
    return Finding("jwks", OK, f"{len(there)} keys served")


async def _long_address(http: "httpx2.AsyncClient", url: str) -> Finding:
    """The longest address a browser is ever sent to has to reach us."""
    reply = await http.get(f"{url}/continue", params={"x": "A" * _LONGEST})
    if "form-action" in reply.headers.get("content-security-policy", ""):  # a page of ours, whatever it says
        return Finding("proxy", OK, f"addresses of {_LONGEST} characters pass")
    words = (
        f"addresses of {_LONGEST} characters are answered {reply.status_code} before they reach the server"
    )
    hint = f"nginx: large_client_header_buffers 4 16k; and http2 likewise: {_PROXY_PAGE}"
    return Finding("proxy", ERROR, words, hint)


def _proxies(settings: "Settings") -> Finding:
    """Behind a proxy that is not named, everybody has the proxy's address: throttles hit all at once."""
    own = settings.server
    behind = settings.issuer.startswith("https://") and is_loopback(own.host)
    if behind and not own.trusted_proxies:
        words = "a proxy is in front (https outside, loopback inside), but server.trusted_proxies is empty"
        hint = f'server.trusted_proxies = ["127.0.0.1"], and X-Forwarded-For from the proxy: {_PROXY_PAGE}'
        return Finding("throttles", WARNING, words, hint)
    return Finding("throttles", OK, "callers are told apart by their addresses")
