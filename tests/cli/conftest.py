"""The command line in a directory of its own, on a real SQLite file."""

import json
import os

import pytest
from click.testing import CliRunner

from grantway.cli.main import cli


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Where the commands run: nothing of this machine's own configuration is seen there."""
    for name in os.environ:
        if name.startswith("GRANTWAY_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def gw(folder, monkeypatch):
    """Run a command in development mode; `gw.json(…)` reads what it prints."""
    monkeypatch.setenv("GRANTWAY_DEV", "true")

    def run(*words, code=0, **more):
        result = CliRunner().invoke(cli, [str(word) for word in words], prog_name="grantway", **more)
        assert result.exit_code == code, f"{words}: {result.exit_code}\n{result.output}"
        if code and code != 130:
            last = result.stderr.strip().splitlines()[-1] if result.stderr.strip() else ""
            assert not result.stderr or last.startswith(("hint: ", "{")), f"no hint: {result.stderr}"
        return result

    run.json = lambda *words, **more: json.loads(run(*words, "--json", **more).stdout)
    return run
