"""Many requests that wait for a rate limit."""

import asyncio
import threading
import time
from collections.abc import Callable

import pytest

from bridge.errors import RateLimited
from bridge.upstream.rest import Rest
from tests.upstream.wire import Upstream, Wire


class Limited:
    """Answers 429 to the first request, and 200 to the others; `at` has the time of each on a monotonic clock."""

    def __init__(self, upstream: Upstream, retry_after: str) -> None:
        self.at: list[float] = []
        self._retry_after = retry_after
        upstream.answer = self._answer

    async def _answer(self, wire: Wire) -> None:
        self.at.append(time.monotonic())
        head = b"200 OK"
        if len(self.at) == 1:
            head = b"429 Too Many Requests\r\nRetry-After: " + self._retry_after.encode()
        await wire.send(b"HTTP/1.1 %b\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}" % head)


async def _until(condition: Callable[[], object]) -> None:
    while not condition():  # noqa: ASYNC110 - what is waited for tells nobody
        await asyncio.sleep(0.001)


async def test_all_that_queue_wait_for_the_hold_and_none_of_them_loses_patience(upstream: Upstream) -> None:
    limited = Limited(upstream, "1")
    async with Rest(upstream.url, lambda: "demo-key", limit=1, patience_s=1.5) as rest:
        await asyncio.gather(*(rest.get("/x") for _ in range(50)))
    assert len(limited.at) == 51
    assert limited.at[1] - limited.at[0] > 0.9


async def test_what_would_take_too_long_is_told_to_all_without_asking(upstream: Upstream) -> None:
    limited = Limited(upstream, "100")
    async with Rest(upstream.url, lambda: "demo-key", limit=1, patience_s=5.0) as rest:
        errors = await asyncio.gather(*(rest.get("/x") for _ in range(50)), return_exceptions=True)
    assert [type(error) for error in errors] == [RateLimited] * 50
    assert all(isinstance(e, RateLimited) and e.retry_after == pytest.approx(100, abs=3) for e in errors)
    assert len(limited.at) == 1


async def test_who_was_about_to_ask_when_the_429_came_waits_too(upstream: Upstream) -> None:
    limited = Limited(upstream, "1")
    refused = threading.Event()
    keys = 0

    def read_key() -> str:
        nonlocal keys
        keys += 1
        if keys == 2:
            refused.wait(10)
        return "demo-key"

    async with Rest(upstream.url, read_key, limit=2, patience_s=5.0) as rest:
        first = asyncio.create_task(rest.get("/x"))
        await _until(lambda: keys)
        second = asyncio.create_task(rest.get("/x"))
        await _until(rest._rate.held_s)
        refused.set()
        await asyncio.gather(first, second)
    assert len(limited.at) == 3
    assert limited.at[1] - limited.at[0] > 0.9


async def test_a_cancelled_question_gives_its_turn_away(upstream: Upstream) -> None:
    async with Rest(upstream.url, lambda: "demo-key", limit=1, timeout_s=60.0) as rest:
        stuck = asyncio.create_task(rest.get("/x"))
        await _until(lambda: upstream.requests)
        next_one = asyncio.create_task(rest.get("/y"))
        upstream.says("200 OK", b"{}")
        stuck.cancel()
        assert await next_one == {}
