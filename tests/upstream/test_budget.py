"""The connect budget under a clock of its own."""

import asyncio
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.upstream.budget import ConnectBudget


class _Clock:
    """Time that passes only while somebody sleeps, and in jumps that the test makes."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        assert seconds > 0
        self.now += seconds
        await asyncio.sleep(0)


def _budget(clock: _Clock, limit: int = 250, window_s: float = 15.0) -> ConnectBudget:
    return ConnectBudget(limit, window_s, clock, clock.sleep)


def _most_in_a_window(times: list[float], window_s: float) -> int:
    return max(sum(begin <= other < begin + window_s for other in times) for begin in times)


async def test_a_start_of_many_streams_is_spread_and_stays_inside() -> None:
    clock = _Clock()
    budget = _budget(clock)
    times: list[float] = []

    async def connect() -> None:
        await budget.acquire()
        times.append(clock.now)

    await asyncio.gather(*(connect() for _ in range(1000)))
    assert _most_in_a_window(times, 15.0) <= 250
    gaps = [after - before for before, after in itertools.pairwise(times)]
    assert min(gaps) > 15.0 / 250
    assert times[-1] - times[0] < 1000 / 250 * 15.0 * 1.2  # and no slower than need be


async def test_the_first_connect_and_a_late_one_dont_wait() -> None:
    clock = _Clock()
    budget = _budget(clock)
    await budget.acquire()
    assert clock.now == 1000.0
    clock.now += 0.1
    await budget.acquire()
    assert clock.now == 1000.1


@given(st.lists(st.floats(0, 5), max_size=40), st.integers(1, 6))
def test_never_more_than_the_limit_in_any_window(pauses: list[float], limit: int) -> None:
    async def run() -> list[float]:
        clock = _Clock()
        budget = _budget(clock, limit, window_s=3.0)
        times = []
        for pause in [*pauses, 0.0]:
            clock.now += pause
            await budget.acquire()
            times.append(clock.now)
        return times

    assert _most_in_a_window(asyncio.run(run()), 3.0) <= limit


async def test_first_come_first_served() -> None:
    budget = _budget(_Clock())
    order: list[int] = []

    async def connect(number: int) -> None:
        await budget.acquire()
        order.append(number)

    await asyncio.gather(*(connect(number) for number in range(20)))
    assert order == list(range(20))


async def test_a_hold_stops_every_connect_and_the_longest_counts() -> None:
    clock = _Clock()
    budget = _budget(clock)
    budget.hold(20.0)
    budget.hold(15.0)
    assert budget.held_s() == 20.0
    await budget.acquire()
    assert clock.now == pytest.approx(1020.0)
    assert budget.held_s() == 0.0
    await budget.acquire()
    assert clock.now > 1020.0 + 15 / 250


async def test_a_hold_that_comes_while_somebody_waits_counts_for_them() -> None:
    clock = _Clock()

    async def sleep(seconds: float) -> None:
        if budget.held_s() == 0:
            budget.hold(15.0)
        await clock.sleep(seconds)

    budget = ConnectBudget(250, 15.0, clock, sleep)
    await budget.acquire()
    await budget.acquire()
    assert clock.now >= 1015.0


async def test_used_counts_the_last_window() -> None:
    clock = _Clock()
    budget = _budget(clock)
    assert budget.used() == 0
    for _ in range(3):
        await budget.acquire()
    assert budget.used() == 3
    clock.now = 1015.0
    assert budget.used() == 2
    clock.now = 1016.0
    assert budget.used() == 0


async def test_a_cancelled_wait_takes_no_place_and_blocks_nobody() -> None:
    clock = _Clock()
    stuck = asyncio.Event()
    calls = 0

    async def sleep(seconds: float) -> None:
        nonlocal calls
        calls += 1
        if calls == 1:
            stuck.set()
            await asyncio.Event().wait()
        await clock.sleep(seconds)

    budget = ConnectBudget(250, 15.0, clock, sleep)
    await budget.acquire()
    first = asyncio.create_task(budget.acquire())
    await stuck.wait()
    second = asyncio.create_task(budget.acquire())
    third = asyncio.create_task(budget.acquire())
    await asyncio.sleep(0)
    second.cancel()
    first.cancel()
    await third
    assert first.cancelled()
    assert second.cancelled()
    assert budget.used() == 2
