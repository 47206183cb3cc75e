"""Requests that two readers would cut differently (threat W2), before the server itself and behind nginx."""

import asyncio
import ssl

import pytest

from tests.certificates import Authority
from tests.node import sqlite_url
from tests.services.fleet import NodeProcess
from tests.services.nginx import nginx

HIDDEN = "GET /jwks HTTP/1.1\r\nHost: {host}\r\n\r\n"
FORM = "Content-Type: application/x-www-form-urlencoded\r\n"
BODY = "grant_type=x"
# A head and what follows it. Each can be read in two ways; read in the wrong one, a second request is inside.
AMBIGUOUS = {
    "a length and chunks": f"Content-Length: {len(BODY)}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunks and a length": "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n",
    "two lengths": f"Content-Length: {len(BODY)}\r\nContent-Length: 0\r\n\r\n{BODY}",
    "two lengths in one": f"Content-Length: {len(BODY)}, 0\r\n\r\n{BODY}",
    "a signed length": f"Content-Length: +{len(BODY)}\r\n\r\n{BODY}",
    "a length in hex": "Content-Length: 0xC\r\n\r\n" + BODY,
    "a blank before the colon": f"Content-Length : {len(BODY)}\r\n\r\n{BODY}",
    "another coding": "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "a coding and another": "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
    "two codings": "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n",
    "a coding with a tab": "Transfer-Encoding:\x0bchunked\r\n\r\n0\r\n\r\n",
    "a folded coding": "X: y\r\n Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n",
    "a bare line feed": "X: y\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n",
    "a bare carriage return": "X: y\rTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n",
    "a NUL in a name": f"Content-Length\x00: {len(BODY)}\r\n\r\n{BODY}",
    "a chunk of no number": "Transfer-Encoding: chunked\r\n\r\n0x5\r\nhello\r\n0\r\n\r\n",
    "a chunk of negative size": "Transfer-Encoding: chunked\r\n\r\n-5\r\nhello\r\n0\r\n\r\n",
    "a chunk that is too long": "Transfer-Encoding: chunked\r\n\r\n3\r\nhello\r\n0\r\n\r\n",
    "a size beyond all numbers": "Transfer-Encoding: chunked\r\n\r\n10000000000000005\r\nhello\r\n0\r\n\r\n",
}
# These are cut in one way by everybody, so what follows them is a request of its own.
CLEAR = {
    "an extension of a chunk": "Transfer-Encoding: chunked\r\n\r\nc;a=b\r\n" + BODY + "\r\n0\r\n\r\n",
    "a length": f"Content-Length: {len(BODY)}\r\n\r\n{BODY}",
}


@pytest.fixture(scope="module")
def node(tmp_path_factory):
    folder = tmp_path_factory.mktemp("smuggling")
    settings = {"GRANTWAY_SERVER__HOSTS": "id.example", "GRANTWAY_SERVER__HEAD_TIMEOUT": "1"}
    settings |= {"GRANTWAY_SERVER__BODY_TIMEOUT": "1", "GRANTWAY_SERVER__TRUSTED_PROXIES": "127.0.0.1"}
    with NodeProcess(sqlite_url(folder), folder, settings=settings) as process:
        yield process


async def answers(port: int, sent: str, tls: ssl.SSLContext | None = None) -> bytes:
    """Everything that comes back until the connection ends, or nothing more comes for a while."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=tls)
    writer.write(sent.encode("latin-1"))
    said = b""
    try:
        while octets := await asyncio.wait_for(reader.read(65536), 20):
            said += octets
    except (ConnectionError, TimeoutError):
        pass
    finally:
        writer.transport.abort()
    return said


def smuggling(host: str, framing: str) -> str:
    hidden = HIDDEN.format(host=host)
    return f"POST /token HTTP/1.1\r\nHost: {host}\r\n{FORM}{framing}{hidden}"


@pytest.mark.parametrize("framing", AMBIGUOUS.values(), ids=AMBIGUOUS)
async def test_what_can_be_read_in_two_ways_is_not_read(node, framing):
    """W2: refused, and the connection ends: whatever was hidden behind it is nobody's request."""
    said = await answers(node.port, smuggling(node.host, framing))
    assert b'"keys":' not in said
    assert said.count(b"HTTP/1.1 ") <= 1
    if said:
        assert 400 <= int(said.split(b" ", 2)[1]) < 500


@pytest.mark.parametrize("framing", CLEAR.values(), ids=CLEAR)
async def test_what_can_be_read_in_one_way_is_followed_by_the_next(node, framing):
    """W2: the counter-example: two requests, two answers, in their order."""
    said = await answers(node.port, smuggling(node.host, framing))
    first, _, second = said.partition(b'"keys":')
    assert b"HTTP/1.1 401" in first or b"HTTP/1.1 400" in first
    assert second
    assert said.count(b"HTTP/1.1 ") == 2


@pytest.mark.parametrize("trailer", ["Host: evil.example", "Authorization: Basic eDp5"])
async def test_what_stands_behind_a_body_is_no_header(node, trailer):
    """W2, C14, MT01: a proxy that sets headers of its own may let trailers pass (RFC 9110 §6.5.1)."""
    framing = "Transfer-Encoding: chunked\r\nConnection: close\r\nAuthorization: Basic eDp5\r\n\r\n"
    framing += f"c\r\n{BODY}\r\n0\r\n{trailer}\r\n\r\n"
    said = await answers(node.port, f"POST /token HTTP/1.1\r\nHost: {node.host}\r\n{FORM}{framing}")
    assert said.startswith(b"HTTP/1.1 401 ")
    assert b'"error":"invalid_client"' in said


@pytest.fixture(scope="module")
def proxied(node, tmp_path_factory):
    """nginx before it, which keeps its connections to the server and uses them for others."""
    folder = tmp_path_factory.mktemp("smuggling-nginx")
    lines = (
        "location / { proxy_pass http://127.0.0.1:8600; proxy_http_version 1.1;"
        ' proxy_set_header Connection ""; proxy_set_header Host id.example; }'
    )
    address = f"http://127.0.0.1:{node.port}"
    with nginx(folder, lines, authority=Authority(), upstream=address) as port:
        yield port


@pytest.mark.parametrize("framing", AMBIGUOUS.values(), ids=AMBIGUOUS)
async def test_nothing_is_smuggled_past_nginx(proxied, framing):
    """W2: whatever it lets through, the next caller gets the answer to their own request."""
    tls = ssl.create_default_context()
    tls.check_hostname, tls.verify_mode = False, ssl.CERT_NONE
    said = await answers(proxied, smuggling("id.example", framing), tls)
    assert b'"keys":' not in said
    honest = "GET /livez HTTP/1.1\r\nHost: id.example\r\nConnection: close\r\n\r\n"
    for _ in range(3):
        assert b'{"status":"alive"}' in await answers(proxied, honest, tls)
