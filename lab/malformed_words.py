"""What the server is sent in the place of what it expects: dictionaries, and ways to spoil a good value."""

import base64
import json
import random
import string
from collections.abc import Callable, Sequence
from urllib.parse import quote_from_bytes

Pair = tuple[bytes, bytes]  # name and value, encoded as they travel
KEEP = b"!$'()*,-./:;@_~"  # characters that travel as they are

# Threat U6, and what parsers of numbers, texts, addresses and JSON stumble over. Not yet percent-encoded.
NASTY: tuple[bytes, ...] = (
    b"",
    b"\x00",
    b"a\x00b",
    b"\r\nset-cookie: a=b",
    b"\x1b[31m",
    b"\x7f",
    b"\xff\xfe",
    b"\xc0\x80",  # an overlong NUL
    b"\xed\xa0\x80",  # a lone surrogate
    b"\xed\xb0\x80\xed\xa0\x80",
    b"\xef\xbf\xbf",  # U+FFFF
    b"\xf4\x90\x80\x80",  # beyond U+10FFFF
    b"\xe2\x80\xae\xe2\x80\x8b",  # right-to-left override, zero width space
    "ⅷ²٣１".encode(),  # digits to some, numbers to others
    "²".encode(),
    "٣".encode(),
    "ﬃ".encode() * 60,  # three letters each after NFKC
    "İ".encode(),
    "e\u0301".encode() * 200,
    "😀".encode() * 100,
    b"-1",
    b"0",
    b"+5",
    b" 5 ",
    b"1_000",
    b"1e400",
    b"NaN",
    b"-Infinity",
    b"9223372036854775807",
    b"9223372036854775808",
    b"18446744073709551616",
    b"9" * 400,
    b"9" * 5_000,  # more digits than Python converts
    b"true",
    b"null",
    b"[]",
    b"{}",
    b'{"a":1}',
    b"[" * 2_000,
    b'{"a":' * 2_000,
    b"' OR 1=1 --",
    b'"; DROP TABLE grants; --',
    b"{{7*7}}${7*7}%s%n%(x)s",
    b"<svg onload=alert(1)>",
    b"../../../../etc/passwd",
    b"http://[",
    b"http://[::1",
    b"https://a:b@printer.example:99999/callback",
    b"https://printer.example/callback#f",
    b"https://printer.example\\@evil.example/callback",
    b"//evil.example",
    b"javascript:alert(1)",
    b"data:text/html,x",
    b"xn--" + b"a" * 300,
    b"a" * 2_047,
    b"a" * 2_049,
    b"A" * 30_000,
    b"a " * 2_000,
    b"\t\n\x0b\x0c",
    b"gwac_" + b"0" * 65,
    b"gwrt_" + b"z" * 64,
    b"gwat_",
    b"eyJhbGciOiJub25lIn0.e30.",
    b"eyJ." * 30,
    b".." * 500,
)
HUGE: tuple[bytes, ...] = (b"9" * 60_000, b"[" * 60_000, b"%00" * 20_000, b"A" * 70_000, b"&" * 65_000)
METHODS = (
    *("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE", "PROPFIND", "MKCOL", "SEARCH"),
)
CONTENT_TYPES: tuple[bytes, ...] = (
    b"application/json",
    b"multipart/form-data; boundary=x",
    b"multipart/form-data",
    b"text/plain",
    b"application/x-www-form-urlencoded; charset=utf-16",
    b"application/x-www-form-urlencoded;;;;" + b"a=" * 400,
    b"APPLICATION/X-WWW-FORM-URLENCODED",
    b" application/x-www-form-urlencoded ,application/json",
    b"application/x-www-form-urlencoded\xff",
    b"",
    b";" * 3_000,
)


def encoded(value: bytes) -> bytes:
    """Form-encoded, as a browser would."""
    return quote_from_bytes(value, safe="").replace("%20", "+").encode()


def nasty(chance: random.Random) -> bytes:
    """A word of the dictionary, sometimes two in one, percent-encoded so that it arrives."""
    word = chance.choice(NASTY)
    if chance.random() < 0.15:
        word += chance.choice(NASTY)
    if chance.random() < 0.1:
        word = chance.randbytes(chance.randrange(1, 200))
    return encoded(word)


# ------------------------------------------------------------------------------------- one value


def _cut(value: bytes, chance: random.Random) -> bytes:
    return value[: chance.randrange(len(value) + 1)]


def _extended(value: bytes, chance: random.Random) -> bytes:
    return value + chance.choice((b"=", b"+", b"%00", b"%20", b"A", b"%0A", nasty(chance)))


def _flipped(value: bytes, chance: random.Random) -> bytes:
    if not value:
        return b"x"
    place = chance.randrange(len(value))
    return (
        value[:place] + chance.choice((value[place : place + 1].swapcase(), b"%", b"-")) + value[place + 1 :]
    )


def _broken_escape(value: bytes, chance: random.Random) -> bytes:
    return value + chance.choice((b"%", b"%4", b"%zz", b"%u0041", b"%%", b"%-1"))


def _twice_encoded(value: bytes, _chance: random.Random) -> bytes:
    return encoded(value)


def _raw_octets(value: bytes, chance: random.Random) -> bytes:
    return value + bytes(chance.choice(b'\x80\x9f\xa0\xc3\xe2\xf0\xff"<>\\^`{|}') for _ in range(3))


def _replaced(_value: bytes, chance: random.Random) -> bytes:
    return nasty(chance)


def _huge(_value: bytes, chance: random.Random) -> bytes:
    return chance.choice(HUGE)


SPOILERS: Sequence[Callable[[bytes, random.Random], bytes]] = (
    *(_cut, _extended, _flipped, _broken_escape, _twice_encoded, _raw_octets),
    *(_replaced,) * 6,
)


# -------------------------------------------------------------------------------- all parameters


def spoilt(pairs: list[Pair], chance: random.Random) -> list[Pair]:
    """The parameters with one to three things wrong; now and then none."""
    for _ in range(chance.choice((0, 1, 1, 1, 2, 2, 3))):
        pairs = chance.choice(_WAYS)(list(pairs), chance)
    return pairs


def _one_spoilt(pairs: list[Pair], chance: random.Random) -> list[Pair]:
    if pairs:
        place = chance.randrange(len(pairs))
        name, value = pairs[place]
        pairs[place] = name, chance.choice(SPOILERS)(value, chance)
    return pairs


def _one_missing(pairs: list[Pair], chance: random.Random) -> list[Pair]:
    if pairs:
        del pairs[chance.randrange(len(pairs))]
    return pairs


def _one_twice(pairs: list[Pair], chance: random.Random) -> list[Pair]:
    if pairs:
        name, value = chance.choice(pairs)
        pairs.insert(chance.randrange(len(pairs) + 1), (name, chance.choice((value, nasty(chance)))))
    return pairs


def _two_swapped(pairs: list[Pair], chance: random.Random) -> list[Pair]:
    if len(pairs) > 1:
        one, other = chance.sample(range(len(pairs)), 2)
        (a, x), (b, y) = pairs[one], pairs[other]
        pairs[one], pairs[other] = (a, y), (b, x)
    return pairs


def _one_unknown(pairs: list[Pair], chance: random.Random) -> list[Pair]:
    odd = (b"request", b"request_uri", b"client_assertion", b"a[b]", b"", b"__proto__", nasty(chance))
    return [*pairs, (chance.choice(odd), nasty(chance))]


def _very_many(pairs: list[Pair], chance: random.Random) -> list[Pair]:
    return [*pairs, *((b"a%d" % number, b"1") for number in range(chance.choice((90, 101, 5_000))))]


def _one_huge(pairs: list[Pair], chance: random.Random) -> list[Pair]:
    if pairs and chance.random() < 0.2:  # seldom: they take long to send
        place = chance.randrange(len(pairs))
        pairs[place] = pairs[place][0], _huge(b"", chance)
    return pairs


_WAYS: Sequence[Callable[[list[Pair], random.Random], list[Pair]]] = (
    *(_one_spoilt,) * 6,
    *(_one_missing, _one_twice, _two_swapped, _one_unknown, _very_many, _one_huge),
)


def joined(pairs: Sequence[Pair], chance: random.Random) -> bytes:
    """As a query or a form; now and then with odd separators."""
    separator = b"&" if chance.random() < 0.95 else chance.choice((b";", b"&&", b"&=&", b"=", b"\n"))
    return separator.join(b"%s=%s" % pair for pair in pairs)


def odd_body(chance: random.Random) -> bytes:
    """A body that is no form."""
    letters = string.printable.encode()
    return chance.choice(
        (
            json.dumps({"grant_type": ["authorization_code"], "code": None}).encode(),
            b"[" * 60_000,
            b"--x\r\ncontent-disposition: form-data; name=grant_type\r\n\r\ncode\r\n--x--\r\n",
            bytes(chance.choice(letters) for _ in range(chance.randrange(2_000))),
            chance.randbytes(chance.randrange(2_000)),
            "grant_type=client_credentials".encode("utf-16"),
            b"=" * 30_000,
            b"%" * 65_536,
            b"a" * 65_537,
            b"a=b&" * 30_000,
        )
    )


def authorization(good: bytes, chance: random.Random) -> list[bytes]:
    """Authorization headers: mostly the good one, so that what lies behind is reached."""
    if chance.random() < 0.75:
        return [good]
    return chance.choice(
        (
            [],
            [good, good],
            [b"Basic"],
            [b"basic " + good[6:]],
            [b"Basic " + base64.b64encode(chance.choice(NASTY))],
            [b"Basic " + base64.b64encode(b"printer:" + chance.choice(NASTY))],
            [b"Basic " + base64.b64encode(chance.choice(NASTY) + b":x")],
            [b"Basic " + base64.b64encode(b"printer")],
            [b"Basic " + base64.b64encode(b"%zz:%4")],
            [b"Basic " + good[6:-3]],
            [b"Basic ====", good],
            [b"Basic " + b"A" * 30_000],
            [b"Bearer " + b"x" * 500],
            [b"\xff\xfe\x80"],
            [b"Negotiate " + base64.b64encode(chance.randbytes(60))],
            [good + b"\t "],
        )
    )
