"""Every option of an operator: its help text, its default and its rules. Read once, at start; never changed.

`grantway.settings_sources` gathers the values from flags, environment and files. The help texts here feed
`grantway settings` and the reference in the documentation.
"""

import ipaddress
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import MISSING, dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from grantway.settings_keys import key_in_file, made_up_key
from grantway.storage.problems import StorageProblem
from grantway.storage.urls import database_file, is_postgres

if TYPE_CHECKING:
    from grantway.crypto.envelope import MasterKey

DEFAULT_PORT: Final = 8600
NO_MASTER_KEY: Final = (
    "is needed to keep the signing keys encrypted: `grantway init` sets up a new server, "
    "`grantway keys master` prints a fresh key"
)
_HOST = re.compile(r"[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?|\[[0-9a-f:.]+\]")
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


def about(
    text: str, kind: str = "text", *, secret: bool = False, least: float | None = None, most: float | None = None
) -> dict[str, object]:
    """What there is to know about an option: its help text, how its value is written, and its limits."""
    return {"help": text, "kind": kind, "secret": secret, "least": least, "most": most}


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSettings:
    """How requests reach the server."""

    host: str = field(
        default="127.0.0.1", metadata=about("Address to listen on. A reverse proxy in front speaks TLS.")
    )
    port: int = field(default=DEFAULT_PORT, metadata=about("Port to listen on.", "number", least=1, most=65535))
    workers: int = field(
        default=1,
        metadata=about("Processes that share the port. More than one needs PostgreSQL.", "number", least=1, most=256),
    )
    hosts: tuple[str, ...] = field(
        default=(),
        metadata=about("Further Host names to answer for, besides the one of the issuer; others get 421.", "list"),
    )
    trusted_proxies: tuple[str, ...] = field(
        default=(),
        metadata=about(
            "Addresses or networks of reverse proxies whose X-Forwarded-For is believed. Never changes the issuer.",
            "list",
        ),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseSettings:
    """Where everything is stored."""

    url: str = field(
        default="sqlite:///grantway.db",
        metadata=about("sqlite:///file.db or postgresql://user@host/name. May hold a password.", secret=True),
    )
    auto_migrate: bool = field(
        default=True,
        metadata=about(
            "Apply pending migrations at start. Default: yes on SQLite and with dev, no on PostgreSQL.", "switch"
        ),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretsSettings:
    """The master key, under which signing keys lie encrypted in the database."""

    key: str | None = field(
        default=None, repr=False, metadata=about("The master key: 64 hex digits or base64url.", secret=True)
    )
    key_file: Path | None = field(default=None, metadata=about("File that holds the master key, mode 0600.", "path"))
    previous_key: str | None = field(
        default=None, repr=False, metadata=about("The master key of before, while it is being changed.", secret=True)
    )
    previous_key_file: Path | None = field(
        default=None, metadata=about("File that holds the master key of before.", "path")
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenSettings:
    """How long codes and tokens live."""

    code_lifetime: float = field(
        default=60.0,
        metadata=about("Of an authorization code; at most 10m (RFC 6749 §4.1.2).", "duration", least=1, most=600),
    )
    access_lifetime: int = field(
        default=600,
        metadata=about(
            "Of an access token, unless its API says otherwise; at most 1d.", "duration", least=1, most=86400
        ),
    )
    refresh_idle_lifetime: float = field(
        default=30 * 86400.0, metadata=about("A refresh token unused for so long is dead.", "duration", least=1)
    )
    refresh_absolute_lifetime: float = field(
        default=180 * 86400.0, metadata=about("So long after the approval, refreshing ends.", "duration", least=1)
    )
    refresh_grace: float = field(
        default=10.0,
        metadata=about(
            "So long may a client repeat a refresh whose answer was lost; at most 10s.", "duration", least=0, most=10
        ),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginSettings:
    """How long people stay signed in."""

    session_lifetime: float = field(
        default=12 * 3600.0, metadata=about("After so long people sign in again.", "duration", least=60)
    )
    session_idle_lifetime: float = field(
        default=3600.0, metadata=about("A session unused for so long ends.", "duration", least=60)
    )
    flow_lifetime: float = field(
        default=1800.0,
        metadata=about("So long may signing in and consent take; at most 1h.", "duration", least=60, most=3600),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything an operator can choose. Raises BadSettings with all that is wrong at once."""

    issuer: str = field(metadata=about("Public https:// address of this server, exact, without trailing slash."))
    server: ServerSettings = field(default_factory=ServerSettings)
    database: DatabaseSettings = field(default_factory=DatabaseSettings)
    secrets: SecretsSettings = field(default_factory=SecretsSettings)
    tokens: TokenSettings = field(default_factory=TokenSettings)
    login: LoginSettings = field(default_factory=LoginSettings)
    dev: bool = field(
        default=False,
        metadata=about("For development: plain http, a made-up master key, and this machine only.", "switch"),
    )
    registry: Path | None = field(
        default=None,
        metadata=about(
            "File with [[apis]], [[apps]] and [[people]], brought in at every start. They may also stand in "
            "grantway.toml itself.",
            "path",
        ),
    )

    def __post_init__(self) -> None:
        if mistakes := [*_limits(self), *_rules(self)]:
            raise BadSettings(mistakes)

    def master_keys(self) -> "tuple[MasterKey, ...]":
        """The current master key, then the previous one if it is being changed. In dev one is made up and kept."""
        current = _key("secrets.key", self.secrets.key, self.secrets.key_file)
        previous = _key("secrets.previous_key", self.secrets.previous_key, self.secrets.previous_key_file)
        if current is None and self.dev:
            current = made_up_key(self.made_up_key_file())
        if current is None:
            raise BadSettings([Mistake("secrets.key", NO_MASTER_KEY)])
        return (current,) if previous is None else (current, previous)

    def made_up_key_file(self) -> Path:
        """Where the made-up master key of development is kept: beside the database, so that a restart works."""
        if is_postgres(self.database.url):
            return Path("grantway.dev-key").absolute()
        return database_file(self.database.url).with_suffix(".dev-key")


@dataclass(frozen=True, slots=True)
class Option:
    """One option, for the reference and for reading its value."""

    key: str  # "server.port"
    help: str
    kind: str  # "text", "number", "switch", "list", "duration", "path"
    default: object  # None: nothing, or needed
    required: bool
    secret: bool
    least: float | None
    most: float | None

    @property
    def env(self) -> str:
        """Its environment variable."""
        return "GRANTWAY_" + self.key.replace(".", "__").upper()


SECTIONS: Final[Mapping[str, type]] = {
    "server": ServerSettings,
    "database": DatabaseSettings,
    "secrets": SecretsSettings,
    "tokens": TokenSettings,
    "login": LoginSettings,
}


def options() -> tuple[Option, ...]:
    """Every option, in reading order."""
    found = [_option("", one) for one in fields(Settings) if one.name not in SECTIONS]
    for section, kind in SECTIONS.items():
        found += [_option(f"{section}.", one) for one in fields(kind)]
    return tuple(found)


def _option(prefix: str, one: "object") -> Option:
    name, default, facts = one.name, one.default, one.metadata  # type: ignore[attr-defined]
    required = default is MISSING
    return Option(key=prefix + name, default=None if required else default, required=required, **facts)


# --- rules ------------------------------------------------------------------------------------------


def _limits(settings: Settings) -> Iterator[Mistake]:
    """The limits that the options name."""
    for option in options():
        section, _, name = option.key.rpartition(".")
        value = getattr(getattr(settings, section) if section else settings, name)
        if option.least is not None and value < option.least or option.most is not None and value > option.most:
            most = "" if option.most is None else f" and at most {option.most:g}"
            unit = " seconds" if option.kind == "duration" else ""
            yield Mistake(option.key, f"must be at least {option.least:g}{most}{unit}, not {value:g}")


def _rules(settings: Settings) -> Iterator[Mistake]:
    """What depends on more than one value, or on its form."""
    if problem := issuer_problem(settings.issuer, dev=settings.dev):
        yield Mistake("issuer", problem)
    yield from _server_rules(settings)
    yield from _database_rules(settings)
    yield from _secret_rules(settings)
    tokens, login = settings.tokens, settings.login
    if tokens.refresh_idle_lifetime > tokens.refresh_absolute_lifetime:
        yield Mistake("tokens.refresh_idle_lifetime", "must not be longer than tokens.refresh_absolute_lifetime")
    if login.session_idle_lifetime > login.session_lifetime:
        yield Mistake("login.session_idle_lifetime", "must not be longer than login.session_lifetime")
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
    if not issuer.isascii() or not issuer.isprintable() or " " in issuer or url.scheme not in {"https", "http"}:
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


def _server_rules(settings: Settings) -> Iterator[Mistake]:
    server = settings.server
    if settings.dev and not is_loopback(server.host):
        yield Mistake("server.host", f"with dev only this machine may be bound (127.0.0.1), not {server.host!r}")
    for host in server.hosts:
        name = re.sub(r":\d{1,5}$", "", host)
        if not _HOST.fullmatch(name):
            yield Mistake("server.hosts", f"{host!r} is not a host name in lower case, with or without a port")
    for network in server.trusted_proxies:
        try:
            if ipaddress.ip_network(network).prefixlen == 0:
                yield Mistake("server.trusted_proxies", f"{network!r} would believe everybody")
        except ValueError:
            yield Mistake("server.trusted_proxies", f"{network!r} is not an address or network such as 10.0.0.0/8")


def _database_rules(settings: Settings) -> Iterator[Mistake]:
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
            f"{settings.server.workers} processes need PostgreSQL (database.url = postgresql://…); SQLite serves with 1",
        )


def _secret_rules(settings: Settings) -> Iterator[Mistake]:
    secrets = settings.secrets
    for name, key, file in (
        ("secrets.key", secrets.key, secrets.key_file),
        ("secrets.previous_key", secrets.previous_key, secrets.previous_key_file),
    ):
        if key is not None and file is not None:
            yield Mistake(name, f"give {name} or {name}_file, not both")
            continue
        try:
            _key(name, key, file)
        except BadSettings as bad:
            yield from bad.mistakes
    if not (settings.dev or secrets.key or secrets.key_file):
        yield Mistake("secrets.key", NO_MASTER_KEY)


def _key(name: str, text: str | None, file: Path | None) -> "MasterKey | None":
    if text is None and file is None:
        return None
    from grantway.crypto.envelope import MasterKey

    try:
        return MasterKey.from_text(text) if file is None else key_in_file(file)  # type: ignore[arg-type]
    except (OSError, ValueError) as bad:
        words = f"{file} cannot be read: {bad.strerror}" if isinstance(bad, OSError) else str(bad)
        raise BadSettings([Mistake(name if file is None else f"{name}_file", words)]) from None
