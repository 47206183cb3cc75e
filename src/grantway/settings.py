"""Every option of an operator: its help text, its default and its rules. Read once, at start; never changed.

`grantway.settings_sources` gathers the values from flags, environment and files. The help texts here feed
`grantway settings` and the reference in the documentation.
"""

from collections.abc import Mapping
from dataclasses import MISSING, Field, dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from grantway.settings_keys import made_up_key
from grantway.settings_rules import NO_MASTER_KEY, BadSettings, Mistake, limits, master_key, rules
from grantway.settings_server import GatewaySettings, ServerSettings, about
from grantway.storage.urls import database_file, is_postgres

if TYPE_CHECKING:
    from grantway.crypto.envelope import MasterKey


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
            "Apply pending migrations at start. Default: no on PostgreSQL, unless with dev; else yes.",
            "switch",
        ),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretsSettings:
    """The master key, under which signing keys lie encrypted in the database."""

    key: str | None = field(
        default=None, repr=False, metadata=about("The master key: 64 hex digits or base64url.", secret=True)
    )
    key_file: Path | None = field(
        default=None, metadata=about("File that holds the master key, mode 0600.", "path")
    )
    previous_key: str | None = field(
        default=None,
        repr=False,
        metadata=about("The master key of before, while it is being changed.", secret=True),
    )
    previous_key_file: Path | None = field(
        default=None, metadata=about("File that holds the master key of before.", "path")
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenSettings:
    """How long codes and tokens live."""

    code_lifetime: float = field(
        default=60.0,
        metadata=about(
            "Of an authorization code; at most 10m (RFC 6749 §4.1.2).", "duration", least=1, most=600
        ),
    )
    access_lifetime: int = field(
        default=600,
        metadata=about(
            "Of an access token, unless its API says otherwise; at most 1d.", "seconds", least=1, most=86400
        ),
    )
    refresh_idle_lifetime: float = field(
        default=30 * 86400.0,
        metadata=about("A refresh token unused for so long is dead.", "duration", least=1),
    )
    refresh_absolute_lifetime: float = field(
        default=180 * 86400.0,
        metadata=about("So long after the approval, refreshing ends.", "duration", least=1),
    )
    refresh_grace: float = field(
        default=10.0,
        metadata=about(
            "So long may a client repeat a refresh whose answer was lost; at most 10s.",
            "duration",
            least=0,
            most=10,
        ),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class KeySettings:
    """How keys take turns."""

    rotate_every: float = field(
        default=90 * 86400.0,
        metadata=about("After so long a new key signs; at least 1d.", "duration", least=86400),
    )
    cache_lifetime: int = field(
        default=300,
        metadata=about(
            "So long may others keep /jwks. A new key is published for longer than that before it signs.",
            "seconds",
            least=1,
            most=86400,
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
        metadata=about(
            "So long may signing in and consent take; at most 1h.", "duration", least=60, most=3600
        ),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggingSettings:
    """What is told on stderr."""

    format: str = field(
        default="auto",
        metadata=about("json: an object a line; console: columns; auto: console on a terminal, else json."),
    )
    level: str = field(
        default="info", metadata=about("The least that is told: debug, info, warning or error.")
    )
    refusals: Path | None = field(
        default=None,
        metadata=about(
            "Folder in which refusals are kept for `grantway logs`. Default: grantway-refusals, beside the "
            "SQLite database or in the working directory.",
            "path",
        ),
    )
    refusals_size: int = field(
        default=16,
        metadata=about("Megabytes of them that are kept; 0 keeps none.", "number", least=0, most=10_000),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything an operator can choose. Raises BadSettings with all that is wrong at once."""

    issuer: str = field(
        metadata=about("Public https:// address of this server, exact, without trailing slash.")
    )
    server: ServerSettings = field(default_factory=ServerSettings)
    gateways: GatewaySettings = field(default_factory=GatewaySettings)
    database: DatabaseSettings = field(default_factory=DatabaseSettings)
    secrets: SecretsSettings = field(default_factory=SecretsSettings)
    tokens: TokenSettings = field(default_factory=TokenSettings)
    keys: KeySettings = field(default_factory=KeySettings)
    login: LoginSettings = field(default_factory=LoginSettings)
    logging: LoggingSettings = field(default_factory=LoggingSettings)
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
        if mistakes := [*limits(self, options()), *rules(self)]:
            raise BadSettings(mistakes)

    def master_keys(self) -> "tuple[MasterKey, ...]":
        """The current master key, then the previous one while it is being changed. In dev one is made up."""
        current = master_key("secrets.key", self.secrets.key, self.secrets.key_file)
        previous = master_key(
            "secrets.previous_key", self.secrets.previous_key, self.secrets.previous_key_file
        )
        if current is None and self.dev:
            current = made_up_key(self.made_up_key_file())
        if current is None:
            raise BadSettings([Mistake("secrets.key", NO_MASTER_KEY)])
        return (current,) if previous is None else (current, previous)

    def refusals_folder(self) -> Path | None:
        """Where refusals are kept; None where none are."""
        if not self.logging.refusals_size:
            return None
        if self.logging.refusals is not None:
            return self.logging.refusals.absolute()
        if is_postgres(self.database.url):
            return Path("grantway-refusals").absolute()
        return database_file(self.database.url).with_name("grantway-refusals").absolute()

    def made_up_key_file(self) -> Path:
        """Where the made-up key of development is kept: beside the database, so that a restart works."""
        if is_postgres(self.database.url):
            return Path("grantway.dev-key").absolute()
        return database_file(self.database.url).with_suffix(".dev-key")


@dataclass(frozen=True, slots=True)
class Option:
    """One option, for the reference and for reading its value."""

    key: str  # "server.port"
    help: str
    kind: str  # "text", "number", "switch", "list", "duration", "seconds", "path"
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
    "gateways": GatewaySettings,
    "database": DatabaseSettings,
    "secrets": SecretsSettings,
    "tokens": TokenSettings,
    "keys": KeySettings,
    "login": LoginSettings,
    "logging": LoggingSettings,
}


def options() -> tuple[Option, ...]:
    """Every option, in reading order."""
    found = [_option("", one) for one in fields(Settings) if one.name not in SECTIONS]
    for section, kind in SECTIONS.items():
        found += [_option(f"{section}.", one) for one in fields(kind)]
    return tuple(found)


def _option(prefix: str, one: "Field[Any]") -> Option:
    required = one.default is MISSING
    default = None if required else one.default
    return Option(key=prefix + one.name, default=default, required=required, **one.metadata)
