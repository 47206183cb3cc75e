"""Gathering (`design` 20): who asks at the same time travels together, and nobody pays for a neighbour."""

import asyncio

import pytest

from grantway.storage.port import Conflict, Unavailable
from grantway.storage.postgres.batches import LANES, MOST, Gathered


class Road:
    """Answers with twice the number; remembers who travelled with whom; refuses 13."""

    def __init__(self):
        self.trips = []
        self.open = asyncio.Event()
        self.open.set()
        self.calls = Gathered(alone=self.alone, together=self.together)

    async def alone(self, number):
        await self.open.wait()
        self.trips.append([number])
        if number == 13:
            raise Conflict("unlucky")
        return number * 2

    async def together(self, numbers):
        await self.open.wait()
        self.trips.append(list(numbers))
        if 13 in numbers:
            raise Conflict("unlucky")
        if 99 in numbers:
            raise Unavailable("cut")
        return [number * 2 for number in numbers]


async def test_each_caller_gets_its_own_answer_and_most_travel_together():
    road = Road()
    answers = await asyncio.gather(*(road.calls.ask(number) for number in range(200, 400)))
    assert [number * 2 for number in range(200, 400)] == answers
    assert len(road.trips) < 10
    assert MOST == max(map(len, road.trips))


async def test_a_single_caller_takes_the_plain_way():
    road = Road()
    assert 10 == await road.calls.ask(5)
    assert [[5]] == road.trips


async def test_one_bad_member_fails_alone():
    road = Road()
    calls = [road.calls.ask(number) for number in (1, 2, 13, 4)]
    one, two, bad, four = await asyncio.gather(*calls, return_exceptions=True)
    assert (2, 4, 8) == (one, two, four)
    assert isinstance(bad, Conflict)


async def test_an_unknown_outcome_is_told_to_all_and_nothing_is_run_again():
    road = Road()
    answers = await asyncio.gather(*(road.calls.ask(n) for n in (1, 2, 99)), return_exceptions=True)
    assert [Unavailable] * 3 == [type(answer) for answer in answers]
    assert 1 == len(road.trips)


async def test_cancelling_one_caller_leaves_its_batch_as_it_is():
    road = Road()
    road.open.clear()
    leaving, staying = (asyncio.create_task(road.calls.ask(number)) for number in (1, 2))
    await asyncio.sleep(0)
    leaving.cancel()
    road.open.set()
    assert 4 == await staying
    with pytest.raises(asyncio.CancelledError):
        await leaving
    assert [[1, 2]] == road.trips


async def test_no_more_lanes_are_open_than_there_may_be():
    road = Road()
    road.open.clear()
    calls = []
    for number in range(20, 30):
        calls.append(asyncio.create_task(road.calls.ask(number)))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    assert LANES >= len(road.calls._lanes)
    road.open.set()
    assert [number * 2 for number in range(20, 30)] == await asyncio.gather(*calls)


async def test_who_asks_in_the_moment_the_last_lane_ends_is_answered():
    """A lost wake-up: every lane has just found nobody waiting, and an answered caller asks again at once."""
    road = Road()
    road.open.clear()

    async def asks_twice(number):
        return await road.calls.ask(number), await road.calls.ask(number + 100)

    callers = [asyncio.create_task(asks_twice(number)) for number in range(LANES)]
    await asyncio.sleep(0)
    road.open.set()
    async with asyncio.timeout(5):
        answers = await asyncio.gather(*callers)
    assert [(number * 2, number * 2 + 200) for number in range(LANES)] == answers
