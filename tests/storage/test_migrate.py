"""Migrations: applied whole and once, checked at every start."""

import asyncio
import contextlib
import sqlite3
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import asyncpg
import pytest

from grantway.storage import open_store
from grantway.storage.migrate import Applied, Migration, SchemaState, check, judge, migrate, shipped
from grantway.storage.problems import SchemaProblem, StorageProblem
from grantway.storage.urls import database_file, is_postgres

GOOD = Migration(len(shipped()) + 1, "good", "-- why\nCREATE TABLE good (id {key} PRIMARY KEY) {keyed};\n")
BAD = Migration(
    len(shipped()) + 2,
    "bad",
    "-- why\nCREATE TABLE half (id {key} PRIMARY KEY) {keyed};\nINSERT INTO nowhere VALUES (1);\n",
)


@pytest.fixture(params=["sqlite", "postgres"])
async def url(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[str]:
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/grantway.db"
    else:
        server = request.getfixturevalue("postgres")
        dsn = await server.fresh_database()
        yield dsn
        await server.drop_database(dsn)


async def run_sql(url: str, statement: str) -> list[tuple[object, ...]]:
    if is_postgres(url):
        connection = await asyncpg.connect(url)
        try:
            return [tuple(row) for row in await connection.fetch(statement)]
        finally:
            await connection.close()
    with contextlib.closing(sqlite3.connect(database_file(url))) as db, db:
        return db.execute(statement).fetchall()


async def test_an_empty_database_is_brought_up_to_date_once(url):
    before = await check(url)
    assert (SchemaState.PENDING, shipped()) == (before.state, before.pending)
    assert "grantway db upgrade" in before.problem
    assert shipped() == await migrate(url)
    after = await check(url)
    assert (SchemaState.CURRENT, (), "") == (after.state, after.pending, after.problem)
    assert [(each.number, each.name, each.sha256) for each in shipped()] == [
        (each.number, each.name, each.sha256) for each in after.applied
    ]
    assert all(each.applied_at > 1e9 for each in after.applied)
    assert () == await migrate(url)


async def test_looking_at_a_database_that_is_not_there_does_not_make_it(tmp_path):
    assert SchemaState.PENDING is (await check(f"sqlite:///{tmp_path}/none.db")).state
    assert [] == list(tmp_path.iterdir())


async def test_only_what_is_pending_is_applied(url):
    await migrate(url, known=shipped()[:2])
    assert shipped()[2:] == (await check(url)).pending
    assert shipped()[2:] == await migrate(url)


async def test_a_start_refuses_what_is_pending_unless_told_to_apply_it(url):
    with pytest.raises(SchemaProblem, match="grantway db upgrade"):
        await open_store(url)
    store = await open_store(url, auto_migrate=True)
    await store.ping()
    await store.close()
    await (await open_store(url)).close()


async def test_a_start_refuses_a_newer_schema_in_one_line(url):
    await migrate(url, known=(*shipped(), GOOD))
    assert SchemaState.NEWER is (await check(url)).state
    for auto_migrate in (False, True):
        with pytest.raises(SchemaProblem, match="run the newer grantway") as refusal:
            await open_store(url, auto_migrate=auto_migrate)
        assert "\n" not in str(refusal.value)
    with pytest.raises(SchemaProblem, match="run the newer grantway"):
        await migrate(url)


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        ("UPDATE grantway_migrations SET sha256 = 'x' WHERE number = 2", "differs from the one shipped"),
        ("DELETE FROM grantway_migrations WHERE number = 1", "0001 is missing"),
        ("DELETE FROM grantway_migrations", "no record of migrations"),
    ],
)
async def test_a_start_refuses_a_half_migrated_schema_in_one_line(url, damage, words):
    await migrate(url)
    await run_sql(url, damage)
    assert SchemaState.HALF is (await check(url)).state
    for auto_migrate in (False, True):
        with pytest.raises(SchemaProblem, match=words) as refusal:
            await open_store(url, auto_migrate=auto_migrate)
        assert "\n" not in str(refusal.value)


async def test_a_migration_that_fails_leaves_nothing_and_the_ones_before_it_stay(url):
    with pytest.raises(SchemaProblem, match=r"nothing was kept.*nowhere"):
        await migrate(url, known=(*shipped(), GOOD, BAD))
    assert SchemaState.CURRENT is (await check(url, known=(*shipped(), GOOD))).state
    with pytest.raises((sqlite3.OperationalError, asyncpg.UndefinedTableError)):
        await run_sql(url, "SELECT id FROM half")
    mended = replace(BAD, text="CREATE TABLE half (id {key} PRIMARY KEY) {keyed};")
    assert (mended,) == await migrate(url, known=(*shipped(), GOOD, mended))


async def test_two_runners_apply_each_migration_once(url):
    if is_postgres(url):
        done = await asyncio.gather(*(migrate(url) for _ in range(5)))
    else:
        done = await asyncio.gather(*(asyncio.to_thread(asyncio.run, migrate(url)) for _ in range(5)))
    applied = [migration for each in done for migration in each]
    assert sorted(shipped(), key=str) == sorted(applied, key=str)
    assert SchemaState.CURRENT is (await check(url)).state


def test_each_file_says_why_in_its_first_line_and_uses_known_words_only():
    for migration in shipped():
        assert migration.text.startswith(f"-- {migration.number:04}: ")
        for postgres in (True, False):
            code = [line.partition("--")[0] for line in migration.sql(postgres=postgres).splitlines()]
            assert "{" not in "".join(code)


def test_records_beyond_a_changed_one_do_not_hide_it():
    known = shipped()
    records = [Applied(each.number, each.name, each.sha256, 1.0) for each in (*known, GOOD)]
    assert SchemaState.NEWER is judge(records, known).state
    records[0] = replace(records[0], sha256="x")
    assert SchemaState.HALF is judge(records, known).state


async def test_a_file_that_is_no_database_is_refused_in_one_line(tmp_path):
    (tmp_path / "letter.db").write_text("Dear Ada, " * 100)
    with pytest.raises(StorageProblem, match=r"letter\.db cannot be read as a database"):
        await open_store(f"sqlite:///{tmp_path}/letter.db")
    with pytest.raises(StorageProblem, match="create it first"):
        await open_store(f"sqlite:///{tmp_path}/no/such.db", auto_migrate=True)


@pytest.mark.parametrize("url", ["mysql://host/db", "grantway.db", "sqlite:///", "sqlite:///:memory:"])
async def test_a_url_that_names_no_database_is_refused_with_an_example(url):
    with pytest.raises(StorageProblem, match=r"sqlite:///grantway\.db"):
        await open_store(url)


def test_sqlite_urls_name_relative_and_absolute_files(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert tmp_path / "grant way.db" == database_file("sqlite:///grant%20way.db")
    assert Path("/var/lib/grantway.db") == database_file("sqlite:////var/lib/grantway.db")
