"""`grantway keys`: signing keys and master keys."""

from typing import TYPE_CHECKING

import click

from grantway.cli.commands import Noun, choices, sure
from grantway.cli.printing import iso, note, show_json, show_record, show_table, when
from grantway.cli.running import actor, run

if TYPE_CHECKING:
    from grantway.flows.key_phases import Times
    from grantway.flows.key_rotation import Rotated
    from grantway.flows.server import Server
    from grantway.storage.changes import StoredKey


@click.group(cls=Noun)
def keys() -> None:
    """Keys: next, active, retiring, retired; revoked in an emergency."""


@keys.command("list")
def list_all() -> None:
    """All keys with their phase, and what comes next."""
    from grantway.flows import key_rotation
    from grantway.flows.key_phases import what_follows

    async def act(server: "Server") -> "tuple[list[StoredKey], Times]":
        return await key_rotation.list_keys(server), key_rotation.times_of(server)

    found, times = run(act)
    then = {key.kid: what_follows(key, times) for key in found}
    show_table(
        ("KEY", "PURPOSE", "ALG", "STATE", "SINCE", "THEN"),
        [
            (
                key.kid,
                key.purpose.value,
                key.alg,
                key.state.value,
                when(key.state_since),
                f"{follows[0]} {when(follows[1])}" if (follows := then[key.kid]) else "",
            )
            for key in found
        ],
        json_rows=[
            {
                "kid": key.kid,
                "purpose": key.purpose.value,
                "alg": key.alg,
                "state": key.state.value,
                "state_since": iso(key.state_since),
                "created_at": iso(key.created_at),
                "until": iso(follows[1]) if (follows := then[key.kid]) else None,
            }
            for key in found
        ],
        ids=[key.kid for key in found],
        empty="No keys.",
    )


@keys.command("rotate")
@click.option(
    "--alg",
    type=click.Choice(("ES256", "RS256", "EdDSA", "A256GCM")),
    default="ES256",
    show_default=True,
    help="Which of the signing keys; A256GCM seals requests that wait for a person.",
)
@click.option("--now", "at_once", is_flag=True, help="Use it now, though others may not have seen it yet.")
@click.option("--emergency", is_flag=True, help="Use it now, and revoke every other key of this algorithm.")
def rotate(*, alg: str, at_once: bool, emergency: bool) -> None:
    """Make the next key. It is published now and signs when every API can know it.

    The old one stays published while its tokens live. In an emergency nothing it signed is believed any more.
    """
    from grantway.flows import key_rotation
    from grantway.flows.key_phases import what_follows

    if emergency:
        sure(f"Refuse every token that any {alg} key has signed so far?")

    async def act(server: "Server") -> "Rotated":
        return await key_rotation.rotate(server, alg, actor=actor(), wait=not at_once, emergency=emergency)

    done = run(act)
    follows = what_follows(done.fresh, done.times)
    titles = {"retiring": "Retiring", "revoked": "Revoked"}
    show_record(
        f"A new {alg} key is {done.fresh.state.value}",
        {
            "Key": done.fresh.kid,
            "Then": f"{follows[0]} {when(follows[1])}" if follows else None,
            **{
                title: "\n".join(key.kid for key in done.others if key.state.value == state)
                for state, title in titles.items()
            },
        },
        json_value={
            "kid": done.fresh.kid,
            "alg": alg,
            "state": done.fresh.state.value,
            "until": iso(follows[1]) if follows else None,
            **{state: [key.kid for key in done.others if key.state.value == state] for state in titles},
        },
        quiet_id=done.fresh.kid,
    )
    if emergency:
        note("APIs that keep our keys believe the old one until they ask again: restart them, or wait.")


@keys.command("rewrap")
def rewrap() -> None:
    """Put every key under the current master key. First start all nodes with it and the previous one."""
    from grantway.flows import key_rotation

    async def act(server: "Server") -> "list[StoredKey]":
        return await key_rotation.rewrap(server, actor=actor())

    changed = run(act)
    if choices().json:
        show_json({"rewrapped": [key.kid for key in changed]})
        return
    for key in changed:
        click.echo(key.kid)
    note(f"{len(changed)} keys rewrapped; secrets.previous_key may go when grantway doctor says so.")


@keys.command("master")
def master() -> None:
    """Print a fresh master key, for `secrets.key_file` or GRANTWAY_SECRETS__KEY."""
    from grantway.crypto.envelope import MasterKey

    key = MasterKey.generate()
    if choices().json:
        show_json({"key": key.to_text(), "key_id": key.key_id})
        return
    click.echo(key.to_text())
    note(f"Key id {key.key_id}. Keep it apart from the database: without it, a backup cannot be used.")
