"""`grantway app`: client apps."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from grantway.cli.app_options import KINDS, changed, client_options
from grantway.cli.app_secrets import secret
from grantway.cli.app_words import client_facts, client_json, save_env
from grantway.cli.commands import Noun, choices, sure
from grantway.cli.printing import note, show_record, show_table, when
from grantway.cli.running import actor, load_settings, registered_app, run
from grantway.cli.values import DURATION, SECRET_FILE, read_secret_file

if TYPE_CHECKING:
    from grantway.flows.server import Server
    from grantway.protocol.clients import Client


@click.group(cls=Noun)
def app() -> None:
    """Client apps: programs that ask people for access to an API."""


app.add_command(secret)


@app.command("create")
@click.argument("name")
@click.option(
    "--type", "kind", type=click.Choice(KINDS), default="web", show_default=True, help="What kind of program."
)
@click.option("--id", "client_id", help="Client id, instead of one made from the name.")
@client_options
@click.option("--expires", type=DURATION, help="Lifetime of the secret, such as 90d.")
@click.option("--secret-label", default="", help="A name for the secret.")
@click.option("--secret-file", type=SECRET_FILE, help="Bring a secret along from this file, - for stdin.")
@click.option(
    "--env-file", type=click.Path(path_type=Path), help="Save issuer, id and secret to this file, mode 0600."
)
def create(
    *,
    name: str,
    kind: str,
    client_id: str | None,
    expires: float | None,
    secret_label: str,
    secret_file: Path | None,
    env_file: Path | None,
    **given: Any,
) -> None:
    """Register an app and show its secret, once.

    \b
    grantway app create "Photo Printer" --redirect-uri https://printer.example/cb
        --scope photos:read --optional-scope photos:delete
    """  # noqa: D301 - click wants the character
    from grantway.flows import registry
    from grantway.protocol.clients import ClientType

    text = read_secret_file(secret_file)

    async def act(server: "Server") -> registry.Registered:
        wanted = changed(given, server.snapshots.newest.registry)
        if kind == ClientType.RESOURCE_SERVER and "default_api" in wanted:
            wanted["api"] = wanted.pop("default_api")  # it asks for no tokens: it is the API
        draft = registry.ClientDraft(name=name, type=ClientType(kind), id=client_id, **wanted)
        about = registry.SecretDraft(text=text, label=secret_label, lifetime=expires)
        asked = about if text or secret_label or expires else None
        return await registry.add_client(server, draft, actor=actor(), secret=asked)

    done = run(act)
    client = done.client
    facts = client_facts(client)
    if done.secret:
        saved = "" if env_file is None else f"; saved to {env_file} (0600)"
        facts = {"Client ID": client.id, "Client secret": f"{done.secret}\nshown once{saved}", **facts}
    if env_file is not None:
        save_env(env_file, load_settings().settings.issuer, client.id, done.secret)
    document = client_json(client) | ({"client_secret": done.secret} if done.secret else {})
    show_record(f"Registered {client.name} ({client.type})", facts, json_value=document, quiet_id=client.id)


@app.command("list")
def list_apps() -> None:
    """All apps."""

    async def act(server: "Server") -> list["Client"]:
        return sorted(server.snapshots.newest.registry.clients.values(), key=lambda one: one.name.casefold())

    clients = run(act)
    show_table(
        ("ID", "NAME", "TYPE", "SCOPES", "STATE"),
        [(one.id, one.name, one.type.value, str(one.scope), _state(one)) for one in clients],
        json_rows=[client_json(one) for one in clients],
        ids=[one.id for one in clients],
        empty="No apps yet: grantway app create NAME --redirect-uri URI",
    )


def _state(client: "Client") -> str:
    words = [
        "" if client.enabled else "disabled",
        "" if client.require_pkce else "PKCE relaxed",
        "first party" if client.first_party else "",
        "by file" if client.managed_by_file else "",
    ]
    return ", ".join(word for word in words if word) or "enabled"


@app.command("show")
@click.argument("client_id", metavar="ID")
def show(client_id: str) -> None:
    """One app, with its secrets as far as anybody may see them."""
    client = registered_app(client_id)
    facts = client_facts(client) | {
        "Secrets": "\n".join(
            f"{one.id}  {one.label or 'no label'}, "
            f"{'never used' if one.last_used_at is None else f'last used {when(one.last_used_at)}'}"
            f"{f', expires {when(one.expires_at)}' if one.expires_at else ''}"
            for one in client.secrets
        ),
        "State": _state(client),
        "Registered": when(client.created_at),
    }
    show_record(client.name, facts, json_value=client_json(client), quiet_id=client.id)


@app.command("edit")
@click.argument("client_id", metavar="ID")
@click.option("--name", help="The name people read at consent.")
@client_options
@click.option("--add-redirect-uri", multiple=True, metavar="URI", help="One more; repeat for several.")
@click.option("--remove-redirect-uri", multiple=True, metavar="URI", help="No longer this one.")
@click.option("--add-scope", multiple=True, metavar="SCOPE", help="One more scope it may ask for.")
@click.option("--remove-scope", multiple=True, metavar="SCOPE", help="No longer this scope.")
@click.option("--enable/--disable", default=None, help="Whether it may do anything at all.")
def edit(
    *,
    client_id: str,
    name: str | None,
    add_redirect_uri: tuple[str, ...],
    remove_redirect_uri: tuple[str, ...],
    add_scope: tuple[str, ...],
    remove_scope: tuple[str, ...],
    enable: bool | None,
    **given: Any,
) -> None:
    """Change what is registered; options that take several values replace what there was."""
    from grantway.flows import registry
    from grantway.protocol.scope import Scope

    async def act(server: "Server") -> "Client":
        wanted = changed(given, server.snapshots.newest.registry)
        own = {"name": name, "enabled": enable}
        wanted |= {field: value for field, value in own.items() if value is not None}

        def edited(old: "Client") -> "Client":
            new = replace(old, **wanted)
            kept = tuple(uri for uri in new.redirect_uris if uri not in remove_redirect_uri)
            more = tuple(uri for uri in add_redirect_uri if uri not in kept)
            gone = Scope(tuple(remove_scope))
            optional = new.optional_scope - gone
            scope = ((new.scope | Scope.of(add_scope)) - gone) | optional
            return replace(new, redirect_uris=(*kept, *more), scope=scope, optional_scope=optional)

        return await registry.change_client(server, client_id, edited, actor=actor())

    client = run(act)
    show_record(
        f"Changed {client.name}", client_facts(client), json_value=client_json(client), quiet_id=client.id
    )


@app.command("delete")
@click.argument("client_id", metavar="ID")
def delete(client_id: str) -> None:
    """Remove an app; everything people granted it is revoked."""
    from grantway.flows import registry

    sure(f"Delete the app {client_id} and revoke everything granted to it?")

    async def act(server: "Server") -> "Client":
        return await registry.delete_client(server, client_id, actor=actor())

    client = run(act)
    if choices().json:
        show_record("", {}, json_value={"deleted": client.id}, quiet_id=client.id)
    note(f"Deleted {client.name} ({client.id}); its grants are revoked.")
