"""A stream whose connections bring what a test sends on them, and a clock that only the test moves."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from typing import Any

import pytest

from bridge import stream as module
from bridge.continuity import Position
from bridge.entries import EntryId
from tests.support.scripted import Asyncio, Scene, playing

TURNS = 40
"""Turns of the loop after which everybody waits for something that only the test can bring."""


class Line:
    """A connection."""

    def __init__(self) -> None:
        self.closed = False
        self._coming: deque[bytes | Exception] = deque()
        self._news = asyncio.Event()

    def send(self, data: bytes | Exception) -> None:
        """Bytes, b"" for its end, or how it breaks."""
        self._coming.append(data)
        self._news.set()

    async def read(self) -> bytes:
        while not self._coming:
            self._news.clear()
            await self._news.wait()
        found = self._coming.popleft()
        if isinstance(found, Exception):
            raise found
        return found

    def close(self) -> None:
        self.closed = True


class Lines(Scene):
    """A stream on such connections. A connect is answered as `answers` says, else with a new line."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, renew_after_s: float, limit: int = 10**9) -> None:
        super().__init__(monkeypatch, [], position=Position(), limit=limit, renew_after_s=renew_after_s)
        self.lines: list[Line] = []
        self.answers: deque[Exception | asyncio.Event] = deque()
        """Errors, or what is waited for first."""
        self._timeouts: list[tuple[float, asyncio.Timeout]] = []
        monkeypatch.setattr(module, "asyncio", Virtual(self._sleep, self._timeout))

    async def _connect(self, last: EntryId | None, begun: Callable[[], None]) -> Any:
        begun()
        self.asked.append(last)
        if self.answers:
            answer = self.answers.popleft()
            if isinstance(answer, Exception):
                raise answer
            await answer.wait()
        self.lines.append(Line())
        return self.lines[-1]

    def _timeout(self, seconds: float) -> AbstractAsyncContextManager[Any]:
        timeout = asyncio.timeout(None)
        self._timeouts.append((self.now + seconds, timeout))
        return timeout

    async def settle(self) -> None:
        for _ in range(TURNS):
            await asyncio.sleep(0)

    async def send(self, line: int, *data: bytes | Exception) -> None:
        """Send on a line, and have it read."""
        for one in data:
            self.lines[line].send(one)
        await self.settle()

    async def wait(self, seconds: float) -> None:
        """Time passes."""
        self.now += seconds
        due = [timeout for at, timeout in self._timeouts if at <= self.now]
        self._timeouts = [(at, timeout) for at, timeout in self._timeouts if at > self.now]
        for timeout in due:
            with suppress(RuntimeError):  # it is over
                timeout.reschedule(asyncio.get_running_loop().time())
        await self.settle()

    @property
    def ids(self) -> list[int]:
        """The ids of the entries that were published, in order, counted from `NOW`."""
        return [held.entry_id.ms % 10**6 for held in self.held if held.entry_id is not None]

    def told(self, event: str) -> list[dict[str, Any]]:
        """What was announced under a name."""
        return [said for said in self.said if said["event"] == event]


class Virtual(Asyncio):
    """asyncio, but for its `sleep` and its `timeout`."""

    def __init__(self, sleep: Callable[[float], Any], timeout: Callable[[float], Any]) -> None:
        super().__init__(sleep)
        self.timeout = timeout


@asynccontextmanager
async def reading(
    monkeypatch: pytest.MonkeyPatch, *, renew_after_s: float = 100.0, limit: int = 10**9
) -> AsyncIterator[Lines]:
    """A stream that has connected."""
    scene = Lines(monkeypatch, renew_after_s=renew_after_s, limit=limit)
    async with playing(scene):
        await scene.settle()
        yield scene
