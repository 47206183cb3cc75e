"""HTTP that is not HTTP: bad request lines, bad chunks, floods of headers, framing that is read two ways."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from lab.malformed_words import METHODS, NASTY


@dataclass(frozen=True, slots=True)
class Octets:
    """What is written to a fresh connection."""

    text: bytes
    name: str
    due: bool = (
        True  # an answer, or the end of the connection, is owed; else the server may wait for the rest
    )
    answers: int = 1  # at most; more would mean that a part was taken for a request of its own


def octets(host: bytes, chance: random.Random) -> Octets:
    """One of the shapes."""
    return chance.choice(SHAPES)(host, chance)


def _request_line(host: bytes, chance: random.Random) -> Octets:
    method = chance.choice((*METHODS, "get", "G\x00T", "", "A" * 5_000, "PRI", "M-SEARCH")).encode()
    target = chance.choice((b"/jwks", b"", b"*", b"/\x00", b"/ /", b"http://", b"/" + b"a" * 70_000, b"\xff"))
    version = chance.choice(
        (
            b"HTTP/1.1",
            b"HTTP/1.0",
            b"HTTP/0.9",
            b"HTTP/2.0",
            b"HTTP/9.9",
            b"HTTP/1.1.1",
            b"http/1.1",
            b"",
            b"X",
        )
    )
    blank = chance.choice((b" ", b" ", b"  ", b"\t", b""))
    line = method + blank + target + blank + version
    return Octets(line + b"\r\nhost: " + host + b"\r\nconnection: close\r\n\r\n", "request line", due=False)


def _header_line(host: bytes, chance: random.Random) -> Octets:
    word = chance.choice(NASTY)
    line = chance.choice(
        (
            b"a" + word + b": b",
            b"a: " + word,
            b"a : b",
            b": b",
            b" a: b",
            b"a\x00: b",
            b"a: b\r c",
            b"a: b\r\n folded",
            b"noColon",
            b"host: " + host,
            b"content-length",
            b"a: " + b"x" * chance.choice((8_000, 70_000, 300_000)),
        )
    )
    text = b"GET /jwks HTTP/1.1\r\nhost: " + host + b"\r\n" + line + b"\r\nconnection: close\r\n\r\n"
    return Octets(text, "header line", due=False, answers=2)  # a word may hold an end of line


def _flood_of_headers(host: bytes, chance: random.Random) -> Octets:
    count = chance.choice((50, 500, 5_000))
    lines = b"".join(b"x-%d: %d\r\n" % (number, number) for number in range(count))
    head = b"GET /jwks HTTP/1.1\r\nhost: " + host + b"\r\n"
    return Octets(head + lines + b"connection: close\r\n\r\n", f"{count} headers")


def _chunks(host: bytes, chance: random.Random) -> Octets:
    body = chance.choice(
        (
            b"zz\r\nabc\r\n0\r\n\r\n",
            b"-1\r\nabc\r\n0\r\n\r\n",
            b"ffffffffffffffffffff\r\nabc",
            b"3\r\nabcdef\r\n0\r\n\r\n",
            b"3\nabc\n0\n\n",
            b"3;" + b"a" * 20_000 + b"\r\nabc\r\n0\r\n\r\n",
            b"0\r\nx-trailer: " + chance.choice(NASTY) + b"\r\n\r\n",
            b"1\r\na\r\n" * 3_000 + b"0\r\n\r\n",
            b"+3\r\nabc\r\n0\r\n\r\n",
            b"0x3\r\nabc\r\n0\r\n\r\n",
        )
    )
    return Octets(_post(host, b"transfer-encoding: chunked\r\n") + body, "chunks", due=False, answers=2)


def _length(host: bytes, chance: random.Random) -> Octets:
    value = chance.choice(
        (
            b"-1",
            b"+4",
            b"4, 4",
            b"4 4",
            b"0x4",
            b"4.0",
            b"9" * 40,
            b"\xb2",
            b"",
            b"4\r\ncontent-length: 5",
            b"1e1",
        )
    )
    return Octets(
        _post(host, b"content-length: " + value + b"\r\n") + b"a=bc", "length", due=False, answers=1
    )


def _short_body(host: bytes, chance: random.Random) -> Octets:
    text = _post(host, b"content-length: 500\r\n") + b"a=" * chance.randrange(10)
    return Octets(text, "body that does not come", due=False)


def _half_a_head(host: bytes, chance: random.Random) -> Octets:
    whole = _post(host, b"content-length: 3\r\n") + b"a=b"
    return Octets(whole[: chance.randrange(len(whole))], "half a request", due=False)


def _two_framings(host: bytes, chance: random.Random) -> Octets:
    """What a proxy and we might read apart (RFC 9112 §6.1): the rest must never be a request of its own."""
    coding = chance.choice(
        (
            b"chunked",
            b"Chunked",
            b" chunked",
            b"chunked, identity",
            b"identity, chunked",
            b"xchunked",
            b"\x0bchunked",
        )
    )
    headers = [b"content-length: 5\r\n", b"transfer-encoding: " + coding + b"\r\n"]
    chance.shuffle(headers)
    smuggled = b"0\r\n\r\nGET /livez HTTP/1.1\r\nhost: " + host + b"\r\nconnection: close\r\n\r\n"
    return Octets(_post(host, b"".join(headers)) + smuggled, "two framings", due=False)


def _two_lengths(host: bytes, _chance: random.Random) -> Octets:
    smuggled = b"GET /livez HTTP/1.1\r\nhost: " + host + b"\r\nconnection: close\r\n\r\n"
    lengths = b"content-length: 0\r\ncontent-length: %d\r\n" % len(smuggled)
    return Octets(_post(host, lengths) + smuggled, "two lengths", due=False)


def _pipelined(host: bytes, chance: random.Random) -> Octets:
    count = chance.choice((2, 10, 100))
    one = b"GET /livez HTTP/1.1\r\nhost: " + host + b"\r\n\r\n"
    last = one[:-2] + b"connection: close\r\n\r\n"
    return Octets(one * (count - 1) + last, "pipelined", answers=count)


def _upgrade(host: bytes, chance: random.Random) -> Octets:
    headers = chance.choice(
        (
            b"upgrade: websocket\r\nconnection: upgrade, close\r\nsec-websocket-key: AAAA\r\n",
            b"upgrade: h2c\r\nconnection: upgrade, http2-settings\r\nhttp2-settings: AAAA\r\n",
            b"expect: 200-maybe\r\nconnection: close\r\n",
            b"connection: close, close, \xff\r\n",
        )
    )
    return Octets(b"GET /jwks HTTP/1.1\r\nhost: " + host + b"\r\n" + headers + b"\r\n", "upgrade", due=False)


def _noise(_host: bytes, chance: random.Random) -> Octets:
    text = chance.choice(
        (
            chance.randbytes(chance.randrange(1, 3_000)),
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + chance.randbytes(400),  # TLS
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + chance.randbytes(60),
            b"\r\n" * 2_000,
            b"\x00" * 3_000,
            b"GET " * 3_000,
        )
    )
    return Octets(text, "noise", due=False)


def _post(host: bytes, headers: bytes) -> bytes:
    start = b"POST /token HTTP/1.1\r\nhost: " + host + b"\r\n"
    return start + b"content-type: application/x-www-form-urlencoded\r\n" + headers + b"\r\n"


SHAPES: Sequence[Callable[[bytes, random.Random], Octets]] = (
    *(_request_line, _header_line, _flood_of_headers, _chunks, _length, _short_body, _half_a_head),
    *(_two_framings, _two_lengths, _pipelined, _upgrade, _noise),
)
