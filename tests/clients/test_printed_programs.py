"""The programs of the how-to pages that serve no pages: on a desk, on a phone, and for themselves."""

import asyncio
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from authlib.common.security import generate_token
from authlib.integrations.httpx_client import AsyncOAuth2Client

from tests.clients.person import press, sign_in
from tests.clients.web_apps import register, sign_in_and_allow
from tests.node import query_of
from tests.printed import blocks, clean_environment, program, started
from tests.services.node import FOLDER as NPM
from tests.services.node import NODE
from tests.serving import PATIENCE

NATIVE, MOBILE, SERVICE = (f"docs/howto/{name}.md" for name in ("native-app", "mobile-app", "service"))
NOWHERE = "https://nowhere.invalid"


async def opened(folder: Path) -> str:
    """The link that the program gave to the browser of the system."""
    async with asyncio.timeout(PATIENCE):
        while not (found := re.search(r"Opening (\S+)", (folder / "said.txt").read_text())):
            await asyncio.sleep(0.05)
    return found[1]


@pytest.fixture
async def photo_cli(node, photos, database, tmp_path):
    """The program of the page, started; its browser is whatever the test does with the link."""
    (tmp_path / "cli.py").write_text(program(NATIVE))
    saved = await register(node, database, tmp_path, NOWHERE, page=NATIVE)
    variables = {"ISSUER": node.issuer, "API": photos, "BROWSER": "true", **saved}
    async with started((sys.executable, "cli.py"), tmp_path, variables=variables) as process:
        yield process


async def test_a_program_opens_a_browser_and_hears_the_answer(node, photo_cli, page, tmp_path):
    """FN3, FS12, FS32, FS36, FS37, FS55: on any free port, without a secret; renewed, given back."""
    await page.goto(await opened(tmp_path))
    await sign_in_and_allow(page)
    await page.get_by_text("You can close this window.").wait_for()
    assert 0 == await asyncio.wait_for(photo_cli.wait(), PATIENCE)
    said = (tmp_path / "said.txt").read_text()
    assert "The cat, offended" in said
    assert "renewed: photos:read\ngiven back" in said
    assert "refresh_token.revoked" in {entry.action for entry in await node.store.read_audit(limit=3)}


async def test_a_program_hears_no(photo_cli, page, tmp_path):
    """FS19, FN3: and ends with a sentence."""
    await page.goto(await opened(tmp_path))
    await sign_in(page)
    await press(page, "Don’t allow")
    await page.get_by_text("You can close this window.").wait_for()
    assert 1 == await asyncio.wait_for(photo_cli.wait(), PATIENCE)
    assert "Not connected: access_denied" in (tmp_path / "said.txt").read_text()


@pytest.fixture
async def phone(node, database, tmp_path):
    """The id of the app of the page."""
    return (await register(node, database, tmp_path, "https://photos.example", page=MOBILE))["CLIENT_ID"]


@pytest.mark.parametrize("address", ["https://photos.example/app/callback", "com.example.photos:/callback"])
async def test_a_phone_takes_the_answer_at_an_address_of_its_own(phone, node, photos, person, address):
    """FN3, FS32, FS36, FS37: registered as printed; a claimed address, and a private-use scheme."""
    scope, verifier = "openid offline_access photos:read", generate_token(64)
    async with AsyncOAuth2Client(
        phone,
        scope=scope,
        redirect_uri=address,
        code_challenge_method="S256",
        token_endpoint_auth_method="none",
        token_endpoint=f"{node.issuer}/token",
        trust_env=False,
    ) as client:
        link, state = client.create_authorization_url(f"{node.issuer}/authorize", code_verifier=verifier)
        callback = await person.allow(link)
        assert callback.startswith(f"{address}?")
        assert query_of(callback)["iss"] == [node.issuer]
        await client.fetch_token(authorization_response=callback, state=state, code_verifier=verifier)
        assert (await client.get(f"{photos}/photos")).status_code == 200
        assert (await client.refresh_token())["scope"] == scope


async def run(command, folder, **variables) -> str:
    """What a program of the service page prints."""
    done = await asyncio.to_thread(
        subprocess.run,
        command,
        cwd=folder,
        env=clean_environment(**variables),
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )
    assert 0 == done.returncode, done.stderr
    return done.stdout


@pytest.fixture
async def service(node, photos, database, tmp_path):
    """The machine of the page, registered, and its variables."""
    saved = await register(node, database, tmp_path, NOWHERE, page=SERVICE, heading="## Register it")
    return {"ISSUER": node.issuer, "API": photos, **saved}


async def test_a_shell_asks_for_itself(service, tmp_path):
    """FN11, FS28, FS57: curl, as printed."""
    (line,) = (text.removeprefix("$ ").strip() for text in blocks(SERVICE, "console", "## curl"))
    told = json.loads(await run(["sh", "-c", line], tmp_path, **service))
    assert (told["scope"], told["expires_in"], "refresh_token" in told) == ("photos:read", 600, False)


async def test_a_python_job_asks_for_itself(service, tmp_path):
    """FN11, FS28, FS57: requests-oauthlib; the API knows the machine by its own name."""
    (tmp_path / "job.py").write_text(program(SERVICE, "## Python: requests-oauthlib"))
    over_http = {"OAUTHLIB_INSECURE_TRANSPORT": "1"}
    assert "First snow" in await run([sys.executable, "job.py"], tmp_path, **service, **over_http)


async def test_a_node_job_asks_for_itself(service, tmp_path):
    """FN11, FS28, FS57: openid-client."""
    (tmp_path / "job.mjs").write_text(program(SERVICE, "## Node.js: openid-client", "javascript"))
    (tmp_path / "node_modules").symlink_to(NPM / "node_modules")
    assert "First snow" in await run([str(NODE), "job.mjs"], tmp_path, **service)
