"""The rules of the settings, and what is told when they are broken."""

import ipaddress
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from grantway.settings_keys import key_in_file, key_in_text
from grantway.storage.problems import StorageProblem
from grantway.storage.urls import database_file, is_postgres

if TYPE_CHECKING:
    from grantway.crypto.envelope import MasterKey
    from grantway.settings import Option, Settings

NO_MASTER_KEY: Final = (
    "is needed to keep the signing keys encrypted: `grantway init` sets up a new server, "
    "`grantway keys master` prints a fresh key"
)
LOG_FORMATS: Final = ("auto", "json", "console")
LOG_LEVELS: Final = ("debug", "info", "warning", "error")
_HOST = re.compile(r"[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?|\[[0-9a-f:.]+\]")
_HEADER = re.compile(r"[A-Za-z0-9-]{1,64}")
_ISSUER_PATH = re.compile(r"(?:/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)*")


@dataclass(frozen=True, slots=True)
class Mistake:
    """One thing that is wrong with the settings, and where it came from once that is known."""

    key: str
    words: str
    origin: str = ""

    def __str__(self) -> str:
        return f"{self.key}: {self.words}" + (f" (from {self.origin})" if self.origin else "")


class BadSettings(ValueError):
    """The settings cannot be used; every mistake is named."""

    def __init__(self, mistakes: Iterable[Mistake]) -> None:
        self.mistakes = tuple(mistakes)
        super().__init__("settings:\n" + "\n".join(f"  {mistake}" for mistake in self.mistakes))


def limits(settings: "Settings", options: Iterable["Option"]) -> Iterator[Mistake]:
    """The limits that the options name."""
    for option in options:
        section, _, name = option.key.rpartition(".")
        value = getattr(getattr(settings, section) if section else settings, name)
        if option.least is None:
            continue
        if not option.least <= value <= (inf if option.most is None else option.most):
            most = "" if option.most is None else f" and at most {option.most:g}"
            unit = "" if option.kind == "number" else " seconds"
            yield Mistake(option.key, f"must be at least {option.least:g}{most}{unit}, not {value:g}")


def rules(settings: "Settings") -> Iterator[Mistake]:
    """What depends on more than one value, or on its form."""
    if problem := issuer_problem(settings.issuer, dev=settings.dev):
        yield Mistake("issuer", problem)
    yield from _server_rules(settings)
    yield from _certificate_rules(settings)
    yield from _gateway_rules(settings)
    yield from _database_rules(settings)
    yield from _secret_rules(settings)
    tokens, login = settings.tokens, settings.login
    if tokens.refresh_idle_lifetime > tokens.refresh_absolute_lifetime:
        yield Mistake(
            "tokens.refresh_idle_lifetime", "must not be longer than tokens.refresh_absolute_lifetime"
        )
    if login.session_idle_lifetime > login.session_lifetime:
        yield Mistake("login.session_idle_lifetime", "must not be longer than login.session_lifetime")
    for name, value, known in (
        ("logging.format", settings.logging.format, LOG_FORMATS),
        ("logging.level", settings.logging.level, LOG_LEVELS),
    ):
        if value not in known:
            yield Mistake(name, f"must be {', '.join(known[:-1])} or {known[-1]}, not {value!r}")
    if settings.registry is not None and not settings.registry.is_file():
        yield Mistake("registry", f"there is no file {settings.registry}")


def is_loopback(host: str) -> bool:
    """Is this host the machine itself?"""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


def issuer_problem(issuer: str, *, dev: bool) -> str | None:
    """Why this cannot be the issuer (RFC 8414 §2, threat W7); None if it can."""
    try:
        url = urlsplit(issuer)
        host, port = url.hostname or "", url.port
    except ValueError:
        return f"{issuer!r} is not a URL"
    if (
        not issuer.isascii()
        or not issuer.isprintable()
        or " " in issuer
        or url.scheme not in {"https", "http"}
    ):
        return f"{issuer!r} is not an https:// address"
    if issuer.endswith("/"):
        return "must not end with a slash: it is compared character by character"
    if "?" in issuer or "#" in issuer or "@" in issuer:
        return "must have no query, fragment or user name"
    if not _HOST.fullmatch(url.netloc.removesuffix(f":{port}")) or not issuer.startswith(f"{url.scheme}://"):
        return "needs a host, in lower case"
    if port is not None and port == {"https": 443, "http": 80}[url.scheme]:
        return f"leave out the usual port :{port}"
    if not _ISSUER_PATH.fullmatch(url.path):
        return "the path may hold letters, digits and . _ ~ - only, without empty or dot segments"
    if url.scheme == "http" and not is_loopback(host):
        return "plain http is for this machine only: use https, with a reverse proxy that speaks TLS"
    if url.scheme == "http" and not dev:
        return "plain http needs --dev: use https"
    return None


def plain_port(issuer: str) -> int | None:
    """The port that a plain http issuer names: the server's own, since nothing speaks TLS before it."""
    try:
        url = urlsplit(issuer)
        return url.port if url.scheme == "http" else None
    except ValueError:
        return None


def _server_rules(settings: "Settings") -> Iterator[Mistake]:
    server = settings.server
    if settings.dev and not is_loopback(server.host):
        yield Mistake(
            "server.host", f"with dev only this machine may be bound (127.0.0.1), not {server.host!r}"
        )
    if server.management_port and server.management_port == server.port:
        yield Mistake("server.management_port", f"must be another port than server.port, {server.port}")
    if settings.dev and not is_loopback(server.management_host):
        yield Mistake("server.management_host", "with dev only this machine may be bound (127.0.0.1)")
    for host in server.hosts:
        name = re.sub(r":\d{1,5}$", "", host)
        if not _HOST.fullmatch(name):
            yield Mistake(
                "server.hosts", f"{host!r} is not a host name in lower case, with or without a port"
            )
    yield from _network_rules("server.trusted_proxies", server.trusted_proxies)


def _network_rules(key: str, networks: Iterable[str]) -> Iterator[Mistake]:
    for network in networks:
        try:
            if ipaddress.ip_network(network).prefixlen == 0:
                yield Mistake(key, f"{network!r} would believe everybody")
        except ValueError:
            yield Mistake(key, f"{network!r} is not an address or network such as 10.0.0.0/8")


def _gateway_rules(settings: "Settings") -> Iterator[Mistake]:
    gateways = settings.gateways
    yield from _network_rules("gateways.trusted", gateways.trusted)
    key, header = "gateways.client_certificate_header", gateways.client_certificate_header
    if header is None:
        return
    if not _HEADER.fullmatch(header):
        yield Mistake(key, f"{header!r} is not the name of a header such as X-Client-Cert")
    if not gateways.trusted:
        yield Mistake(key, "needs gateways.trusted: nobody else's header is believed")


def _certificate_rules(settings: "Settings") -> Iterator[Mistake]:
    server = settings.server
    for name in ("client_certificate_header", "client_certificate_verify_header"):
        header = getattr(server, name)
        if header is not None and not _HEADER.fullmatch(header):
            yield Mistake(f"server.{name}", f"{header!r} is not the name of a header such as X-Client-Cert")
    header = server.client_certificate_header
    if header is not None and not server.trusted_proxies:
        yield Mistake(
            "server.client_certificate_header",
            "needs server.trusted_proxies: nobody else's header is believed",
        )
    for name in ("client_certificate_verify_header", "mtls_address"):
        if header is None and getattr(server, name) is not None:
            yield Mistake(f"server.{name}", "needs server.client_certificate_header")
    address = server.mtls_address
    if address is not None and (urlsplit(address).path or issuer_problem(address, dev=settings.dev)):
        yield Mistake("server.mtls_address", f"{address!r} is not an https:// address without a path")


def _database_rules(settings: "Settings") -> Iterator[Mistake]:
    try:
        if is_postgres(settings.database.url):
            return
        database_file(settings.database.url)
    except StorageProblem as problem:
        yield Mistake("database.url", str(problem))
        return
    if settings.server.workers > 1:
        yield Mistake(
            "server.workers",
            f"{settings.server.workers} processes need PostgreSQL (database.url = postgresql://…); "
            "SQLite serves with 1",
        )


def _secret_rules(settings: "Settings") -> Iterator[Mistake]:
    secrets = settings.secrets
    for name, key, file in (
        ("secrets.key", secrets.key, secrets.key_file),
        ("secrets.previous_key", secrets.previous_key, secrets.previous_key_file),
    ):
        if key is not None and file is not None:
            yield Mistake(name, f"give {name} or {name}_file, not both")
            continue
        try:
            master_key(name, key, file)
        except BadSettings as bad:
            yield from bad.mistakes
    if not (settings.dev or secrets.key or secrets.key_file):
        yield Mistake("secrets.key", NO_MASTER_KEY)


def master_key(name: str, text: str | None, file: Path | None) -> "MasterKey | None":
    """The key under that name, read from its text or its file; None when neither is given."""
    try:
        if file is not None:
            return key_in_file(file)
        return None if text is None else key_in_text(text)
    except (OSError, ValueError) as bad:
        words = f"{file} cannot be read: {bad.strerror}" if isinstance(bad, OSError) else str(bad)
        raise BadSettings([Mistake(name if file is None else f"{name}_file", words)]) from None
