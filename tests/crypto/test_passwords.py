"""People's passwords: the rule, the slow hash, and the bounds of its threads."""

import asyncio
import os
import threading
import time
from pathlib import Path

import pytest
from argon2 import Type, extract_parameters

from grantway.crypto import passwords as module
from grantway.crypto.passwords import QUEUE_LIMIT, Busy, Passwords, Verified, password_problem

RIGHT = Verified(ok=True, needs_rehash=False)
RIGHT_BUT_OLD = Verified(ok=True, needs_rehash=True)
WRONG = Verified(ok=False, needs_rehash=False)
DJANGO = "pbkdf2_sha256$1000$fixedSalt01$Tks5IRCrlaP86ir1tVo7jWEi3xNDjgr/lmwG2qVl5Eo="


@pytest.fixture
def passwords():
    made = Passwords(workers=1)
    yield made
    made.close()


class Occupied:
    """Every thread of a pool busy until `let_go`, so that what comes next has to wait."""

    def __init__(self, passwords):
        self.passwords, self.gate = passwords, threading.Event()

    async def __aenter__(self):
        self.jobs = [
            asyncio.create_task(self.passwords._run(self.gate.wait)) for _ in range(self.passwords._threads)
        ]
        await asyncio.sleep(0)
        return self

    def let_go(self):
        self.gate.set()

    async def __aexit__(self, *_):
        self.gate.set()
        await asyncio.gather(*self.jobs, return_exceptions=True)


async def test_a_password_is_verified_against_its_hash(passwords):
    stored = await passwords.hash("Zwölf Boxkämpfer")
    assert RIGHT == await passwords.verify(stored, "Zwölf Boxkämpfer")
    assert WRONG == await passwords.verify(stored, "zwölf boxkämpfer")


async def test_a_hash_has_the_parameters_we_promise(passwords):
    parameters = extract_parameters(await passwords.hash("correct horse"))
    found = (parameters.type, parameters.memory_cost, parameters.time_cost, parameters.parallelism)
    assert (Type.ID, 19 * 1024, 2, 1) == found
    assert extract_parameters(module._dummy()) == parameters


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("x" * 72 + "a", "x" * 72 + "b"),
        ("x" * 1023 + "a", "x" * 1023 + "b"),
        ("password\0one", "password\0two"),
        ("Correct Horse", "correct horse"),
        ("correct horse", "correct horse "),
        ("caf\u00e9 au lait", "cafe\u0301 au lait"),
        ("ﬁnancial", "financial"),
    ],
    ids=["octet 73", "octet 1024", "after NUL", "case", "trailing space", "normal form", "ligature"],
)
async def test_passwords_that_differ_anywhere_are_different(passwords, one, other):
    """C16"""
    stored = await passwords.hash(one)
    assert RIGHT == await passwords.verify(stored, one)
    assert WRONG == await passwords.verify(stored, other)


@pytest.mark.parametrize(
    "stored",
    [None, "", "!", "unknown$format", "$2x$04$", module._dummy()],
    ids=["no account", "empty", "locked", "unknown", "bcrypt 2x", "the dummy itself"],
)
@pytest.mark.parametrize(
    "password",
    ["", "correct horse", "\0", "\ud800", "x" * 1_000_000],
    ids=["empty", "text", "NUL", "surrogate", "megabyte"],
)
async def test_without_a_hash_no_password_is_right(passwords, stored, password):
    """C9: an upside-down dummy once let everybody in (Keycloak #51887)."""
    assert WRONG == await passwords.verify(stored, password)


@pytest.mark.parametrize("octets", [b"correct horse", b"", None], ids=["text", "empty", "impossible"])
@pytest.mark.parametrize(
    "stored", [None, "unknown$format", DJANGO], ids=["no account", "unknown", "imported"]
)
def test_without_a_hash_it_is_the_same_work(stored, octets):
    """C9: measured in processor time, with wide margins: without the dummy it is a thousandth."""

    def work(hash_, password):
        begun = time.process_time()
        assert WRONG == module._verify(hash_, password)
        return time.process_time() - begun

    real = module._HASHER.hash(b"another")
    work(stored, octets)
    assert min(work(stored, octets) for _ in range(3)) > 0.3 * min(work(real, b"wrong") for _ in range(3))


async def test_an_imported_hash_is_verified_and_to_be_replaced(passwords):
    assert RIGHT_BUT_OLD == await passwords.verify(DJANGO, "Zwölf Boxkämpfer")
    assert WRONG == await passwords.verify(DJANGO, "Zwölf Boxkämpfe")
    ours = await passwords.hash("Zwölf Boxkämpfer")
    assert RIGHT_BUT_OLD == await passwords.verify("argon2" + ours, "Zwölf Boxkämpfer")


async def test_our_hash_with_other_parameters_is_to_be_replaced(passwords):
    from argon2 import PasswordHasher

    older = PasswordHasher(time_cost=1, memory_cost=1024, parallelism=1).hash("correct horse")
    assert RIGHT_BUT_OLD == await passwords.verify(older, "correct horse")
    assert WRONG == await passwords.verify(older, "wrong horse")


@pytest.mark.parametrize("text", ["\ud800" * 10, "x" * 1025], ids=["surrogates", "1025 characters"])
async def test_what_never_verifies_is_never_hashed(passwords, text):
    with pytest.raises(ValueError, match="not a password"):
        await passwords.hash(text)


async def test_of_sixty_at_once_fifty_wait_and_ten_are_told_to_come_back(passwords):
    """U1: the queue is bounded, the rest is shed; meanwhile the event loop goes on."""
    stored = await passwords.hash("correct horse")
    async with Occupied(passwords) as threads:
        calls = [asyncio.create_task(passwords.verify(stored, "correct horse")) for _ in range(60)]
        for _ in range(1000):  # a thousand turns of the loop while nobody verifies anything
            await asyncio.sleep(0)
        shed = [call for call in calls if call.done()]
        assert 60 - QUEUE_LIMIT == len(shed)
        assert all(isinstance(call.exception(), Busy) for call in shed)
        assert all(call.exception().retry_after >= 1 for call in shed)
        threads.let_go()
        waited = await asyncio.gather(*(call for call in calls if call not in shed))
    assert [RIGHT] * QUEUE_LIMIT == waited


async def test_a_cancelled_caller_gives_its_place_back(passwords):
    async with Occupied(passwords):
        calls = [asyncio.create_task(passwords.verify(None, "x")) for _ in range(QUEUE_LIMIT)]
        await asyncio.sleep(0)
        with pytest.raises(Busy):
            await passwords.verify(None, "one too many")
        calls[0].cancel()
        calls[-1].cancel()
        await asyncio.sleep(0)
        later = [asyncio.create_task(passwords.verify(None, "x")) for _ in range(2)]
        await asyncio.sleep(0)
        assert not any(call.done() for call in later)
        with pytest.raises(Busy):
            await passwords.verify(None, "one too many")
        for call in [*calls, *later]:
            call.cancel()
        await asyncio.gather(*calls, *later, return_exceptions=True)


async def test_a_caller_cancelled_while_running_does_not_keep_its_place():
    passwords = Passwords(workers=1)
    async with Occupied(passwords) as threads:
        for job in threads.jobs:
            job.cancel()
        await asyncio.gather(*threads.jobs, return_exceptions=True)
        assert QUEUE_LIMIT == passwords._places._value  # the threads are still at work
    passwords.close()
    assert passwords._threads + QUEUE_LIMIT == passwords._places._value


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="niceness belongs to threads on Linux only")
async def test_every_thread_is_at_nice_10_and_the_rest_of_the_process_is_not(passwords):
    together = threading.Barrier(passwords._threads, timeout=30)
    own = os.getpriority(os.PRIO_PROCESS, 0)

    def look():
        together.wait()
        thread = threading.get_native_id()
        return thread, threading.current_thread().name, os.getpriority(os.PRIO_PROCESS, thread)

    seen = await asyncio.gather(*(passwords._run(look) for _ in range(passwords._threads)))
    assert passwords._threads == len({thread for thread, _, _ in seen})
    assert all(name.startswith("grantway-passwords") for _, name, _ in seen)
    assert {max(10, own)} == {niceness for _, _, niceness in seen}
    assert own == os.getpriority(os.PRIO_PROCESS, threading.get_native_id())


@pytest.mark.parametrize(("workers", "share"), [(1, 1.0), (2, 0.5), (10_000, 0.0)])
def test_the_workers_share_the_cores(workers, share):
    passwords = Passwords(workers)
    assert max(1, int(module._cores() * share)) == passwords._threads
    passwords.close()


async def test_after_closing_nothing_is_hashed_and_no_place_is_lost():
    passwords = Passwords(workers=1)
    passwords.close()
    with pytest.raises(RuntimeError):
        await passwords.hash("correct horse")
    assert passwords._threads + QUEUE_LIMIT == passwords._places._value


@pytest.mark.parametrize(
    "text",
    [
        "x7 gravel",
        "correct horse battery staple",
        " leading and trailing ",
        "пароль мой",
        "🐎🔋📎✅🐴🧲🪝🧵",
        "no digits no capitals",
        pytest.param("abcdefg" + "x" * 1017, id="1024 characters"),
        "\x7f\x80\uffff unusual",
    ],
)
def test_a_password_may_be_any_text_of_8_to_1024_characters(text):
    """C16, ASVS 6.2: no rules about kinds of characters."""
    assert password_problem(text) is None


@pytest.mark.parametrize(
    ("text", "reads"),
    [
        ("", "at least 8"),
        ("1234567", "at least 8"),
        ("🐎🔋📎✅🐴🧲🪝", "at least 8"),
        pytest.param("ab " * 342, "at most 1,024", id="1026 characters"),
        pytest.param("x y" * 400_000, "at most 1,024", id="megabyte"),
        ("nul\0nul\0nul", "control characters"),
        ("line one\nline two", "control characters"),
        ("tab\ttab\ttab", "control characters"),
        ("lone \ud83d surrogate", "control characters"),
        ("password", "one of the first"),
        ("PassWord", "one of the first"),
        ("Password2026!", "one of the first"),
        ("12345678", "one of the first"),
        ("1qaz2wsx", "one of the first"),
        ("grantway", "one of the first"),
        ("Grantway-1234", "one of the first"),
        ("Control Center", "one of the first"),
        ("administrator", "one of the first"),
        ("zzzzzzzzzzzz", "one of the first"),
        ("        ", "one of the first"),
    ],
)
def test_what_is_no_password_is_refused_with_the_reason(text, reads):
    """C16, U6, ASVS 6.2.4"""
    problem = password_problem(text)
    assert problem is not None
    assert reads in problem


def test_the_three_thousand_commonest_are_refused():
    assert 3000 == len(module._common_passwords())
    assert all(password_problem(text) for text in module._common_passwords())
    assert (
        "Permission is hereby granted" in Path(module.__file__).with_name("common_passwords.txt").read_text()
    )
