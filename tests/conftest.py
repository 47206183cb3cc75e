"""What every test may ask for. Services start with the first test that asks, once for each worker."""

from collections.abc import AsyncIterator, Iterator

import pytest
from playwright.async_api import Browser, BrowserContext, Page

from tests import gathered
from tests.node import sqlite_url
from tests.services.browser import chromium
from tests.services.postgres import Postgres

gathered.start()


@pytest.fixture(scope="session", autouse=True)
def no_secret_is_logged() -> Iterator[None]:
    """T1: at the end, every line that any test caused is searched for every secret that was made."""
    yield
    found = gathered.GATHERED.found()
    assert found == [], f"{len(found)} lines of the log hold a secret"


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A running PostgreSQL cluster of this worker's own."""
    with Postgres() as server:
        yield server


@pytest.fixture
async def postgres_dsn(postgres: Postgres) -> AsyncIterator[str]:
    """An empty database for one test."""
    dsn = await postgres.fresh_database()
    yield dsn
    await postgres.drop_database(dsn)


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
async def database(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[str]:
    """An empty database of the module's own, one of each kind in turn."""
    if request.param == "sqlite":
        yield sqlite_url(tmp_path_factory.mktemp("database"))
        return
    postgres = request.getfixturevalue("postgres")
    dsn = await postgres.fresh_database()
    yield dsn
    await postgres.drop_database(dsn)


@pytest.fixture(scope="session")
async def browser() -> AsyncIterator[Browser]:
    """A running Chromium."""
    async with chromium() as browser:
        yield browser


@pytest.fixture
async def context(browser: Browser) -> AsyncIterator[BrowserContext]:
    """A person's browser: its own cookies, closed after one test."""
    context = await browser.new_context()
    yield context
    await context.close()


@pytest.fixture
async def page(context: BrowserContext) -> Page:
    """One tab of that browser."""
    return await context.new_page()
