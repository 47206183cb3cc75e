"""`grantway api import|export`: from an OpenAPI document to a definition, and back."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from grantway.cli.api_versions import show_lines
from grantway.cli.commands import CONFLICT, Failure, Leaf, choices, sure
from grantway.cli.printing import note, progress_bar, show_json
from grantway.cli.running import actor, load_settings, registered_api, run
from grantway.protocol.counting import counted

if TYPE_CHECKING:
    from grantway.flows.openapi_import import Impact, ImportPlan, Loaded, Wishes
    from grantway.flows.server import Server

_BAR_ABOVE = 2000  # operations
_SHOWN, _NOTES_SHOWN = 40, 10  # lines, without --all
_LOOKS_REMOTE = ("https://", "http://")


@click.command("import", cls=Leaf)
@click.argument("spec")
@click.option("--name", metavar="API", help="Which API it is, or what to call it. Else: by its title.")
@click.option("--audience", metavar="URI", help="Its own address. Else: its first https server.")
@click.option("--prune", is_flag=True, help="Remove the rules and scopes that the document has no more.")
@click.option("--clean", is_flag=True, help="Take removed scopes away from the apps that name them.")
@click.option(
    "--unprotected",
    type=click.Choice(("as-said", "suggest", "public", "deny")),
    default="as-said",
    show_default=True,
    help="Operations that anybody may call: public where the document says so and suggested scopes where it"
    " is silent; or the same for all of them.",
)
@click.option("--dry-run", is_flag=True, help="Show the plan only; exit code 5 if there is something to do.")
@click.option("--all", "show_all", is_flag=True, help="Show every line of a long plan.")
def import_api(
    *,
    spec: str,
    name: str | None,
    audience: str | None,
    prune: bool,
    clean: bool,
    unprotected: str,
    dry_run: bool,
    show_all: bool,
) -> None:
    """Make an API of an OpenAPI document (3.0, 3.1), or bring its changes in.

    SPEC is a file, YAML or JSON, or an https address. What the document has no more is kept, unless you say
    --prune; what you changed by hand stays while the document says what it said.

    \b
    grantway api import openapi.yaml --audience https://api.example/photos --dry-run
    """  # noqa: D301 - click wants the character
    from grantway.flows.openapi_import import ImportPlan, Wishes, apply_import, plan_import
    from grantway.protocol.openapi_api import Unprotected

    wishes = Wishes(
        name=name, audience=audience, prune=prune, clean=clean, unprotected=Unprotected(unprotected)
    )
    loaded = _load(spec)

    async def plan(server: "Server") -> ImportPlan:
        return await plan_import(server, loaded, wishes)

    async def apply(server: "Server") -> ImportPlan:
        return await apply_import(server, loaded, wishes, actor=actor())

    planned = run(plan)
    _show(planned, wishes, as_json=choices().json, applied=not dry_run, most=None if show_all else _SHOWN)
    if planned.is_known or dry_run:
        if planned.has_changes:
            raise click.exceptions.Exit(CONFLICT)
        return
    if planned.has_changes:
        sure(f"Apply {counted(len(planned.lines), 'change')} to {planned.new.name}?")
    run(apply)
    if planned.has_changes:
        note(f"{planned.new.name} is up to date: grantway api show {planned.new.name}")


def _load(spec: str) -> "Loaded":
    """The document, or a Failure with every mistake and its place."""
    from grantway.flows.openapi_import import BadDocument, fetch_document, load_document

    async def fetched(server: "Server") -> bytes:
        return await fetch_document(server, spec)

    try:
        raw = run(fetched) if spec.lower().startswith(_LOOKS_REMOTE) else _read(Path(spec))
        with _bar() as progress:
            return load_document(raw, spec, progress=progress)
    except BadDocument as bad:
        hint = "each place is a line and a JSON pointer; mend it there"
        if not bad.was_read:
            hint = "addresses on the internet alone are fetched; a file does as well"
        raise Failure(str(bad), hint=hint) from None


def _read(path: Path) -> bytes:
    from grantway.flows.openapi_text import MAX_BYTES

    try:
        with path.open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except OSError as failed:
        raise Failure(f"{path}: {failed.strerror}", hint="SPEC is a file or an https address") from None


@contextmanager
def _bar() -> "Iterator[Callable[[int, int], None]]":
    """A progress bar, for documents with many operations."""
    with progress_bar("Reading operations") as advance:

        def step(done: int, of: int) -> None:
            if of > _BAR_ABOVE:
                advance(done, of)

        yield step


def _show(plan: "ImportPlan", wishes: "Wishes", *, as_json: bool, applied: bool, most: int | None) -> None:
    if as_json:
        show_json(_plan_json(plan, applied=applied))
        return
    if choices().quiet:
        click.echo(plan.new.identifier)
        return
    click.echo(f"  {plan.source.title} → {plan.new.name} (audience {plan.new.identifier})")
    if plan.unprotected:
        count = len(plan.unprotected)
        where = ("; they come first" if count > 1 else "; it comes first") if plan.has_changes else ""
        what = click.style(counted(count, "unprotected operation"), fg="red")
        click.echo(f"  {what} in the document{where}")
    _show_some(plan, most)
    for one in plan.impact:
        click.echo(f"  ! {impact_words(one)}")
    if plan.kept and not wishes.prune:
        click.echo("  What the document has no more is kept; --prune removes it.")
    if not plan.has_changes:
        click.echo("  Nothing to do.")


def _show_some(plan: "ImportPlan", most: int | None) -> None:
    """The lines of the plan, then what is worth knowing; long lists are cut."""
    show_lines(plan.lines[:most])
    if most is not None and len(plan.lines) > most:
        click.echo(f"  … and {len(plan.lines) - most} more changes: --all shows them")
    signs = [line.sign for line in plan.lines]
    if signs:
        counts = [f"{signs.count('+')} added", f"{signs.count('~')} changed", f"{signs.count('−')} removed"]
        click.echo(f"  {', '.join(counts)}; {counted(len(plan.suggested), 'scope')} suggested by us")
    show_lines(plan.kept[:most])
    remarks = (*plan.notes, *plan.findings)
    few = None if most is None else _NOTES_SHOWN
    for one in remarks[:few]:
        click.echo(f"  note: {one}")
    if few is not None and len(remarks) > few:
        click.echo(f"  … and {len(remarks) - few} more notes: --all shows them")


def impact_words(one: "Impact") -> str:
    """Whom it touches that a scope is gone."""
    state = "is removed" if one.removed else "would be removed by --prune"
    name = f" (now {one.renamed}?)" if one.renamed else ""
    apps = ", ".join(one.apps) or "no app"
    live = counted(sum(one.grants.values()), "live grant")
    return f"scope {one.scope}{name} {state}: named by {apps}; {live}"


def _plan_json(plan: "ImportPlan", *, applied: bool) -> dict[str, Any]:
    return {
        "api": {"name": plan.new.name, "audience": plan.new.identifier, "new": plan.old is None},
        "document": {
            "title": plan.source.title,
            "address": plan.source.address,
            "sha256": plan.source.digest,
        },
        "unprotected": [str(one) for one in plan.unprotected],
        "changes": [{"sign": line.sign, "words": line.words} for line in plan.lines],
        "kept": [line.words for line in plan.kept],
        "suggested_scopes": sorted(plan.suggested),
        "impact": [
            {
                "scope": one.scope,
                "removed": one.removed,
                "renamed": one.renamed,
                "apps": list(one.apps),
                "live_grants": dict(one.grants),
            }
            for one in plan.impact
        ],
        "findings": [str(one) for one in plan.findings],
        "notes": [str(one) for one in plan.notes],
        "applied": applied and not plan.is_known,
    }


@click.command("export", cls=Leaf)
@click.argument("name", metavar="API")
@click.option(
    "--format",
    "form",
    type=click.Choice(("openapi", "toml")),
    default="openapi",
    show_default=True,
    help="OpenAPI, or the table that `grantway import` and the SDK read.",
)
@click.option(
    "--into",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Fill the security into this OpenAPI document instead of making a bare one.",
)
def export_api(*, name: str, form: str, into: Path | None) -> None:
    """Print an API's definition, with the security of every operation filled in.

    Filled into a document in YAML, it comes out in YAML, without the comments; else in JSON.
    """
    found = registered_api(name)
    if form == "toml":
        from grantway.cli.toml_words import tables_as_toml
        from grantway.protocol.api_tables import table_of

        click.echo(tables_as_toml("apis", [table_of(found)]), nl=False)
        return
    from grantway.protocol.openapi_export import document_of, filled_in

    issuer = load_settings().settings.issuer
    if into is None:
        show_json(document_of(found, issuer=issuer))
        return
    _load(str(into))
    from grantway.flows.openapi_text import read_text

    read = read_text(_read(into))
    document, refused = filled_in(read.root if isinstance(read.root, dict) else {}, found, issuer=issuer)
    for one in refused:
        note(f"  note: {one} is refused by the definition; the document still has it")
    if read.is_json or choices().json:
        show_json(document)
    else:
        click.echo(_as_yaml(document), nl=False)


def _as_yaml(document: object) -> str:
    """As people write it: keys in the order of the document, no aliases, no line broken."""
    import yaml

    class Plain(yaml.SafeDumper):
        def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002 - the library's signature
            return True

    written: str = yaml.dump(document, Dumper=Plain, sort_keys=False, allow_unicode=True, width=1 << 20)
    return written
