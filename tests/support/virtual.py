"""Time that only a test moves: the clocks of a module, and what it sleeps and waits for."""

import asyncio
from collections.abc import Iterable
from contextlib import suppress
from types import ModuleType
from typing import Any

import pytest

from tests.support.ids import NOW

TURNS = 40
"""Turns of the loop after which everybody waits for something that only the test can bring."""


class Time:
    """Seconds of all clocks; whoever sleeps or has a time limit in the modules waits for this one."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, modules: Iterable[ModuleType]) -> None:
        self.now = 1_000.0
        self._due: list[tuple[float, asyncio.Timeout | asyncio.Future[None]]] = []
        for module in modules:
            for name in ("time", "asyncio"):
                if hasattr(module, name):
                    monkeypatch.setattr(module, name, _Moved(getattr(module, name), self))

    def time(self) -> float:
        """Epoch seconds."""
        return NOW / 1000 + self.now

    def monotonic(self) -> float:
        """Monotonic seconds."""
        return self.now

    async def sleep(self, seconds: float) -> None:
        """Wait for so long; 0 gives way to others."""
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        slept: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._due.append((self.now + seconds, slept))
        await slept

    def timeout(self, seconds: float) -> asyncio.Timeout:
        """A time limit."""
        limit = asyncio.timeout(None if seconds > 0 else 0)
        if seconds > 0:
            self._due.append((self.now + seconds, limit))
        return limit

    async def wait(self, seconds: float) -> None:
        """Time passes; whoever has waited for a moment goes on before the next one comes."""
        end = self.now + seconds
        await settle()
        while due := min((at for at, _ in self._due if at <= end), default=0.0):
            self.now = max(self.now, due)
            woken = [one for at, one in self._due if at <= self.now]
            self._due = [(at, one) for at, one in self._due if at > self.now]
            for one in woken:
                if isinstance(one, asyncio.Timeout):
                    with suppress(RuntimeError):  # it is over
                        one.reschedule(asyncio.get_running_loop().time())
                elif not one.done():
                    one.set_result(None)
            await settle()
        self.now = end
        await settle()


class _Moved:
    """A module, but for what has to do with time."""

    def __init__(self, module: Any, time: Time) -> None:
        self._module = module
        self._time = time

    def __getattr__(self, name: str) -> Any:
        if name in {"time", "monotonic", "sleep", "timeout"} and hasattr(self._module, name):
            return getattr(self._time, name)
        return getattr(self._module, name)


async def settle() -> None:
    """Let everybody run who can."""
    for _ in range(TURNS):
        await asyncio.sleep(0)
