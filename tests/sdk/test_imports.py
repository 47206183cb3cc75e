"""An API must not drag in a server: what pip gives it, and nothing else, is enough."""

import importlib.metadata
import re
import subprocess
import sys
import tomllib
import venv
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from tests.serving import PATIENCE

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
SERVER_ONLY = (
    "starlette uvicorn jinja2 argon2 asyncpg sqlite3 joserfc click rich anyio httpx2 authlib asgiref"
    " grantway.flows grantway.storage grantway.web grantway.app grantway.settings grantway.crypto.passwords"
)
FRAMEWORKS = ("starlette", "fastapi", "flask", "django", "drf", "mcp", "fastmcp")
SETTINGS = "import django.conf; django.conf.settings.configure()\n"
WORKS = """
import asyncio, sys
from grantway.sdk import *
from grantway.sdk.fetching import http_client
from grantway.crypto.jose import SigningKey
api = Api(identifier="https://api.example", name="photos")
protection = Protection(api=api, issuer="https://id.example")
key = SigningKey.generate("ES256")
protection.verifier.jwks._value, protection.verifier.jwks._fetched_at = {key.kid: key.verification_key}, 1e18
claims = dict(iss="https://id.example", aud="https://api.example", sub="ada", client_id="c", jti="j",
              iat=1, exp=4e9, scope="a")
print(asyncio.run(protection.verifier.verify(key.sign(claims, typ="at+jwt"))).subject)
asyncio.run(http_client("https://id.example").aclose())
"""


def test_the_sdk_imports_nothing_of_the_server_nor_its_dependencies():
    """httpx2 is imported when something is first fetched."""
    code = f"import sys, grantway.sdk; print(*[m for m in {SERVER_ONLY!r}.split() if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, timeout=PATIENCE
    )
    assert "" == done.stdout.strip()


def closure(requirements):
    """The distributions that pip would install for these, by what each says that it needs."""
    found, waiting = {}, [Requirement(one) for one in requirements]
    while waiting:
        one = waiting.pop()
        name = re.sub(r"[-_.]+", "-", one.name).lower()
        extras = frozenset(one.extras)
        if name in found and extras <= found[name][1]:
            continue
        distribution = importlib.metadata.distribution(name)
        found[name] = (distribution, extras | found.get(name, (None, frozenset()))[1])
        for text in distribution.requires or ():
            needed = Requirement(text)
            if needed.marker is None or any(needed.marker.evaluate({"extra": x}) for x in (*extras, "")):
                waiting.append(needed)
    return [distribution for distribution, _ in found.values()]


def clean_venv(folder, *extras):
    """An environment with the dependencies of `grantway[extras]` and nothing else; its python."""
    venv.create(folder, with_pip=False)
    site = next(folder.glob("lib/python*/site-packages"))
    wanted = [*PROJECT["dependencies"], *(one for x in extras for one in PROJECT["optional-dependencies"][x])]
    for distribution in closure(wanted):
        for top in {file.parts[0] for file in distribution.files or ()} - {"..", "__pycache__"}:
            if not (site / top).exists():
                (site / top).symlink_to(distribution.locate_file(top))
    return folder / "bin" / "python"


def run(python, code):
    return subprocess.run(
        [python, "-c", code],
        env={"PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )


@pytest.fixture(scope="module")
def bare(tmp_path_factory):
    """What `pip install grantway` gives."""
    return clean_venv(tmp_path_factory.mktemp("bare"))


def test_the_sdk_works_with_what_pip_gives_an_api(bare):
    """FN13: verifying, and making the client that fetches keys, in a clean environment."""
    done = run(bare, WORKS)
    assert (0, "ada\n") == (done.returncode, done.stdout), done.stderr
    assert 0 != run(bare, "import starlette").returncode


def test_without_the_server_the_command_says_how_to_get_it(bare):
    done = run(bare, "import sys; sys.argv = ['grantway']; from grantway.__main__ import main; main()")
    assert 1 == done.returncode
    assert "Next: pip install 'grantway[server]'" in done.stderr


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_each_adapter_needs_its_extra_and_no_more(framework, bare, tmp_path):
    code = (SETTINGS if framework in {"django", "drf"} else "") + f"import grantway.sdk.{framework}"
    own = {"drf": "django", "starlette": "starlette"}.get(framework, framework)
    assert f"No module named '{own}" in run(bare, code).stderr
    done = run(clean_venv(tmp_path, framework), code)
    assert 0 == done.returncode, done.stderr
