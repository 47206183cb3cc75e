"""`grantway token`: what a token says, and whether to believe it."""

import json
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from grantway.cli.commands import FAILED, USAGE, Failure, Noun, choices
from grantway.cli.printing import show_json, when
from grantway.cli.running import load_settings, run
from grantway.cli.token_preview import preview

if TYPE_CHECKING:
    from grantway.crypto.jwk import VerificationKey
    from grantway.flows.server import Server

_TIMES = ("exp", "iat", "nbf", "auth_time")
_KINDS = {
    "gwac": "an authorization code",
    "gwrt": "a refresh token",
    "gwat": "an opaque access token",
    "gwcs": "a client secret",
    "gwse": "a session cookie",
    "gwfl": "a flow cookie",
    "gwss": "a session cookie of a site behind a gateway",
}


@dataclass(frozen=True, slots=True)
class _Check:
    """One question asked of the token, and its answer."""

    name: str
    problem: str | None  # None: it is right

    def json(self) -> dict[str, Any]:
        return {"name": self.name, "ok": self.problem is None, "problem": self.problem}


@click.group(cls=Noun)
def token() -> None:
    """Tokens: what one says, and what one would say. They are read from stdin, and never printed."""


@token.command("inspect")
@click.option(
    "--jwks", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Keys, instead of ours."
)
@click.option("--issuer", metavar="URL", help="Who must have issued it, instead of us.")
@click.option("--audience", metavar="URI", help="Whom it must be meant for.")
@click.option("--typ", default="at+jwt", show_default=True, help="What kind of JWT it must be.")
def inspect(*, jwks: Path | None, issuer: str | None, audience: str | None, typ: str) -> None:
    """Decode a token from stdin and check it. Exit code 0 if it is good, 1 if not.

    \b
    pbpaste | grantway token inspect --audience https://api.example/photos
    """  # noqa: D301 - click wants the character
    if sys.stdin.isatty():
        raise Failure("no token on stdin", hint="pipe it in, so that no shell keeps it", code=USAGE)
    text = sys.stdin.read().strip().removeprefix("Bearer ")
    if kind := _KINDS.get(text.partition("_")[0]):
        raise Failure(
            f"this is {kind}: it says nothing by itself", hint="ask the introspection endpoint about it"
        )
    head, claims = _decoded(text)
    if jwks is None:
        keys = run(_own_keys)
        issuer = issuer or load_settings().settings.issuer
    else:
        keys = _keys_in(jwks)
    checks = _checks(text, claims, keys, issuer=issuer, audience=audience, typ=typ)
    good = all(one.problem is None for one in checks)
    if choices().json:
        show_json({"header": head, "claims": claims, "checks": [one.json() for one in checks], "good": good})
    else:
        _show(head, claims, checks)
    if not good:
        raise click.exceptions.Exit(FAILED)


def _decoded(text: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Header and claims, before anything is believed."""
    from grantway.protocol.base64url import from_base64url

    try:
        head, body, _ = text.split(".")
        members = [json.loads(from_base64url(part)) for part in (head, body)]
    except ValueError:
        raise Failure(
            "not a JWT: three parts of base64url with JSON inside", hint="was all of it copied?"
        ) from None
    if not all(isinstance(one, dict) for one in members):
        raise Failure("not a JWT: its parts are no JSON objects", hint="was all of it copied?")
    return members[0], members[1]


async def _own_keys(server: "Server") -> "Mapping[str, VerificationKey]":
    return server.snapshots.newest.verification_keys


def _keys_in(path: Path) -> "dict[str, VerificationKey]":
    from grantway.crypto.jwk import VerificationKey

    try:
        document = json.loads(path.read_text("utf-8"))
        found = [VerificationKey.from_jwk(jwk) for jwk in document["keys"]]
    except (KeyError, TypeError, ValueError) as bad:
        raise Failure(
            f"{path} is no JWKS that we can use: {bad}", hint="curl ISSUER/jwks > jwks.json"
        ) from None
    return {key.kid: key for key in found}


def _checks(
    text: str,
    claims: dict[str, Any],
    keys: "Mapping[str, VerificationKey]",
    *,
    issuer: str | None,
    audience: str | None,
    typ: str,
) -> list[_Check]:
    from grantway.crypto import jose

    given = claims.get("aud")
    audiences = given if isinstance(given, list) else [given]

    def answer(name: str, question: Callable[[], object]) -> _Check:
        try:
            question()
        except jose.BadToken as bad:
            return _Check(name, bad.reason)
        return _Check(name, None)

    def times() -> None:
        jose.check_claims({**claims, "iss": "", "aud": ""}, issuer="", audience="", now=time.time())

    checks = [answer("signature", lambda: jose.verify(text, keys, typ=typ))]
    if issuer is not None:
        checks.append(_Check("issuer", None if claims.get("iss") == issuer else f"not issued by {issuer}"))
    if audience is not None:
        checks.append(_Check("audience", None if audience in audiences else f"not meant for {audience}"))
    checks.append(answer("times", times))
    return checks


def _show(head: dict[str, Any], claims: dict[str, Any], checks: list[_Check]) -> None:
    click.echo("Header")
    for name, value in head.items():
        click.echo(f"  {name}: {_words(value)}")
    click.echo(
        "Claims" + ("" if checks[0].problem is None else "  (not to be believed: the signature is not good)")
    )
    for name, value in claims.items():
        is_time = name in _TIMES and isinstance(value, int | float) and 0 <= value < 1e11
        click.echo(f"  {name}: {_words(value)}" + (f"  ({when(value)})" if is_time else ""))
    click.echo("Checks")
    for one in checks:
        click.echo(f"  ✓ {one.name}" if one.problem is None else f"  ✗ {one.name}: {one.problem}")


def _words(value: Any) -> str:
    """A value on one line, so that no claim can draw a line of its own or talk to the terminal."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=True)
    return text if text.isprintable() else json.dumps(text)


token.add_command(preview)
