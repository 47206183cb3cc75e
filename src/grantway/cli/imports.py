"""`grantway import`: brings apps, APIs and people in from a file."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

from grantway.cli.commands import CONFLICT, Failure, Leaf, choices, sure
from grantway.cli.printing import note, show_json
from grantway.cli.running import actor, load_settings, run
from grantway.protocol.counting import counted

if TYPE_CHECKING:
    from grantway.flows.registry_plan import Plan
    from grantway.flows.server import Server


@click.command("import", cls=Leaf)
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--dry-run", is_flag=True, help="Only show what would happen; exit code 5 if anything would.")
@click.option(
    "--prune", is_flag=True, help="Remove what an earlier file brought and this one no longer names."
)
def import_(*, file: Path, dry_run: bool, prune: bool) -> None:
    """Make the registry as a file says, after showing what that changes.

    What the file names is managed by it from then on: pages and commands leave it alone. That holds for what
    was made by them before, too; the plan says so.
    """
    from grantway.flows import registry_plan
    from grantway.flows.registry_file import Wanted, read_registry_file

    def wanted() -> Wanted:
        return read_registry_file(file, env=os.environ, dev=load_settings().settings.dev)

    async def planned(server: "Server") -> "Plan":
        return await registry_plan.plan_for(server, wanted(), prune=prune)

    async def applied(server: "Server") -> "Plan":
        return await registry_plan.apply(server, wanted(), actor=actor(), prune=prune)

    plan = run(planned)
    count = sum(1 for line in plan.lines if line.sign.strip())
    if not choices().json:
        for line in plan.lines:
            click.echo(f"  {line}")
        note(counted(count, "change") if count else "Nothing to do.")
    if dry_run:
        _show(plan, applied=False)
        if plan.has_changes:
            _found(count, file)
        return
    if plan.has_changes:
        sure(f"Apply {counted(count, 'change')}?")
        plan = run(applied)
    _show(plan, applied=plan.has_changes)


def _found(count: int, file: Path) -> NoReturn:
    """A dry run that found something has not failed; scripts are told by the exit code."""
    words = f"{counted(count, 'change')}, nothing written (dry run)"
    if choices().json:
        raise Failure(words, hint=f"grantway import {file}", code=CONFLICT)
    note("Nothing was written: a dry run.")
    note(f"hint: grantway import {file}")
    raise click.exceptions.Exit(CONFLICT)


def _show(plan: "Plan", *, applied: bool) -> None:
    if choices().json:
        lines = [{"sign": line.sign.strip(), "words": line.words} for line in plan.lines]
        show_json({"changes": lines, "applied": applied})
    elif applied:
        note("Applied.")
