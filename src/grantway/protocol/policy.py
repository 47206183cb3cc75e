"""The numbers an operator chose, as the flows need them. Durations are seconds."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """Lifetimes and switches of the server; `grantway.settings` documents each."""

    issuer: str
    code_lifetime: float = 60.0
    access_token_lifetime: int = 600
    refresh_idle_lifetime: float = 30 * 86400.0
    refresh_absolute_lifetime: float = 180 * 86400.0
    refresh_grace: float = 10.0
    session_lifetime: float = 12 * 3600.0
    session_idle_lifetime: float = 3600.0
    flow_lifetime: float = 30 * 60.0
    site_session_lifetime: float = 8 * 3600.0
    keys_cached: int = 300  # others may keep /jwks for so long
    keys_rotated_every: float = 90 * 86400.0
    dev: bool = False  # plain http on loopback

    @property
    def is_https(self) -> bool:
        """Do browsers reach us by https? Decides the cookies' names and flags."""
        return self.issuer.startswith("https://")
