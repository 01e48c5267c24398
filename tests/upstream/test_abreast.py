"""Requests side by side, without an upstream."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from functools import partial

import pytest

from bridge.upstream.abreast import AT_ONCE, abreast, groups


class Asks:
    """Asks that end when they are told to."""

    def __init__(self, count: int) -> None:
        self.begun: list[int] = []
        self.cancelled: list[int] = []
        self.answers = [asyncio.Event() for _ in range(count)]

    def all(self) -> list[Callable[[], Awaitable[int]]]:
        return [partial(self._ask, n) for n in range(len(self.answers))]

    async def _ask(self, n: int) -> int:
        self.begun.append(n)
        try:
            await self.answers[n].wait()
        except asyncio.CancelledError:
            self.cancelled.append(n)
            raise
        if n == 3:
            raise ValueError("the third")
        return n


async def test_answers_come_as_they_come_and_at_most_so_many_are_ahead() -> None:
    asks = Asks(3)
    asks.answers[2].set()
    async with aclosing(abreast(asks.all())) as answers:
        assert await anext(answers) == 2
        asks.answers[0].set()
        assert await anext(answers) == 0
        asks.answers[1].set()
        assert await anext(answers) == 1
        with pytest.raises(StopAsyncIteration):
            await anext(answers)


async def test_nothing_new_is_asked_while_what_came_is_not_taken() -> None:
    begun = 0

    async def ask() -> int:
        nonlocal begun
        begun += 1
        return begun

    async with aclosing(abreast([ask] * 50)) as answers:
        taken = [await anext(answers)]
        for _ in range(100):
            await asyncio.sleep(0)
        assert begun == AT_ONCE
        async for answer in answers:
            taken.append(answer)
            assert begun <= len(taken) - 1 + AT_ONCE
    assert sorted(taken) == list(range(1, 51))


async def test_the_first_failure_ends_the_others() -> None:
    asks = Asks(20)
    for n in (0, 1, 3):
        asks.answers[n].set()
    taken = []
    with pytest.raises(ValueError, match="the third"):  # noqa: PT012 — what comes before the failure is looked at
        async for answer in abreast(asks.all()):
            taken.append(answer)  # noqa: PERF401 — the same
    assert set(taken) <= {0, 1}
    assert set(asks.cancelled) == set(asks.begun) - {0, 1, 3}
    assert len(asks.begun) <= AT_ONCE + 2


async def test_who_leaves_early_leaves_nothing_behind() -> None:
    asks = Asks(20)
    asks.answers[0].set()
    async with aclosing(abreast(asks.all())) as answers:
        assert await anext(answers) == 0
    assert sorted(asks.cancelled) == [1, 2, AT_ONCE - 1]
    assert len(asks.begun) == AT_ONCE


async def test_a_cancelled_reader_cancels_what_is_under_way() -> None:
    asks = Asks(20)

    async def read() -> None:
        async with aclosing(abreast(asks.all())) as answers:
            async for _ in answers:
                pass

    reading = asyncio.create_task(read())
    while len(asks.begun) < AT_ONCE:  # noqa: ASYNC110 — nobody tells
        await asyncio.sleep(0)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    assert sorted(asks.cancelled) == asks.begun


def test_groups_have_each_id_once_and_in_order() -> None:
    assert list(groups(["b", "a", "b", "c", "d"], 2)) == [("b", "a"), ("c", "d")]
    assert list(groups([], 2)) == []
