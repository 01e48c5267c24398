"""The sign of life of a shard's streams."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from bridge import alive as module
from bridge.alive import say_alive
from bridge.announce import ALIVE_EVERY_S
from bridge.buffer import Buffer
from bridge.records import Held, Record
from tests.support.virtual import Time, settle


class Stream:
    def __init__(self, name: str) -> None:
        self._name = name

    def alive(self) -> Record:
        return Record("p.bridge-events", self._name.encode(), b"{}", [])


class Scene:
    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.time = Time(monkeypatch, [module])
        self.buffer = Buffer(1_000)
        self.is_running = True

    @property
    def held(self) -> list[Held]:
        return self.buffer.first(10**9)


@asynccontextmanager
async def saying(monkeypatch: pytest.MonkeyPatch, *names: str) -> AsyncIterator[Scene]:
    scene = Scene(monkeypatch)
    streams = [Stream(name) for name in names]
    task = asyncio.create_task(say_alive(streams, scene.buffer, lambda: scene.is_running))
    try:
        yield scene
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_all_streams_of_a_shard_are_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    async with saying(monkeypatch, "nba", "nfl") as scene:
        await scene.time.wait(ALIVE_EVERY_S - 0.1)
        assert scene.held == []
        await scene.time.wait(2 * ALIVE_EVERY_S)
        assert [[record.key for record in held.records] for held in scene.held] == [[b"nba", b"nfl"]] * 2
        assert scene.held[0].received_ms == pytest.approx(scene.time.time() * 1000 - 9_900, abs=1)


async def test_nothing_is_said_that_cant_be_committed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A consumer has to notice, and what is held must not grow."""
    async with saying(monkeypatch, "nba") as scene:
        scene.is_running = False
        await scene.time.wait(3 * ALIVE_EVERY_S)
        assert scene.held == []
        scene.is_running = True
        scene.buffer.offer(Held("nba", "odds", None, 0, [], 1_000, []))
        await scene.time.wait(3 * ALIVE_EVERY_S)
        assert len(scene.held) == 1
        scene.buffer.clear()
        await scene.time.wait(ALIVE_EVERY_S)
        assert len(scene.held) == 1


async def test_a_shard_without_streams_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    async with saying(monkeypatch) as scene:
        await settle()
        await scene.time.wait(10 * ALIVE_EVERY_S)
        assert scene.held == []
