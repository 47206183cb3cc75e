"""`grantway settings` and `grantway config`: what can be chosen, and what is."""

import re
from typing import TYPE_CHECKING

import click

from grantway.cli.commands import Leaf, Noun, choices
from grantway.cli.printing import note, show_json, show_table
from grantway.cli.running import load_settings
from grantway.protocol.durations import show_duration

if TYPE_CHECKING:
    from grantway.settings import Option, Settings


@click.command(cls=Leaf)
def settings() -> None:
    """Every setting: its key, its environment variable, its default and what it means."""
    from grantway.settings import options

    found = options()
    if choices().json:
        show_json(
            [
                {
                    "key": one.key,
                    "env": one.env,
                    "kind": one.kind,
                    "default": _plain(one, one.default),
                    "required": one.required,
                    "secret": one.secret,
                    "help": one.help,
                }
                for one in found
            ]
        )
        return
    for one in found:
        default = "needed" if one.required else _plain(one, one.default)
        click.echo(f"{one.key} = {'(none)' if default in (None, '') else default}")
        click.echo(f"    {one.help}")
        click.echo(f"    {one.env}" + (f" or {one.env}_FILE" if one.secret else ""))


@click.group(cls=Noun)
def config() -> None:
    """The configuration in force."""


@config.command("show")
@click.option("--sources", is_flag=True, help="Also where each value came from.")
def show(*, sources: bool) -> None:
    """Every setting with its value; secrets are masked."""
    from grantway.settings import options

    loaded = load_settings()
    rows = [(one.key, _shown(one, loaded.settings), loaded.origins[one.key]) for one in options()]
    heads = ("KEY", "VALUE", "FROM")
    width = len(heads) if sources else 2
    if not choices().json:
        note(f"Configuration file: {loaded.config or 'none found'}")
    show_table(
        heads[:width],
        [row[:width] for row in rows],
        json_rows={key: {"value": value, "from": origin} for key, value, origin in rows},
        ids=[key for key, _, _ in rows],
        empty="",
    )


def _shown(option: "Option", settings: "Settings") -> str:
    section, _, name = option.key.rpartition(".")
    value = getattr(getattr(settings, section) if section else settings, name)
    if option.secret and value is not None and option.key != "database.url":
        return "********"
    return masked(_plain(option, value))


def _plain(option: "Option", value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if option.kind in {"duration", "seconds"} and isinstance(value, int | float):
        return show_duration(value)
    if isinstance(value, tuple):
        return ", ".join(value)
    return str(value)


def masked(url: str) -> str:
    """A database URL without its password."""
    url = re.sub(r"(://[^/@:]*):[^@]*@", r"\1:********@", url)
    return re.sub(r"([?&]password=)[^&]*", r"\1********", url)
