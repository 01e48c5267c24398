"""Requests side by side: some at a time, and answers as they come."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")

AT_ONCE = 4
"""Requests of one question that are under way, or answered and not yet taken: it bounds the answers that are held."""


async def abreast(asks: Iterable[Callable[[], Awaitable[T]]]) -> AsyncGenerator[T, None]:
    """The answers in the order in which they come, at most `AT_ONCE` ahead of whoever takes them.

    Close it (`contextlib.aclosing`) where it may be left early: what is under way then ends at once.

    Raises:
        Exception: What the first ask that fails raises. By then the others have been cancelled, and have ended.
    """
    waiting = iter(asks)
    running = set[asyncio.Task[T]]()
    try:
        while True:
            while len(running) < AT_ONCE and (ask := next(waiting, None)) is not None:
                running.add(asyncio.create_task(_answer(ask)))
            if not running:
                return
            done, _ = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                if (failed := task.exception()) is not None:
                    raise failed
            answered = done.pop()
            running.discard(answered)
            yield answered.result()
            del answered, done  # an answer is large: it isn't held while the next one is waited for
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


def groups(ids: Iterable[str], most: int) -> Iterator[tuple[str, ...]]:
    """The ids, each once and in their order, in groups of `most` at most."""
    distinct = list(dict.fromkeys(ids))
    for begin in range(0, len(distinct), most):
        yield tuple(distinct[begin : begin + most])


async def _answer(ask: Callable[[], Awaitable[T]]) -> T:
    return await ask()
