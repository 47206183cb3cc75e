"""docs/reference/settings.md, made from the settings themselves."""

from grantway.protocol.durations import show_duration
from grantway.settings import SECTIONS, Option, options
from scripts.made_pages import FOLDER, cell, table

PAGE = FOLDER / "settings.md"
_HEAD = """# Settings

Made from the settings themselves by `make pages`; do not edit. `grantway settings` prints \
the same, `grantway config show --sources` what is in force and where it came from.

A value is looked for in this order: a flag, the environment variable, the file that `…_FILE` names \
(secrets only), `grantway.toml`, the default. In the file, `server.port` is `port` below `[server]`; in the \
environment it is `GRANTWAY_SERVER__PORT`. Durations are written `90s`, `10m`, `12h`, `30d`. A name that is \
not listed here is a mistake, and nothing starts.
"""


def page() -> str:
    """The whole page."""
    parts = [_HEAD]
    for section in ("", *SECTIONS):
        title = f"[{section}]" if section else "At the top"
        told = (SECTIONS[section].__doc__ or "").partition("\n")[0] if section else "Before any section."
        rows = [_row(one) for one in options() if one.key.rpartition(".")[0] == section]
        parts.append(f"## {title}\n\n{told}\n\n{table(('setting', 'default', 'meaning'), rows)}")
    return "\n".join(parts)


def _row(one: Option) -> tuple[str, str, str]:
    name = one.key.rpartition(".")[2]
    secret = " Secret: its environment variable may end in `_FILE`." if one.secret else ""
    return f"`{name}`", _default(one), cell(one.help + secret)


def _default(one: Option) -> str:
    if one.required:
        return "needed"
    if one.default in (None, "", ()):
        return "none"
    if isinstance(one.default, bool):
        return "`true`" if one.default else "`false`"
    if one.kind in {"duration", "seconds"} and isinstance(one.default, int | float):
        return f"`{show_duration(one.default)}`"
    return f"`{one.default}`"
