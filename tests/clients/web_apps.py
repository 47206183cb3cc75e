"""Web apps of the how-to page, registered and served as it says, and Ada who uses them."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from playwright.async_api import Page

from tests.clients.person import press, sign_in
from tests.node import Node, free_port
from tests.printed import register_as_printed, started

PAGE = "docs/howto/web-app.md"
COOKIE_KEY = "k" * 32


@dataclass(frozen=True)
class Served:
    """An app that is running."""

    id: str
    origin: str


async def register(
    node: Node, database: str, folder: Path, origin: str, *, page: str, heading: str = ""
) -> dict[str, str]:
    """Register the app of a section for this address; the variables that were saved for it."""
    saved = register_as_printed(page, heading, folder, issuer=node.issuer, database=database, origin=origin)
    await node.server.snapshots.refresh()
    return saved


@asynccontextmanager
async def printed_app(
    node: Node,
    folder: Path,
    heading: str,
    command: Sequence[str],
    *,
    database: str,
    page: str = PAGE,
    port: int | None = None,
    origin: str | None = None,
    **variables: str,
) -> AsyncIterator[Served]:
    """Register the app of a section for an address of its own and serve it there.

    `{port}` in the command is the port. `origin` is the address that people see, if a proxy is in front.
    """
    port = port or free_port()
    origin = origin or f"http://127.0.0.1:{port}"
    saved = await register(node, database, folder, origin, page=page, heading=heading)
    words = [word.format(port=port) for word in command]
    given = {"ISSUER": node.issuer, "ORIGIN": origin, "COOKIE_KEY": COOKIE_KEY, **saved, **variables}
    async with started(words, folder, port=port, variables=given):
        yield Served(saved["CLIENT_ID"], origin)


async def sign_in_and_allow(page: Page) -> None:
    """Ada's clicks at the server."""
    await sign_in(page)
    await press(page, "Allow")
