"""`grantway app`."""

import json
import re

import pytest

from tests.certificates import self_signed
from tests.signing import new_signer, signer_for

CALLBACK = "https://printer.example/cb"
GIVEN = "Kq7vT2mX9bLw4RzN8cHj"


@pytest.fixture
def photos(gw):
    gw("api", "create", "photos", "--audience", "https://api.example/photos",
       "--scope", "photos:read=See your photos", "--scope", "photos:delete=Delete your photos")  # fmt: skip


@pytest.fixture
def printer(gw):
    return gw.json("app", "create", "Photo Printer", "--redirect-uri", CALLBACK)


def test_an_app_is_registered_and_its_secret_shown_once(gw, printer):
    assert re.fullmatch(r"photo_printer_[0-9A-Za-z]{8}", printer["client_id"])
    assert printer["client_secret"].startswith("gwcs_")
    later = gw("app", "show", printer["client_id"], "--json").stdout + gw("app", "list", "--json").stdout
    assert printer["client_secret"] not in later


def test_people_read_what_was_registered_in_lines(gw, photos):
    result = gw("app", "create", "Photo Printer", "--redirect-uri", CALLBACK, "--scope", "photos:read",
                "--optional-scope", "photos:delete", "--api", "photos", "--pkce", "optional")  # fmt: skip
    for part in (
        "Registered Photo Printer (web)",
        "shown once",
        "photos:read   optional: photos:delete",
        "WARNING",
    ):
        assert part in result.stdout


def test_id_and_secret_are_saved_for_the_app_alone(gw, folder):
    env = folder / ".env"
    env.write_text("OTHER=1\nCLIENT_SECRET=old\n")
    made = gw.json("app", "create", "Printer", "--redirect-uri", CALLBACK, "--env-file", env)
    assert env.read_text().splitlines() == [
        "OTHER=1",
        "ISSUER=http://localhost:8600",
        f"CLIENT_ID={made['client_id']}",
        f"CLIENT_SECRET={made['client_secret']}",
    ]
    assert env.stat().st_mode & 0o777 == 0o600


def test_a_secret_of_another_server_is_brought_along_from_a_file(gw, folder):
    (folder / "secret").write_text(GIVEN + "\n")
    made = gw.json("app", "create", "Printer", "--id", "printer", "--redirect-uri", CALLBACK,
                   "--secret-file", "secret", "--secret-label", "old server")  # fmt: skip
    assert "client_secret" not in made
    assert [(one["label"], one["made_here"]) for one in made["secrets"]] == [("old server", False)]


def test_a_weak_secret_is_refused_without_repeating_it(gw, folder):
    """Threat S3."""
    result = gw("app", "create", "Printer", "--redirect-uri", CALLBACK, "--secret-file", "-",
                input="hunter2hunter2hunter2\n", code=1)  # fmt: skip
    assert "hunter2" not in result.output
    assert "guessed" in result.stderr


@pytest.mark.parametrize(
    "uri", ["JaVaScRiPt:x", "http://host/cb", "https://*.example/cb", "https://a@b.example/cb", "data:,x"]
)
def test_an_address_that_could_lead_elsewhere_is_refused(gw, uri):
    """Threats B3, B5, B6."""
    assert "redirect_uri" in gw("app", "create", "Printer", "--redirect-uri", uri, code=1).stderr
    assert gw.json("app", "list") == []


def test_every_reason_is_told_at_once(gw):
    told = gw(
        "app", "create", "Printer", "--redirect-uri", "http://host/cb", "--scope", "no:such", code=1
    ).stderr
    assert "plain http" in told
    assert "no API defines the scope no:such" in told


def test_a_public_app_has_no_secret(gw):
    """Threat H2."""
    made = gw.json("app", "create", "App", "--type", "spa", "--redirect-uri", CALLBACK)
    assert made["auth_method"] == "none"
    assert "client_secret" not in made
    gw("app", "secret", "add", made["client_id"], code=1)


def test_a_machine_app_needs_no_address(gw):
    made = gw.json("app", "create", "Cron", "--type", "machine")
    assert (made["grant_types"], made["redirect_uris"]) == (["client_credentials"], [])


def test_an_api_that_is_there_already_gets_credentials(gw, photos):
    """To ask about its tokens, and to hear of revocations."""
    made = gw.json("app", "create", "Photos API", "--type", "resource_server", "--api", "photos")
    assert (made["api"], made["default_api"], made["grant_types"]) == ("https://api.example/photos", None, [])
    assert made["client_secret"].startswith("gwcs_")
    assert "(--api)" in gw("app", "create", "Nameless", "--type", "resource_server", code=1).stderr


def test_an_app_is_edited(gw, photos, printer):
    client = printer["client_id"]
    gw("app", "edit", client, "--name", "Printer 2", "--add-redirect-uri", "https://printer.example/2",
       "--remove-redirect-uri", CALLBACK, "--scope", "photos:read", "--optional-scope", "photos:delete",
       "--api", "photos", "--consent-lifetime", "30d", "--first-party", "--refresh", "never")  # fmt: skip
    shown = gw.json("app", "show", client)
    assert shown["name"] == "Printer 2"
    assert shown["redirect_uris"] == ["https://printer.example/2"]
    assert shown["scopes"] == ["photos:read", "photos:delete"]
    assert shown["optional_scopes"] == ["photos:delete"]
    assert (shown["consent_lifetime"], shown["first_party"], shown["refresh"]) == (30 * 86400, True, "never")
    gw(
        "app",
        "edit",
        client,
        "--remove-scope",
        "photos:delete",
        "--consent-lifetime",
        "0",
        "--no-first-party",
    )
    shown = gw.json("app", "show", client)
    assert (shown["scopes"], shown["optional_scopes"]) == (["photos:read"], [])
    assert (shown["consent_lifetime"], shown["first_party"], shown["default_api"]) == (
        None,
        False,
        "https://api.example/photos",
    )


def test_an_app_is_put_out_of_use_and_back(gw, printer):
    gw("app", "edit", printer["client_id"], "--disable")
    assert gw.json("app", "show", printer["client_id"])["enabled"] is False
    gw("app", "edit", printer["client_id"], "--enable")
    assert gw.json("app", "show", printer["client_id"])["enabled"] is True


def test_an_edit_that_breaks_a_rule_changes_nothing(gw, printer):
    gw("app", "edit", printer["client_id"], "--name", "Other", "--redirect-uri", "javascript:x", code=1)
    assert gw.json("app", "show", printer["client_id"])["name"] == "Photo Printer"


def test_a_secret_is_changed_without_outage(gw, printer):
    client = printer["client_id"]
    added = gw.json("app", "secret", "add", client, "--label", "new", "--expires", "90d")
    assert added["client_secret"].startswith("gwcs_")
    assert len(gw.json("app", "secret", "list", client)) == 2
    gw("app", "secret", "delete", client, printer["secrets"][0]["id"], "--yes")
    assert [one["label"] for one in gw.json("app", "secret", "list", client)] == ["new"]
    assert "new" in gw("app", "secret", "list", client).stdout


def test_what_is_not_there_is_code_3(gw, printer):
    for words in (
        ("app", "show", "nobody"),
        ("app", "edit", "nobody", "--name", "x"),
        ("app", "delete", "nobody", "--yes"),
        ("app", "secret", "list", "nobody"),
        ("app", "secret", "delete", printer["client_id"], "nobody", "--yes"),
        ("app", "create", "x", "--redirect-uri", CALLBACK, "--api", "nobody"),
    ):
        gw(*words, code=3)


def test_an_app_that_signs_is_registered_with_its_public_keys(gw, folder):
    """FS31: from a JWK Set, one key or PEM; no secret is made for it."""
    (folder / "keys.json").write_text(f'{{"keys":[{signer_for("ES256").jwk_text}]}}')
    made = gw.json("app", "create", "Signer", "--type", "machine", "--auth-method", "private_key_jwt",
                   "--jwks", "keys.json")  # fmt: skip
    assert "client_secret" not in made
    assert [key["kid"] for key in made["jwks"]["keys"]] == ["ec"]
    edited = gw.json("app", "edit", made["client_id"], "--jwks-uri", "https://signer.example/keys",
                     "--legacy-audience")  # fmt: skip
    assert (edited["jwks"], edited["jwks_uri"], edited["legacy_audience"]) == (
        None,
        "https://signer.example/keys",
        True,
    )
    assert "legacy: the token endpoint passes too" in gw("app", "show", made["client_id"]).stdout


def test_keys_that_cannot_verify_are_refused_with_the_reason(gw, folder):
    """FS31: a private key above all."""
    (folder / "private.json").write_text(json.dumps(signer_for("ES256").private_jwk))
    (folder / "small.json").write_text(new_signer("small").jwk_text)
    create = ("app", "create", "Signer", "--type", "machine", "--auth-method", "private_key_jwt")
    assert "only the public half belongs here" in gw(*create, "--jwks", "private.json", code=1).stderr
    assert "1024 bits" in gw(*create, "--jwks", "small.json", code=1).stderr
    assert "needs keys" in gw(*create, code=1).stderr


def test_an_app_that_signs_gets_no_secret(gw, folder):
    """H4"""
    (folder / "key.json").write_text(signer_for("EdDSA").jwk_text)
    made = gw.json("app", "create", "Signer", "--type", "machine", "--auth-method", "private_key_jwt",
                   "--jwks", "key.json")  # fmt: skip
    assert "private_key_jwt" in gw("app", "secret", "add", made["client_id"], code=1).stderr
    assert "it uses private_key_jwt" in gw("app", "secret", "list", made["client_id"]).output


def test_an_app_is_known_by_a_name_in_its_certificate(gw):
    """FS30"""
    create = ("app", "create", "Backend", "--type", "machine", "--auth-method", "tls_client_auth")
    made = gw.json(*create, "--certificate-name", "san_dns=backend.example", "--certificate-bound-tokens")
    assert (made["certificate_name"], made["certificate_bound_tokens"]) == ("san_dns=backend.example", True)
    for name, words in (
        ("backend.example", "such as san_dns"),
        ("san_ip=backend", "not appear to be an IPv4 or IPv6"),
        ("subject_dn=backend", "not a distinguished name"),
    ):
        assert words in gw(*create, "--certificate-name", name, code=1).stderr
    assert "needs one" in gw(*create, code=1).stderr


def test_a_self_signed_certificate_is_registered_itself(gw, folder):
    """FS30: a mere key would match no certificate."""
    certificate = self_signed("CN=backend")
    (folder / "backend.crt").write_bytes(certificate.pem)
    (folder / "key.json").write_text(signer_for("ES256").jwk_text)
    create = ("app", "create", "Backend", "--type", "machine", "--auth-method", "self_signed_tls_client_auth")
    made = gw.json(*create, "--jwks", "backend.crt")
    assert len(made["jwks"]["keys"][0]["x5c"]) == 1
    assert "without certificate" in gw(*create, "--jwks", "key.json", code=1).stderr


def test_another_way_of_proving_itself_takes_the_place_of_the_first(gw, folder):
    """FS30, FS31: what belonged to the first is gone, so that nothing contradicts."""
    (folder / "key.json").write_text(signer_for("ES256").jwk_text)
    made = gw.json("app", "create", "Backend", "--type", "machine", "--auth-method", "private_key_jwt",
                   "--jwks", "key.json", "--legacy-audience")  # fmt: skip
    edit = ("app", "edit", made["client_id"])
    by_name = gw.json(*edit, "--auth-method", "tls_client_auth", "--certificate-name", "san_dns=b.example")
    assert (by_name["jwks"], by_name["legacy_audience"]) == (None, False)
    by_secret = gw.json(*edit, "--auth-method", "client_secret_basic")
    assert (by_secret["certificate_name"], by_secret["auth_method"]) == (None, "client_secret_basic")
