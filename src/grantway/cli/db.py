"""`grantway db`: the tables, and a copy of them."""

import asyncio
import contextlib
import os
import shlex
import sqlite3
from pathlib import Path

import click

from grantway.cli.commands import CONFLICT, Failure, Noun, choices
from grantway.cli.printing import iso, note, show_json, show_record
from grantway.cli.running import as_failures, load_settings
from grantway.cli.settings import masked


@click.group(cls=Noun)
def db() -> None:
    """The database."""


@db.command("upgrade")
def upgrade() -> None:
    """Apply the migrations that are pending. The release of before can go on serving meanwhile."""
    from grantway.storage.migrate import migrate

    url = load_settings().settings.database.url
    with as_failures():
        applied = asyncio.run(migrate(url))
    for one in applied:
        note(f"applied {one}")
    if choices().json:
        show_json({"applied": [str(one) for one in applied]})
    elif not applied:
        note("Nothing to do: the database is current.")


@db.command("check")
def check() -> None:
    """Does the database fit this release? Exit code 5 if not; changes nothing."""
    from grantway.storage import migrate

    url = load_settings().settings.database.url
    with as_failures():
        schema = asyncio.run(migrate.check(url))
    show_record(
        "",
        {
            "State": schema.state.value,
            "Applied": len(schema.applied),
            "Pending": "\n".join(map(str, schema.pending)),
        },
        json_value={
            "state": schema.state.value,
            "applied": [
                {"number": one.number, "name": one.name, "at": iso(one.applied_at)} for one in schema.applied
            ],
            "pending": [str(one) for one in schema.pending],
            "problem": schema.problem,
        },
        quiet_id=schema.state.value,
    )
    if schema.problem:
        raise Failure(schema.problem, hint="grantway db upgrade", code=CONFLICT)


@db.command("backup")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
def backup(*, file: Path) -> None:
    """Copy a SQLite database while it is in use. The master key is not in it."""
    from grantway.storage.urls import database_file, is_postgres

    url = load_settings().settings.database.url
    if is_postgres(url):
        command = shlex.join(["pg_dump", "--format=custom", f"--file={file}", masked(url)])
        raise Failure("this database is PostgreSQL", hint=command)
    source = database_file(url)
    if not source.is_file():
        raise Failure(f"there is no database {source}", hint="grantway config show --sources")
    with as_failures():
        os.close(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        with (
            contextlib.closing(sqlite3.connect(source)) as old,
            contextlib.closing(sqlite3.connect(file)) as new,
        ):
            old.backup(new)
    size = file.stat().st_size
    show_record(
        "",
        {"Copy": str(file), "Bytes": size},
        json_value={"file": str(file), "bytes": size},
        quiet_id=str(file),
    )
    note("Keep the master key too, in another place: without it the copy cannot be used.")
