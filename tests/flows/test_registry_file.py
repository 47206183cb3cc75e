"""The registry as a file: read, with every mistake and its place."""

import pytest

from grantway.flows.registry_file import read_registry_file
from grantway.flows.rejections import Rejected
from grantway.protocol.clients import ClientType, RefreshPolicy
from grantway.protocol.names import AuthMethod, GrantType
from tests.flows.registry_files import FILE, OTHER, SECRET, mistakes, wanted


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
    "line", ["consent_lifetime = inf", "consent_lifetime = nan", r'secret_file = "\u0000"']
)
def test_a_value_that_nothing_can_be_made_of_is_a_mistake(line):
    """U6: told like any other."""
    told = "\n".join(mistakes(f'[[apps]]\nid = "printer"\n{line}\n'))
    assert f"apps[0] (printer).{line.partition(' ')[0]}" in told


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


@pytest.mark.parametrize(
    "text", ["[[apps]", "a = " + "[" * 5000 + "]" * 5000, "a = " + "9" * 5000], ids=["half", "deep", "long"]
)
def test_a_file_that_cannot_be_read_is_named(tmp_path, text):
    """U6: nor is one that is too much for its parser."""
    path = tmp_path / "registry.toml"
    path.write_text(text)
    with pytest.raises(Rejected, match=r"registry\.toml: cannot be read"):
        read_registry_file(path, env={}, dev=True)
