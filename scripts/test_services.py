#!/usr/bin/env python3
"""Install what the tests need beyond Python: PostgreSQL, PgBouncer, Chromium, nginx, Caddy, curl, and npm.

Installs only what is missing, with apt-get when root on Debian. Otherwise it prints one list of what is
missing and how to get it. Nothing is ever skipped: a test without its service would prove nothing.
"""

from __future__ import annotations

import ctypes
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
NPM = ROOT / "tests" / "npm"


@dataclass(frozen=True)
class Service:
    """One thing the tests need from the operating system."""

    name: str
    is_here: Callable[[], bool]
    debian_packages: tuple[str, ...]
    elsewhere: str


def has_postgres() -> bool:
    return bool(shutil.which("initdb") or list(Path("/usr/lib/postgresql").glob("*/bin/initdb")))


def has_pgbouncer() -> bool:
    return bool(shutil.which("pgbouncer") or Path("/usr/sbin/pgbouncer").exists())


def has_nginx() -> bool:
    return bool(shutil.which("nginx") or Path("/usr/sbin/nginx").exists())


def has_font() -> bool:
    return bool(
        shutil.which("fc-list") and subprocess.run(["fc-list"], capture_output=True, check=False).stdout
    )


def has_libatomic() -> bool:
    try:
        ctypes.CDLL("libatomic.so.1")
    except OSError:
        return sys.platform != "linux"
    return True


SERVICES = (
    Service("PostgreSQL", has_postgres, ("postgresql",), "version 15 or newer, with initdb in PATH"),
    Service("Chromium", lambda: bool(shutil.which("chromium")), ("chromium",), "as `chromium` in PATH"),
    Service("PgBouncer", has_pgbouncer, ("pgbouncer",), "as `pgbouncer` in PATH"),
    Service("nginx", has_nginx, ("nginx-light",), "with TLS, as `nginx` in PATH"),
    Service("Caddy", lambda: bool(shutil.which("caddy")), ("caddy",), "2.6 or newer, as `caddy` in PATH"),
    Service("curl", lambda: bool(shutil.which("curl")), ("curl",), "any version with TLS"),
    Service("a font", has_font, ("fontconfig", "fonts-dejavu-core"), "any that `fc-list` lists"),
    Service("libatomic", has_libatomic, ("libatomic1",), "the Node.js inside Playwright links to it"),
    Service("npm", lambda: bool(shutil.which("npm")), ("npm",), "any version; it comes with Node.js"),
)


def main() -> None:
    missing = [service for service in SERVICES if not service.is_here()]
    if missing:
        if not (shutil.which("apt-get") and os.geteuid() == 0):
            stop(missing, "install it, then run this again")
        apt_install([package for service in missing for package in service.debian_packages])
        if still := [service for service in missing if not service.is_here()]:
            stop(still, "its package is installed, its program is not in PATH: install it another way")
    npm_install()


def stop(missing: list[Service], next_step: str) -> None:
    lines = [
        f"  {service.name}: {service.elsewhere} (on Debian: {' '.join(service.debian_packages)})"
        for service in missing
    ]
    packages = " ".join(package for service in missing for package in service.debian_packages)
    by_hand = f"\nOn Debian: sudo apt-get install {packages}" if shutil.which("apt-get") else ""
    sys.exit("\n".join(["grantway: the tests need", *lines, f"Next: {next_step}"]) + by_hand)


def apt_install(packages: list[str]) -> None:
    print(f"grantway: installing {' '.join(packages)}", flush=True)
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    run(["apt-get", "update", "-qq"], env=quiet)
    run(["apt-get", "install", "-y", "-qq", "--no-install-recommends", *packages], env=quiet)


def npm_install() -> None:
    """Exact versions, no scripts run, no lock file (it would name the registry it was made with)."""
    wanted = json.loads((NPM / "package.json").read_text())["dependencies"]
    if wanted == {name: installed_version(name) for name in wanted}:
        return
    print(
        f"grantway: installing {' '.join(f'{name} {version}' for name, version in wanted.items())}",
        flush=True,
    )
    flags = ["--no-package-lock", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    run(["npm", "install", *flags], cwd=NPM)


def installed_version(name: str) -> str | None:
    try:
        return str(json.loads((NPM / "node_modules" / name / "package.json").read_text())["version"])
    except FileNotFoundError:
        return None


def run(command: list[str], *, env: dict[str, str] | None = None, cwd: Path | None = None) -> None:
    # What a package prints while it installs is shown only if it fails.
    done = subprocess.run(
        command, check=False, env=env, cwd=cwd, stdin=subprocess.DEVNULL, capture_output=True, text=True
    )
    if done.returncode != 0:
        output = f"{done.stdout}{done.stderr}"
        sys.exit(
            f"{output}\ngrantway: failed: {' '.join(command)}\nNext: mend the above, then run this again"
        )


if __name__ == "__main__":
    main()
