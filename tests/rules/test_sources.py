"""When a sportsbook counts as silent, and what is told of it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from bridge import sources as module
from bridge.errors import UpstreamError
from bridge.sources import LEAST_S, Sources
from tests.support.publishing import Publishing
from tests.support.virtual import Time, settle

SILENT_S = 600.0
EVERY_S = SILENT_S / 10


class Scene(Publishing):
    """What upstream would answer, and how often it was asked."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        super().__init__()
        self.time = Time(monkeypatch, [module])
        self.answer: dict[str, float] | Exception = {}
        self.asked = 0

    async def polled(self) -> dict[str, float]:
        self.asked += 1
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    def ago(self, seconds: float) -> float:
        return self.time.time() - seconds

    @property
    def sources(self) -> list[tuple[str, float, bool]]:
        return [(said["sportsbook"], said["seconds"], said["silent"]) for said in self.told("source")]


@asynccontextmanager
async def watching(monkeypatch: pytest.MonkeyPatch, silent_s: float = SILENT_S) -> AsyncIterator[Scene]:
    scene = Scene(monkeypatch)
    watch = Sources(publisher=scene.publisher, polled=scene.polled, silent_s=silent_s, metrics=scene.metrics)
    task = asyncio.create_task(watch.run())
    try:
        yield scene
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_a_book_is_told_at_first_and_then_when_that_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    async with watching(monkeypatch) as scene:
        scene.answer = {"Novig": scene.ago(10), "FanDuel": scene.ago(SILENT_S + 1)}
        await settle()
        assert scene.sources == [("Novig", 10.0, False), ("FanDuel", SILENT_S + 1, True)]
        await scene.time.wait(EVERY_S)
        assert len(scene.sources) == 2
        scene.answer = {"FanDuel": scene.ago(-EVERY_S)}
        await scene.time.wait(EVERY_S)
        assert scene.sources[2:] == [("FanDuel", 0.0, False)]
        assert scene.metrics.sources == {"Novig": 10.0 + 2 * EVERY_S, "FanDuel": 0.0}


async def test_a_book_that_nobody_polls_falls_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    async with watching(monkeypatch) as scene:
        scene.answer = {"Novig": scene.ago(0)}
        await scene.time.wait(SILENT_S)
        assert scene.sources == [("Novig", 0.0, False)]
        await scene.time.wait(EVERY_S)
        assert scene.sources[1:] == [("Novig", SILENT_S + EVERY_S, True)]


@pytest.mark.parametrize(("error", "crashes"), [(UpstreamError("no"), 0), (ValueError("nobody foresaw this"), 1)])
async def test_what_cant_be_asked_is_asked_again_and_the_books_grow_older(
    monkeypatch: pytest.MonkeyPatch, error: Exception, crashes: int
) -> None:
    async with watching(monkeypatch) as scene:
        scene.answer = {"Novig": scene.ago(0)}
        await settle()
        scene.answer = error
        await scene.time.wait(EVERY_S)
        assert scene.metrics.sources == {"Novig": EVERY_S}
        assert scene.metrics.crashes == crashes
        await scene.time.wait(SILENT_S)
        assert scene.metrics.sources["Novig"] > SILENT_S
        assert [silent for _, _, silent in scene.sources] == [False], "whether the book is polled isn't known"
        scene.answer = {"Novig": scene.ago(SILENT_S + 1)}
        await scene.time.wait(EVERY_S)
        assert [silent for _, _, silent in scene.sources] == [False, True]


async def test_questions_are_never_hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    async with watching(monkeypatch, silent_s=1.0) as scene:
        await scene.time.wait(10 * LEAST_S)
        assert scene.asked == 11
