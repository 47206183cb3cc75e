"""Prints results: JSON for scripts, aligned text for pipes, tables with rich on a terminal."""

import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import click

from grantway.cli.commands import choices, printable, wants_color

Cell = str | int | float | bool | None


def show_json(value: object) -> None:
    """One JSON document on stdout."""
    click.echo(json.dumps(value, ensure_ascii=False, indent=2))


def note(text: str) -> None:
    """A line for the person, on stderr, so that it never mixes with data."""
    if not choices().quiet:
        click.echo(printable(text), err=True)


def show_table(
    heads: Sequence[str], rows: Sequence[Sequence[str]], *, json_rows: object, ids: Sequence[str], empty: str
) -> None:
    """A list of things: as JSON, as ids only, or as a table."""
    chosen = choices()
    rows = [[printable(cell) for cell in row] for row in rows]
    if chosen.json:
        show_json(json_rows)
    elif chosen.quiet:
        for one in ids:
            click.echo(one)
    elif not rows:
        note(empty)
    elif sys.stdout.isatty():
        _rich_table(heads, rows)
    else:
        widths = [max(len(row[at]) for row in (heads, *rows)) for at in range(len(heads))]
        for row in (heads, *rows):
            click.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def _rich_table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(*heads, box=None, pad_edge=False, header_style="bold")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))  # Text: brackets in names are no markup
    Console(no_color=not wants_color(sys.stdout), highlight=False).print(table)


def show_record(title: str, facts: Mapping[str, Cell], *, json_value: object, quiet_id: str) -> None:
    """One thing: as JSON, as its id, or as lines of name and value. Facts without a value are left out."""
    chosen = choices()
    if chosen.json:
        show_json(json_value)
        return
    if chosen.quiet:
        click.echo(quiet_id)
        return
    color = wants_color(sys.stdout)
    if title:
        click.echo(f"  {click.style(title, bold=True)}", color=color)
    width = max((len(name) for name in facts), default=0)
    for name, value in facts.items():
        if value is None or value in ("", ()):
            continue
        lines = printable(value if isinstance(value, str) else str(value)).splitlines()
        click.echo(f"  {click.style(name.ljust(width), dim=True)}  {lines[0]}", color=color)
        for line in lines[1:]:
            click.echo(f"  {' ' * width}  {line}")


def when(seconds: float | None) -> str:
    """A moment, in UTC."""
    return "" if seconds is None else datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M UTC")


def iso(seconds: float | None) -> str | None:
    """A moment for JSON (RFC 3339)."""
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")


def _unseen(done: int, of: int) -> None:
    """Nobody watches."""


@contextmanager
def progress_bar(words: str) -> Iterator[Callable[[int, int], None]]:
    """A bar on stderr that appears with its first call (done, of all); on a terminal only, not for JSON."""
    if choices().json or not (sys.stderr.isatty() or os.environ.get("FORCE_COLOR")):
        yield _unseen
        return
    from rich.console import Console
    from rich.progress import Progress

    progress = Progress(console=Console(stderr=True, no_color=not wants_color(sys.stderr)), transient=True)
    bars: list[Any] = []

    def advance(done: int, of: int) -> None:
        if not bars:
            progress.start()
            bars.append(progress.add_task(words, total=of))
        progress.update(bars[0], completed=done)

    try:
        yield advance
    finally:
        progress.stop()
