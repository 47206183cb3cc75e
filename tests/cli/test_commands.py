"""What holds for every command: fast to start, data on stdout, an error that says what to do next."""

import json
import subprocess
import sys

import click
import pytest
from click.testing import CliRunner

from grantway.cli.main import PLACES, cli

HEAVY = ("cryptography", "rich", "uvicorn", "starlette", "msgspec", "asyncio", "httpx2", "sqlite3", "argon2")


def every_command():
    """All commands with their words, nouns included."""
    todo = [((name,), cli.get_command(None, name)) for name in PLACES]
    while todo:
        words, command = todo.pop()
        yield words, command
        if isinstance(command, click.Group):
            todo += [((*words, name), inner) for name, inner in command.commands.items()]


COMMANDS = sorted(every_command(), key=lambda found: found[0])


def test_help_starts_at_once_and_imports_nothing_heavy():
    """Design: `grantway --help` answers in 0.15 s."""
    program = (
        "import os, sys, time\n"
        "from grantway.cli.main import cli\n"
        "try: cli.main(['--help'])\n"
        "except SystemExit: pass\n"
        f"print([name for name in {HEAVY} if name in sys.modules], time.process_time(), file=sys.stderr)\n"
    )
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stderr
    heavy, _, seconds = found.rpartition(" ")
    assert heavy == "[]"
    assert float(seconds) < 0.15 * 3  # the machine that runs the tests may be busy


@pytest.mark.parametrize(("words", "command"), COMMANDS, ids=[" ".join(words) for words, _ in COMMANDS])
def test_every_command_and_option_says_what_it_is_for(gw, words, command):
    assert command.help
    options = [param for param in command.params if isinstance(param, click.Option)]
    assert [option.name for option in options if not option.help] == []
    assert "Usage: grantway" in gw(*words, "--help").stdout


def test_the_list_of_commands_says_what_the_commands_say():
    assert all(text and not text.endswith(".") for _, text in PLACES.values())


@pytest.mark.parametrize(
    "words", [("nonsense",), ("app",), ("app", "nonsense"), ("app", "create"), ("serve", "--port", "x")]
)
def test_a_command_that_cannot_be_read_ends_with_code_2_and_a_hint(gw, words):
    result = CliRunner().invoke(cli, words, prog_name="grantway")
    assert result.exit_code == 2
    assert words == ("app",) or result.stderr.splitlines()[-1].startswith("hint: grantway")


def test_an_error_under_json_is_a_problem_object_on_stderr(gw):
    """RFC 9457."""
    result = gw("app", "show", "nobody", "--json", code=3)
    problem = json.loads(result.stderr)
    assert result.stdout == ""
    assert problem["title"] == "not-found"
    assert "nobody" in problem["detail"]
    assert problem["hint"]


def test_data_goes_to_stdout_and_the_rest_to_stderr(gw):
    result = gw("app", "list")
    assert result.stdout == ""
    assert "No apps yet" in result.stderr
    assert gw.json("app", "list") == []


def test_the_options_for_all_commands_stand_before_or_after_the_command(gw, folder):
    (folder / "other.toml").write_text('issuer = "http://localhost:1234"\n')
    for words in (
        ("--config", "other.toml", "config", "show", "--json"),
        ("config", "show", "--json", "--config", "other.toml"),
    ):
        assert json.loads(gw(*words).stdout)["issuer"]["value"] == "http://localhost:1234"


def test_quiet_prints_ids_alone(gw):
    result = gw("--quiet", "app", "create", "Printer", "--redirect-uri", "https://printer.example/cb")
    assert result.stdout.startswith("printer_")
    assert result.stderr == ""
    assert gw("--quiet", "app", "list").stdout == result.stdout


def test_color_is_for_terminals_and_never_under_no_color(gw, monkeypatch):
    assert "\x1b" not in gw("app", "show", "nobody", code=3).stderr
    monkeypatch.delenv("NO_COLOR")
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert "\x1b[31merror:" in CliRunner().invoke(cli, ["app", "show", "nobody"], color=True).stderr


def test_what_cannot_be_undone_is_not_done_unasked(gw):
    client = gw.json("app", "create", "Printer", "--redirect-uri", "https://printer.example/cb")["client_id"]
    result = gw("app", "delete", client, code=2)
    assert "add --yes" in result.stderr
    assert gw.json("app", "show", client)["client_id"] == client
    gw("app", "delete", client, "--yes")
    gw("app", "show", client, code=3)


def test_without_settings_the_hint_names_the_command_that_makes_them(gw, monkeypatch):
    """Threat S3: an empty directory starts nothing outside development."""
    monkeypatch.delenv("GRANTWAY_DEV")
    for words in (("app", "list"), ("serve",)):
        result = gw(*words, code=1)
        assert "issuer: is missing" in result.stderr
        assert "grantway init" in result.stderr.splitlines()[-1]


def test_the_wrong_master_key_is_told_without_a_traceback(gw, folder):
    """Threat S2."""
    gw("keys", "list")
    (folder / "grantway.dev-key").unlink()
    result = gw("keys", "list", code=1)
    assert "master key" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_database_that_is_none_is_told_without_a_traceback(gw, folder):
    (folder / "grantway.db").write_text("this is not a database, and long enough to be sure of it\n" * 20)
    result = CliRunner().invoke(cli, ["app", "list"])
    assert result.exit_code in {1, 5, 6}
    assert result.stderr.splitlines()[-1].startswith("hint: ")


def test_python_m_grantway_is_the_same_program():
    found = subprocess.run(
        [sys.executable, "-m", "grantway", "--version"], capture_output=True, text=True, check=True
    )
    assert found.stdout.startswith("grantway, version ")


def test_a_noun_alone_shows_its_commands():
    """No error and no riddle: the list, and the exit code of a wrong call."""
    done = subprocess.run(
        [sys.executable, "-m", "grantway", "app"], capture_output=True, text=True, check=False
    )
    assert (2, True, False) == (done.returncode, "create" in done.stderr, "error:" in done.stderr)
