"""A stream on connections that follow a script, with a clock that jumps."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any

import orjson
import pytest

from bridge import stream as module
from bridge.announce import Announcer
from bridge.buffer import Buffer
from bridge.continuity import Position
from bridge.entries import EntryId
from bridge.health import State, StreamHealth
from bridge.metrics import Metrics
from bridge.publisher import Publisher
from bridge.records import Explode, Held
from bridge.stream import Stream
from tests.support.ids import NOW

Step = bytes | float | Exception | Callable[[], object]
"""Bytes that are read, seconds that pass, an error, or something that happens meanwhile."""
Script = Sequence[Exception | Sequence[Step]]
"""Attempts to connect: an error, or what happens on the connection; after the last step it ends."""


def frame(event: str, ms: int | None, *odds: str) -> bytes:
    body: dict[str, Any] = {"data": [{"id": odd} for odd in odds]}
    if ms is not None:
        body["entry_id"] = f"{ms}-0"
    return f"event: {event}\ndata: {json.dumps(body)}\n\n".encode()


def entries(first: int, last: int) -> bytes:
    return b"".join(frame("odds", NOW + n, "a") for n in range(first, last + 1))


CONNECTED = b"event: connected\ndata: ok go\n\n"
PING = b"event: ping\ndata: now\n\n"


class Log:
    def __init__(self) -> None:
        self.told: list[tuple[str, str]] = []

    def __getattr__(self, level: str) -> Callable[..., None]:
        return lambda text, **_: self.told.append((level, text))


class Watched(StreamHealth):
    """Remembers each state that was entered, and lets a test wait for one."""

    def __init__(self, clock: Callable[[], float]) -> None:
        super().__init__(clock)
        self.entered: list[tuple[State, str]] = []
        self._waiting: list[tuple[State, asyncio.Future[None]]] = []

    def to(self, state: State, why: str = "") -> None:
        super().to(state, why)
        self.entered.append((state, why))
        for wanted, waiter in self._waiting:
            if wanted is state and not waiter.done():
                waiter.set_result(None)

    async def enters(self, state: State) -> None:
        """Wait until it enters a state."""
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((state, waiter))
        await waiter


class Asyncio:
    """asyncio, but for its `sleep`."""

    def __init__(self, sleep: Callable[[float], Any]) -> None:
        self.sleep = sleep

    def __getattr__(self, name: str) -> Any:
        return getattr(asyncio, name)


class Scene:
    """A stream, the script of its connections, and everything that can be seen of it."""

    def __init__(
        self,
        monkeypatch: pytest.MonkeyPatch,
        script: Script,
        *,
        position: Position,
        limit: int,
        renew_after_s: float = 0.0,
    ) -> None:
        self.now = 1_000.0
        self.slept: list[float] = []
        self.asked: list[EntryId | None] = []
        self.closed = 0
        self.reads = 0
        self.over = asyncio.Event()
        self.log = Log()
        self.buffer = Buffer(limit)
        self.metrics = Metrics().stream("nba")
        self.health = Watched(lambda: self.now)
        self.explode = Explode(stream="nba", topics={"odds": "p.odds"}, unknown_prefix="p.event.", odds_format=None)
        clock = SimpleNamespace(monotonic=lambda: self.now, time=lambda: NOW / 1000 + self.now)
        self.publisher = Publisher(
            explode=self.explode,
            announcer=Announcer("p.bridge-events", "here"),
            position=position,
            board=None,
            buffer=self.buffer,
            scope="all",
            health=self.health,
            metrics=self.metrics,
            now_ms=lambda: int(clock.time() * 1000),
        )
        self.stream = Stream(
            "nba",
            connect=self._connect,
            publisher=self.publisher,
            buffer=self.buffer,
            max_event_bytes=10_000,
            renew_after_s=renew_after_s,
            health=self.health,
            metrics=self.metrics,
        )
        self._script = list(script)
        monkeypatch.setattr(module, "time", clock)
        monkeypatch.setattr(module, "asyncio", Asyncio(self._sleep))
        monkeypatch.setattr(module, "log", self.log)

    async def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds
        await asyncio.sleep(0)

    async def _connect(self, last: EntryId | None, begun: Callable[[], None]) -> "Connection":
        if not self._script:
            self.over.set()
            await asyncio.Event().wait()
        assert self.health.state is State.WAITING
        begun()
        self.asked.append(last)
        found = self._script.pop(0)
        if isinstance(found, Exception):
            raise found
        return Connection(self, list(found))

    @property
    def held(self) -> list[Held]:
        """The entries; what the stream says of itself is in `said`."""
        found = [held for held in self.buffer.first(10**9) if held.event]
        for held in found:
            held.single_out()
        return found

    @property
    def said(self) -> list[dict[str, Any]]:
        """What was announced, in order."""
        held = self.buffer.first(10**9)
        return [orjson.loads(r.value) for h in held if not h.event for r in h.records]


class Connection:
    def __init__(self, scene: Scene, steps: list[Step]) -> None:
        self._scene = scene
        self._steps = steps

    async def read(self) -> bytes:
        self._scene.reads += 1
        while self._steps:
            step = self._steps.pop(0)
            if isinstance(step, bytes):
                return step
            if isinstance(step, float):
                self._scene.now += step
            elif isinstance(step, Exception):
                raise step
            else:
                step()
        return b""

    def close(self) -> None:
        self._scene.closed += 1


@asynccontextmanager
async def playing(scene: Scene) -> AsyncIterator[Scene]:
    task = asyncio.create_task(scene.stream.run())
    try:
        yield scene
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
