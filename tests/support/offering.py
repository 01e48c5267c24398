"""What upstream offers, for comparisons with the real rules, board and publisher."""

from collections.abc import AsyncIterator, Callable, Iterable
from types import SimpleNamespace

import msgspec
import orjson
import pytest

from bridge.continuity import Coverage
from bridge.entries import Entry, EntryId
from bridge.reconcile import OddsComparison, ResultsComparison, odds, results
from bridge.reconcile.look import Cause, Look
from bridge.upstream.fixtures import FixtureRow
from bridge.upstream.snapshot import Answer
from tests.support.ids import NOW
from tests.support.publishing import Publishing, value

LONG_MS = 60_000
"""Longer than a snapshot can be old, in milliseconds."""


def row(fixture: str, status: str = "live", start: str = "2026-11-27T20:00:00Z") -> FixtureRow:
    return FixtureRow(fixture, f"game-{fixture}", "basketball", "NBA", "nba", status, start, "Home", "Away", True)


class Upstream:
    """What it offers and says, and what it was asked."""

    def __init__(self, now_ms: Callable[[], int], books: tuple[str, ...]) -> None:
        self.offers: dict[str, bytes] = {}
        self.alive = {"F1": row("F1")}
        self.gone: dict[str, FixtureRow] = {}
        """Fixtures that aren't active any more."""
        self.scores: dict[str, bytes] = {}
        self.silent: set[str] = set()
        """Fixtures that no answer names."""
        self.asked: list[list[str]] = []
        self.asked_rows: list[list[str]] = []
        self.asked_since: list[float] = []
        self.meanwhile: Callable[[], object] = lambda: None
        """What happens between a question and its answer."""
        self.requests = 0
        self._now_ms = now_ms
        self._books = books

    async def active(self) -> dict[str, FixtureRow]:
        return dict(self.alive)

    async def since(self, at: float) -> dict[str, FixtureRow]:
        self.asked_since.append(at)
        return self.alive | self.gone

    async def rows(self, ids: Iterable[str]) -> dict[str, FixtureRow]:
        self.asked_rows.append(list(ids))
        return {fixture: self.gone[fixture] for fixture in self.asked_rows[-1] if fixture in self.gone}

    async def odds(self, ids: Iterable[str]) -> AsyncIterator[Answer]:
        asked = sorted(ids)
        self.asked.append(asked)
        for fixture in asked:
            self.requests += 1
            sent_ms = self._now_ms()
            offered = [odd for odd in self.offers.values() if orjson.loads(odd)["fixture_id"] == fixture]
            self.meanwhile()
            if fixture not in self.silent:
                known = self.alive.get(fixture) or self.gone.get(fixture) or row(fixture)
                yield Answer(sent_ms, self._books, tuple(asked), [(known, [msgspec.Raw(odd) for odd in offered])])

    async def results(self, ids: Iterable[str]) -> AsyncIterator[tuple[str, bytes]]:
        asked = sorted(ids)
        self.asked.append(asked)
        self.requests += 1
        self.meanwhile()
        for fixture in asked:
            if fixture in self.scores:
                yield fixture, self.scores[fixture]


class Offering(Publishing):
    """One stream, its comparison, and upstream."""

    def __init__(
        self,
        monkeypatch: pytest.MonkeyPatch,
        *,
        books: tuple[str, ...] = ("Novig", "FanDuel"),
        copilot: bool = False,
        statuses: bool = True,
        limit: int = 10**9,
    ) -> None:
        super().__init__(limit=limit)
        clock = SimpleNamespace(time=lambda: self.now_ms / 1000)
        monkeypatch.setattr(odds, "time", clock)
        monkeypatch.setattr(results, "time", clock)
        self.upstream = Upstream(lambda: self.now_ms, ("",) if copilot else books)
        self.comparison = OddsComparison(
            publisher=self.publisher,
            snapshot=self.upstream,
            coverage=Coverage(sport="basketball", sportsbook=books),
            buffer=self.buffer,
            copilot=copilot,
            statuses=statuses,
        )
        self.results = ResultsComparison(publisher=self.publisher, results=self.upstream)

    @property
    def seconds(self) -> float:
        """Now, in epoch seconds."""
        return self.now_ms / 1000

    def offer(self, *names: str, **fields: object) -> None:
        """Upstream's board has odds."""
        self.upstream.offers |= {odd: value(odd, **fields) for odd in names}

    def publish(self, *names: str, event: str = "odds", **fields: object) -> None:
        """The stream tells odds now."""
        items = [(odd.encode(), value(odd, **fields)) for odd in names]
        entry_id = EntryId(self.now_ms - NOW, len(self.held))
        self.publisher.take(Entry(event, entry_id, items, size=100), self.now_ms / 1000)

    def later(self, ms: int = LONG_MS) -> None:
        """Time passes, and what was offered is committed."""
        self.now_ms += ms
        self.buffer.clear()

    async def look(self, cause: Cause = Cause.GAP, *, before: Look | None = None, only: str = "") -> Look:
        return await self.comparison.look(cause, before=before, only=frozenset([only]) if only else None)

    @property
    def published(self) -> list[tuple[str, str]]:
        """What stands in the logs of odds: the odd, and the topic."""
        found = [record for record in self.records if "odds" in record.topic and "state" not in record.topic]
        return [(record.key.decode(), record.topic.removeprefix("p.")) for record in found]
