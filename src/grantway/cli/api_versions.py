"""`grantway api log|diff|rollback|matrix`: what an API was, what changed, and its table at a glance."""

from typing import TYPE_CHECKING, Any

import click

from grantway.cli.api_words import api_json
from grantway.cli.commands import CONFLICT, Leaf, choices, printable, sure
from grantway.cli.printing import iso, note, show_json, show_table, when
from grantway.cli.running import actor, registered_api, run

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from grantway.flows.api_history import Difference
    from grantway.flows.server import Server
    from grantway.protocol.api_changes import Line
    from grantway.protocol.apis import Api
    from grantway.storage.changes import ApiVersion

_COLORS = {"+": "green", "~": "yellow", "−": "red"}


def show_lines(lines: "Iterable[Line]") -> None:
    """Lines of a plan, in their colours where there are any."""
    for line in lines:
        click.echo(f"  {click.style(line.sign, fg=_COLORS.get(line.sign))} {printable(line.words)}")


@click.command("log", cls=Leaf)
@click.argument("name", metavar="API")
@click.option("--limit", type=click.IntRange(1, 1000), default=50, show_default=True, help="At most so many.")
def log(*, name: str, limit: int) -> None:
    """Every version of an API: when, by whom, and from which document. The newest comes first."""

    async def act(server: "Server") -> "Sequence[ApiVersion]":
        from grantway.flows.api_history import versions_of

        return await versions_of(server, name, limit=limit)

    found = run(act)
    show_table(
        ("VERSION", "WHEN", "WHO", "SCOPES", "RULES", "WHAT"),
        [
            (
                str(one.number),
                when(one.at or None) or "before",
                one.actor,
                "" if one.api is None else str(len(one.api.scopes)),
                "" if one.api is None else str(len(one.api.rules)),
                "removed" if one.api is None else one.note,
            )
            for one in found
        ],
        json_rows=[_version_json(one) for one in found],
        ids=[str(one.number) for one in found],
        empty="No versions.",
    )


def _version_json(one: "ApiVersion") -> dict[str, Any]:
    source = one.source
    return {
        "version": one.number,
        "at": iso(one.at or None),
        "actor": one.actor,
        "note": one.note,
        "removed": one.api is None,
        "source": None
        if source is None
        else {"address": source.address, "sha256": source.digest, "title": source.title},
    }


@click.command("diff", cls=Leaf)
@click.argument("name", metavar="API")
@click.argument("old", type=int, required=False)
@click.argument("new", type=int, required=False)
def diff(*, name: str, old: int | None, new: int | None) -> None:
    """What changed: in the newest version, since OLD, or from OLD to NEW. Exit code 5 if anything did."""

    async def act(server: "Server") -> "Difference":
        from grantway.flows.api_history import difference

        return await difference(server, name, old=old, new=new)

    found = run(act)
    if choices().json:
        changes = [{"sign": line.sign, "words": line.words} for line in found.lines]
        show_json({"from": found.old.number, "to": found.new.number, "changes": changes})
    else:
        same = found.old.number == found.new.number
        step = "the same version" if same else f"→ {found.new.number}"
        click.echo(f"  {name}: version {found.old.number}{',' if same else ''} {step}")
        if not same and not found.lines:
            click.echo("  no difference")
        show_lines(found.lines)
    if found.lines:
        raise click.exceptions.Exit(CONFLICT)


@click.command("rollback", cls=Leaf)
@click.argument("name", metavar="API")
@click.argument("version", type=int)
@click.option("--clean", is_flag=True, help="Take scopes it then lacks away from the apps that name them.")
def rollback(*, name: str, version: int, clean: bool) -> None:
    """Make an API what it was in VERSION. That is a new version: nothing is forgotten."""
    sure(f"Bring back version {version} of {name}?")

    async def act(server: "Server") -> "Api":
        from grantway.flows.api_history import roll_back

        return await roll_back(server, name, version, actor=actor(), clean=clean)

    back = run(act)
    if choices().json:
        show_json({"restored": version, "api": api_json(back)})
    note(f"{back.name} is as it was in version {version}.")


@click.command("matrix", cls=Leaf)
@click.argument("name", metavar="API")
def matrix(*, name: str) -> None:
    """Resources down, methods across: which scopes each request needs."""
    found = registered_api(name)
    methods, rows = _matrix_of(found)
    show_table(
        ("RESOURCE", *methods),
        [(path, *(cells.get(method, "–") for method in methods)) for path, cells in rows.items()],
        json_rows=[{"path": path, "methods": cells} for path, cells in rows.items()],
        ids=list(rows),
        empty=f"{found.name} has no rules: everything is refused.",
    )


def _matrix_of(api: "Api") -> tuple[list[str], dict[str, dict[str, str]]]:
    from grantway.protocol.api_access import demands_in_words
    from grantway.protocol.apis import ANY_METHOD, Access

    rows: dict[str, dict[str, str]] = {}
    for rule in api.rules:
        demanded = api.step_up_of(rule)
        cell = demands_in_words(rule, demanded) if rule.access is Access.SCOPES else rule.access.value
        rows.setdefault(rule.path, {})[rule.method] = cell
    order = ["GET", "HEAD", "QUERY", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", ANY_METHOD]
    used = {method for cells in rows.values() for method in cells}
    return [method for method in order if method in used], rows
