"""Compares the odds that a stream published with those that upstream offers now, and publishes what differs."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import aclosing
from dataclasses import replace
from typing import Protocol

from bridge.buffer import Buffer
from bridge.continuity import LIVE_MARGIN_MS, OVER, Board, Coverage, Index, Order, compare
from bridge.errors import UpstreamError
from bridge.publisher import AT_ONCE, Publisher
from bridge.reconcile.differences import Differences, Events
from bridge.reconcile.look import Cause, Look
from bridge.upstream.fixtures import FixtureRow, fixture_status, has_changed
from bridge.upstream.snapshot import Answer


class Snapshot(Protocol):
    """What upstream offers a stream now; see `upstream.snapshot`."""

    @property
    def requests(self) -> int:
        """Requests answered so far."""

    async def active(self) -> dict[str, FixtureRow]:
        """The fixtures that aren't over."""

    async def rows(self, ids: Iterable[str]) -> dict[str, FixtureRow]:
        """What became of some fixtures."""

    def odds(self, ids: Iterable[str]) -> AsyncIterator[Answer]:
        """The odds of some fixtures."""


class OddsComparison:
    """Compares one stream of the odds or the copilot feed.

    Args:
        publisher: The stream's publisher; it has a board.
        snapshot: Asks upstream.
        coverage: What the stream takes.
        adopted: Odds that another stream published, with their orders; emptied when they are this one's.
        buffer: Waited for, so that a large repair is read no faster than Kafka takes it.
        copilot: Whether the events are copilot's.
        statuses: Whether the stream carries the statuses of fixtures.
    """

    def __init__(
        self,
        *,
        publisher: Publisher,
        snapshot: Snapshot,
        coverage: Coverage,
        buffer: Buffer,
        copilot: bool,
        statuses: bool,
        adopted: dict[bytes, Order] | None = None,
    ) -> None:
        assert publisher.board is not None  # noqa: S101 -- who compares has one
        self._publisher = publisher
        self._board: Board = publisher.board
        self._snapshot = snapshot
        self._coverage = coverage
        self._adopted = {} if adopted is None else adopted
        self._buffer = buffer
        self._events = Events("copilot-odds", "copilot-locked-odds") if copilot else Events("odds", "locked-odds")
        self._statuses = statuses
        self._rows: dict[str, FixtureRow] = {}
        self._open: dict[str, int] = {}
        """What `Differences.open` was at the last look at all fixtures."""

    @property
    def requests(self) -> int:
        """Requests made so far."""
        return self._snapshot.requests

    async def look(self, cause: Cause, *, before: Look | None = None, only: frozenset[str] | None = None) -> Look:
        """See `Comparison.look`."""
        look = Look()
        index = await self._index()
        if self._publisher.uncovered and only is None:
            await self._drop_uncovered(index, look)
        asked, vouched = await self._fixtures() if only is None else only, set[str]()
        whole = None if only is None else self._open
        comparing = Differences(self._publisher, self._events, cause, look, before, whole=whole)
        async with aclosing(self._snapshot.odds(asked)) as answers:  # type: ignore[type-var]
            async for answer in answers:
                for row, odds in answer.fixtures:
                    vouched.add(row.id)
                    differences = compare(self._board, index, row, odds, books=answer.books, sent_ms=answer.sent_ms)
                    for difference in differences:
                        comparing.take(difference)
                        await asyncio.sleep(0)
                await self._buffer.room()
        if asked - self._publisher.fixtures.over and not vouched:
            raise UpstreamError(
                f"upstream's snapshot names none of the {len(asked)} fixtures asked for", reason="empty"
            )
        for _ in comparing.end():
            await self._buffer.room()
            await asyncio.sleep(0)
        if only is None:
            self._open = comparing.open
            await self._take_over(look)
        await self._buffer.room()
        return look

    async def tidy(self, over_before: float) -> int:
        """See `Comparison.tidy`: tombstones for the odds of fixtures that are over."""
        known = self._board.fixtures()
        over = self._publisher.fixtures.over_since(over_before)
        gone = 0
        if over & known:
            index = await self._index()
            for fixture in over & known:
                gone += self._forget([key for keys in index.get(fixture, {}).values() for key in keys])
                await self._buffer.room()
        self._publisher.fixtures.forget(over)
        for fixture in over:
            self._rows.pop(fixture, None)
        return gone

    def _forget(self, keys: list[bytes]) -> int:
        """Lock what is open, then take all of it out of the state."""
        known = [(key, found) for key in keys if (found := self._board.get(key)) is not None]
        still_open = [(key, found.odd) for key, found in known if not found.locked]
        self._publisher.make_up(self._events.locked, still_open, origin=b"reconcile")
        self._publisher.forget([key for key, _ in known])
        return len(known)

    async def _index(self) -> Index:
        index: Index = {}
        for _ in self._board.index(index):
            await asyncio.sleep(0)
        return index

    async def _drop_uncovered(self, index: Index, look: Look) -> None:
        """Odds that the stream's filters don't take any more, and no other stream's do."""
        for books in index.values():
            for keys in books.values():
                found = [(key, self._board.get(key)) for key in keys]
                look.counts["gone"] += self._forget(
                    [key for key, known in found if known is not None and not self._coverage.takes(known.odd)]
                )
                await self._buffer.room()
                await asyncio.sleep(0)

    async def _take_over(self, look: Look) -> None:
        """What another stream published is this one's now: whoever trusts an odd by its stream has to know."""
        while self._adopted:
            part = [(key, self._adopted.pop(key)) for key in list(self._adopted)[:AT_ONCE]]
            known = [(key, found) for key, order in part if (found := self._board.get(key)) and found.order == order]
            for event, locked in ((self._events.open, False), (self._events.locked, True)):
                items = [(key, found.odd) for key, found in known if found.locked is locked]
                self._publisher.make_up(event, items, origin=b"reconcile")
                look.counts["changed"] += len(items)
            await self._buffer.room()
            await asyncio.sleep(0)

    async def _fixtures(self) -> frozenset[str]:
        """The fixtures to ask for: those that upstream has, and those that are known here and that it didn't name."""
        asked_at = time.time()
        active = await self._snapshot.active()
        missing = (self._board.fixtures() | self._known_alive()) - active.keys() - {""}
        rows = active | (await self._snapshot.rows(sorted(missing)) if missing else {})
        for fixture, row in rows.items():
            if self._publisher.fixtures.status_at(fixture) <= asked_at - LIVE_MARGIN_MS / 1000:
                self._note(fixture, row)
        return frozenset((self._board.fixtures() - {""}) | rows.keys())

    def _known_alive(self) -> set[str]:
        statuses = self._publisher.fixtures
        return (statuses.statuses.keys() | self._rows.keys()) - statuses.over

    def _note(self, fixture: str, row: FixtureRow) -> None:
        """Tell a status or a start that the stream didn't."""
        fixtures = self._publisher.fixtures
        before = self._rows.get(fixture)
        status, start = fixtures.statuses.get(fixture, ""), fixtures.starts.get(fixture, "")
        if before is not None or status:
            before = replace(
                before or row, status=status or (before or row).status, start_date=start or (before or row).start_date
            )
        self._rows[fixture] = row
        now = time.time()
        over = row.status in OVER
        changed = has_changed(before, row) if before is not None else over and fixture in self._board.fixtures()
        if changed and self._statuses:
            value = fixture_status(before, row, now)
            self._publisher.make_up("fixture-status", [(fixture.encode(), value)], origin=b"reconcile")
        fixtures.told(fixture, row.status, row.start_date, now)
