"""An API must not drag in a server."""

import subprocess
import sys

SERVER_ONLY = (
    "starlette uvicorn jinja2 argon2 asyncpg sqlite3 joserfc click rich anyio httpx2 authlib asgiref"
    " grantway.flows grantway.storage grantway.web grantway.app grantway.settings grantway.crypto.passwords"
)


def test_the_sdk_imports_nothing_of_the_server_nor_its_dependencies():
    """httpx2 is imported when keys are first fetched."""
    code = f"import sys, grantway.sdk; print(*[m for m in {SERVER_ONLY!r}.split() if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert "" == done.stdout.strip()
