"""`grantway api`: protected APIs."""

import shlex
from dataclasses import replace
from typing import TYPE_CHECKING

import click

from grantway.cli.api_documents import export_api, import_api
from grantway.cli.api_versions import diff, log, matrix, rollback
from grantway.cli.api_words import (
    FORMATS,
    api_facts,
    api_json,
    base_in,
    below_base,
    read_rule,
    read_rule_name,
    read_scope,
    with_marks,
)
from grantway.cli.commands import REFUSED, Failure, Noun, choices, sure
from grantway.cli.printing import note, show_record, show_table
from grantway.cli.running import actor, registered_api, run
from grantway.cli.values import DURATION

if TYPE_CHECKING:
    from grantway.flows.server import Server
    from grantway.protocol.apis import Api
    from grantway.protocol.step_up import StepUp

_SCOPE = "A scope and what people read at consent, such as 'photos:read=See your photos'."
_RULE = "A rule: 'GET /photos/{id} photos:read', '… a b or c', '… a max_age=300', '… public', '… deny'."
_MAX_AGE = "So lately people must have signed in, where a rule says nothing else; 0: whenever."
_LISTED = "Named in the server's metadata, for everybody to read."
_ACR = "How they must have signed in; repeat for several, empty: however."
_ALIAS = "Another address by which `resource` may name it."
_SERVER = "A base URL; the paths of the rules are below it."
_READ = "Lets an app look at things."
_WRITE = "Lets an app change things."
_CREDENTIALS = "Also make the credentials with which the API asks about its tokens."


@click.group(cls=Noun)
def api() -> None:
    """APIs: their scopes, and which request needs which scope."""


@api.command("create")
@click.argument("name")
@click.option("--audience", required=True, metavar="URI", help="Its address; becomes `aud` in its tokens.")
@click.option("--scope", "scopes", multiple=True, metavar="NAME=SENTENCE", help=_SCOPE)
@click.option(
    "--default", "defaults", multiple=True, metavar="SCOPE", help="Given when nothing is asked for."
)
@click.option("--read", multiple=True, metavar="SCOPE", help=_READ)
@click.option("--write", multiple=True, metavar="SCOPE", help=_WRITE)
@click.option("--sensitive", multiple=True, metavar="SCOPE", help="Shown with a warning, not ticked.")
@click.option("--alias", "aliases", multiple=True, metavar="URI", help=_ALIAS)
@click.option("--server", "servers", multiple=True, metavar="URL", help=_SERVER)
@click.option("--rule", "rules", multiple=True, metavar="'METHOD PATH SCOPE…'", help=_RULE)
@click.option(
    "--token-format",
    type=click.Choice(FORMATS),
    default="jwt",
    show_default=True,
    help="JWTs need no question; opaque ones end at once.",
)
@click.option(
    "--token-alg",
    type=click.Choice(("ES256", "RS256", "EdDSA")),
    default="ES256",
    show_default=True,
    help="What its JWTs are signed with; a key is made when there is none.",
)
@click.option("--token-lifetime", type=DURATION, help="Of its tokens, instead of the server's setting.")
@click.option("--max-age", type=DURATION, help=_MAX_AGE)
@click.option("--acr", "acr_values", multiple=True, metavar="NAME", help=_ACR)
@click.option("--listed", is_flag=True, help=_LISTED)
@click.option("--credentials", is_flag=True, help=_CREDENTIALS)
def create(
    *,
    name: str,
    audience: str,
    scopes: tuple[str, ...],
    defaults: tuple[str, ...],
    read: tuple[str, ...],
    write: tuple[str, ...],
    sensitive: tuple[str, ...],
    aliases: tuple[str, ...],
    servers: tuple[str, ...],
    rules: tuple[str, ...],
    token_format: str,
    token_alg: str,
    token_lifetime: float | None,
    max_age: float | None,
    acr_values: tuple[str, ...],
    listed: bool,
    credentials: bool,
) -> None:
    """Register an API.

    \b
    grantway api create photos --audience https://api.example/photos
        --scope 'photos:read=See your photos' --default photos:read
        --rule 'GET /photos photos:read' --rule 'GET /photos/{id} photos:read'
    """  # noqa: D301 - click wants the character
    from grantway.flows.registry_apis import RegisteredApi, add_api
    from grantway.protocol.apis import Api, ApiMistakes, TokenFormat

    try:
        wanted = Api(
            identifier=audience,
            name=name,
            aliases=aliases,
            servers=servers,
            scopes=with_marks(
                [read_scope(one) for one in scopes],
                defaults,
                {"read": read, "write": write, "sensitive": sensitive},
            ),
            rules=tuple(read_rule(one) for one in rules),
            token_format=TokenFormat(token_format),
            token_alg=token_alg,
            token_lifetime=None if token_lifetime is None else int(token_lifetime),
            step_up=_step_up(None, max_age, acr_values),
            listed=listed,
        )
    except ApiMistakes as wrong:
        raise Failure(str(wrong), hint="grantway api create --help") from None

    async def act(server: "Server") -> RegisteredApi:
        return await add_api(server, wanted, actor=actor(), credentials=credentials)

    done = run(act)
    facts = api_facts(done.api)
    document = api_json(done.api)
    if done.client is not None:
        own = {"client_id": done.client.id, "client_secret": done.secret}
        facts |= {"Client ID": own["client_id"], "Client secret": f"{own['client_secret']}\nshown once"}
        document["credentials"] = own
    show_record(f"Registered {name}", facts, json_value=document, quiet_id=done.api.identifier)
    if not done.api.rules:
        row = shlex.join(["grantway", "api", "edit", name, "--add-rule", "METHOD PATH SCOPE"])
        note(f"No request passes yet: {row}, or grantway api import for an OpenAPI document")


@api.command("list")
def list_apis() -> None:
    """All APIs."""

    async def act(server: "Server") -> list["Api"]:
        return sorted(server.snapshots.newest.registry.apis.values(), key=lambda one: one.name.casefold())

    apis = run(act)
    show_table(
        ("NAME", "AUDIENCE", "TOKENS", "SCOPES"),
        [
            (
                one.name,
                one.identifier,
                f"{one.token_format} {one.token_alg}",
                " ".join(s.name for s in one.scopes),
            )
            for one in apis
        ],
        json_rows=[api_json(one) for one in apis],
        ids=[one.identifier for one in apis],
        empty="No APIs yet: grantway api create NAME --audience URI",
    )


@api.command("show")
@click.argument("name", metavar="API")
def show(name: str) -> None:
    """One API: its scopes, and the table of requests."""
    found = registered_api(name)
    show_record(found.name, api_facts(found), json_value=api_json(found), quiet_id=found.identifier)


@api.command("edit")
@click.argument("name", metavar="API")
@click.option(
    "--add-scope", multiple=True, metavar="NAME=SENTENCE", help="A new scope, or a new sentence for it."
)
@click.option("--remove-scope", multiple=True, metavar="SCOPE", help="No longer this scope.")
@click.option(
    "--add-rule", multiple=True, metavar="'METHOD PATH SCOPE…'", help="One more rule, or a changed one."
)
@click.option("--remove-rule", multiple=True, metavar="'METHOD PATH'", help="No longer this rule.")
@click.option(
    "--default", "defaults", multiple=True, metavar="SCOPE", help="Given when nothing is asked for."
)
@click.option("--read", multiple=True, metavar="SCOPE", help=_READ)
@click.option("--write", multiple=True, metavar="SCOPE", help=_WRITE)
@click.option("--sensitive", multiple=True, metavar="SCOPE", help="Shown with a warning, not ticked.")
@click.option("--add-alias", multiple=True, metavar="URI", help=_ALIAS)
@click.option("--remove-alias", multiple=True, metavar="URI", help="No longer this one.")
@click.option("--add-server", multiple=True, metavar="URL", help=_SERVER)
@click.option("--remove-server", multiple=True, metavar="URL", help="No longer this one.")
@click.option("--token-lifetime", type=DURATION, help="Of its tokens, instead of the one it has.")
@click.option("--max-age", type=DURATION, help=_MAX_AGE)
@click.option("--acr", "acr_values", multiple=True, metavar="NAME", help=_ACR)
@click.option("--listed/--unlisted", default=None, help=_LISTED)
@click.option("--clean", is_flag=True, help="Take removed scopes away from the apps that name them.")
def edit(
    *,
    name: str,
    add_scope: tuple[str, ...],
    remove_scope: tuple[str, ...],
    add_rule: tuple[str, ...],
    remove_rule: tuple[str, ...],
    defaults: tuple[str, ...],
    read: tuple[str, ...],
    write: tuple[str, ...],
    sensitive: tuple[str, ...],
    token_lifetime: float | None,
    add_alias: tuple[str, ...],
    remove_alias: tuple[str, ...],
    add_server: tuple[str, ...],
    remove_server: tuple[str, ...],
    max_age: float | None,
    acr_values: tuple[str, ...],
    listed: bool | None,
    clean: bool,
) -> None:
    """Change the scopes, rules and addresses of an API. What is not named stays."""
    from grantway.flows.registry_apis import change_api
    from grantway.protocol.apis import ApiMistakes

    more_scopes = [read_scope(one) for one in add_scope]
    more_rules = [read_rule(one) for one in add_rule]
    gone_rules = {read_rule_name(one) for one in remove_rule} | {(one.method, one.path) for one in more_rules}
    gone_scopes = {*remove_scope, *(one.name for one in more_scopes)}

    def edited(old: "Api") -> "Api":
        kept = [one for one in old.scopes if one.name not in gone_scopes]
        rows = [one for one in old.rules if (one.method, one.path) not in gone_rules]
        marks = {"read": read, "write": write, "sensitive": sensitive}
        return replace(
            old,
            scopes=with_marks([*kept, *more_scopes], defaults, marks),
            rules=(*rows, *more_rules),
            aliases=_changed(old.aliases, add_alias, remove_alias),
            servers=_changed(old.servers, add_server, remove_server),
            token_lifetime=old.token_lifetime if token_lifetime is None else int(token_lifetime),
            step_up=_step_up(old.step_up, max_age, acr_values),
            listed=old.listed if listed is None else listed,
        )

    async def act(server: "Server") -> "Api":
        return await change_api(server, name, edited, actor=actor(), clean=clean)

    try:
        changed = run(act)
    except ApiMistakes as wrong:
        raise Failure(str(wrong), hint=f"grantway api show {name}") from None
    show_record(
        f"Changed {changed.name}",
        api_facts(changed),
        json_value=api_json(changed),
        quiet_id=changed.identifier,
    )


@api.command("delete")
@click.argument("name", metavar="API")
@click.option("--clean", is_flag=True, help="Take its scopes away from the apps that name them.")
def delete(*, name: str, clean: bool) -> None:
    """Remove an API, and the credentials with which it asks about its tokens."""
    from grantway.flows.registry_apis import delete_api

    sure(f"Delete the API {name}?")

    async def act(server: "Server") -> "Api":
        return await delete_api(server, name, actor=actor(), clean=clean)

    gone = run(act)
    if choices().json:
        show_record("", {}, json_value={"deleted": gone.identifier}, quiet_id=gone.identifier)
    note(f"Deleted {gone.name} ({gone.identifier}).")


@api.command("check")
@click.argument("name", metavar="API")
@click.argument("method")
@click.argument("path")
@click.option(
    "--scope", "scopes", multiple=True, metavar="SCOPE", help="A scope of the token; repeat for several."
)
def check(*, name: str, method: str, path: str, scopes: tuple[str, ...]) -> None:
    """Would a token with these scopes pass, and why? Exit code 0 if it would, 4 if not.

    PATH is below the base of the API, as in its rules, or a whole address.
    """
    from grantway.protocol.api_access import Outcome, decide
    from grantway.protocol.paths import BadPath, canonical_path
    from grantway.protocol.scope import Scope

    found = registered_api(name)
    try:
        scope = Scope.of(token for text in scopes for token in text.replace(",", " ").split())
        canonical = canonical_path(below_base(found, path.partition("?")[0]).encode())
    except (ValueError, BadPath) as bad:
        raise Failure(str(bad), hint="grantway api check photos GET /photos/1 --scope photos:read") from None
    decision = decide(found, method.upper(), canonical, scope)
    passes = decision.passes
    own = {one.name for one in found.scopes}
    unknown = ", ".join(one for one in scope.tokens if one not in own)
    base = base_in(found, canonical) if decision.outcome is Outcome.UNLISTED else ""
    show_record(
        f"{'ALLOWED' if passes else 'REFUSED'}  {method.upper()} {canonical}",
        {
            "Because": decision.why,
            "Unknown": f"{unknown}: no scope of {found.name}" if unknown else None,
            "Base": f"{base} is of the server, rules are below it: {canonical[len(base) :]}"
            if base
            else None,
            "Next": _row_for(found.name, method.upper(), canonical)
            if decision.outcome is Outcome.UNLISTED and not base
            else None,
        },
        json_value={
            "allowed": passes,
            "outcome": decision.outcome.value,
            "method": method.upper(),
            "path": canonical,
            "why": decision.why,
            "needs": list(decision.need),
            "missing": list(decision.missing),
        },
        quiet_id="allowed" if passes else "refused",
    )
    if not passes:
        raise click.exceptions.Exit(REFUSED)


def _row_for(name: str, method: str, path: str) -> str:
    """The command that would list the request."""
    row = shlex.join(["grantway", "api", "edit", name, "--add-rule", f"{method} {path} SCOPE"])
    return f"if it should pass: {row}; {{id}} stands for one segment of the path"


def _step_up(old: "StepUp | None", max_age: float | None, acr_values: tuple[str, ...]) -> "StepUp | None":
    """What is demanded of every sign-in, after an edit. What is not named stays."""
    from grantway.protocol.step_up import StepUp

    age, names = (None, ()) if old is None else (old.max_age, old.acr_values)
    if max_age is not None:
        age = int(max_age) or None
    if acr_values:
        names = tuple(one for one in acr_values if one)
    return StepUp.demanding(names, age)


def _changed(old: tuple[str, ...], add: tuple[str, ...], remove: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(one for one in (*old, *add) if one not in remove))


for more in (import_api, export_api, log, diff, rollback, matrix):
    api.add_command(more)
