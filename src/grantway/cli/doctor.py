"""`grantway doctor`: is this server set up as it should be, and if not, what to do next?"""

import asyncio
import sys
from collections.abc import Sequence

import click

from grantway.cli.checkup import ERROR, OK, WARNING, Finding, check_files, check_settings, check_stored
from grantway.cli.checkup_outside import check_outside
from grantway.cli.commands import FAILED, Failure, Leaf, choices, wants_color
from grantway.cli.printing import show_json

_MARKS = {OK: ("✓", "green"), WARNING: ("!", "yellow"), ERROR: ("✗", "red")}


@click.command(cls=Leaf)
@click.option("--strict", is_flag=True, help="Warnings count as errors.")
@click.option("--offline", is_flag=True, help="Leave out what asks the running server.")
@click.option("--url", metavar="URL", help="Ask there instead of at the issuer's own address.")
def doctor(*, strict: bool, offline: bool, url: str | None) -> None:
    """Look at settings, files, database, keys and proxy. Changes nothing. Exit code 1 on errors."""
    found = asyncio.run(_examine(offline=offline, url=url))
    errors = [one for one in found if one.status == ERROR or (strict and one.status == WARNING)]
    _show(found)
    if errors:
        raise Failure(f"{len(errors)} of {len(found)} checks failed", hint=errors[0].hint, code=FAILED)


async def _examine(*, offline: bool, url: str | None) -> list[Finding]:
    settings, found = check_settings()
    if settings is None:
        return found
    found += check_files(settings)
    stored, served = await check_stored(settings)
    found += stored
    if not offline:
        found += await check_outside(settings, served, url=url or settings.issuer)
    return found


def _show(found: Sequence[Finding]) -> None:
    if choices().json:
        show_json(
            [{"name": one.name, "status": one.status, "detail": one.words, "hint": one.hint} for one in found]
        )
        return
    width = max(len(one.name) for one in found)
    color = wants_color(sys.stdout)
    for one in found:
        mark, paint = _MARKS[one.status]
        click.echo(f"  {click.style(mark, fg=paint)} {one.name.ljust(width)}  {one.words}", color=color)
        if one.hint:
            click.echo(f"    {' ' * width}  {click.style('hint:', fg='cyan')} {one.hint}", color=color)
    counted = [sum(one.status == status for one in found) for status in (ERROR, WARNING, OK)]
    errors, warnings = (
        f"{count} {what}{'' if count == 1 else 's'}"
        for count, what in zip(counted, ("error", "warning"), strict=False)
    )
    click.echo(f"  {errors}, {warnings}, {counted[2]} ok")
