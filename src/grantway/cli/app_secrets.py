"""`grantway app secret`: several live secrets for one app, so that they can be changed without outage."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from grantway.cli.app_words import save_env, secret_json
from grantway.cli.commands import Noun, sure
from grantway.cli.printing import note, show_record, show_table, when
from grantway.cli.running import actor, load_settings, registered_app, run
from grantway.cli.values import DURATION, SECRET_FILE, read_secret_file

if TYPE_CHECKING:
    from grantway.flows.server import Server
    from grantway.protocol.clients import ClientSecret


@click.group(cls=Noun)
def secret() -> None:
    """The secrets of an app. Add the new one, change the app, delete the old one."""


@secret.command("add")
@click.argument("client_id", metavar="APP")
@click.option("--label", default="", help="A name to tell it by.")
@click.option("--expires", type=DURATION, help="Its lifetime, such as 90d.")
@click.option("--secret-file", type=SECRET_FILE, help="Bring one along from this file, - for stdin.")
@click.option(
    "--env-file", type=click.Path(path_type=Path), help="Save issuer, id and secret to this file, mode 0600."
)
def add(
    client_id: str, label: str, expires: float | None, secret_file: Path | None, env_file: Path | None
) -> None:
    """Give an app one more secret, shown once; the older ones stay good."""
    from grantway.flows import registry

    draft = registry.SecretDraft(text=read_secret_file(secret_file), label=label, lifetime=expires)

    async def act(server: "Server") -> "tuple[ClientSecret, str | None]":
        return await registry.add_secret(server, client_id, draft, actor=actor())

    stored, text = run(act)
    if env_file is not None:
        save_env(env_file, load_settings().settings.issuer, client_id, text)
    show_record(
        f"A new secret for {client_id}; the older ones stay good",
        {
            "Client secret": f"{text}\nshown once" if text else "as given",
            "Secret ID": stored.id,
            "Label": stored.label,
            "Expires": when(stored.expires_at),
        },
        json_value=secret_json(stored) | ({"client_secret": text} if text else {}),
        quiet_id=stored.id,
    )
    note(f"Next: grantway app secret list {client_id}, then delete the one that is no longer used")


@secret.command("list")
@click.argument("client_id", metavar="APP")
def list_secrets(client_id: str) -> None:
    """The secrets of an app: when they were made, last used, and when they expire."""
    client = registered_app(client_id)
    show_table(
        ("ID", "LABEL", "CREATED", "LAST USED", "EXPIRES"),
        [
            (
                one.id,
                one.label,
                when(one.created_at),
                when(one.last_used_at) or "never",
                when(one.expires_at) or "never",
            )
            for one in client.secrets
        ],
        json_rows=[secret_json(one) for one in client.secrets],
        ids=[one.id for one in client.secrets],
        empty=f"No secrets. grantway app secret add {client_id}"
        if client.uses_secret
        else f"None: it uses {client.auth_method}.",
    )


@secret.command("delete")
@click.argument("client_id", metavar="APP")
@click.argument("secret_id", metavar="SECRET")
def delete(client_id: str, secret_id: str) -> None:
    """Remove a secret, by its id or label. From now on it is good for nothing."""
    from grantway.flows import registry

    sure(f"Delete the secret {secret_id} of {client_id}? Whoever still uses it is locked out.")

    async def act(server: "Server") -> "ClientSecret":
        return await registry.delete_secret(server, client_id, secret_id, actor=actor())

    gone = run(act)
    show_record("", {"Deleted": gone.id}, json_value={"deleted": gone.id}, quiet_id=gone.id)
