"""The tutorial runs from top to bottom, as a reader would: typed commands, a server, an API, and Ada."""

import asyncio
import re
import shlex
import sys
from contextlib import AsyncExitStack, redirect_stdout
from io import StringIO

import httpx2

from tests.node import PASSWORD, Node, Visitor, free_port, leaving_url
from tests.printed import ROOT, grantway, started

PAGE = "docs/tutorial.md"
BLOCK = re.compile(r"^```(?P<kind>\w+)(?: (?P<file>\S+))?\n(?P<text>.*?)^```", re.DOTALL | re.MULTILINE)
ELSEWHERE = {"make", "source", "mkdir"}  # they prepare a machine that the tests run on already


class Reader:
    """Who works through the page: ports of their own, one folder, and a browser."""

    def __init__(self, folder, port):
        self.folder, self.running = folder, AsyncExitStack()
        self.issuer = f"http://localhost:{port}"
        self.settings = {"GRANTWAY_ISSUER": self.issuer, "GRANTWAY_SERVER__PORT": str(port)}
        self.browser = Visitor(Node(server=None, issuer=self.issuer))
        self.names = {"input": self.answer}
        self.loop = asyncio.get_running_loop()
        self.seen = []  # what each block printed

    async def type_in(self, words):
        """One line at the prompt."""
        if words[:2] == ["grantway", "serve"]:
            command = (sys.executable, "-m", *words)
            await self._start(command, int(self.issuer.rpartition(":")[2]))
        elif words[0] == "uvicorn":
            await self._start((sys.executable, "-m", *words), int(words[words.index("--port") + 1]))
        elif words[0] == "grantway":
            typed = f"{PASSWORD}\n" if words[1] == "user" else None
            more = ["--password-stdin"] if typed else []
            said = await asyncio.to_thread(
                lambda: grantway([*words[1:], *more], self.folder, typed=typed, **self.settings)
            )
            self.seen.append(said)
        else:
            assert words[0] in ELSEWHERE, words

    async def _start(self, command, port):
        own = {**self.settings, "PYTHONPATH": f"{ROOT / 'src'}:{self.folder}"}
        await self.running.enter_async_context(
            started(command, self.folder, port=port, variables=own, log=f"{port}.txt")
        )

    async def run(self, text):
        """One block of Python, where the blocks before have left off."""
        printed = StringIO()
        with redirect_stdout(printed):
            await asyncio.to_thread(exec, compile(text, PAGE, "exec"), self.names)
        if printed.getvalue():
            self.seen.append(printed.getvalue())

    def answer(self, prompt):
        """What Ada does when the page asks for it, at her browser."""
        act = self._allow() if "Paste" in prompt else self._take_back()
        return asyncio.run_coroutine_threadsafe(act, self.loop).result(timeout=60)

    async def _allow(self):
        page = await self.browser.sign_in(await self.browser.get(self.seen[-1].strip()))
        assert "See your photos" in page.text
        return leaving_url(await self.browser.submit(page, answer="allow", scope=[]))

    async def _take_back(self):
        cards = await self.browser.get("/account/apps")
        link = re.search(r'href="(/account/apps/remove[^"]+)"', cards.text)[1].replace("&amp;", "&")
        done = await self.browser.submit(await self.browser.get(link))
        assert "Photo Printer is no longer connected" in done.text
        return ""


async def test_whoever_types_the_tutorial_sees_what_it_says(tmp_path, monkeypatch):
    """FN17, FN21, FN4, FN7, FN12, FN13: every block, in order; then what stands under "You should see"."""
    monkeypatch.chdir(tmp_path)
    ports = {"8600": free_port(), "8602": free_port(), "8700": free_port()}
    text = re.sub(r"8600|8602|8700", lambda found: str(ports[found[0]]), (ROOT / PAGE).read_text())
    reader = Reader(tmp_path, ports["8600"])
    async with reader.running, reader.browser.http:
        for block in BLOCK.finditer(text):
            if block["kind"] == "console":
                for line in block["text"].splitlines():
                    await reader.type_in(shlex.split(line.removeprefix("$ ")))
            elif block["kind"] == "toml":
                (tmp_path / "photos.toml").write_text(block["text"])
            elif block["file"]:
                (tmp_path / block["file"]).write_text(block["text"])
            else:
                await reader.run(block["text"])
        api = f"http://127.0.0.1:{ports['8602']}"
        async with httpx2.AsyncClient(trust_env=False) as http:
            stranger = await http.get(f"{api}/photos/1")
    assert (401, True) == (stranger.status_code, stranger.headers["www-authenticate"].startswith("Bearer"))
    init, made, checked, app, person, link, code, exchanged, called, renewed, over = reader.seen
    assert "grantway.toml" in init
    assert "photos" in made
    assert "ALLOWED" in checked
    assert "Client secret" in app
    assert "ada" in person
    assert link.startswith(f"{reader.issuer}/authorize?")
    assert code.startswith("gwac_")
    assert exchanged == "photos:read 600\n"
    assert called.startswith("200 a photo of u_")
    assert "403 Bearer" in called
    assert 'scope="photos:write"' in called
    assert renewed == "True\n"
    assert over == "400 invalid_grant\n"
