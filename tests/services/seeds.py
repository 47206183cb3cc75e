"""What is in a database before a fleet is measured or broken: APIs, clients, people, sessions, codes, tokens.

Written through the server's own verbs, without HTTP, so that a million of something takes minutes, not hours.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from grantway.app import open_server
from grantway.crypto.secrets import IssuedSecret, SecretKind, issue_secret, new_id
from grantway.protocol.apis import Rule, TokenFormat
from grantway.protocol.grants import Code, Grant, RefreshToken
from grantway.protocol.people import Session
from grantway.protocol.scope import Scope
from grantway.settings import DatabaseSettings, SecretsSettings, Settings
from grantway.settings_keys import made_up_key
from grantway.storage.port import SpendCode
from tests.node import (
    CALENDAR,
    CALLBACK,
    PHOTOS,
    Node,
    asking_client,
    machine_client,
    native_client,
    pkce,
    web_client,
)

DAY = 86400.0
EVENTS = "/events"  # the one row of the Calendar API
AT_ONCE = 200  # written concurrently
Made = TypeVar("Made")


def key_file(folder: Path) -> Path:
    """The master key that a fleet and its seeds share; made at first use."""
    path = folder / "master.key"
    made_up_key(path)
    return path


@asynccontextmanager
async def seeding(database: str, folder: Path, issuer: str) -> AsyncIterator[Node]:
    """The parts of a node, opened on this database without serving; `register` fills its registry."""
    settings = Settings(
        issuer=issuer,
        dev=True,
        database=DatabaseSettings(url=database, auto_migrate=True),
        secrets=SecretsSettings(key_file=key_file(folder)),
    )
    async with open_server(settings, actor="seeds") as server:
        yield Node(server=server, issuer=issuer)


async def register(node: Node) -> None:
    """The registry of every experiment. Photos' tokens are JWTs, Calendar's are opaque; nobody is asked.

    Clients: `printer` (web), `archive` (web, may reach both APIs), `cli` (native, public), `robot` (client
    credentials), `photos-api` and `calendar-api` (resource servers that introspect). Person: ada.
    """
    await node.put_api(PHOTOS)
    await node.put_api(
        replace(
            CALENDAR,
            token_format=TokenFormat.OPAQUE,
            rules=(Rule("GET", EVENTS, frozenset({"calendar:read"})),),
        )
    )
    everything = Scope.of(["photos:read", "photos:write", "calendar:read", "offline_access"])
    await node.put_client(web_client(first_party=True))
    await node.put_client(
        web_client("archive", name="Archive", first_party=True, scope=everything, optional_scope=Scope())
    )
    await node.put_client(native_client())
    await node.put_client(machine_client("robot", "photos:read", name="Robot"))
    for api in (PHOTOS, CALENDAR):
        await node.put_client(asking_client(f"{api.name.lower()}-api", api.identifier, name=api.name))
    await node.add_person()


async def many(make: Callable[[], Awaitable[Made]], count: int) -> list[Made]:
    """As many as wanted, some at once."""
    made: list[Made] = []
    for start in range(0, count, AT_ONCE):
        made += await asyncio.gather(*(make() for _ in range(min(AT_ONCE, count - start))))
    return made


async def grant(node: Node, client_id: str = "printer") -> Grant:
    """A grant of ada's that is not stored yet."""
    now = node.server.now()
    return Grant(
        id=new_id(now),
        client_id=client_id,
        subject=(await subject_of(node)),
        consent_id=None,
        session_id="seeds",
        scope=Scope.of(["photos:read"]),
        resources=(PHOTOS.identifier,),
        auth_time=now,
        created_at=now,
        expires_at=now + DAY,
    )


async def subject_of(node: Node, username: str = "ada") -> str:
    """The subject of a person."""
    if username not in node.people:
        person = await node.store.find_person(username)
        assert person is not None, f"{username} is not registered"
        node.people[username] = person
    return node.people[username].subject


async def stored_code(
    node: Node, client_id: str = "printer", *, session: Session | None = None
) -> tuple[IssuedSecret, str]:
    """A code that lives for a day, and the verifier that goes with it; in a session the client takes part."""
    now, of = node.server.now(), await grant(node, client_id)
    of = of if session is None else replace(of, session_id=session.sso_id)
    secret, (verifier, challenge) = issue_secret(SecretKind.CODE, now=now), pkce()
    code = Code(
        id=secret.selector,
        hash=secret.hash,
        grant_id=of.id,
        flow_id=new_id(now),
        client_id=client_id,
        redirect_uri=CALLBACK,
        redirect_uri_sent=True,
        code_challenge=challenge,
        nonce=None,
        issued_at=now,
        expires_at=now + DAY,
    )
    ends_at = None if session is None else session.expires_at
    await node.store.issue_code(code, of, None, [], session_ends_at=ends_at)
    return secret, verifier


async def code(node: Node, client_id: str = "printer") -> tuple[str, str]:
    """A code and its verifier, as a client knows them."""
    secret, verifier = await stored_code(node, client_id)
    return secret.text, verifier


async def refresh_token(node: Node, client_id: str = "printer") -> str:
    """The first refresh token of a grant."""
    secret, _ = await stored_code(node, client_id)
    now = node.server.now()
    made = issue_secret(SecretKind.REFRESH_TOKEN, now=now)
    found = await node.store.find_code(secret.selector)
    assert found is not None
    row = RefreshToken(
        id=made.selector,
        hash=made.hash,
        grant_id=found.code.grant_id,
        client_id=client_id,
        issued_at=now,
        expires_at=now + DAY,
    )
    spend = SpendCode(code_id=secret.selector, hash=secret.hash, attempt=new_id(now))
    await node.store.spend_and_issue(spend, refresh_token=row, opaque_token=None)
    return made.text


async def cookie(node: Node, username: str = "ada") -> str:
    """The Cookie header of a browser in which this person is signed in."""
    now, subject = node.server.now(), await subject_of(node, username)
    proven = await node.store.find_person(username)
    assert proven is not None
    secret = issue_secret(SecretKind.SESSION, now=now)
    session = Session(
        sso_id=new_id(now),
        id=secret.selector,
        hash=secret.hash,
        subject=subject,
        auth_time=now,
        created_at=now,
        seen_at=now,
        expires_at=now + DAY,
    )
    await node.store.open_session(session, proven=proven, ends=None, audit=[])
    return f"gw_s={secret.text}"
