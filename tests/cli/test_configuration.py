"""`grantway init`, `grantway settings`, `grantway config show`."""

import tomllib

import click
import pytest

from grantway.cli.main import cli
from grantway.cli.running import way_out_of
from grantway.crypto.envelope import MasterKey
from grantway.settings import SECTIONS, options
from grantway.settings_rules import BadSettings, Mistake

ISSUER = "https://id.example"


@pytest.fixture
def outside_dev(gw, monkeypatch):
    monkeypatch.delenv("GRANTWAY_DEV")
    return gw


def test_init_writes_what_a_server_needs_and_nobody_else_may_read_the_key(outside_dev, folder):
    """Threats S2, S3: no default key; each server has its own."""
    result = outside_dev("init", "--issuer", ISSUER)
    key = folder / "grantway.key"
    assert key.stat().st_mode & 0o777 == 0o600
    MasterKey.from_text(key.read_text())
    assert key.read_text().strip() not in result.output
    assert tomllib.loads((folder / "grantway.toml").read_text()) == {
        **{section: {} for section in SECTIONS},
        "issuer": ISSUER,
        "database": {"url": "sqlite:///grantway.db"},
        "secrets": {"key_file": "grantway.key"},
    }
    outside_dev("app", "list")


def test_the_written_file_explains_every_setting_and_its_defaults_are_right(outside_dev, folder):
    outside_dev("init", "--issuer", ISSUER)
    text = (folder / "grantway.toml").read_text()
    assert [option.key for option in options() if option.help not in text] == []
    uncommented = text.replace("\n#", "\n").partition("\n Apps, APIs")[0]
    lines = [line for line in uncommented.splitlines() if " = " in line or line.startswith("[")]
    written = tomllib.loads("\n".join(line for line in lines if not line.startswith(" ")))
    assert written["tokens"]["access_lifetime"] == "10m"
    assert written["server"] == {
        "host": "127.0.0.1",
        "port": 8600,
        "workers": 1,
        "hosts": [],
        "trusted_proxies": [],
        "management_host": "127.0.0.1",
        "management_port": 0,
        "head_timeout": "10s",
        "body_timeout": "20s",
        "write_timeout": "30s",
        "connections_per_network": 1024,
        "revocation_streams": 200,
        "linger": "5s",
        "client_certificate_header": "",
        "client_certificate_verify_header": "",
        "mtls_address": "",
    }


def test_init_never_replaces_a_key(outside_dev, folder):
    outside_dev("init", "--issuer", ISSUER)
    key = (folder / "grantway.key").read_text()
    assert "--force" in outside_dev("init", "--issuer", ISSUER, code=5).stderr
    outside_dev("init", "--issuer", "https://other.example", "--force")
    assert (folder / "grantway.key").read_text() == key
    assert "other.example" in (folder / "grantway.toml").read_text()


@pytest.mark.parametrize(
    ("issuer", "instead"),
    [
        ("http://id.example", "an address such as https://id.example"),
        ("http://localhost:8600", "--dev --issuer http://localhost:8600"),
        ("https://id.example/", "--issuer https://id.example\n"),
        ("id", "--issuer https://id\n"),
    ],
)
def test_init_makes_no_server_that_would_not_start(outside_dev, folder, issuer, instead):
    """Threat W7."""
    assert f"hint: {instead}" in outside_dev("init", "--issuer", issuer, code=2).stderr
    assert list(folder.glob("grantway*")) == []


def test_init_asks_nobody_who_is_not_there(outside_dev):
    outside_dev("init", code=2)


def test_every_setting_is_explained(gw):
    shown = gw("settings").stdout
    assert [one.key for one in options() if one.key not in shown or one.env not in shown] == []
    assert [one["key"] for one in gw.json("settings")] == [one.key for one in options()]
    assert "GRANTWAY_SECRETS__KEY_FILE" in shown


def test_the_settings_in_force_are_shown_with_their_origin_and_without_their_secrets(gw, monkeypatch):
    """Threat S2."""
    key = MasterKey.generate().to_text()
    monkeypatch.setenv("GRANTWAY_SECRETS__KEY", key)
    monkeypatch.setenv("GRANTWAY_DATABASE__URL", "postgresql://gw:hunter2@db/gw?password=hunter2")
    shown = gw("config", "show", "--sources").stdout
    assert key not in shown
    assert "hunter2" not in shown
    document = gw.json("config", "show")
    assert document["database.url"] == {
        "value": "postgresql://gw:********@db/gw?password=********",
        "from": "GRANTWAY_DATABASE__URL",
    }
    assert document["secrets.key"]["value"] == "********"
    assert document["issuer"]["from"] == "default with dev"


def test_wrong_settings_are_listed_all_at_once(gw, folder):
    (folder / "grantway.toml").write_text('issuer = "https://x/"\n[server]\nprot = 1\nport = 0\n')
    told = gw("config", "show", code=1).stderr
    for part in ("issuer:", "did you mean server.port", "server.port: must be at least 1"):
        assert part in told


def test_in_another_folder_than_its_own_a_command_says_where_it_looked(outside_dev, folder):
    """The usual mistake of a second terminal."""
    told = outside_dev("app", "list", code=1).stderr
    assert f"hint: there is no grantway.toml in {folder}: go to its folder, name it with --config" in told
    outside_dev("init", "--issuer", ISSUER)
    (folder / "grantway.toml").write_text("[tokens]\n")
    assert "hint: grantway settings" in outside_dev("app", "list", code=1).stderr


def test_a_file_of_another_user_is_no_mistake_in_the_settings():
    """The service's key belongs to its user; the operator's shell is somebody else."""
    kept = BadSettings([Mistake("secrets.key_file", "/etc/grantway.key cannot be read: Permission denied")])
    with click.Context(cli):
        assert "the user that the server runs as" in way_out_of(kept)
