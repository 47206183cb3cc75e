"""What the settings may say, whoever made them."""

import re
from dataclasses import fields, replace
from pathlib import Path

import pytest

from grantway.crypto.envelope import MasterKey
from grantway.settings import (
    SECTIONS,
    DatabaseSettings,
    GatewaySettings,
    LoginSettings,
    SecretsSettings,
    ServerSettings,
    Settings,
    TokenSettings,
    options,
)
from grantway.settings_rules import BadSettings, issuer_problem

KEY = MasterKey.generate().to_text()
SAFE = Settings(issuer="https://id.example", secrets=SecretsSettings(key=KEY))
DEV = Settings(issuer="http://localhost:8600", dev=True)


def mistakes(**changes):
    with pytest.raises(BadSettings) as bad:
        replace(SAFE, **changes)
    return {mistake.key: mistake.words for mistake in bad.value.mistakes}


@pytest.mark.parametrize(
    "issuer",
    ["https://id.example", "https://id.example:8443", "https://id.example/tenant", "https://[2001:db8::1]"],
)
def test_an_https_address_is_an_issuer(issuer):
    assert issuer_problem(issuer, dev=False) is None


@pytest.mark.parametrize(
    ("issuer", "why"),
    [
        ("http://id.example", "plain http"),
        ("http://localhost:8600", "needs --dev"),
        ("https://id.example/", "slash"),
        ("https://id.example/a/", "slash"),
        ("https://id.example?x=1", "query"),
        ("https://id.example#", "fragment"),
        ("https://ada@id.example", "user name"),
        ("https://ID.example", "lower case"),
        ("https://id.example:443", "usual port"),
        ("https://id.example/a/../b", "dot segments"),
        ("https://id.example//a", "empty"),
        ("https://", "slash"),
        ("https:id.example", "host"),
        ("https://id.example:0x50", "not a URL"),
        ("ftp://id.example", "not an https"),
        ("id.example", "not an https"),
        ("https://id.exam ple", "not an https"),
        ("https://idä.example", "not an https"),
    ],
)
def test_what_could_be_spelt_in_two_ways_or_read_by_others_is_no_issuer(issuer, why):
    """Threat W7; RFC 8414 §2: https, no query, no fragment."""
    assert why in issuer_problem(issuer, dev=False)


@pytest.mark.parametrize("issuer", ["http://localhost:8600", "http://127.0.0.1:8600", "http://[::1]:8600"])
def test_plain_http_is_for_this_machine_in_development(issuer):
    """Threat W7."""
    assert issuer_problem(issuer, dev=True) is None


@pytest.mark.parametrize(
    "issuer",
    ["http://id.example", "http://192.168.0.7:8600", "http://127.0.0.1.evil.example", "http://0.0.0.0"],
)
def test_plain_http_to_another_machine_is_refused_even_in_development(issuer):
    """Threat W7."""
    assert "this machine only" in issuer_problem(issuer, dev=True)


def test_without_a_master_key_the_server_does_not_start():
    """Threats S2, S3: there is no default key, and the message says how to make one."""
    words = mistakes(secrets=SecretsSettings())["secrets.key"]
    assert "grantway init" in words
    assert "grantway keys master" in words


@pytest.mark.parametrize("key", ["secret", "0" * 64, "grantway", "q" * 43, "changeme" * 8])
def test_a_guessable_master_key_is_refused(key):
    """Threat S3."""
    words = mistakes(secrets=SecretsSettings(key=key))["secrets.key"]
    assert key not in words


def test_the_master_key_comes_from_a_file(tmp_path):
    path = tmp_path / "key"
    path.write_text(KEY + "\n")
    settings = replace(SAFE, secrets=SecretsSettings(key_file=path))
    assert settings.master_keys() == (MasterKey.from_text(KEY),)


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"short"])
def test_a_file_without_a_master_key_is_named(tmp_path, content):
    path = tmp_path / "key"
    path.write_bytes(content)
    assert "secrets.key_file" in mistakes(secrets=SecretsSettings(key_file=path))


def test_a_missing_key_file_is_named(tmp_path):
    words = mistakes(secrets=SecretsSettings(key_file=tmp_path / "none"))["secrets.key_file"]
    assert "cannot be read" in words


def test_the_previous_master_key_comes_second():
    old, new = MasterKey.generate(), MasterKey.generate()
    secrets = SecretsSettings(key=new.to_text(), previous_key=old.to_text())
    assert replace(SAFE, secrets=secrets).master_keys() == (new, old)


def test_a_key_and_a_key_file_together_are_refused(tmp_path):
    path = tmp_path / "key"
    path.write_text(KEY)
    assert "not both" in mistakes(secrets=SecretsSettings(key=KEY, key_file=path))["secrets.key"]


def test_no_repr_shows_a_key():
    """Threat S2."""
    assert KEY not in repr(SAFE)


def test_development_makes_a_key_up_and_keeps_it_for_the_next_start(tmp_path):
    """Threat S3: made up, so never the same on two machines; kept for its owner alone."""
    settings = replace(DEV, database=DatabaseSettings(url=f"sqlite:///{tmp_path}/grantway.db"))
    first = settings.master_keys()
    assert first == settings.master_keys()
    assert (tmp_path / "grantway.dev-key").stat().st_mode & 0o777 == 0o600
    other = replace(DEV, database=DatabaseSettings(url=f"sqlite:///{tmp_path}/other.db"))
    assert other.master_keys() != first


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.0.7", "id.example", ""])  # noqa: S104 - refused
def test_development_binds_this_machine_only(host):
    """Threat S3."""
    with pytest.raises(BadSettings, match=r"server\.host"):
        replace(DEV, server=ServerSettings(host=host))


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.9", "::1", "localhost"])
def test_loopback_may_be_bound_in_development(host):
    assert replace(DEV, server=ServerSettings(host=host)).server.host == host


def test_two_workers_on_sqlite_are_refused_naming_postgresql():
    assert "PostgreSQL" in mistakes(server=ServerSettings(workers=2))["server.workers"]


def test_two_workers_on_postgresql_may_be():
    database = DatabaseSettings(url="postgresql://gw@db/gw", auto_migrate=False)
    assert replace(SAFE, server=ServerSettings(workers=2), database=database).server.workers == 2


@pytest.mark.parametrize("url", ["mysql://db/gw", "grantway.db", "sqlite:///", "sqlite:///:memory:"])
def test_a_database_we_do_not_know_is_refused(url):
    assert "database.url" in mistakes(database=DatabaseSettings(url=url))


@pytest.mark.parametrize("network", ["*", "0.0.0.0/0", "::/0", "proxy.example", "10.0.0.1/8"])
def test_a_proxy_is_an_address_and_never_everybody(network):
    """Threat O3: trusting everybody by default was somebody's vulnerability."""
    assert "server.trusted_proxies" in mistakes(server=ServerSettings(trusted_proxies=(network,)))


@pytest.mark.parametrize("network", ["*", "0.0.0.0/0", "::/0", "gateway.example", "10.0.0.1/8"])
def test_a_gateway_is_an_address_and_never_everybody(network):
    """O3: whoever is trusted says which request is judged."""
    assert "gateways.trusted" in mistakes(gateways=GatewaySettings(trusted=(network,)))


@pytest.mark.parametrize(
    ("gateways", "key"),
    [
        ({"client_certificate_header": "X-Client-Cert"}, "gateways.client_certificate_header"),
        (
            {"client_certificate_header": "X Cert", "trusted": ("10.0.0.1",)},
            "gateways.client_certificate_header",
        ),
        ({"tokens_kept": 3.5}, "gateways.tokens_kept"),
    ],
)
def test_what_gateways_hand_over_is_named_and_what_is_kept_is_kept_shortly(gateways, key):
    """O3, O9: a header needs somebody to believe, and the promised bound a limit."""
    assert key in mistakes(gateways=GatewaySettings(**gateways))


@pytest.mark.parametrize("host", ["*", "*.example", "id.example/", "https://id.example", "ID.example", ""])
def test_a_host_is_a_name_without_patterns(host):
    assert "server.hosts" in mistakes(server=ServerSettings(hosts=(host,)))


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"tokens": TokenSettings(code_lifetime=601)}, "tokens.code_lifetime"),
        ({"tokens": TokenSettings(code_lifetime=0)}, "tokens.code_lifetime"),
        ({"tokens": TokenSettings(access_lifetime=0)}, "tokens.access_lifetime"),
        ({"tokens": TokenSettings(access_lifetime=86401)}, "tokens.access_lifetime"),
        ({"tokens": TokenSettings(refresh_grace=10.5)}, "tokens.refresh_grace"),
        ({"tokens": TokenSettings(refresh_grace=-1)}, "tokens.refresh_grace"),
        ({"tokens": TokenSettings(refresh_absolute_lifetime=60)}, "tokens.refresh_idle_lifetime"),
        ({"login": LoginSettings(session_lifetime=600)}, "login.session_idle_lifetime"),
        ({"login": LoginSettings(flow_lifetime=3601)}, "login.flow_lifetime"),
        ({"server": ServerSettings(port=0)}, "server.port"),
        ({"server": ServerSettings(port=65536)}, "server.port"),
        ({"server": ServerSettings(workers=0)}, "server.workers"),
        ({"registry": Path("nowhere.toml")}, "registry"),
    ],
)
def test_a_number_outside_its_limits_is_refused(changes, key):
    """RFC 6749 §4.1.2: a code lives 10 minutes at most."""
    assert key in mistakes(**changes)


def test_all_mistakes_are_told_at_once():
    with pytest.raises(BadSettings) as bad:
        Settings(
            issuer="http://id.example/", server=ServerSettings(port=0), tokens=TokenSettings(code_lifetime=0)
        )
    assert {one.key for one in bad.value.mistakes} == {
        "issuer",
        "server.port",
        "tokens.code_lifetime",
        "secrets.key",
    }


def test_every_option_has_a_sentence_and_an_environment_variable():
    named = {option.key for option in options()}
    assert named == {one.name for one in fields(Settings) if one.name not in SECTIONS} | {
        f"{section}.{one.name}" for section, kind in SECTIONS.items() for one in fields(kind)
    }
    assert [option.key for option in options() if not option.help.endswith(".")] == []
    assert [one.env for one in options() if not re.fullmatch(r"GRANTWAY_[A-Z]+(__[A-Z_]+)?", one.env)] == []


@pytest.mark.parametrize(
    ("server", "key"),
    [
        ({"client_certificate_header": "X-Client-Cert"}, "server.client_certificate_header"),
        (
            {"client_certificate_header": "X Cert", "trusted_proxies": ("10.0.0.1",)},
            "server.client_certificate_header",
        ),
        ({"client_certificate_verify_header": "X-Verify"}, "server.client_certificate_verify_header"),
        ({"mtls_address": "https://mtls.example"}, "server.mtls_address"),
        *(
            (
                {
                    "client_certificate_header": "X-Cert",
                    "trusted_proxies": ("10.0.0.1",),
                    "mtls_address": address,
                },
                "server.mtls_address",
            )
            for address in ("http://mtls.example", "https://mtls.example/", "https://mtls.example/x", "mtls")
        ),
    ],
    ids=map(str, range(8)),
)
def test_certificates_come_from_proxies_that_are_named(server, key):
    """MT01: a header that anybody could send is no setting."""
    with pytest.raises(BadSettings) as bad:
        replace(SAFE, server=ServerSettings(**server))
    assert [mistake.key for mistake in bad.value.mistakes] == [key]
