"""The page that people may see at a site behind a gateway: why they may not pass, or a question."""

from dataclasses import dataclass

from grantway.protocol.clients import is_origin
from grantway.web.views import Link


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteView:
    """A page of a site. The site has no files of ours, so these come from `assets_at`, our own origin."""

    code: str  # error code, for `data-error`; empty where nothing was refused
    site: str  # its host, as people read it
    heading: str
    sentence: str
    button: Link | None
    reference: str | None  # of a refusal
    assets_at: str

    def __post_init__(self) -> None:
        if not is_origin(self.assets_at):
            raise ValueError(f"assets_at: {self.assets_at!r} is not an origin")
