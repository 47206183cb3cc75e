"""`grantway token preview`: what a token would say, and why each scope is in it or not."""

import json
from typing import TYPE_CHECKING, Any

import click

from grantway.cli.commands import NOT_FOUND, REFUSED, Failure, Leaf, choices
from grantway.cli.printing import show_json, when
from grantway.cli.running import run
from grantway.protocol.durations import show_duration

if TYPE_CHECKING:
    from grantway.flows.preview import Preview
    from grantway.flows.server import Server

_TIMES = ("exp", "iat", "auth_time")


@click.command("preview", cls=Leaf)
@click.option("--client", "client_id", required=True, metavar="APP", help="Which app would ask.")
@click.option("--person", "username", metavar="USERNAME", help="Who would allow it. Else: the app by itself.")
@click.option(
    "--scope", "scopes", multiple=True, metavar="SCOPE", help="What is asked for. Else: the default."
)
@click.option("--resource", metavar="URI", help="Which API it is for.")
@click.option("--tick", multiple=True, metavar="SCOPE", help="The person ticks this one too.")
@click.option("--untick", multiple=True, metavar="SCOPE", help="The person unticks this one.")
def preview(
    *,
    client_id: str,
    username: str | None,
    scopes: tuple[str, ...],
    resource: str | None,
    tick: tuple[str, ...],
    untick: tuple[str, ...],
) -> None:
    """The claims of the token that would be issued, and why each scope is in or out.

    Nothing is issued or stored. The person is taken to press Allow on the consent page as it is shown. Exit
    code 4 if there would be no token.

    \b
    grantway token preview --client photo_printer --person ada --scope 'photos:read photos:delete'
    """  # noqa: D301 - click wants the character
    from grantway.protocol.scope import Scope

    async def act(server: "Server") -> "Preview":
        from grantway.flows.preview import Wish
        from grantway.flows.preview import preview as previewed
        from grantway.flows.rejections import NotFound

        wish = Wish(
            client_id=client_id,
            username=username,
            scope=" ".join(scopes).replace(",", " "),
            resource=resource,
            ticked=Scope(tick),
            unticked=Scope(untick),
        )
        try:
            return await previewed(server, wish)
        except NotFound as missing:
            lists = "grantway user list" if "nobody" in str(missing) else "grantway app list"
            raise Failure(str(missing), hint=lists, code=NOT_FOUND) from None

    found = run(act)
    if choices().json:
        show_json(_as_json(found))
    else:
        _show(found)
    if found.refusal is not None:
        raise click.exceptions.Exit(REFUSED)


def _as_json(found: "Preview") -> dict[str, Any]:
    refusal, planned = found.refusal, found.planned
    return {
        "issued": refusal is None,
        "error": None if refusal is None else refusal.code.value,
        "why": None if refusal is None else refusal.tell_operator,
        "token_format": None if planned is None else planned.token_format.value,
        "token_alg": None if planned is None else planned.alg,
        "expires_in": None if planned is None else planned.lifetime,
        "claims": found.claims,
        "id_token_claims": found.id_token_claims,
        "refresh_token": found.with_refresh_token,
        "person_is_asked": found.asks,
        "scopes": [{"scope": one.scope, "in": one.is_in, "why": one.why} for one in found.scopes],
    }


def _show(found: "Preview") -> None:
    if found.refusal is not None:
        click.echo(f"No token: {found.refusal.code.value}: {found.refusal.tell_operator}")
    elif found.planned is not None and found.claims is not None:
        kind = f"{found.planned.token_format.value} {found.planned.alg}"
        more = ", with a refresh token" if found.with_refresh_token else ", without a refresh token"
        click.echo(f"Access token ({kind}, for {show_duration(found.planned.lifetime)}{more})")
        _show_claims(found.claims)
    if found.id_token_claims is not None:
        click.echo("ID token")
        _show_claims(found.id_token_claims)
    click.echo("Scopes")
    width = max((len(one.scope) for one in found.scopes), default=0)
    for one in found.scopes:
        click.echo(f"  {'✓' if one.is_in else '✗'} {one.scope.ljust(width)}  {one.why}")


def _show_claims(claims: dict[str, Any]) -> None:
    for name, value in claims.items():
        text = value if isinstance(value, str) else json.dumps(value)
        click.echo(f"  {name}: {text}" + (f"  ({when(value)})" if name in _TIMES else ""))
