"""Pages become bytes here: the templates, the style sheet and the few files they need.

Every value a template prints is escaped, and characters that change how the text around them is read
are made visible. Templates are compiled once, when the server starts; so are the addresses of the files
beside them, which carry a hash of their content and may be kept by browsers for ever.
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from grantway.protocol.counting import counted
from grantway.web import account_views, site_views, views

_PACKAGE: Final = Path(__file__).parents[1]
_CONTENT_TYPES: Final = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
# Control characters; embeddings, overrides and isolates, which reorder the text around them; line and
# paragraph separators; characters nobody sees; halves of surrogate pairs. Tab, line feed, the weak marks
# that right-to-left names need, and joiners that scripts and emoji need, stay.
_DECEPTIVE: Final = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e007f]"
)
_UNITS: Final = ((86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second"))
_LANGUAGES: Final = frozenset({"en"})

CACHE_FOR_EVER: Final = "public, max-age=31536000, immutable"

TEMPLATES: Final[Mapping[type[object], str]] = MappingProxyType(
    {
        views.LoginView: "login.html",
        views.SelectAccountView: "select_account.html",
        views.ConsentView: "consent.html",
        views.ContinueView: "continue.html",
        views.AlreadyDoneView: "already_done.html",
        views.FormPostView: "form_post.html",
        views.LogoutView: "logout.html",
        views.SignedOutView: "signed_out.html",
        views.ErrorView: "error.html",
        views.ExplainedView: "explained.html",
        views.HomeView: "home.html",
        account_views.OverviewView: "account.html",
        account_views.AppsView: "account_apps.html",
        account_views.SessionsView: "account_sessions.html",
        account_views.ProfileView: "account_profile.html",
        account_views.NameView: "account_name.html",
        account_views.PasswordView: "account_password.html",
        account_views.SureView: "account_sure.html",
        account_views.NotThereView: "account_not_there.html",
        site_views.SiteView: "site.html",
    }
)


@dataclass(frozen=True, slots=True)
class Asset:
    """A file beside the pages. Its path names its content, so answer with `CACHE_FOR_EVER`."""

    body: bytes
    content_type: str


class Renderer:
    """Renders pages.

    `base` is the path under which the server is mounted, "" at the root of its host. `help_url`, when the
    operator has one, is the same link at the same place of every page (WCAG 2.2, 3.2.6). `templates` says
    which template shows which type of page.

    `assets` is what to serve beside the pages: path without the base, such as
    /static/grantway.1a2b3c4d.css, → file.
    """

    assets: Mapping[str, Asset]

    def __init__(
        self,
        *,
        base: str = "",
        help_url: str | None = None,
        templates: Mapping[type[object], str] = TEMPLATES,
    ) -> None:
        if base and not re.fullmatch(r"(/[A-Za-z0-9._~-]+)+", base):
            raise ValueError(f"base: {base!r} is not empty and not a path like /id")
        self.assets, self._asset_urls = _read_assets(base)
        environment = Environment(
            loader=FileSystemLoader(_PACKAGE / "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            finalize=_visible,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
            cache_size=-1,
        )
        environment.filters |= {"duration": duration, "utc": utc, "clock": clock, "iso": iso, "ago": ago}
        environment.globals |= {"asset": self.asset_url, "help_url": help_url}
        self._templates = {page: environment.get_template(name) for page, name in templates.items()}

    def render(self, view: object, *, lang: str = "en") -> bytes:
        """The page as UTF-8.

        `lang` is the language tag the person prefers; the nearest one we have words for is used. Raises
        KeyError for a type without template, and UndefinedError when a template asks for what the view
        does not have.
        """
        assets_at = getattr(view, "assets_at", "")
        text = self._templates[type(view)].render(page=view, lang=_spoken(lang), assets_at=assets_at)
        return text.encode("utf-8", "replace")

    def asset_url(self, name: str) -> str:
        """Where a browser finds a file of `static/`, base and content hash included."""
        return self._asset_urls[name]


def duration(seconds: int) -> str:
    """A length of time in words, rounded up to the largest unit that loses nothing much: "5 minutes".

    Rounded up, because nobody should be told to come back too early.
    """
    for size, unit in _UNITS:
        if seconds >= 2 * size or (seconds >= size and seconds % size == 0):
            return counted(-(-seconds // size), unit)
    return "a moment"


def utc(at: float) -> str:
    """A time in words, the same in every time zone: "21 November 2026, 14:32 UTC"."""
    moment = datetime.fromtimestamp(at, UTC)
    return f"{moment.day} {moment:%B %Y, %H:%M} UTC"


def ago(at: float, now: float) -> str:
    """A time as seen from now, rounded down: "just now", "5 minutes ago", "yesterday", "3 days ago"."""
    since = max(0, int(now - at))
    if since < 2 * 60:
        return "just now"
    if since < 2 * 86_400 and since >= 86_400:
        return "yesterday"
    size, unit = next((size, unit) for size, unit in _UNITS if since >= size)
    return f"{counted(since // size, unit)} ago"


def clock(at: float) -> str:
    """A time of day, rounded up to the minute, so that nobody comes back too early: "14:32 UTC"."""
    return f"{datetime.fromtimestamp(-(-at // 60) * 60, UTC):%H:%M} UTC"


def iso(at: float) -> str:
    """A time for the `datetime` attribute."""
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%dT%H:%M:%SZ}"


def _visible(value: object) -> object:
    """Applied to everything a template prints, before it is escaped."""
    # Markup is what `|e` made: a value that must reach the other side byte for byte, in an attribute.
    # Undefined must stay itself: printing it is what raises.
    if isinstance(value, Markup):
        return value
    return _DECEPTIVE.sub("\N{REPLACEMENT CHARACTER}", str(value))


def _spoken(lang: str) -> str:
    primary = lang.partition("-")[0].lower()
    return primary if primary in _LANGUAGES else "en"


def _read_assets(base: str) -> tuple[Mapping[str, Asset], Mapping[str, str]]:
    assets: dict[str, Asset] = {}
    urls: dict[str, str] = {}
    folder = _PACKAGE / "static"
    for file in sorted(folder.rglob("*")):
        if file.suffix not in _CONTENT_TYPES:
            continue
        body = file.read_bytes()
        hash8 = hashlib.sha256(body).hexdigest()[:8]
        path = f"/static/{file.relative_to(folder).with_suffix('').as_posix()}.{hash8}{file.suffix}"
        assets[path] = Asset(body, _CONTENT_TYPES[file.suffix])
        urls[file.relative_to(folder).as_posix()] = base + path
    return MappingProxyType(assets), MappingProxyType(urls)
