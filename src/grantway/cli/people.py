"""`grantway user`: people with a local account."""

import sys
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from grantway.cli.commands import USAGE, Failure, Noun, choices, sure
from grantway.cli.printing import iso, note, show_record, show_table
from grantway.cli.running import actor, person_named, run

if TYPE_CHECKING:
    from grantway.flows.server import Server
    from grantway.protocol.people import Person, Profile

_STDIN = click.option(
    "--password-stdin", is_flag=True, help="Read the password from stdin instead of asking."
)

_TRIES = 3  # for a password that nobody would guess at once

_F = TypeVar("_F", bound=Callable[..., Any])


def _described(command: _F) -> _F:
    """What apps may learn about a person, as options."""
    for option in (
        click.option("--email", metavar="ADDRESS", help="Where they get mail."),
        click.option(
            "--email-verified/--email-unverified", default=None, help="Has it been shown to be theirs?"
        ),
        click.option(
            "--claim",
            multiple=True,
            metavar="NAME=TEXT",
            help="A standard claim, such as given_name=Ada or address.locality=London; repeat for several.",
        ),
    ):
        command = option(command)
    return command


@click.group(cls=Noun)
def user() -> None:
    """People who sign in here with a password."""


def _json(person: "Person") -> dict[str, Any]:
    from dataclasses import asdict

    return {
        "subject": person.subject,
        "username": person.username,
        "name": person.name,
        "email": person.email,
        "email_verified": person.email_verified,
        "profile": {name: value for name, value in asdict(person.profile).items() if value},
        "disabled_at": iso(person.disabled_at),
        "created_at": iso(person.created_at),
    }


def _password(*, from_stdin: bool) -> str:
    """A new password, typed twice or read from stdin; never an argument, which every process could read."""
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    if not (choices().asking and sys.stdin.isatty()):
        raise Failure(
            "no password: nobody can be asked here", hint="pipe it in: --password-stdin", code=USAGE
        )
    from grantway.crypto.passwords import password_problem

    for _ in range(_TRIES):
        typed: str = click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
        problem = password_problem(typed)
        if problem is None:
            return typed
        note(problem)
    raise Failure("no password was given", hint="a few unusual words in a row are long and easy to keep")


@user.command("add")
@click.argument("username")
@click.option("--name", help="As apps may greet them. Default: the username.")
@_described
@_STDIN
def add(*, username: str, name: str | None, password_stdin: bool, **given: Any) -> None:
    """Add an account; asks for the password."""
    from grantway.flows.people import PersonDraft, add_person
    from grantway.protocol.people import Profile

    profile = _with_claims(Profile(), given.pop("claim"))
    password = _password(from_stdin=password_stdin)
    draft = PersonDraft(username=username, name=name or username, password=password, profile=profile, **given)

    async def act(server: "Server") -> "Person":
        return await add_person(server, draft, actor=actor())

    person = run(act)
    facts = {"Username": person.username, "Name": person.name, "Subject": person.subject}
    show_record("Added", facts, json_value=_json(person), quiet_id=person.subject)


@user.command("edit")
@click.argument("username")
@click.option("--name", help="As apps may greet them.")
@_described
def edit(*, username: str, name: str | None, **given: Any) -> None:
    """Change what is known about somebody; sessions and grants stay."""
    from dataclasses import replace

    from grantway.flows.people import PersonDraft, change_person, described

    claims = given.pop("claim")

    async def act(server: "Server", person: "Person") -> None:
        draft = PersonDraft(username=username, name=name or person.name, **given)
        changed = replace(described(person, draft), profile=_with_claims(person.profile, claims))
        await change_person(server, person, changed, actor=actor())

    _change(username, act, "changed")


def _with_claims(profile: "Profile", given: tuple[str, ...]) -> "Profile":
    from grantway.flows.rejections import Rejected
    from grantway.protocol.profiles import with_claims

    pairs = {name: text for name, _, text in (one.partition("=") for one in given)}
    try:
        return with_claims(profile, pairs)
    except ValueError as bad:
        raise Rejected(str(bad)) from None


@user.command("list")
def list_people() -> None:
    """Everybody."""

    async def act(server: "Server") -> list["Person"]:
        found: list[Person] = []
        while page := await server.store.list_people(after=found[-1].username if found else ""):
            found += page
        return found

    people = run(act)
    show_table(
        ("USERNAME", "NAME", "E-MAIL", "SUBJECT", "STATE"),
        [
            (
                one.username,
                one.name,
                one.email or "",
                one.subject,
                "disabled" if one.disabled_at else "enabled",
            )
            for one in people
        ],
        json_rows=[_json(one) for one in people],
        ids=[one.username for one in people],
        empty="Nobody yet: grantway user add USERNAME",
    )


@user.command("disable")
@click.argument("username")
def disable(*, username: str) -> None:
    """Take an account out of use; its sessions end and what it granted is revoked."""
    from grantway.flows import people

    sure(f"Disable {username}, end their sessions and revoke everything they granted?")
    _change(username, lambda server, person: people.disable(server, person, actor=actor()), "disabled")


@user.command("enable")
@click.argument("username")
def enable(*, username: str) -> None:
    """Put a disabled account back in use; what ended stays ended."""
    from grantway.flows import people

    _change(username, lambda server, person: people.enable(server, person, actor=actor()), "enabled")


@user.command("password")
@click.argument("username")
@_STDIN
def password(*, username: str, password_stdin: bool) -> None:
    """Give a new password; sessions end and what was granted before is revoked."""
    from grantway.flows import people

    text = _password(from_stdin=password_stdin)
    _change(
        username, lambda server, person: people.set_password(server, person, text, actor=actor()), "changed"
    )


def _change(username: str, act: "Callable[[Server, Person], Awaitable[None]]", done: str) -> None:
    async def found(server: "Server") -> "Person":
        person = await person_named(server, username)
        await act(server, person)
        return person

    person = run(found)
    if choices().json:
        show_record("", {}, json_value={"subject": person.subject, done: True}, quiet_id=person.subject)
    note(f"{person.username}: {done}")
