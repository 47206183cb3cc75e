"""A flood of refusals is answered, counted, and hardly written down."""

import json
import logging
from itertools import count

import pytest

from grantway.crypto.secrets import SecretKind, issue_secret
from grantway.protocol.diagnosis import Diagnosis, Gw
from grantway.storage.refusal_files import RefusalFiles, lines_of
from grantway.web.bounded_log import BoundedLog, BoundedWarnings
from grantway.web.metrics import Metrics
from grantway.web.refusals import MAX_FIELD, Refusals
from grantway.web.requests import Request

FOUND = Diagnosis(Gw.SECRET, "wrong secret", "a secret", "another", "all of it", "change it")


class Counted(Metrics):
    """Counts as the one for Prometheus does."""

    def __init__(self) -> None:
        self.seen = 0

    def diagnosed(self, gw: Gw) -> None:
        self.seen += 1


def request() -> Request:
    scope = {"method": "POST", "query_string": b"", "client": ("192.0.2.1", 1), "headers": []}
    return Request(scope, None, "/token")


@pytest.fixture
def made(tmp_path):
    clock = [0.0]
    files = RefusalFiles(tmp_path, limit=10_000_000, clock=count(1_700_000_000).__next__)
    metrics = Counted()
    refusals = Refusals(files, metrics, node="n", clock=lambda: clock[0], now=lambda: 1_700_000_000.0)
    yield refusals, files, metrics, clock
    files.close()


def test_one_network_cannot_fill_the_log(made, tmp_path, caplog):
    """U5: 500 at once, then five a second; every refusal keeps its reference and its count."""
    refusals, files, metrics, clock = made
    with caplog.at_level(logging.INFO, "grantway.refusals"):
        references = [
            refusals.note(request(), FOUND, error="invalid_client", network="192.0.2.1") for _ in range(3000)
        ]
        logged = [one for one in caplog.records if getattr(one, "network", "") == "192.0.2.1"]
        assert len(logged) in range(495, 501)
        refusals.note(request(), FOUND, error="invalid_client", network="198.51.100.7")
        assert "refusals before this one were not recorded" in caplog.text
        clock[0] = 10.0
        for _ in range(100):
            refusals.note(request(), FOUND, error="invalid_client", network="192.0.2.1")
    files.close()
    assert len(references) == 3000
    assert all(references)
    assert metrics.seen == 3101
    assert len(list(lines_of(tmp_path))) in range(495 + 1 + 45, 500 + 1 + 51)


def test_many_networks_cannot_fill_it_either(made, tmp_path):
    """U5: 2,000 at once for the process, then 25 a second."""
    refusals, files, _, clock = made
    for at in range(5):
        clock[0] = float(at)
        for number in range(1000):
            refusals.note(request(), FOUND, error="invalid_client", network=f"192.0.{at}.{number}")
    files.close()
    written = len(list(lines_of(tmp_path)))
    assert written <= 2000 + 4 * 25 + 5
    assert written + files.dropped >= 1990


def test_a_line_has_an_end_and_no_secret(made, tmp_path):
    """T1, T2, U5: whatever was sent, a record is one short line."""
    refusals, files, _, _ = made
    secret = issue_secret(SecretKind.CLIENT_SECRET, now=1_700_000_000.0).text
    found = Diagnosis(Gw.SECRET, "x\ny\x1b", f"a {secret}", "\u2028" * 5000, "y" * 100_000, "\ud800")
    refusals.note(request(), found, error="invalid_client", network="192.0.2.1", client_id=secret)
    files.close()
    (line,) = lines_of(tmp_path)
    record = json.loads(line)
    assert line.isascii()
    assert secret[21:64] not in line.decode()
    assert max(map(len, record.values())) <= MAX_FIELD
    assert record["message"] == "x\\ny\\x1b"


def test_warnings_that_strangers_call_forth_are_counted_rather_than_written(caplog):
    """T1, U3: a flood of requests without a database, or with a forged certificate header, fills no disk."""
    now = [0.0]
    log = BoundedLog(logging.getLogger("grantway.web"), clock=lambda: now[0])
    with caplog.at_level(logging.WARNING, "grantway.web"):
        for _ in range(1_000):
            log.warning("header of %s ignored", "192.0.2.1")
        assert len(caplog.messages) == 20
        now[0] = 5.0
        log.warning("header of %s ignored", "192.0.2.2")
    assert caplog.messages[-1] == "header of 192.0.2.2 ignored (and 980 like it before, unsaid)"


def test_so_are_those_of_a_library(caplog):
    """T1, U3: what is worse than a warning is always said."""
    now = [0.0]
    library = logging.getLogger("a library")
    library.addFilter(BoundedWarnings(clock=lambda: now[0]))
    with caplog.at_level(logging.INFO, library.name):
        for _ in range(1_000):
            library.warning("Invalid request from %s", "192.0.2.1")
        library.error("it failed")
        assert (len(caplog.messages), caplog.messages[-1]) == (21, "it failed")
        now[0] = 5.0
        library.info("Invalid request from %s", "192.0.2.2")
    assert caplog.messages[-1] == "Invalid request from 192.0.2.2 (and 980 like it before, unsaid)"
