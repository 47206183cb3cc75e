"""The registry as a file: planned in words, applied once, and left alone by others."""

import asyncio
import json

import pytest

from grantway.crypto.given_secrets import given_secret_matches
from grantway.flows.people import find_person, set_password
from grantway.flows.registry import (
    ClientDraft,
    SecretDraft,
    add_client,
    add_secret,
    change_client,
    delete_client,
    delete_secret,
)
from grantway.flows.registry_apis import add_api, change_api, delete_api
from grantway.flows.registry_plan import apply
from grantway.flows.rejections import Rejected
from grantway.protocol.clients import ClientType
from grantway.protocol.scope import Scope
from grantway.protocol.site_callbacks import CALLBACK
from grantway.storage.port import Conflict
from tests.flows.registry_files import FILE, OTHER, SECRET, applied, mistakes, planned, registry, wanted
from tests.signing import new_signer, signer_for


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


def taken_over(what, by):
    return (
        f"  {what} was not made by a file: from now on it is changed in this one alone, and {by} refuse to; "
        "once the file does not name it any more, --prune removes it"
    )


async def test_an_app_registered_by_hand_goes_over_to_the_file_with_its_secrets(server):
    draft = ClientDraft(
        name="Photo Printer", id="printer", type=ClientType.WEB, redirect_uris=("https://printer.example/cb",)
    )
    await add_client(server, draft, actor="x", secret=SecretDraft(label="by hand"))
    lines = await applied(server, FILE)
    assert "from now on managed by the file" in lines[1]
    assert lines[2] == taken_over("app printer", "`grantway app edit` and `delete`")
    assert len(registry(server).clients["printer"].secrets) == 2


async def test_an_api_that_a_command_or_an_import_made_goes_over_to_the_file_and_the_plan_says_so(server):
    """FS44: also where the file says the very same; whoever edits it later by command is not surprised."""
    (api,) = wanted(FILE).apis
    await add_api(server, api, actor="x")
    lines = await planned(server, FILE)
    assert lines[:2] == [
        "~ api photos: from now on managed by the file",
        taken_over("api photos", "`grantway api edit`, `import` and `rollback`"),
    ]
    await change_api(server, "photos", lambda old: old, actor="x")  # a plan is no deed
    await applied(server, FILE)
    with pytest.raises(Rejected, match="registry file"):
        await change_api(server, "photos", lambda old: old, actor="x")
    assert await planned(server, FILE) == []


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


async def test_the_app_of_a_site_behind_a_gateway_is_not_said_to_lack_a_secret(server):
    """Grantway exchanges its codes itself."""
    site = f"https://printer.example{CALLBACK}"
    file = FILE.replace(f'secret = "{SECRET}"', "").replace("https://printer.example/cb", site)
    assert site in file
    assert not [line for line in await applied(server, file) if "secret" in line]


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
