"""The one way out, against a real server elsewhere. The resolver is an argument, so that names can lie."""

import time

import pytest

from grantway.egress import Egress, Unreachable
from grantway.flows.throttles import Throttles


class Names:
    """A name server that says what it is told to; a list is answered in turn."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers, self.asked = list(answers), []

    async def __call__(self, host: str, port: int) -> list[str]:
        self.asked.append((host, port))
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


def egress(names=None, *, dev=False, burst=100, trust=None, patience=5.0) -> Egress:
    budget = Throttles(burst=burst, seconds_each=60, clock=time.monotonic)
    own = {"trust": lambda: trust} if trust else {}
    resolve = {"resolve": names} if names else {}
    return Egress(budget=budget, dev=dev, patience=patience, **own, **resolve)


async def reason(guard: Egress, url: str) -> str:
    with pytest.raises(Unreachable) as refusal:
        await guard.fetch(url, accept="*/*", most=10_000)
    return refusal.value.reason


async def test_the_address_is_dialled_under_the_original_name(elsewhere):
    """L2: the certificate is that of the name, the Host header too; the name is resolved once."""
    names = Names(["127.0.0.1"])
    guard = egress(names, dev=True, trust=elsewhere.trust)
    url = f"https://keys.example:{elsewhere.port}/a/b?c=d"
    assert await guard.fetch(url, accept="application/json") == b"hello"
    (asked,) = elsewhere.asked
    assert (asked["path"], asked["query"], asked["host"]) == (
        "/a/b",
        b"c=d",
        f"keys.example:{elsewhere.port}",
    )
    assert (asked["accept"], asked["accept-encoding"]) == ("application/json", "identity")
    assert names.asked == [("keys.example", elsewhere.port)]


async def test_a_certificate_for_another_name_is_refused(elsewhere):
    """L2: wherever the name leads."""
    guard = egress(Names(["127.0.0.1"]), dev=True, trust=elsewhere.trust)
    assert "no connection" in await reason(guard, f"https://other.example:{elsewhere.port}/")
    assert "no connection" in await reason(egress(dev=True), f"https://127.0.0.1:{elsewhere.port}/")
    assert elsewhere.asked == []


LITERALS = [
    *("127.0.0.1", "127.1", "2130706433", "0x7f000001", "0177.0.0.1", "0", "0.0.0.0", "localhost"),  # noqa: S104
    *("[::1]", "[::]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[64:ff9b::7f00:1]", "[2002:7f00:1::1]"),
    *("10.0.0.1", "192.168.1.1", "169.254.169.254", "[fd00::1]", "[fe80::1]", "100.64.0.1", "[::127.0.0.1]"),
]


@pytest.mark.parametrize("host", LITERALS)
async def test_no_way_to_write_an_address_inside_leads_there(elsewhere, host):
    """L1: literals as they are, and as inet_aton and IPv6 allow to write them."""
    assert await reason(egress(trust=elsewhere.trust), f"https://{host}:{elsewhere.port}/")
    assert elsewhere.asked == []


@pytest.mark.parametrize(
    "answers",
    [
        ["127.0.0.1"],
        ["::1"],
        ["::ffff:127.0.0.1"],
        ["1.1.1.1", "127.0.0.1"],
        ["127.0.0.1", "1.1.1.1"],
        ["2606:4700::1", "fe80::1"],
        ["fe80::1%lo"],
        ["169.254.169.254"],
        [],
        ["not an address"],
    ],
    ids=repr,
)
async def test_one_address_inside_refuses_the_name(elsewhere, answers):
    """L1, L2: all answers are judged, not the first."""
    guard = egress(Names(answers), trust=elsewhere.trust)
    assert "keys.example" in await reason(guard, f"https://keys.example:{elsewhere.port}/")
    assert elsewhere.asked == []


async def test_a_name_that_changes_its_mind_is_not_asked_twice(elsewhere):
    """L2: DNS rebinding; the second answer would have led inside, and outside of --dev nothing is there."""
    names = Names(["192.0.1.1"], ["127.0.0.1"])
    guard = egress(names, trust=elsewhere.trust, patience=0.3)
    assert await reason(guard, f"https://keys.example:{elsewhere.port}/")
    assert len(names.asked) == 1
    assert elsewhere.asked == []


@pytest.mark.parametrize("location", ["http://127.0.0.1/", "https://keys.example/again", "//other.example"])
async def test_a_redirect_is_no_answer(elsewhere, location):
    """L2"""
    elsewhere.answer = (302, [(b"location", location.encode())], b"")
    guard = egress(Names(["127.0.0.1"]), dev=True, trust=elsewhere.trust)
    assert "302" in await reason(guard, f"https://keys.example:{elsewhere.port}/")
    assert len(elsewhere.asked) == 1


@pytest.mark.parametrize(
    "url",
    [
        "http://1.1.1.1/",
        "http://keys.example/",
        "ftp://keys.example/",
        "file:///etc/passwd",
        "gopher://keys.example/",
        "//keys.example/",
        "keys.example",
        "https://",
        "https:///x",
        "https://user@keys.example/",
        "https://user:secret@keys.example/",
        "https://keys.example/#a",
        "https://keys.example\\@127.0.0.1/",
        "https://keys.example /",
        "https://keys.example/\r\nHost: inside",
        "https://keys.example:0/",
        "https://keys.example:99999/",
        "https://keys.example%2f127.0.0.1/",
        "https://kéys.example/",
        "https://keys.example/" + "x" * 2048,
        "https://[::1/",
        "",
    ],
)
async def test_an_address_that_is_not_plain_https_is_not_called(url):
    """L1: nor one that two readers could take apart differently."""
    assert await reason(egress(Names(["1.1.1.1"]), patience=0.3), url)


async def test_dev_calls_this_machine_and_nothing_else_inside(elsewhere):
    """L1"""
    guard = egress(dev=True, trust=elsewhere.trust)
    assert "not an address of the internet" in await reason(guard, "http://10.0.0.1/")
    assert "not an address of the internet" in await reason(
        egress(Names(["127.0.0.1", "10.0.0.1"]), dev=True), "http://keys.example/"
    )
    assert "only https" in await reason(egress(Names(["1.1.1.1"]), dev=True), "http://keys.example/")


async def test_an_answer_without_end_ends(elsewhere):
    """U2: by its size, and by the time it takes."""
    elsewhere.never_ends = True
    guard = egress(Names(["127.0.0.1"]), dev=True, trust=elsewhere.trust)
    assert "longer than 10000 bytes" in await reason(guard, f"https://keys.example:{elsewhere.port}/")
    slow = egress(Names(["127.0.0.1"]), dev=True, trust=elsewhere.trust, patience=0.2)
    with pytest.raises(Unreachable, match=r"no answer within 0\.2 s"):
        await slow.fetch(f"https://keys.example:{elsewhere.port}/", accept="*/*", most=10**9)


async def test_a_compressed_answer_is_not_unpacked(elsewhere):
    """U2"""
    elsewhere.answer = (200, [(b"content-encoding", b"gzip")], b"\x1f\x8b")
    guard = egress(Names(["127.0.0.1"]), dev=True, trust=elsewhere.trust)
    assert "compressed" in await reason(guard, f"https://keys.example:{elsewhere.port}/")


async def test_each_host_is_called_a_few_times_only(elsewhere):
    """L1: the server is nobody's tool against a third."""
    guard = egress(Names(["127.0.0.1"]), dev=True, trust=elsewhere.trust, burst=3)
    url = f"https://keys.example:{elsewhere.port}/"
    for _ in range(3):
        await guard.fetch(url, accept="*/*")
    assert "too often" in await reason(guard, url)
    assert len(elsewhere.asked) == 3


async def test_no_proxy_of_the_environment_is_asked(elsewhere, monkeypatch):
    """L1: it would resolve the name again."""
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "HTTP_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    guard = egress(Names(["127.0.0.1"]), dev=True, trust=elsewhere.trust)
    assert await guard.fetch(f"https://keys.example:{elsewhere.port}/", accept="*/*") == b"hello"


async def test_another_kind_of_request_can_be_made(elsewhere):
    """L1: whatever calls out, calls through here."""
    guard = egress(Names(["127.0.0.1"]), dev=True, trust=elsewhere.trust)
    answer = await guard.call("POST", f"https://keys.example:{elsewhere.port}/hook", body=b"x")
    assert (answer.status, answer.body) == (200, b"hello")
    assert elsewhere.asked[0]["method"] == "POST"
