"""`grantway logs`: what an operator does with a reference."""

import json
import urllib.error
import urllib.parse
import urllib.request
from datetime import UTC, datetime

import pytest

from tests.cli.processes import free_ports, running, status

RECORD = {
    "ts": "2026-11-21T10:00:00.000Z",
    "event": "grantway.refusals",
    "node": "one",
    "message": "printer sent 'https://printer.example/cb/'; registered: ['https://printer.example/cb']",
    "reference": "7F3A-91",
    "diagnosis": "GW-102",
    "error": "invalid_request",
    "method": "GET",
    "path": "/authorize",
    "client_id": "printer",
    "network": "192.0.2.1",
    "received": "https://printer.example/cb/",
    "expected": "https://printer.example/cb",
    "difference": "a trailing slash: from character 27: '/' instead of the end",
    "fix": "`grantway app edit printer --add-redirect-uri https://printer.example/cb/`",
}
OTHER = {**RECORD, "reference": "0B44-E2", "diagnosis": "GW-131", "client_id": "viewer", "fix": ""}


@pytest.fixture
def kept(folder):
    """The folder as a server on this database would leave it."""
    place = folder / "grantway-refusals"
    place.mkdir()
    lines = [json.dumps(one) for one in (RECORD, OTHER)]
    (place / "0001700000000000-1.jsonl").write_text("\n".join(lines) + '\n{"reference": "7F3A-91", "diag')
    return place


def test_a_reference_shows_all_that_is_known(gw, kept):
    """FU1, FU2: received, expected, the differing part, and the command."""
    text = gw("logs", "show", "7F3A-91").stdout
    for name in ("received", "expected", "difference", "fix", "client_id", "ts", "reference", "diagnosis"):
        assert RECORD[name] in text
    assert "The redirect URI is not registered for this app" in text


@pytest.mark.parametrize("written", ["7f3a-91", "7F3A91", " 7F3A-91 "])
def test_a_reference_may_be_written_as_people_write(gw, kept, written):
    """FU1"""
    assert gw.json("logs", "show", written)[0]["difference"] == RECORD["difference"]


def test_without_words_of_its_own_the_catalogue_speaks(gw, kept):
    """FU1: there is always something to do."""
    assert "grantway app secret list APP" in gw.json("logs", "show", "0B44-E2")[0]["fix"]


def test_an_unknown_reference_says_where_else_to_look(gw, kept):
    """FU1: several nodes have a folder each."""
    told = gw("logs", "show", "FFFF-FF", code=3).stderr
    assert "--from" in told
    assert str(kept) in told
    gw("logs", "show", "nonsense", code=2)


def test_the_log_of_another_node_is_read_from_a_file_or_from_stdin(gw, folder):
    """FU1: JSON lines, with whatever a collector put before them, and lines that are none."""
    lines = f"host grantway[7]: {json.dumps(RECORD)}\nnot JSON {{\n{json.dumps({'level': 'info'})}\n"
    (folder / "gathered.log").write_text(lines)
    assert RECORD["difference"] in gw("logs", "show", "7F3A-91", "--from", "gathered.log").stdout
    assert RECORD["difference"] in gw("logs", "show", "7F3A-91", "--from", "-", input=lines).stdout
    assert "7F3A-91" in gw("logs", "tail", "--from", "gathered.log").stdout
    gw("logs", "show", "7F3A-91", "--from", "missing.log", code=1)


def test_the_tail_is_a_line_for_each_and_can_be_narrowed(gw, kept):
    """FU1"""
    assert gw("logs", "tail", "--once", "--quiet").stdout.split() == ["7F3A-91", "0B44-E2"]
    assert gw("logs", "tail", "--once", "--quiet", "-n", "1").stdout.split() == ["0B44-E2"]
    assert gw("logs", "tail", "--once", "--quiet", "-n", "0").stdout.split() == []
    assert gw("logs", "tail", "--once", "--quiet", "--app", "printer").stdout.split() == ["7F3A-91"]
    assert gw("logs", "tail", "--once", "--quiet", "--diagnosis", "gw-131").stdout.split() == ["0B44-E2"]
    assert json.loads(gw("logs", "tail", "--once", "--json", "-n", "1").stdout)["diagnosis"] == "GW-131"
    (line, _) = gw("logs", "tail", "--once").stdout.splitlines()
    assert line.startswith("10:00:00  7F3A-91  printer")


def test_without_a_reference_the_last_refusal_is_shown(gw, folder, kept):
    """FU1: what a developer has just seen."""
    newest = {**RECORD, "reference": "CCCC-CC", "ts": "2026-11-21T11:00:00.000Z"}
    (kept / "0001600000000000-1.jsonl").write_text(json.dumps(newest) + "\n")
    assert [one["reference"] for one in gw.json("logs", "show")] == ["CCCC-CC"]
    (folder / "empty.log").write_text("")
    assert "any refusal" in gw("logs", "show", "--from", "empty.log", code=3).stderr


def test_a_folder_that_is_not_there_is_told(gw):
    """FU1: with PostgreSQL it is in the working directory of the server, which need not be this one."""
    assert "logging.refusals" in gw("logs", "tail", "--once").stderr


def test_a_terminal_is_never_written_to_by_a_stranger(gw, kept):
    """T2: escape sequences in a file that somebody altered are shown as question marks."""
    evil = {**RECORD, "reference": "AAAA-AA", "received": "\x1b[2J\u202eevil"}
    (kept / "0001700000000001-1.jsonl").write_text(json.dumps(evil) + "\n")
    text = gw("logs", "show", "AAAA-AA").stdout + gw("logs", "tail", "--once").stdout
    assert "\x1b" not in text
    assert "\u202e" not in text


def test_an_unknown_app_is_shown_beside_the_nearest_one(gw, kept):
    """FU1: looked for when the operator asks."""
    gw("app", "create", "Printer", "--id", "photo_printer", "--redirect-uri", "https://p.example/cb")
    unknown = {**RECORD, "reference": "BBBB-BB", "diagnosis": "GW-101", "client_id": "photo-printer"}
    (kept / "0001700000000001-1.jsonl").write_text(json.dumps(unknown) + "\n")
    assert "photo_printer" in gw("logs", "show", "BBBB-BB").stdout
    named = {**unknown, "client_id": "printer"}
    (kept / "0001700000000001-1.jsonl").write_text(json.dumps(named) + "\n")
    assert "Nearest     photo_printer" in gw("logs", "show", "BBBB-BB").stdout


def test_a_server_that_keeps_none_says_so(gw, monkeypatch):
    """FU1"""
    monkeypatch.setenv("GRANTWAY_LOGGING__REFUSALS_SIZE", "0")
    assert "logging.refusals_size" in gw("logs", "tail", "--once", code=1).stderr


def test_a_refusal_of_a_running_server_is_found_while_it_runs_and_after(tmp_path):
    """FU1: with nothing but the README: serve, a refused request, the reference, the command."""
    (port,) = free_ports(1)
    with running(tmp_path, "serve", "--dev", "--port", port) as server:
        server.wait_for(lambda: status(f"http://127.0.0.1:{port}/readyz") == 200)
        link = f"http://127.0.0.1:{port}/authorize?" + urllib.parse.urlencode({"client_id": "nobody"})
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.build_opener(urllib.request.ProxyHandler({})).open(link, timeout=10)
        with refused.value as reply:
            reference = reply.headers["grantway-flow"]
            assert reference in reply.read().decode()
        with running(tmp_path, "logs", "tail", GRANTWAY_DEV="true") as tail:
            tail.wait_for(lambda: reference in tail.said["stdout"])
            assert tail.stop(2) == 130
        assert server.stop() == 0
        assert json.loads(server.said["stderr"].strip().splitlines()[-1])["reference"] == reference
    with running(tmp_path, "logs", "show", reference, GRANTWAY_DEV="true") as shown:
        assert shown.end() == 0
    for part in ("GW-101", "client_id=nobody", "grantway app list", str(datetime.now(UTC).year)):
        assert part in shown.said["stdout"]
    assert (tmp_path / "grantway-refusals").stat().st_mode & 0o077 == 0
