"""How the REST client keeps to upstream's limits: 429, Retry-After, and what the headers say is left."""

import asyncio
import time
from collections.abc import AsyncIterator
from email.utils import formatdate
from typing import Any

import pytest

from bridge.errors import RateLimited
from bridge.upstream import ratelimit as module
from tests.check.rest_wire import answers, client, page
from tests.upstream.wire import Upstream


@pytest.fixture
async def upstream() -> AsyncIterator[Upstream]:
    async with Upstream() as one:
        yield one


def limited(**headers: str) -> tuple[str, bytes]:
    lines = [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\n".join(["429 Too Many Requests", *lines]), b'{"error":"slow down"}'


def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Lets no time pass where the client waits, and keeps what it wanted to wait."""
    waited: list[float] = []
    real, skipped = time.monotonic, 0.0

    async def sleep(seconds: float) -> None:
        nonlocal skipped
        if seconds:
            waited.append(seconds)
            skipped += seconds

    class Time:
        monotonic = staticmethod(lambda: real() + skipped)
        time = staticmethod(time.time)

    class Asyncio:
        def __getattr__(self, name: str) -> Any:
            return sleep if name == "sleep" else getattr(asyncio, name)

    monkeypatch.setattr(module, "time", Time)
    monkeypatch.setattr(module, "asyncio", Asyncio())
    return waited


async def test_retry_after_is_waited_for(upstream: Upstream, monkeypatch: pytest.MonkeyPatch) -> None:
    waited = waits(monkeypatch)
    answers(upstream, limited(Retry_After="7"), page([1]))
    async with client(upstream, patience_s=10.0) as rest:
        assert (await rest.get("/x"))["data"] == [1]
    assert waited == [pytest.approx(7, abs=0.5)]


async def test_without_a_word_of_when_it_waits_as_the_guide_says(
    upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited = waits(monkeypatch)
    answers(upstream, limited(), page([1]))
    async with client(upstream, patience_s=20.0) as rest:
        await rest.get("/x")
    assert waited == [pytest.approx(15, abs=0.5)]


async def test_a_429_that_never_ends_is_not_asked_in_a_tight_loop(
    upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited = waits(monkeypatch)
    answers(upstream, limited(Retry_After="0"))
    async with client(upstream, patience_s=4.5) as rest:
        with pytest.raises(RateLimited):
            await rest.get("/x")
    assert len(upstream.requests) == 5
    assert waited == [pytest.approx(1, abs=0.2)] * 4


async def test_what_would_take_too_long_is_told_with_the_time(upstream: Upstream) -> None:
    answers(upstream, limited(Retry_After="120"))
    async with client(upstream, patience_s=10.0) as rest:
        with pytest.raises(RateLimited) as caught:
            await rest.get("/x")
    assert caught.value.retry_after == pytest.approx(120, abs=2)


async def test_a_used_up_limit_holds_the_next_request_until_its_reset(
    upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited = waits(monkeypatch)
    skewed = time.time() + 500  # upstream's own clock counts, however wrong
    date = formatdate(skewed, usegmt=True)
    headers = f"Date: {date}\nx-ratelimit-limit: 2500\nx-ratelimit-remaining: 0\nx-ratelimit-reset: {int(skewed) + 9}"
    answers(upstream, (f"200 OK\n{headers}", b"1"), ("200 OK\nx-ratelimit-remaining: 2499", b"2"))
    async with client(upstream, patience_s=20.0) as rest:
        assert [await rest.get("/x"), await rest.get("/x"), await rest.get("/x")] == [1, 2, 2]
    assert waited == [pytest.approx(9, abs=1)]


async def test_an_absurd_reset_does_not_stop_it_for_good(upstream: Upstream, monkeypatch: pytest.MonkeyPatch) -> None:
    waited = waits(monkeypatch)
    headers = "x-ratelimit-remaining: 0\nx-ratelimit-reset: 99999999999"
    answers(upstream, (f"200 OK\n{headers}", b"1"), ("200 OK", b"2"))
    async with client(upstream, patience_s=100.0) as rest:
        assert [await rest.get("/x"), await rest.get("/x")] == [1, 2]
    assert waited == [pytest.approx(60, abs=1)]
