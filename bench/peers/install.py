"""Installing the peers by package name, once: pinned, into folders that git ignores, told on stderr."""

import hashlib
import json
import shutil
import subprocess
import sys
import venv
from collections.abc import Iterable
from pathlib import Path

HERE = Path(__file__).parent
VENV = HERE / ".venv"
PYTHON = VENV / "bin" / "python"
REQUIREMENTS = HERE / "requirements.txt"
PACKAGES = HERE / "node_modules"


def install_languages(languages: Iterable[str]) -> None:
    """Make sure that everything the peers of these languages need is there."""
    wanted = set(languages)
    if "node" in wanted:
        _npm()
    if "Python" in wanted:
        _pip()


def _npm() -> None:
    """Exact versions, no scripts run, no lock file (it would name the registry it was made with)."""
    wanted = json.loads((HERE / "package.json").read_text())["dependencies"]
    if wanted == {name: _installed(name) for name in wanted}:
        return
    if shutil.which("npm") is None:
        sys.exit("bench: npm is missing; it comes with Node.js\nNext: python scripts/test_services.py")
    _say(wanted.items())
    _run(
        *("npm", "install", "--no-package-lock", "--ignore-scripts", "--no-audit", "--no-fund"),
        "--loglevel=error",
    )


def _installed(name: str) -> str | None:
    try:
        return str(json.loads((PACKAGES / name / "package.json").read_text())["version"])
    except FileNotFoundError:
        return None


def _pip() -> None:
    """A virtual environment of their own. Scripts in it hold its path, so the stamp does too."""
    stamp = VENV / ".stamp"
    expected = hashlib.sha256(REQUIREMENTS.read_bytes() + str(VENV).encode()).hexdigest()
    if stamp.exists() and stamp.read_text() == expected:
        return
    pins = (line.split(";")[0].split() for line in REQUIREMENTS.read_text().splitlines() if "==" in line)
    _say(pin[0].split("==") for pin in pins)
    shutil.rmtree(VENV, ignore_errors=True)
    venv.create(VENV, with_pip=True)
    _run(
        str(PYTHON), "-m", "pip", "install", "--quiet", "--require-hashes", "--requirement", REQUIREMENTS.name
    )
    stamp.write_text(expected)


def _say(packages: Iterable[Iterable[str]]) -> None:
    print(f"bench: installing peers: {', '.join(' '.join(one) for one in packages)}", file=sys.stderr)


def _run(*command: str) -> None:
    done = subprocess.run(
        command, check=False, cwd=HERE, stdin=subprocess.DEVNULL, capture_output=True, text=True
    )
    if done.returncode != 0:
        sys.exit(f"{done.stdout}{done.stderr}\nbench: failed: {' '.join(command)}\nNext: mend the above")
