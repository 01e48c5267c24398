"""The buffer: bounds, order, and who is woken when."""

import asyncio
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.buffer import Buffer
from bridge.records import Held

NEVER_S = 3_600.0
_numbers = count()


def held(size: int = 10) -> Held:
    return Held("nba", "odds", None, next(_numbers), [], size, [])


async def waits(task: "asyncio.Task[None]") -> bool:
    """Whether it still waits once everything that can run has run."""
    for _ in range(5):
        await asyncio.sleep(0)
    return not task.done()


@given(st.lists(st.one_of(st.integers(0, 50).map(lambda n: ("offer", n)), st.integers(0, 5).map(lambda n: ("go", n)))))
def test_size_order_and_fullness_are_right_after_any_steps(steps: list[tuple[str, int]]) -> None:
    buffer = Buffer(60)
    model: list[Held] = []
    full = False
    for step, n in steps:
        if step == "offer":
            one = held(n)
            buffer.offer(one)
            model.append(one)
        else:
            buffer.let_go(n)
            del model[:n]
        size = sum(one.size for one in model)
        assert buffer.size == size
        assert len(buffer) == len(model)
        full = size >= 60
        assert buffer.full == full
        assert buffer.first(10**9) == model
    buffer.clear()
    assert (len(buffer), buffer.size, buffer.full) == (0, 0, False)


@given(st.lists(st.integers(1, 40), max_size=30), st.integers(1, 100))
def test_first_gives_the_oldest_up_to_a_size_and_at_least_one(sizes: list[int], wanted: int) -> None:
    buffer = Buffer(10**9)
    all_of_them = [held(size) for size in sizes]
    for one in all_of_them:
        buffer.offer(one)
    taken = buffer.first(wanted)
    assert taken == all_of_them[: len(taken)]
    assert len(taken) >= min(1, len(sizes))
    assert sum(one.size for one in taken[:-1]) < wanted
    assert len(taken) == len(sizes) or sum(one.size for one in taken) >= wanted
    assert len(buffer) == len(sizes), "they stay held"


async def test_whoever_offers_waits_until_enough_is_let_go() -> None:
    buffer = Buffer(25)
    await asyncio.wait_for(buffer.room(), NEVER_S)
    for _ in range(3):
        buffer.offer(held(10))
    room = asyncio.create_task(buffer.room())
    assert await waits(room)
    buffer.let_go(0)
    assert await waits(room)
    buffer.let_go(1)
    assert not await waits(room)
    await room


async def test_an_entry_over_the_limit_is_held_and_then_there_is_room_again() -> None:
    buffer = Buffer(25)
    buffer.offer(held(1_000))
    assert buffer.full
    assert len(buffer.first(1)) == 1
    buffer.let_go(1)
    await asyncio.wait_for(buffer.room(), NEVER_S)


async def test_an_offer_wakes_whoever_waits_for_entries() -> None:
    buffer = Buffer(25)
    filled = asyncio.create_task(buffer.filled(NEVER_S))
    assert await waits(filled)
    buffer.offer(held())
    assert not await waits(filled)
    await filled
    await asyncio.wait_for(buffer.filled(NEVER_S), NEVER_S)  # what is held still is reason enough
    buffer.let_go(1)
    again = asyncio.create_task(buffer.filled(NEVER_S))
    assert await waits(again), "nothing new came"
    buffer.wake()
    assert not await waits(again)
    await again


async def test_an_offer_during_a_commit_isnt_missed() -> None:
    buffer = Buffer(10**6)
    buffer.offer(held())
    await buffer.filled(NEVER_S)
    taken = buffer.first(10**6)
    buffer.offer(held())  # while the transaction is under way
    buffer.let_go(len(taken))
    filled = asyncio.create_task(buffer.filled(NEVER_S))
    assert not await waits(filled)
    await filled


async def test_waiting_for_entries_ends_by_itself() -> None:
    buffer = Buffer(25)
    await buffer.filled(0.01)
    assert not buffer.first(1)


@pytest.mark.parametrize("counted", [1, 5])
def test_letting_go_of_more_than_is_held_is_letting_go_of_all(counted: int) -> None:
    buffer = Buffer(5)
    buffer.offer(held(10))
    buffer.let_go(counted)
    assert (len(buffer), buffer.size, buffer.full) == (0, 0, False)
