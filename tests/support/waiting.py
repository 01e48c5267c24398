"""Waiting for a condition: it is looked at again and again, and a time-out is a failure that says what was seen."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")


async def until(look: Callable[[], Awaitable[T]], good: Callable[[T], object], *, within: float, what: str) -> T:
    """Look until what is seen is good; `within` seconds only bounds a failure."""
    end = time.monotonic() + within
    while True:
        seen = await look()
        if good(seen):
            return seen
        if time.monotonic() > end:
            raise AssertionError(f"{what}: not within {within:g} s; last seen: {seen!r}"[:4_000])
        await asyncio.sleep(0.05)


def until_holds(holds: Callable[[], bool], what: str, *, within: float = 60) -> None:
    """The same where no event loop runs; `what` says what is wrong if it never holds."""
    end = time.monotonic() + within
    while not holds():
        assert time.monotonic() < end, what
        time.sleep(0.02)
