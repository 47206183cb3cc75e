"""Writes docs/settings.md from the settings themselves; with `--check` only says whether it is current."""

import sys
from pathlib import Path

from grantway.protocol.durations import show_duration
from grantway.settings import SECTIONS, Option, options

PAGE = Path(__file__).parent.parent / "docs" / "settings.md"
_HEAD = """# Settings

Made by `scripts/settings_page.py` from the settings themselves; do not edit. `grantway settings` prints \
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
        parts.append(
            f"## {title}\n\n{told}\n\n| setting | default | meaning |\n| --- | --- | --- |\n"
            + "\n".join(rows)
            + "\n"
        )
    return "\n".join(parts)


def _row(one: Option) -> str:
    name = one.key.rpartition(".")[2]
    secret = " Secret: its environment variable may end in `_FILE`." if one.secret else ""
    return f"| `{name}` | {_default(one)} | {one.help}{secret} |".replace("[[", "\\[\\[").replace(
        "]]", "\\]\\]"
    )


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


def main() -> None:
    if "--check" in sys.argv:
        sys.exit(PAGE.read_text("utf-8") != page())
    PAGE.write_text(page(), "utf-8")
    print(f"{PAGE.name}: {len(options())} settings")


if __name__ == "__main__":
    main()
