"""The registry as a file: read with every mistake, planned in words, applied once."""

import asyncio
import json
import tomllib
from pathlib import Path

import pytest

from grantway.crypto.given_secrets import given_secret_matches
from grantway.flows.people import Rejected, find_person, set_password
from grantway.flows.registry import (
    ClientDraft,
    SecretDraft,
    add_client,
    add_secret,
    change_client,
    delete_client,
    delete_secret,
)
from grantway.flows.registry_apis import change_api, delete_api
from grantway.flows.registry_file import read_registry, read_registry_file
from grantway.flows.registry_plan import apply, plan_for
from grantway.protocol.clients import ClientType, RefreshPolicy
from grantway.protocol.names import AuthMethod, GrantType
from grantway.protocol.scope import Scope
from grantway.storage.port import Conflict
from tests.signing import new_signer, signer_for

SECRET, OTHER = "Kq7vT2mX9bLw4RzN8cHj", "dW5fPq8ZkX3nVb7RtG2y"
FILE = f"""
[[apis]]
name = "photos"
audience = "https://api.example/photos"
[[apis.scopes]]
name = "photos:read"
description = "See your photos"
default = true
[[apis.scopes]]
name = "photos:delete"
description = "Delete your photos"
sensitivity = "sensitive"
[[apis.rules]]
path = "/photos"
GET = ["photos:read"]

[[apps]]
id = "printer"
name = "Photo Printer"
redirect_uris = ["https://printer.example/cb"]
scopes = ["photos:read"]
optional_scopes = ["photos:delete"]
default_api = "photos"
secret = "{SECRET}"

[[people]]
username = "ada"
name = "Ada Lovelace"
password = "a long walk by the lake"
"""


def wanted(text, *, dev=True, folder=Path(), **env):
    return read_registry(tomllib.loads(text), folder=folder, env=env, dev=dev)


def mistakes(text, **options):
    with pytest.raises(Rejected) as refusal:
        wanted(text, **options)
    return str(refusal.value).splitlines()


async def applied(server, text, **options):
    return [str(line) for line in (await apply(server, wanted(text), actor="file:x", **options)).lines]


async def planned(server, text, **options):
    return [str(line) for line in (await plan_for(server, wanted(text), **options)).lines]


def registry(server):
    return server.snapshots.current().registry


# --- reading ----------------------------------------------------------------------------------------


def test_an_app_is_read_with_everything_it_may_say():
    text = """
[[apps]]
id = "mobile"
name = "Mobile"
type = "native"
redirect_uris = ["com.example.app:/cb", "http://127.0.0.1/cb"]
grant_types = ["authorization_code"]
refresh = "never"
first_party = true
consent_lifetime = "30d"
origins = ["https://app.example"]
homepage = "https://app.example"
terms = "https://app.example/terms"
privacy = "https://app.example/privacy"
enabled = false
"""
    (client,) = wanted(text).clients
    draft = client.draft
    assert (client.id, client.enabled, client.secrets) == ("mobile", False, ())
    assert (draft.type, draft.auth_method, draft.refresh) == (
        ClientType.NATIVE,
        AuthMethod.NONE,
        RefreshPolicy.NEVER,
    )
    assert draft.grant_types == {GrantType.AUTHORIZATION_CODE}
    assert (draft.first_party, draft.consent_lifetime) == (True, 30 * 86400)
    assert draft.privacy_uri == "https://app.example/privacy"


def test_secrets_come_from_files_and_the_environment_with_label_and_end(tmp_path):
    (tmp_path / "old").write_text(SECRET + "\n")
    text = """
[[apps]]
id = "printer"
redirect_uris = ["https://printer.example/cb"]
[[apps.secrets]]
secret_file = "old"
label = "old"
expires = 2027-01-31
[[apps.secrets]]
secret_env = "PRINTER_SECRET"
label = "new"
"""
    (client,) = wanted(text, folder=tmp_path, PRINTER_SECRET=OTHER).clients
    assert [(one.text, one.label, one.expires_at) for one in client.secrets] == [
        (SECRET, "old", 1801353600.0),
        (OTHER, "new", None),
    ]
    assert SECRET not in repr(client)


def test_every_mistake_is_told_at_once_with_its_place():
    text = """
[[apis]]
name = "photos"
[[apps]]
name = "Nameless"
[[apps]]
id = "printer"
typ = "web"
redirect_uris = "https://printer.example/cb"
pkce = "maybe"
refresh = "sometimes"
consent_lifetime = "a while"
secret = "weak"
secret_env = "NOWHERE"
[[apps]]
id = "printer"
first_party = "yes"
[[people]]
username = "ada"
password = "password"
[[people]]
username = "grace"
password_hash = "plain"
[[people]]
name = "Nobody"
"""
    told = "\n".join(mistakes(text))
    for part in (
        "apis[0] (photos).audience: is missing",
        "apps[0].id: is missing",
        "apps[1] (printer).typ: is not known; did you mean type?",
        "apps[1] (printer).redirect_uris: must be a list of texts",
        "apps[1] (printer).pkce: must be required or optional, not 'maybe'",
        "apps[1] (printer).refresh: must be one of",
        "apps[1] (printer).consent_lifetime: 'a while' is not a duration",
        "apps[1] (printer): give one of secret, secret_env, not 2",
        "apps[2] (printer).first_party: must be true or false",
        "apps: id 'printer' is used twice",
        "people[0] (ada).password: ",
        "people[1] (grace).password_hash: is no hash",
        "people[2].username: is missing",
        "people[2]: needs password_file, password_env or password_hash",
    ):
        assert part in told


def test_a_plain_password_is_for_development_only():
    """C21: no account with a password that everybody can read."""
    (told,) = mistakes(FILE, dev=False)
    assert told.startswith("people[0] (ada).password: a plain password is for dev only")


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ('secret = "short"', "16 to 512"),
        ('secret = "passwordpassword"', "guessed"),
        ('secret_file = "nowhere"', "cannot be read"),
        ('secret_env = "NOWHERE"', "the environment has no NOWHERE"),
    ],
)
def test_a_secret_that_is_missing_or_weak_is_refused_without_telling_it(line, why):
    """Threat S3."""
    told = "\n".join(mistakes(f'[[apps]]\nid = "printer"\n{line}\n'))
    assert why in told
    assert "passwordpassword" not in told


def test_a_list_of_tables_is_needed():
    assert mistakes('apps = "x"\npeople = 1\n') == [
        "apps: must be a list of tables ([[apps]])",
        "people: must be a list of tables ([[people]])",
    ]


def test_a_misspelt_list_of_tables_is_not_passed_over():
    (told,) = mistakes('[[app]]\nid = "printer"\n')
    assert told.startswith("app: is no list of tables that is known; there are apis, apps, people")


def test_settings_may_stand_in_the_same_file():
    assert wanted('issuer = "https://id.example"\n[server]\nhosts = ["id.example"]\n').clients == ()


def test_a_file_that_is_not_toml_is_named(tmp_path):
    path = tmp_path / "registry.toml"
    path.write_text("[[apps]")
    with pytest.raises(Rejected, match=r"registry\.toml: cannot be read"):
        read_registry_file(path, env={}, dev=True)


# --- applying ---------------------------------------------------------------------------------------


async def test_a_first_run_brings_everything_in_and_a_second_finds_nothing_to_do(server):
    lines = await applied(server, FILE)
    assert [line[:12] for line in lines] == ["+ api photos", "+ app printe", "+ secret fil", "+ person ada"]
    client = registry(server).clients["printer"]
    (secret,) = client.secrets
    assert client.managed_by_file
    assert given_secret_matches(secret.hash, server.master_keys, client_id="printer", text=SECRET)
    assert (await find_person(server, "Ada")).name == "Ada Lovelace"
    version = (await server.store.registry_version())[0]
    assert await applied(server, FILE) == []
    assert (await server.store.registry_version())[0] == version


async def test_a_plan_writes_nothing(server):
    assert len(await planned(server, FILE)) == 4
    assert registry(server).clients == {}
    assert await find_person(server, "ada") is None


async def test_no_plan_and_no_audit_line_holds_a_secret(server):
    """Threat S2."""
    told = "\n".join(await applied(server, FILE)) + repr(await server.store.read_audit())
    for text in (SECRET, "a long walk by the lake"):
        assert text not in told


async def test_a_change_is_planned_field_by_field(server):
    await applied(server, FILE)
    changed = (
        FILE.replace("https://printer.example/cb", "https://printer.example/new")
        .replace("See your photos", "Look at your photos")
        .replace("Ada Lovelace", "Ada King")
        .replace('default_api = "photos"', 'pkce = "optional"')
    )
    api, app, person = await applied(server, changed)
    assert api == (
        "~ api photos: scopes +photos:read (Look at your photos; normal, default)"
        " −photos:read (See your photos; normal, default)"
    )
    assert app == (
        "~ app printer: redirect_uris +https://printer.example/new −https://printer.example/cb;"
        " default_api https://api.example/photos → none; require_pkce true → false"
    )
    assert person == "~ person ada: name Ada Lovelace → Ada King"
    assert await applied(server, changed) == []


async def test_a_secret_is_replaced_when_the_file_names_another(server):
    await applied(server, FILE)
    lines = await applied(server, FILE.replace(SECRET, OTHER))
    assert [line[0] for line in lines] == ["+", "−"]
    (secret,) = registry(server).clients["printer"].secrets
    assert given_secret_matches(secret.hash, server.master_keys, client_id="printer", text=OTHER)


async def test_a_password_of_the_file_is_given_once_and_then_the_persons_own(server):
    await applied(server, FILE)
    ada = await find_person(server, "ada")
    await set_password(server, ada, "another long walk", actor="person:ada")
    kept = (await find_person(server, "ada")).password_hash
    assert await applied(server, FILE) == []
    assert (await find_person(server, "ada")).password_hash == kept


async def test_what_the_file_no_longer_names_is_kept_until_it_is_pruned(server):
    await applied(server, FILE)
    assert [line[0] for line in await applied(server, "")] == [" ", " "]
    assert set(registry(server).clients) == {"printer"}
    assert [line[:5] for line in await applied(server, "", prune=True)] == ["− api", "− app"]
    assert (registry(server).clients, registry(server).apis) == ({}, {})
    assert await find_person(server, "ada") is not None


async def test_pruning_leaves_alone_what_was_registered_by_hand(server):
    draft = ClientDraft(name="By hand", type=ClientType.WEB, redirect_uris=("https://hand.example/cb",))
    by_hand = (await add_client(server, draft, actor="x")).client
    await applied(server, FILE, prune=True)
    assert set(registry(server).clients) == {by_hand.id, "printer"}


async def test_a_scope_that_an_app_outside_the_file_names_is_not_taken_away(server):
    await applied(server, FILE)
    draft = ClientDraft(
        name="By hand",
        type=ClientType.WEB,
        redirect_uris=("https://hand.example/cb",),
        scope=Scope.of(["photos:delete"]),
    )
    by_hand = (await add_client(server, draft, actor="x")).client
    without = FILE.replace('name = "photos:delete"', 'name = "photos:erase"').replace(
        '["photos:delete"]', '["photos:erase"]'
    )
    with pytest.raises(Rejected, match=f"photos:delete is still named by: {by_hand.id}"):
        await applied(server, without)


async def test_a_scope_of_the_file_may_be_renamed_with_its_apps(server):
    await applied(server, FILE)
    await applied(server, FILE.replace("photos:delete", "photos:erase"))
    assert registry(server).clients["printer"].optional_scope == Scope.of(["photos:erase"])


async def test_a_rule_is_broken_before_anything_is_written(server):
    """Threat B5: the file is one more door to the same rules."""
    bad = FILE.replace("https://printer.example/cb", "javascript:alert(1)")
    with pytest.raises(Rejected, match="redirect_uri"):
        await planned(server, bad)
    with pytest.raises(Rejected, match="redirect_uri"):
        await applied(server, bad)
    assert registry(server).apis == {}


async def test_an_api_of_the_file_gets_the_key_it_needs(server):
    await applied(server, FILE.replace('name = "photos"', 'name = "photos"\ntoken_alg = "RS256"'))
    assert "RS256" in server.snapshots.current().signing_keys


async def test_an_app_registered_by_hand_goes_over_to_the_file_with_its_secrets(server):
    draft = ClientDraft(
        name="Photo Printer", id="printer", type=ClientType.WEB, redirect_uris=("https://printer.example/cb",)
    )
    await add_client(server, draft, actor="x", secret=SecretDraft(label="by hand"))
    lines = await applied(server, FILE)
    assert "from now on managed by the file" in lines[1]
    assert len(registry(server).clients["printer"].secrets) == 2


# --- what the file manages, others leave alone ------------------------------------------------------


async def test_what_the_file_manages_is_changed_there_only(server):
    await applied(server, FILE)
    (secret,) = registry(server).clients["printer"].secrets
    refused = [
        lambda: change_client(server, "printer", lambda old: old, actor="x"),
        lambda: delete_client(server, "printer", actor="x"),
        lambda: add_secret(server, "printer", SecretDraft(), actor="x"),
        lambda: delete_secret(server, "printer", secret.id, actor="x"),
        lambda: change_api(server, "photos", lambda old: old, actor="x"),
        lambda: delete_api(server, "photos", actor="x", clean=True),
    ]
    for act in refused:
        with pytest.raises(Rejected, match="registry file"):
            await act()


async def test_an_app_whose_secrets_are_not_in_the_file_gets_them_by_hand(server):
    lines = await applied(server, FILE.replace(f'secret = "{SECRET}"', ""))
    assert "  app printer has no secret yet: grantway app secret add printer" in lines
    await add_secret(server, "printer", SecretDraft(), actor="x")
    assert await applied(server, FILE.replace(f'secret = "{SECRET}"', "")) == []
    assert len(registry(server).clients["printer"].secrets) == 1


async def test_nodes_that_start_at_once_bring_the_file_in_once(server):
    """Every worker and node applies it: the second finds nothing to do, whoever is first."""
    outcomes = await asyncio.gather(
        *(apply(server, wanted(FILE), actor=f"node {n}") for n in range(3)), return_exceptions=True
    )
    assert [one for one in outcomes if isinstance(one, Exception) and not isinstance(one, Conflict)] == []
    assert len(registry(server).clients) == 1


# --- keys -------------------------------------------------------------------------------------------

SIGNER = """
[[apps]]
id = "signer"
type = "machine"
auth_method = "private_key_jwt"
"""


async def test_an_app_that_signs_names_the_file_of_its_public_keys(server, tmp_path):
    """FS31: a change of the file is shown by the names of the keys."""
    one, two = new_signer(kid="one"), new_signer(kid="two")
    file = tmp_path / "keys.json"
    file.write_text(one.jwk_text)
    text = f'{SIGNER}jwks_file = "{file}"\nlegacy_audience = true'
    assert len(await applied(server, text)) == 1, "and nobody misses a secret"
    kept = registry(server).clients["signer"]
    assert (kept.legacy_audience, kept.secrets) == (True, ())
    assert await planned(server, text) == []
    file.write_text(two.jwk_text)
    (line,) = await applied(server, text)
    assert "jwks +key two −key one" in line


def test_a_file_without_public_keys_is_a_mistake_with_its_place(tmp_path):
    """FS31"""
    (tmp_path / "private.json").write_text(json.dumps(signer_for("ES256").private_jwk))
    for name, words in (("private.json", "public half"), ("missing.json", "cannot be read")):
        (mistake,) = mistakes(f'{SIGNER}jwks_file = "{name}"', folder=tmp_path)
        assert "apps[0] (signer).jwks_file" in mistake
        assert words in mistake


async def test_keys_at_an_address_take_the_place_of_given_ones(server):
    """FS31"""
    await applied(server, f'{SIGNER}jwks_uri = "https://signer.example/keys"')
    assert registry(server).clients["signer"].jwks_uri == "https://signer.example/keys"
    with pytest.raises(Rejected, match="an https:// address"):
        await applied(server, f'{SIGNER}jwks_uri = "http://signer.example/keys"')


# --- people and what apps may learn about them ---------------------------------------------------------

PERSON = FILE + 'email = "ada@id.example"\nemail_verified = true\ngiven_name = "Ada"\n'


async def test_what_apps_may_learn_about_people_is_in_the_file(server):
    """UI05: standard claims by their names; what the file does not say stays."""
    await applied(server, PERSON + '[people.address]\nlocality = "London"\n')
    ada = await find_person(server, "ada")
    assert ("ada@id.example", True, "Ada") == (ada.email, ada.email_verified, ada.profile.given_name)
    assert "London" == ada.profile.address.locality
    lines = await applied(server, PERSON.replace('"Ada"\n', '"Augusta Ada"\nlocale = "en-GB"\n'))
    assert "~ person ada: given_name Ada → Augusta Ada; locale none → en-GB" in lines
    ada = await find_person(server, "ada")
    assert ("London", True) == (ada.profile.address.locality, ada.profile.updated_at > 0)
    assert "~" not in {
        line[0] for line in await planned(server, PERSON.replace('"Ada"\n', '"Augusta Ada"\n'))
    }


async def test_a_claim_of_the_file_that_cannot_stand_is_refused(server):
    """UI05: for somebody new, and for somebody known."""
    wrong = PERSON + 'birthdate = "today"\n'
    assert ["people[0] (ada).nikname: is not known; did you mean nickname?"] == mistakes(
        PERSON + 'nikname = "A"'
    )
    with pytest.raises(Rejected, match="people: ada: birthdate"):
        await planned(server, wrong)
    await applied(server, PERSON)
    with pytest.raises(Rejected, match="people: ada: birthdate"):
        await planned(server, wrong)
