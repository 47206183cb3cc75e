"""`grantway keys`: signing keys and master keys."""

from typing import TYPE_CHECKING

import click

from grantway.cli.commands import Noun
from grantway.cli.printing import iso, note, show_json, show_record, show_table, when
from grantway.cli.running import actor, run

if TYPE_CHECKING:
    from grantway.flows.server import Server
    from grantway.storage.changes import StoredKey


@click.group(cls=Noun)
def keys() -> None:
    """Keys: next, active, retiring, retired."""


@keys.command("list")
def list_all() -> None:
    """All keys with their state."""
    from grantway.flows.key_rotation import list_keys

    async def act(server: "Server") -> "list[StoredKey]":
        return await list_keys(server)

    found = run(act)
    show_table(
        ("KEY", "PURPOSE", "ALG", "STATE", "SINCE"),
        [(key.kid, key.purpose.value, key.alg, key.state.value, when(key.state_since)) for key in found],
        json_rows=[
            {
                "kid": key.kid,
                "purpose": key.purpose.value,
                "alg": key.alg,
                "state": key.state.value,
                "state_since": iso(key.state_since),
                "created_at": iso(key.created_at),
            }
            for key in found
        ],
        ids=[key.kid for key in found],
        empty="No keys.",
    )


@keys.command("rotate")
@click.option(
    "--alg",
    type=click.Choice(("ES256", "RS256", "EdDSA")),
    default="ES256",
    show_default=True,
    help="Which of the signing keys.",
)
def rotate(*, alg: str) -> None:
    """Sign with a new key from now on. The old one stays published, so that its tokens stay good."""
    from grantway.flows import key_rotation

    async def act(server: "Server") -> "tuple[StoredKey, list[StoredKey]]":
        return await key_rotation.rotate(server, alg, actor=actor())

    fresh, old = run(act)
    show_record(
        f"A new {alg} key signs from now on",
        {"Key": fresh.kid, "Retiring": "\n".join(key.kid for key in old)},
        json_value={"kid": fresh.kid, "alg": alg, "retiring": [key.kid for key in old]},
        quiet_id=fresh.kid,
    )


@keys.command("master")
def master() -> None:
    """Print a fresh master key, for `secrets.key_file` or GRANTWAY_SECRETS__KEY."""
    from grantway.cli.commands import choices
    from grantway.crypto.envelope import MasterKey

    key = MasterKey.generate()
    if choices().json:
        show_json({"key": key.to_text(), "key_id": key.key_id})
        return
    click.echo(key.to_text())
    note(f"Key id {key.key_id}. Keep it apart from the database: without it, a backup cannot be used.")
