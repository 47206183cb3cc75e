"""Where values come from, and which one counts."""

from pathlib import Path

import pytest

from grantway.crypto.envelope import MasterKey
from grantway.settings_rules import BadSettings
from grantway.settings_sources import load

KEY = MasterKey.generate().to_text()
FILE = f'issuer = "https://id.example"\n[secrets]\nkey = "{KEY}"\n'


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "grantway.toml").write_text(FILE)
    return tmp_path


def loaded(folder, toml="", flags=None, config=None, **env):
    if toml:
        (folder / "grantway.toml").write_text(FILE + toml)
    return load(flags, config=config, env=env, cwd=folder)


def mistakes(folder, toml="", flags=None, **env):
    with pytest.raises(BadSettings) as bad:
        loaded(folder, toml, flags, **env)
    return [str(mistake) for mistake in bad.value.mistakes]


def test_a_flag_beats_the_environment_which_beats_the_file_which_beats_the_default(folder):
    assert load(env={}, cwd=folder).settings.server.port == 8600
    toml = "[server]\nport = 1111\n"
    assert loaded(folder, toml).settings.server.port == 1111
    assert loaded(folder, toml, GRANTWAY_SERVER__PORT="2222").settings.server.port == 2222
    assert (
        loaded(folder, toml, {"server.port": 3333}, GRANTWAY_SERVER__PORT="2222").settings.server.port == 3333
    )


def test_every_value_remembers_where_it_came_from(folder):
    toml = "[tokens]\naccess_lifetime = 60\n"
    origins = loaded(folder, toml, {"server.port": 1}, GRANTWAY_LOGIN__FLOW_LIFETIME="5m").origins
    assert origins["server.port"] == "flag"
    assert origins["login.flow_lifetime"] == "GRANTWAY_LOGIN__FLOW_LIFETIME"
    assert origins["tokens.access_lifetime"] == str(folder / "grantway.toml")
    assert origins["server.host"] == "default"


def test_the_named_configuration_file_must_exist(folder):
    with pytest.raises(BadSettings, match="there is no file"):
        load(config=Path("other.toml"), env={}, cwd=folder)
    with pytest.raises(BadSettings, match="there is no file"):
        load(env={"GRANTWAY_CONFIG": "other.toml"}, cwd=folder)


def test_the_file_is_looked_for_here_then_in_the_home(tmp_path, folder):
    empty, home = tmp_path / "empty", tmp_path / "xdg"
    empty.mkdir()
    (home / "grantway").mkdir(parents=True)
    (home / "grantway" / "grantway.toml").write_text(FILE)
    env = {"XDG_CONFIG_HOME": str(home)}
    assert load(env=env, cwd=empty).config == home / "grantway" / "grantway.toml"
    assert load(env=env, cwd=folder).config == folder / "grantway.toml"


@pytest.mark.parametrize(
    ("written", "seconds"),
    [('"10m"', 600), ('"PT10M"', 600), ("600", 600), ('"600"', 600), ('"0.5h"', 1800), ('"1m30s"', 90)],
)
def test_a_duration_is_written_as_people_and_as_iso_8601_write_it(folder, written, seconds):
    toml = f"[tokens]\naccess_lifetime = {written}\n"
    assert loaded(folder, toml).settings.tokens.access_lifetime == seconds


@pytest.mark.parametrize("written", ['"soon"', "true", '"10 minutes"', '"P"', '"PT"', '"-5m"', "[1]", '""'])
def test_what_is_no_duration_is_refused(folder, written):
    assert "tokens.code_lifetime" in mistakes(folder, f"[tokens]\ncode_lifetime = {written}\n")[0]


def test_an_access_token_lives_whole_seconds(folder):
    assert "whole seconds" in mistakes(folder, "[tokens]\naccess_lifetime = 1.5\n")[0]


@pytest.mark.parametrize(
    ("toml", "told"),
    [
        ("[server]\nprot = 1\n", "server.prot: is not a setting; did you mean server.port?"),
        ("[servers]\nport = 1\n", "servers: is not a setting; did you mean server."),
        ("[tokens]\nzzz = 1\n", "tokens.zzz: is not a setting"),
    ],
)
def test_a_misspelt_key_is_a_mistake_with_the_nearest_one(folder, toml, told):
    assert told in mistakes(folder, toml)[0]


def test_a_misspelt_variable_is_a_mistake_with_the_nearest_one(folder):
    assert "did you mean GRANTWAY_SERVER__PORT?" in mistakes(folder, GRANTWAY_SERVER__PROT="1")[0]


def test_variables_that_kubernetes_sets_for_a_service_of_our_name_are_passed_over(folder):
    env = {
        "GRANTWAY_SERVICE_HOST": "10.0.0.1",
        "GRANTWAY_SERVICE_PORT_HTTP": "80",
        "GRANTWAY_PORT": "tcp://10.0.0.1:80",
        "GRANTWAY_PORT_80_TCP_ADDR": "10.0.0.1",
        "GRANTWAY_DEMO_PORT": "1",
    }
    assert loaded(folder, **env).settings.server.port == 8600


def test_all_mistakes_are_told_at_once_each_with_its_source(folder):
    toml = "[server]\nport = true\nworkers = 2\n[tokens]\ncode_lifetime = '1d'\nodd = 1\n"
    told = mistakes(folder, toml, {"dev": "perhaps"}, GRANTWAY_SERVER__HOSTS="a b")
    keys = [line.partition(":")[0] for line in told]
    assert sorted(keys) == [
        "dev",
        "server.hosts",
        "server.port",
        "server.workers",
        "tokens.code_lifetime",
        "tokens.odd",
    ]
    assert "(from flag)" in told[keys.index("dev")]
    assert "(from GRANTWAY_SERVER__HOSTS)" in told[keys.index("server.hosts")]
    assert f"(from {folder / 'grantway.toml'})" in told[keys.index("server.workers")]


def test_without_an_issuer_nothing_starts(tmp_path):
    with pytest.raises(BadSettings, match="issuer: is missing"):
        load(env={"GRANTWAY_SECRETS__KEY": KEY}, cwd=tmp_path)


def test_an_empty_directory_refuses_to_start_outside_development(tmp_path):
    """Threat S3: empty configuration, no default secret."""
    with pytest.raises(BadSettings, match=r"secrets\.key: is needed"):
        load(env={}, cwd=tmp_path)


def test_development_needs_no_file_at_all(tmp_path):
    settings = load({"dev": True, "server.port": 8700}, env={}, cwd=tmp_path).settings
    assert (settings.issuer, settings.dev) == ("http://localhost:8700", True)


@pytest.mark.parametrize(
    ("issuer", "flags", "port"),
    [
        ("http://localhost:8777", {}, 8777),
        ("http://localhost:8777", {"server.port": 8600}, 8600),
        ("http://localhost", {}, 8600),
        ("https://localhost:8443", {}, 8600),  # a proxy that speaks TLS has that port
    ],
)
def test_in_development_the_server_listens_where_its_issuer_says(tmp_path, issuer, flags, port):
    settings = load({"dev": True, "issuer": issuer, **flags}, env={}, cwd=tmp_path).settings
    assert settings.server.port == port


def test_a_file_that_is_not_toml_is_named(folder):
    (folder / "grantway.toml").write_text("issuer = ")
    with pytest.raises(BadSettings, match=r"grantway\.toml: cannot be read"):
        load(env={}, cwd=folder)


# --- secrets ----------------------------------------------------------------------------------------


def test_a_secret_is_read_from_the_file_that_a_variable_names(folder):
    (folder / "url").write_text("postgresql://gw:hunter2@db/gw\n")
    settings = loaded(folder, GRANTWAY_DATABASE__URL_FILE="url").settings
    assert settings.database.url == "postgresql://gw:hunter2@db/gw"


def test_only_secrets_have_a_file_variable(folder):
    assert "is not a setting" in mistakes(folder, GRANTWAY_SERVER__PORT_FILE="url")[0]


def test_a_stronger_source_of_the_key_replaces_a_weaker_one_however_it_is_given(folder):
    other = MasterKey.generate()
    (folder / "other.key").write_text(other.to_text())
    found = loaded(folder, GRANTWAY_SECRETS__KEY_FILE="other.key").settings
    assert found.master_keys() == (other,)
    (folder / "grantway.toml").write_text(
        'issuer = "https://id.example"\n[secrets]\nkey_file = "other.key"\n'
    )
    assert load(env={"GRANTWAY_SECRETS__KEY": KEY}, cwd=folder).settings.master_keys() == (
        MasterKey.from_text(KEY),
    )


def test_two_keys_from_one_source_are_a_mistake(folder):
    told = mistakes(folder, 'key_file = "other.key"\n')
    assert "not both" in told[0]


def test_systemd_hands_secrets_over_as_files(folder, tmp_path):
    credentials = tmp_path / "credentials"
    credentials.mkdir()
    other = MasterKey.generate()
    (credentials / "secrets.key").write_text(other.to_text() + "\n")
    (credentials / "server.port").write_text("1")  # not a secret
    loaded_ = loaded(folder, CREDENTIALS_DIRECTORY=str(credentials))
    assert loaded_.settings.master_keys() == (other,)
    assert loaded_.settings.server.port == 8600
    assert loaded_.origins["secrets.key"] == "$CREDENTIALS_DIRECTORY/secrets.key"


def test_a_secret_file_that_is_missing_is_named(folder):
    assert "cannot be read" in mistakes(folder, GRANTWAY_DATABASE__URL_FILE="nowhere")[0]


def test_no_mistake_tells_a_secret(folder):
    """Threat S2."""
    told = " ".join(mistakes(folder, GRANTWAY_SECRETS__KEY="a-very-bad-master-key"))
    assert "a-very-bad-master-key" not in told


# --- what follows from other choices ----------------------------------------------------------------


def test_paths_in_the_file_are_relative_to_it(tmp_path):
    inside = tmp_path / "etc"
    inside.mkdir()
    (inside / "grantway.toml").write_text(
        'issuer = "https://id.example"\n[database]\nurl = "sqlite:///gw.db"\n[secrets]\nkey_file = "key"\n'
    )
    (inside / "key").write_text(KEY)
    settings = load(config=Path("etc/grantway.toml"), env={}, cwd=tmp_path).settings
    assert settings.database.url == f"sqlite:///{inside}/gw.db"
    assert settings.secrets.key_file == inside / "key"


def test_systemd_says_where_the_state_lies(folder):
    found = loaded(folder, STATE_DIRECTORY="/var/lib/grantway")
    assert found.settings.database.url == "sqlite:////var/lib/grantway/grantway.db"


@pytest.mark.parametrize(
    ("url", "dev", "migrates"),
    [
        ("sqlite:///gw.db", "no", True),
        ("postgresql://gw@db/gw", "no", False),
        ("postgresql://gw@db/gw", "yes", True),
    ],
)
def test_migrations_are_applied_by_themselves_where_one_node_serves(folder, url, dev, migrates):
    settings = loaded(folder, GRANTWAY_DATABASE__URL=url, GRANTWAY_DEV=dev).settings
    assert settings.database.auto_migrate is migrates


def test_resources_in_the_file_make_it_the_registry(folder):
    assert loaded(folder, "[[apps]]\nid = 'x'\n").settings.registry == folder / "grantway.toml"
    assert loaded(folder, "[login]\n").settings.registry is None


def test_resources_stand_in_one_file_only(folder):
    (folder / "grantway.toml").write_text('registry = "r.toml"\n' + FILE + "[[apps]]\nid = 'x'\n")
    (folder / "r.toml").write_text("")
    with pytest.raises(BadSettings, match="not in both"):
        load(env={}, cwd=folder)
