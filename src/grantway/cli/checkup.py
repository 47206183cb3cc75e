"""What `grantway doctor` looks at on this machine: settings, files, database and keys. Nothing is changed."""

import os
import sqlite3
import stat
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from grantway.cli.commands import Failure
from grantway.cli.running import load_settings

if TYPE_CHECKING:
    from grantway.crypto.envelope import Envelopes
    from grantway.flows.snapshot import Snapshot
    from grantway.settings import Settings
    from grantway.storage.changes import RegistryRows
    from grantway.storage.port import Store

OK: Final = "ok"
WARNING: Final = "warning"
ERROR: Final = "error"
_CLOCK_WARNS, _CLOCK_FAILS = 0.5, 2.0  # seconds between this machine and the database
_LATE = 86_400.0  # seconds by which a rotation may be late before somebody is told


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    name: str
    status: str
    words: str
    hint: str = ""  # what to do next; empty when it is fine


def check_settings() -> "tuple[Settings | None, list[Finding]]":
    """The settings, or every mistake in them."""
    try:
        loaded = load_settings()
    except Failure as bad:
        return None, [
            Finding("settings", ERROR, line.strip(), bad.hint) for line in bad.message.splitlines()[1:]
        ]
    settings = loaded.settings
    if settings.dev:
        words = "dev is on: plain http, made-up keys, this machine only"
        return settings, [
            Finding("settings", WARNING, words, "for a public server: grantway init --issuer https://…")
        ]
    return settings, [Finding("settings", OK, f"from {loaded.config or 'the environment'}")]


def check_files(settings: "Settings") -> list[Finding]:
    """May anybody else read what is secret, and may we write what we must?"""
    from grantway.storage.urls import database_file, is_postgres

    secret = [path for path in (settings.secrets.key_file, settings.secrets.previous_key_file) if path]
    found = []
    if not is_postgres(settings.database.url):
        file = database_file(settings.database.url)
        secret += [path for path in (file, file.with_name(f"{file.name}-wal")) if path.exists()]
        place = file if file.exists() else file.parent
        if not (os.access(place, os.W_OK) and os.access(file.parent, os.W_OK)):
            hint = f"run as the user of the server, or: chown that user {file.parent}"
            found.append(Finding("files", ERROR, f"{place} cannot be written by this user", hint))
    for path in secret:
        mode = path.stat().st_mode
        if mode & stat.S_IROTH:
            found.append(Finding("files", ERROR, f"everybody may read {path}", f"chmod 600 {path}"))
        elif mode & (stat.S_IWGRP | stat.S_IWOTH):
            found.append(Finding("files", WARNING, f"others may write {path}", f"chmod 600 {path}"))
    return found or [Finding("files", OK, "what is secret is its owner's")]


async def check_stored(settings: "Settings") -> "tuple[list[Finding], Snapshot | None]":
    """The database, the clock and the keys; and what a server here would serve."""
    from grantway.storage.migrate import SchemaState, check
    from grantway.storage.opening import open_store
    from grantway.storage.port import Unavailable
    from grantway.storage.problems import SchemaProblem, StorageProblem

    url = settings.database.url
    try:
        schema = await check(url)
        if schema.state is not SchemaState.CURRENT:
            new = schema.state is SchemaState.PENDING and settings.database.auto_migrate
            status = WARNING if new else ERROR
            return [Finding("database", status, schema.problem, "grantway db upgrade")], None
        store = await open_store(url)
    except (Unavailable, OSError) as away:
        hint = "is it running, and is database.url right? grantway config show --sources"
        return [Finding("database", ERROR, f"does not answer: {away}", hint)], None
    except (SchemaProblem, StorageProblem, sqlite3.Error) as problem:
        words, _, hint = str(problem).rpartition(": ")
        return [Finding("database", ERROR, words, hint or "grantway db check")], None
    try:
        return await _look_into(settings, store)
    finally:
        await store.close()


async def _look_into(settings: "Settings", store: "Store") -> "tuple[list[Finding], Snapshot | None]":
    from grantway.crypto.envelope import CannotUnwrap, Envelopes
    from grantway.flows.snapshot import Snapshot
    from grantway.storage.urls import is_postgres

    before = time.time()
    _, database_now = await store.registry_version()
    offset = database_now - (before + time.time()) / 2
    kind = "PostgreSQL, synchronous commits" if is_postgres(settings.database.url) else _sqlite_facts()
    found = [Finding("database", OK, f"{kind}, migrations current"), _clock(offset)]
    rows = await store.load_registry()
    envelopes = Envelopes(*settings.master_keys()[:2])
    try:
        served = Snapshot.of(rows, envelopes, settings.issuer)
    except (CannotUnwrap, ValueError) as wrong:
        # ValueError: a new database, in which no key was made yet
        if not rows.keys:
            return [*found, Finding("keys", OK, "none yet: they are made at the first start")], None
        hint = "grantway config show --sources names the file of the master key"
        return [*found, Finding("keys", ERROR, str(wrong), hint)], None
    return [*found, *_keys(settings, rows, envelopes, database_now)], served


def _sqlite_facts() -> str:
    return f"SQLite {sqlite3.sqlite_version}, WAL, synchronous=FULL"


def _clock(offset: float) -> Finding:
    words = f"this machine is {abs(offset):.3f} s {'behind' if offset > 0 else 'ahead of'} the database"
    hint = "run a time service (chrony, systemd-timesyncd) on both machines"
    if abs(offset) > _CLOCK_FAILS:
        return Finding("clock", ERROR, f"{words}: readiness is red above {_CLOCK_FAILS:.0f} s", hint)
    return (
        Finding("clock", WARNING, words, hint) if abs(offset) > _CLOCK_WARNS else Finding("clock", OK, words)
    )


def _keys(
    settings: "Settings", rows: "RegistryRows", envelopes: "Envelopes", now: float
) -> Sequence[Finding]:
    from grantway.flows.key_phases import GONE
    from grantway.flows.signing_keys import needed_algorithms
    from grantway.storage.changes import KeyPurpose, KeyState

    live = [key for key in rows.keys if key.state not in GONE]
    active = [key for key in live if key.state is KeyState.ACTIVE]
    found = []
    signing = {key.alg for key in active if key.purpose is KeyPurpose.SIGNING}
    for alg in sorted(needed_algorithms(rows.apis, rows.clients) - signing):
        words = f"no active {alg} key: it is made at the next start"
        found.append(Finding("keys", WARNING, words, f"grantway keys rotate --now --alg {alg}"))
    for key in active:
        days = (now - key.state_since) / 86_400
        turns = key.purpose is not KeyPurpose.PAIRWISE
        if turns and now > key.state_since + settings.keys.rotate_every + _LATE:
            words = f"{key.alg} {key.kid} is {days:.0f} days old: no server turns keys"
            found.append(
                Finding("keys", WARNING, words, f"is a server running? grantway keys rotate --alg {key.alg}")
            )
    if old := [key for key in live if envelopes.needs_rewrap(key.envelope)]:
        words = f"{len(old)} keys lie under the previous master key"
        found.append(
            Finding("keys", WARNING, words, "grantway keys rewrap, once all nodes have both master keys")
        )
    elif settings.secrets.previous_key or settings.secrets.previous_key_file:
        words = "no key needs the previous master key any more"
        hint = "take secrets.previous_key away when apps with secrets of their own have signed in once more"
        found.append(Finding("keys", WARNING, words, hint))
    ages = ", ".join(f"{key.alg} {(now - key.state_since) / 86_400:.0f} days" for key in active)
    return found or [Finding("keys", OK, f"active: {ages}")]
