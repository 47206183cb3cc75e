"""Whatever a gateway or a caller sends, the answer is a decision: never a 5xx, never a pass by accident.

The gate sends the same few hundred every time. Ten thousand, other ones each time:

    make test T=tests/decisions/test_fuzz.py ARGS="--hypothesis-profile=decisions-deep"
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.decisions.asking import PHOTOS, Answer, Gate, bearer, gate_on, read, shape
from tests.node import sqlite_url
from tests.serving import PATIENCE

METHODS = st.sampled_from(["GET", "POST", "DELETE", "OPTIONS", "HEAD", "QUERY", "*", "", "get", "GET, POST"])
# Characters that a header may hold; not those that end it.
TEXT = st.text(st.characters(codec="latin-1", exclude_characters="\r\n\0"), max_size=40)
PIECES = st.sampled_from(
    [
        "v1",
        "photos",
        "admin",
        "health",
        "7",
        "..",
        ".",
        "",
        "%2e%2e",
        "%2f",
        ";x",
        "%00",
        "%",
        "\\",
        "é",
        "{id}",
    ]
)
PATHS = st.one_of(st.lists(PIECES, max_size=6).map(lambda parts: "/" + "/".join(parts)), TEXT)
HOSTS = st.one_of(st.sampled_from(["api.example", "notes.example", "API.example:443", ""]), TEXT)
QUERIES = st.sampled_from(["", "?api=https://api.example/photos", "?api=", "?a=b", "?%", "?api=a&api=b"])
TOKENS = st.one_of(st.just("TOKEN"), TEXT, st.text("gwat_.eyJ0x", max_size=80))
EXTRAS = st.lists(
    st.tuples(
        st.sampled_from(
            [
                *("X-Original-Method", "X-Original-URL", "X-Forwarded-Uri", "X-Forwarded-Host", "Host"),
                *("X-Grantway-Api", "Authorization", "X-HTTP-Method-Override", "X-Client-Cert", "Cookie"),
            ]
        ),
        TEXT,
    ),
    max_size=3,
)
# Rows of the API that need nothing, or what the token of these requests has.
OPEN = {("GET", "/v1/health"), ("HEAD", "/v1/health"), ("OPTIONS", "/v1/photos")}


@contextmanager
def running(folder) -> Iterator[tuple[asyncio.Runner, Gate, str]]:
    """A node on a loop of its own: hypothesis waits for each answer."""
    with asyncio.Runner() as runner:
        context = gate_on(sqlite_url(folder))
        gate = runner.run(context.__aenter__())
        try:
            yield runner, gate, runner.run(gate.token("photos:read"))
        finally:
            runner.run(context.__aexit__(None, None, None))


class Connection:
    """A gateway's kept connection; a new one after the parser has refused something."""

    def __init__(self, port: int) -> None:
        self.port, self.writer = port, None

    async def ask(self, method: str, target: str, *lines: str) -> Answer:
        if self.writer is None:
            self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self.port)
        named = [] if any(line.lower().startswith("host:") for line in lines) else ["Host: x"]
        head = [f"{method} {target} HTTP/1.1", *named, *lines, "", ""]
        self.writer.write("\r\n".join(head).encode("latin-1"))
        async with asyncio.timeout(PATIENCE):
            return await self._answer(method)

    async def _answer(self, method: str) -> Answer:
        raw = await self.reader.readuntil(b"\r\n\r\n")
        answer = read(raw)
        length = int((answer.every("content-length") or ["0"])[0])
        if method != "HEAD":
            answer.body = await self.reader.readexactly(length)
        if "close" in answer.every("connection"):
            await self.close()
        return answer

    async def close(self) -> None:
        if self.writer is not None:
            self.writer.close()
            await self.writer.wait_closed()
        self.writer = None


@pytest.mark.parametrize("family", ["nginx", "forward", "envoy"])
def test_every_answer_is_a_decision(tmp_path, family):
    """O8, O2, O3, DC03: no 5xx, and a pass only where a row allows it."""
    deep = settings.get_current_profile_name() == "decisions-deep"
    chosen = settings.get_profile("decisions-deep" if deep else "decisions")
    if deep:
        chosen = settings(chosen, max_examples=chosen.max_examples // 3 + 1)
    with running(tmp_path) as (runner, gate, token):
        connection = Connection(int(gate.node.issuer.rpartition(":")[2]))

        @chosen
        @given(METHODS, PATHS, HOSTS, QUERIES, TOKENS, EXTRAS)
        def asked(method, path, host, query, text, extras) -> None:  # noqa: PLR0917 - all of a request
            lines = [
                bearer(token if text == "TOKEN" else text),
                *(f"{name}: {value}" for name, value in extras),
            ]
            _, target, *told = shape(family, method, path, *lines, host=host)
            wire = method if family == "envoy" else "GET"
            answer = runner.run(connection.ask(wire or "GET", _on_the_wire(target) + query, *told))
            assert answer.status in {200, 400, 401, 403, 404, 421}  # the last two: another address than ours
            if family == "nginx":
                assert answer.status in {200, 401, 403} or b"Invalid HTTP" in answer.body
            if answer.status == 200:
                passes(answer, token if text == "TOKEN" else None)

        try:
            asked()
        finally:
            runner.run(connection.close())


def passes(answer: Answer, token: str | None) -> None:
    """A pass tells everything; somebody is named only where the good token was sent."""
    told = answer.identity
    assert told["x-grantway-api"] in {PHOTOS.identifier, "https://notes.example"}
    if token is None:
        assert "-" == told["x-grantway-subject"]


def _on_the_wire(target: str) -> str:
    """As much of it as a request line can hold."""
    return "".join(character for character in target if "!" <= character <= "~") or "/"
