"""A reconciler over a comparison that follows a script, and time that only a test moves."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import pytest

from bridge.continuity import Change, Position, Withheld
from bridge.health import State
from bridge.reconcile import Reconciler
from bridge.reconcile import reconciler as module
from bridge.reconcile.look import Cause, Look
from tests.support.ids import NOW
from tests.support.publishing import Publishing
from tests.support.scripted import Log
from tests.support.virtual import Time, settle

Answer = Look | Exception | Callable[[], Awaitable[Look]]


class Asked(NamedTuple):
    """A look: when it was asked for, and how."""

    at: float
    cause: str
    before: Look | None
    only: frozenset[str] | None


def look(
    *,
    unsure: str = "",
    withheld: int = 0,
    suspicious: bool = False,
    differing: tuple[bytes, ...] = (),
    **counts: int,
) -> Look:
    """What a look found."""
    found = Look()
    found.counts |= counts
    found.differing = set(differing)
    if unsure:
        found.unsure, found.sure_at = {unsure}, START
    if withheld:
        found.withheld = [Withheld("Novig", 10, [Change(b"a", None, None)] * withheld, {"F1"})]
    if suspicious:
        found.suspicious = [("Novig", 1, 10)]
    return found


START = NOW / 1000 + 1_000.0


class Comparing(Publishing):
    """Everything around one stream's reconciler; it also stands in for the comparison."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, position: Position, audit_s: float, grace_s: float) -> None:
        self.time = Time(monkeypatch, [module])
        super().__init__(position=position, clock=self.time.monotonic)
        monkeypatch.setattr(module, "log", self.logged)
        monkeypatch.setattr(module, "random", _Even())
        self.answers: deque[Answer] = deque()
        """What the next looks find; nothing after the last one."""
        self.asked: list[Asked] = []
        self.tidied: list[float] = []
        self.gone: int | Exception = 0
        self.requests = 0
        self.reconciler = Reconciler(
            publisher=self.publisher,
            comparison=self,
            turn=asyncio.Semaphore(1),
            audit_s=audit_s,
            grace_s=grace_s,
            health=self.health,
            metrics=self.metrics,
        )

    logged = Log()

    async def look(self, cause: Cause, *, before: Look | None = None, only: frozenset[str] | None = None) -> Look:
        self.asked.append(Asked(self.time.now, str(cause), before, only))
        self.requests += 3
        answer = self.answers.popleft() if self.answers else Look()
        if isinstance(answer, Exception):
            raise answer
        return answer if isinstance(answer, Look) else await answer()

    async def tidy(self, over_before: float) -> int:
        self.tidied.append(over_before)
        if isinstance(self.gone, Exception):
            raise self.gone
        return self.gone

    def connect(self) -> None:
        """Upstream accepts a connection; that is news to the reconciler."""
        self.publisher.connecting()
        self.publisher.connected(self.time.now)

    def lose(self) -> None:
        """A gap."""
        self.publisher.unjoined("torn", None)

    async def wait(self, seconds: float) -> None:
        """Time passes."""
        await self.time.wait(seconds)

    @property
    def causes(self) -> list[str]:
        """Why upstream was asked, each time."""
        return [asked.cause for asked in self.asked]

    @property
    def reconciled(self) -> list[tuple[Any, ...]]:
        """What was told as reconciled: why, and how much was published."""
        kinds = ("new", "changed", "locked", "unlocked", "gone")
        return [(said["cause"], sum(said[kind] for kind in kinds)) for said in self.told("reconciled")]


class _Even:
    """Chance, in the middle."""

    def random(self) -> float:
        return 0.5

    def uniform(self, low: float, high: float) -> float:
        return (low + high) / 2


@asynccontextmanager
async def comparing(
    monkeypatch: pytest.MonkeyPatch,
    *,
    owes: str = "",
    audit_s: float = 0.0,
    grace_s: float = 3_600.0,
    connected: bool = True,
) -> AsyncIterator[Comparing]:
    """A stream that was compared before, and is connected, with its reconciler."""
    position = Position()
    position.scope, position.owes = "all", owes
    scene = Comparing(monkeypatch, position=position, audit_s=audit_s, grace_s=grace_s)
    scene.logged.told.clear()
    if connected:
        scene.health.to(State.STREAMING)
    task = asyncio.create_task(scene.reconciler.run())
    try:
        await settle()
        yield scene
        assert not task.done(), "nothing that happens leaves it"
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
