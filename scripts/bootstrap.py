#!/usr/bin/env python3
"""Make .venv and install what Grantway needs into it: pinned, hashed, and only when something changed.

`bootstrap.py runtime` is enough for `make demo` and `make serve`; `bootstrap.py dev` adds the tools of
`make check` and `make test`. Needs nothing but Python itself. It may be started by a Python that is too old:
it then looks for a newer one, and says what to do if there is none. So nothing newer than 3.7 here.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
PINS = {"runtime": ROOT / "constraints.txt", "dev": ROOT / "constraints-dev.txt"}
OLDEST = (3, 11)
NEWER_NAMES = ("python3.13", "python3.12", "python3.11", "python3")


def main() -> None:
    mode = sys.argv[1] if len(sys.argv) == 2 else ""
    if mode not in PINS:
        stop("usage: python3 scripts/bootstrap.py runtime|dev")
    if sys.version_info < OLDEST:
        start_again_with_a_newer_python()
    with (ROOT / "pyproject.toml").open() as one_at_a_time:
        fcntl.flock(one_at_a_time, fcntl.LOCK_EX)  # `make check` and `make test` may start side by side
        if not (PYTHON.exists() and is_stamped(mode)):
            install(mode)


def install(mode: str) -> None:
    if not (PYTHON.exists() and is_stamped("place")):
        make_venv()
    say(f"installing {'the development tools' if mode == 'dev' else 'what the server needs'} (pinned)")
    for stamp in ("runtime", "dev"):
        stamp_file(stamp).unlink(missing_ok=True)
    pip("install", "--require-hashes", "--requirement", str(PINS[mode]))
    pip("install", "--no-deps", "--no-build-isolation", "--editable", str(ROOT))
    for stamp in ("runtime", "dev") if mode == "dev" else ("runtime",):
        stamp_file(stamp).write_text(expected(stamp))
    say("ready")


def make_venv() -> None:
    say(f"making .venv with Python {sys.version.split()[0]}")
    if not has_venv():
        install_venv_module()
    shutil.rmtree(VENV, ignore_errors=True)
    run([sys.executable, "-m", "venv", str(VENV)], next_step="mend the above, then run this again")
    stamp_file("place").write_text(expected("place"))


# ------------------------------------------------------------------------------------------- stamps


def stamp_file(stamp: str) -> Path:
    return VENV / f".stamp-{stamp}"


def is_stamped(stamp: str) -> bool:
    try:
        return stamp_file(stamp).read_text() == expected(stamp)
    except OSError:
        return False


def expected(stamp: str) -> str:
    """What the stamp reads while nothing changed. Scripts in .venv hold its path: moved means anew."""
    digest = hashlib.sha256(str(ROOT).encode())
    if stamp != "place":
        for path in (PINS[stamp], ROOT / "pyproject.toml"):
            digest.update(path.read_bytes())
    return digest.hexdigest()


# ---------------------------------------------------------------------------------- Python and venv


def start_again_with_a_newer_python() -> None:
    question = f"import sys; sys.exit(sys.version_info < {OLDEST})"
    for name in NEWER_NAMES:
        path = shutil.which(name)
        if (
            path
            and subprocess.run([path, "-c", question], check=False, stderr=subprocess.DEVNULL).returncode == 0
        ):
            os.execv(path, [path, *sys.argv])
    stop(
        f"This is Python {sys.version.split()[0]}; Grantway needs {'.'.join(map(str, OLDEST))} or newer, "
        "and none was found under the usual names.\n"
        "Next: install one, then name it, for example: make PYTHON=/usr/local/bin/python3.13 demo"
    )


def has_venv() -> bool:
    return (
        subprocess.run(
            [sys.executable, "-c", "import venv, ensurepip"], check=False, stderr=subprocess.DEVNULL
        ).returncode
        == 0
    )


def install_venv_module() -> None:
    """Debian keeps the venv module in a package of its own, named after the interpreter it belongs to."""
    package = f"python{sys.version_info[0]}.{sys.version_info[1]}-venv"
    command = f"apt-get update && apt-get install -y {package}"
    if shutil.which("apt-get") is None:
        stop(f"{sys.executable} has no venv module.\nNext: install a complete Python, then run this again")
    if os.geteuid() != 0:
        stop(f"{sys.executable} has no venv module.\nNext: sudo sh -c '{command}', then run this again")
    say(f"installing {package}")
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    next_step = f"install {package} by hand, then run this again"
    run(["apt-get", "update", "-qq"], next_step=next_step, env=quiet)
    run(
        ["apt-get", "install", "-y", "-qq", "--no-install-recommends", package],
        next_step=next_step,
        env=quiet,
    )


# ------------------------------------------------------------------------------------------ running


def pip(*arguments: str) -> None:
    run(
        [str(PYTHON), "-m", "pip", "--disable-pip-version-check", "--no-input", "--quiet", *arguments],
        next_step="mend the above (if the network failed: nothing), then run this again",
    )


def run(command: list[str], *, next_step: str, env: dict[str, str] | None = None) -> None:
    # What pip and apt-get say while they work is shown only if they fail.
    pipe, stdin = subprocess.PIPE, subprocess.DEVNULL
    done = subprocess.run(command, check=False, env=env, stdin=stdin, stdout=pipe, stderr=subprocess.STDOUT)
    if done.returncode != 0:
        output = done.stdout.decode(errors="replace")
        stop(f"failed: {' '.join(command)}\n{output}\nNext: {next_step}")


def say(line: str) -> None:
    print(f"grantway: {line}", flush=True)


def stop(message: str) -> None:
    sys.exit(f"grantway: {message}")


if __name__ == "__main__":
    main()
