"""Clients and their secrets, through the one flow of every door."""

import asyncio
from dataclasses import replace

import pytest

from grantway.crypto.secrets import SecretKind, read_secret
from grantway.flows.registry import (
    ClientDraft,
    SecretDraft,
    add_client,
    add_secret,
    change_client,
    delete_client,
    delete_secret,
    find_client,
    new_client_id,
)
from grantway.flows.registry_apis import add_api
from grantway.flows.rejections import NotFound, Rejected
from grantway.protocol.apis import Api, ApiScope
from grantway.protocol.clients import ClientType, SecretScheme, is_subject_shaped
from grantway.protocol.names import AuthMethod, GrantType
from grantway.protocol.scope import Scope

CALLBACK = "https://printer.example/callback"
PRINTER = ClientDraft(name="Photo Printer", type=ClientType.WEB, redirect_uris=(CALLBACK,))
GIVEN = "Kq7vT2mX9bLw4RzN8cHj"
PHOTOS = Api(
    identifier="https://api.example/photos",
    name="photos",
    scopes=(ApiScope(name="photos:read", description="See your photos"),),
)


async def stored(server, client_id):
    """As the database has it, read anew."""
    rows = await server.store.load_registry()
    return next((one for one in rows.clients if one.id == client_id), None)


async def audited(server):
    return [(entry.actor, entry.action, entry.target) for entry in await server.store.read_audit(limit=5)]


async def test_a_web_app_gets_an_id_and_a_secret_that_is_stored_only_as_a_hash(server):
    """Threats H2, S1."""
    done = await add_client(server, PRINTER, actor="cli:ada")
    kept = await stored(server, done.client.id)
    assert kept == done.client
    assert kept.auth_method is AuthMethod.CLIENT_SECRET_BASIC
    assert kept.grant_types == {GrantType.AUTHORIZATION_CODE, GrantType.REFRESH_TOKEN}
    presented = read_secret(SecretKind.CLIENT_SECRET, done.secret)
    assert (kept.secrets[0].id, kept.secrets[0].hash) == (presented.selector, presented.hash)
    assert done.secret not in repr(done)
    assert ("cli:ada", "client.added", f"client:{kept.id}") in await audited(server)


@pytest.mark.parametrize(
    ("kind", "method"),
    [
        (ClientType.WEB, AuthMethod.CLIENT_SECRET_BASIC),
        (ClientType.SPA, AuthMethod.NONE),
        (ClientType.NATIVE, AuthMethod.NONE),
        (ClientType.MACHINE, AuthMethod.CLIENT_SECRET_BASIC),
    ],
)
async def test_how_a_client_proves_itself_follows_from_its_type(server, kind, method):
    """Threat H2: what is registered as confidential is confidential when read back, and has a secret."""
    uris = () if kind is ClientType.MACHINE else ("https://app.example/cb",)
    done = await add_client(server, replace(PRINTER, type=kind, redirect_uris=uris), actor="x")
    kept = await stored(server, done.client.id)
    assert kept.auth_method is method
    assert (done.secret is None, kept.secrets == ()) == (kept.is_public, kept.is_public)


@pytest.mark.parametrize("kind", [ClientType.SPA, ClientType.NATIVE])
async def test_a_public_app_is_given_no_secret_even_when_one_is_asked_for(server, kind):
    """Threat H2."""
    with pytest.raises(Rejected, match="has no secret"):
        await add_client(server, replace(PRINTER, type=kind), actor="x", secret=SecretDraft())


async def test_a_web_app_without_a_secret_is_refused(server):
    """Threat H2."""
    with pytest.raises(Rejected, match="keeps a secret"):
        await add_client(server, replace(PRINTER, auth_method=AuthMethod.NONE), actor="x")


@pytest.mark.parametrize(
    "uri",
    [
        "JaVaScRiPt:alert(1)",
        "javascript:alert(1)",
        "data:text/html,x",
        "vbscript:x",
        "file:///etc/passwd",
        "blob:https://app.example/x",
        "http://host/cb",
        "https://*.example/cb",
        "https://app.example/.*",
        "https://app.example@evil.example/cb",
        "https://a@b@evil.example/cb",
        "https://app.example%40evil/cb#",
        "https://app.example/cb#x",
        "https://app.example/cb#",
        "",
    ],
)
async def test_an_address_that_could_lead_elsewhere_is_not_registered(server, uri):
    """Threats B3, B4, B5, B6."""
    with pytest.raises(Rejected, match="redirect_uri"):
        await add_client(server, replace(PRINTER, redirect_uris=(uri,)), actor="x")
    assert (await server.store.load_registry()).clients == ()


async def test_every_reason_is_told_at_once(server):
    draft = replace(
        PRINTER, name="\x07", redirect_uris=("http://host/cb",), scope=Scope.of(["nothing:known"])
    )
    with pytest.raises(Rejected) as refusal:
        await add_client(server, draft, actor="x")
    told = str(refusal.value)
    assert len(told.splitlines()) == 3
    for part in ("name:", "redirect_uri", "no API defines the scope nothing:known"):
        assert part in told


async def test_a_misspelt_scope_is_refused_with_the_nearest_one(server):
    await add_api(server, PHOTOS, actor="x")
    with pytest.raises(Rejected, match="did you mean photos:read"):
        await add_client(server, replace(PRINTER, scope=Scope.of(["photo:read"])), actor="x")


async def test_an_optional_scope_is_one_it_may_ask_for(server):
    await add_api(server, PHOTOS, actor="x")
    done = await add_client(server, replace(PRINTER, optional_scope=Scope.of(["photos:read"])), actor="x")
    assert "photos:read" in done.client.scope


async def test_an_id_is_made_of_the_name_and_looks_like_no_person():
    made = new_client_id("Schöne Fotos, 2. Auflage!")
    assert made.startswith("sch_ne_fotos_2_auflage_")
    assert made.replace("_", "").isalnum()
    assert made.isascii()
    assert new_client_id("日本").startswith("app_")
    assert not is_subject_shaped(new_client_id("u"))


async def test_two_apps_never_share_an_id(server):
    await add_client(server, replace(PRINTER, id="printer"), actor="x")
    with pytest.raises(Rejected, match="another app has this id"):
        await add_client(server, replace(PRINTER, id="printer"), actor="x")


async def test_an_id_that_could_be_a_person_is_refused(server):
    with pytest.raises(Rejected, match="subject"):
        await add_client(server, replace(PRINTER, id="u_" + "a" * 20), actor="x")


# --- changes ----------------------------------------------------------------------------------------


async def test_a_change_is_in_force_when_it_returns_and_is_audited_by_the_names_of_the_fields(server):
    client = (await add_client(server, PRINTER, actor="x")).client
    uris = (CALLBACK, "https://printer.example/other")
    await change_client(server, client.id, lambda old: replace(old, redirect_uris=uris), actor="cli:ada")
    assert server.snapshots.current().registry.clients[client.id].redirect_uris == uris
    (entry,) = await server.store.read_audit(limit=1)
    assert (entry.action, entry.details) == ("client.changed", {"fields": "redirect_uris"})


async def test_a_change_that_breaks_a_rule_changes_nothing(server):
    """Threat B5."""
    client = (await add_client(server, PRINTER, actor="x")).client
    with pytest.raises(Rejected):
        await change_client(
            server, client.id, lambda old: replace(old, redirect_uris=("javascript:x",)), actor="x"
        )
    assert await stored(server, client.id) == client


async def test_neither_id_nor_secrets_nor_the_moment_can_be_edited(server):
    client = (await add_client(server, PRINTER, actor="x")).client
    await change_client(
        server, client.id, lambda old: replace(old, id="other", secrets=(), created_at=0.0), actor="x"
    )
    assert await stored(server, client.id) == client


async def test_a_change_to_the_same_writes_nothing(server):
    client = (await add_client(server, PRINTER, actor="x")).client
    before = await server.store.registry_version()
    await change_client(server, client.id, lambda old: old, actor="x")
    assert (await server.store.registry_version())[0] == before[0]


async def test_two_changes_at_once_both_count(server):
    """Decided again when somebody was faster: neither is lost."""
    client = (await add_client(server, PRINTER, actor="x")).client

    def adding(number):
        uri = f"https://printer.example/{number}"
        return lambda old: replace(old, redirect_uris=(*old.redirect_uris, uri))

    await asyncio.gather(*(change_client(server, client.id, adding(n), actor="x") for n in range(3)))
    assert len((await stored(server, client.id)).redirect_uris) == 4


async def test_a_deleted_app_is_gone_with_its_secrets(server):
    """FN5"""
    client = (await add_client(server, PRINTER, actor="x")).client
    await delete_client(server, client.id, actor="cli:ada")
    assert await stored(server, client.id) is None
    assert ("cli:ada", "client.deleted", f"client:{client.id}") in await audited(server)
    with pytest.raises(NotFound):
        await delete_client(server, client.id, actor="x")


async def test_who_looks_for_a_name_is_told_the_ids(server):
    client = (await add_client(server, PRINTER, actor="x")).client
    with pytest.raises(NotFound, match=client.id):
        find_client(server.snapshots.newest.registry, "photo printer")


# --- secrets ----------------------------------------------------------------------------------------


async def test_several_secrets_live_at_once_and_the_sixth_is_refused(server):
    client = (await add_client(server, PRINTER, actor="x")).client
    for number in range(4):
        await add_secret(server, client.id, SecretDraft(label=f"n{number}"), actor="x")
    assert len((await stored(server, client.id)).secrets) == 5
    with pytest.raises(Rejected, match="5 live secrets"):
        await add_secret(server, client.id, SecretDraft(), actor="x")


async def test_expired_secrets_make_room(server):
    client = (await add_client(server, PRINTER, actor="x", secret=SecretDraft(lifetime=0.0))).client
    for _ in range(5):
        await add_secret(server, client.id, SecretDraft(), actor="x")
    kept = await stored(server, client.id)
    assert len(kept.secrets) == 5
    assert all(one.expires_at is None for one in kept.secrets)


async def test_a_given_secret_is_kept_as_an_hmac(server):
    done = await add_client(server, PRINTER, actor="x", secret=SecretDraft(text=GIVEN, label="old server"))
    (secret,) = (await stored(server, done.client.id)).secrets
    assert done.secret is None
    assert (secret.scheme, secret.label) == (SecretScheme.GIVEN, "old server")
    assert GIVEN.encode() not in secret.hash


@pytest.mark.parametrize(
    "text", ["hunter2", "password12345678", "aaaaaaaaaaaaaaaaaaaaaaaa", "ünïcode-secret-0123"]
)
async def test_a_given_secret_that_can_be_guessed_is_refused(server, text):
    """Threat S3."""
    with pytest.raises(Rejected, match="secret:") as refusal:
        await add_client(server, PRINTER, actor="x", secret=SecretDraft(text=text))
    assert text not in str(refusal.value)


async def test_a_secret_is_deleted_by_id_or_label(server):
    client = (await add_client(server, PRINTER, actor="x")).client
    await add_secret(server, client.id, SecretDraft(label="new"), actor="x")
    await delete_secret(server, client.id, client.secrets[0].id, actor="x")
    await delete_secret(server, client.id, "new", actor="x")
    assert (await stored(server, client.id)).secrets == ()


async def test_a_label_that_names_two_secrets_deletes_neither(server):
    client = (await add_client(server, PRINTER, actor="x")).client
    for _ in range(2):
        await add_secret(server, client.id, SecretDraft(label="twin"), actor="x")
    for label in ("twin", "", "nobody"):
        with pytest.raises(NotFound):
            await delete_secret(server, client.id, label, actor="x")
    assert len((await stored(server, client.id)).secrets) == 3


async def test_a_public_app_gets_no_secret_later_either(server):
    """Threat H2."""
    spa = (await add_client(server, replace(PRINTER, type=ClientType.SPA), actor="x")).client
    with pytest.raises(Rejected, match="has no secret"):
        await add_secret(server, spa.id, SecretDraft(), actor="x")
