"""What a stolen database, backup or log gives away (threats S, T)."""

import base64
import logging
import re

import pytest

from grantway.app import open_server
from grantway.crypto.envelope import CannotUnwrap, MasterKey
from grantway.settings import DatabaseSettings, SecretsSettings, ServerSettings, Settings
from grantway.settings_rules import BadSettings
from tests.node import Visitor, free_port, sqlite_url
from tests.threats.attacks import login_page, raw, target_on
from tests.threats.ledger import Ledger, run_everything

OUR_LOGS = ("grantway", "asyncio", "uvicorn.error", "uvicorn.asgi")  # access logs are switched off by `serve`


async def test_a_stolen_database_holds_nothing_that_opens_anything(tmp_path):
    """S1, S2: file, write-ahead log and backup, after every flow: no secret in any encoding, no key."""
    ledger = Ledger()
    async with target_on(sqlite_url(tmp_path)) as target:
        await run_everything(target, ledger)
        snapshot = target.server.snapshots.current()
        await target.store.backup(tmp_path / "backup.db")
        keys = [key.private_bytes() for key in snapshot.signing_keys.values()]
        keys += snapshot.sealer._secrets.values()
        keys += [key.secret for key in target.server.master_keys]
        stolen = [file for file in tmp_path.iterdir() if not file.name.endswith("dev-key")]
        assert len(stolen) >= 3
        for file in stolen:
            octets = file.read_bytes()
            assert ledger.found_in(octets) == [], file
            assert b"PRIVATE KEY" not in octets
            assert not any(key in octets for key in keys)
            assert not re.search(rb'"d"\s*:', octets)
            assert target.server.master_keys[0].to_text().encode() not in octets
    assert len(ledger.secrets) > 30


async def test_the_search_finds_what_is_there(tmp_path):
    """S1: the counter-example, or all these tests would pass on an empty search."""
    ledger = Ledger()
    secret = "gwrt_" + "0123456789abcdef" * 4 + "z"
    ledger.secrets.add(secret)
    for octets in (
        secret.encode(),
        b"x" + base64.b64encode(b"client:" + secret.encode()) + b"y",
        base64.urlsafe_b64encode(b"ab" + secret.encode()),
        secret[21:64].encode(),
        secret.encode().hex().encode(),
    ):
        assert ledger.found_in(octets) == [secret]
    assert ledger.found_in(b"a%20long%20walk%20by%20the%20lake")


class Collector(logging.Handler):
    """Every record as it would be written, with its arguments and its traceback."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[str] = []

    def emit(self, record):
        self.lines.append(f"{self.format(record)} {record.__dict__!r}")


@pytest.fixture
def logs():
    """All that the server logs at DEBUG."""
    collector = Collector()
    before = {}
    for name in OUR_LOGS:
        logger = logging.getLogger(name)
        before[name] = logger.level
        logger.setLevel(logging.DEBUG)
        logger.addHandler(collector)
    yield collector
    for name in OUR_LOGS:
        logger = logging.getLogger(name)
        logger.setLevel(before[name])
        logger.removeHandler(collector)


async def test_no_secret_is_logged_at_any_level(tmp_path, logs):
    """T1: a whole run with its failures, secrets put where they do not belong among them."""
    ledger = Ledger()
    async with target_on(sqlite_url(tmp_path)) as target:
        for name in OUR_LOGS:
            logging.getLogger(name).setLevel(logging.DEBUG)
        await run_everything(target, ledger)
    assert len(logs.lines) > 100
    found = ledger.found_in("\n".join(logs.lines).encode())
    assert found == [], [line for line in logs.lines if any(secret in line for secret in found)][:5]


@pytest.mark.parametrize("text", ["\r\nERROR forged line", "\x1b[2J\x1b[31m", "\u2028forged", "\x00", "\x85"])
async def test_no_line_of_the_log_can_be_forged(target, logs, text):
    """T2: in a name, a parameter, a header, a path; one record stays one line without control characters."""
    visitor = Visitor(target)
    page = await login_page(visitor)
    await visitor.sign_in(page, text, text)
    headers = {"user-agent": "x", **target.basic("printer" + text, "x" + text)}
    async with target.http() as http:
        for path in ("/token", "/introspect", "/authorize", "/login"):
            for name in ("client_id", "redirect_uri", "grant_type", "code", "token", "x", text):
                await http.post(path, data={name: text + "x", "client_id": "printer"}, headers=headers)
                await http.get(path, params={name: text + "x"})
            await http.get(
                path + text.replace("\r\n", "%0d%0a").replace("\x00", "%00").replace("\x1b", "%1b")
            )
        await http.get(visitor.link(redirect_uri="https://evil.example/" + text))
        await http.get(visitor.link("nobody" + text))
    port = target.port
    await raw(target, f"GET /x\x0b HTTP/1.1\r\nHost: evil\x0b{port}\r\nConnection: close\r\n\r\n".encode())
    messages = [line.partition(" {'name'")[0] for line in logs.lines]
    assert messages
    for message in messages:
        assert not re.search("[\x00-\x1f\x7f-\x9f\u2028\u2029]", message), ascii(message)


# --- no key, no server -------------------------------------------------------


def test_without_a_master_key_the_server_does_not_start(tmp_path):
    """S2, S3: no default and no fallback outside --dev."""
    with pytest.raises(BadSettings, match=r"secrets\.key: is needed"):
        Settings(issuer="https://id.example", database=DatabaseSettings(url=sqlite_url(tmp_path)))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("key", ["", "0", "changeme", "0" * 63, "secret" * 20, "é" * 64])
def test_a_master_key_that_is_none_is_refused(key):
    """S3: and not repeated in the message."""
    with pytest.raises(BadSettings) as refused:
        Settings(issuer="https://id.example", secrets=SecretsSettings(key=key)).master_keys()
    assert not key or len(key) < 4 or key not in str(refused.value)


@pytest.mark.parametrize(
    "host",
    [
        "0.0.0.0",  # noqa: S104 - refused
        "::",
        "192.0.2.1",
        "id.example",
        "",
    ],
)
def test_the_unsafe_switch_stays_on_this_machine(host):
    """S3, W7: --dev listens on loopback only."""
    with pytest.raises(BadSettings):
        Settings(issuer="http://localhost:8600", dev=True, server=ServerSettings(host=host))


@pytest.mark.parametrize(
    "issuer",
    [
        "http://id.example",
        "http://localhost:8600",
        "http://127.0.0.1:8600",
        "https://id.example/",
        "https://id.example?x",
        "https://id.example#x",
        "https://user@id.example",
        "ftp://id.example",
        "id.example",
        "",
    ],
)
def test_no_issuer_in_the_clear_outside_development(issuer):
    """W7, S3: https alone, exact, without query, fragment and user info."""
    key = SecretsSettings(key=MasterKey.generate().to_text())
    assert Settings(issuer="https://id.example", secrets=key).issuer == "https://id.example"
    with pytest.raises(BadSettings, match="issuer"):
        Settings(issuer=issuer, secrets=key)


async def test_another_master_key_opens_nothing(tmp_path):
    """S2: a database taken along without its key stays shut, and says so at start."""
    url = sqlite_url(tmp_path)
    async with target_on(url, port=free_port()):
        pass
    settings = Settings(
        issuer="https://id.example",
        database=DatabaseSettings(url=url),
        secrets=SecretsSettings(key=MasterKey.generate().to_text()),
    )
    with pytest.raises(CannotUnwrap):
        async with open_server(settings):
            pass
