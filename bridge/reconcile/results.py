"""Compares the results that a stream published with upstream's, and publishes what differs."""

import time
from collections.abc import AsyncIterator, Iterable
from contextlib import aclosing
from typing import Any, Protocol

import orjson

from bridge.errors import UpstreamError
from bridge.publisher import Publisher
from bridge.reconcile.look import Cause, Look
from bridge.upstream.fixtures import FixtureRow

PLAYED_S = 12 * 3600.0
"""Seconds before the last entry of a process that has ended, within which what it knew as going on had started."""

LONGEST_S = 7 * 86_400.0
"""The longest time that a restart looks back, in seconds."""

LIVE_MARGIN_S = 10.0
"""A result that the stream told later than this many seconds before the question isn't touched by its answer."""


class Results(Protocol):
    """What upstream's results are now; see `upstream.results`."""

    @property
    def requests(self) -> int:
        """Requests answered so far."""

    async def active(self) -> dict[str, FixtureRow]:
        """The fixtures that aren't over."""

    async def since(self, at: float) -> dict[str, FixtureRow]:
        """Those that started after a time, in epoch seconds."""

    def results(self, ids: Iterable[str]) -> AsyncIterator[tuple[str, bytes]]:
        """The results of some fixtures."""


class ResultsComparison:
    """Compares one stream of the results feed.

    Args:
        publisher: The stream's publisher.
        results: Asks upstream.
    """

    def __init__(self, *, publisher: Publisher, results: Results) -> None:
        self._publisher = publisher
        self._results = results
        self._remembers = False  # whether what was published is known, from a look of this process

    @property
    def requests(self) -> int:
        """Requests made so far."""
        return self._results.requests

    async def look(self, cause: Cause, *, before: Look | None = None, only: frozenset[str] | None = None) -> Look:
        """See `Comparison.look`. What was published before this process began isn't known, and so published anew."""
        look = Look()
        fixtures = self._publisher.fixtures
        asked = await self._asked(cause) if only is None else only
        asked_at, named = time.time(), 0
        async with aclosing(self._results.results(sorted(asked))) as answers:  # type: ignore[type-var]
            async for fixture, value in answers:
                named += 1
                if self._differs(look, fixture, value, asked_at):
                    self._publish(look, cause, before, (fixture, value), asked_at)
        if asked and not named and fixtures.results:
            raise UpstreamError(f"upstream has results of none of the {len(asked)} fixtures asked for", reason="empty")
        self._remembers = True
        return look

    async def _asked(self, cause: Cause) -> frozenset[str]:
        """The fixtures that aren't over, those that are known, and after a restart those that ended meanwhile."""
        asked = (await self._results.active()).keys() | self._publisher.fixtures.results.keys()
        highest = self._publisher.continuity.position.highest
        if not self._remembers and cause is not Cause.HYDRATE and highest is not None:
            now = time.time()
            last = min(now, max(highest.ms / 1000, now - LONGEST_S))
            asked |= (await self._results.since(last - PLAYED_S)).keys()
        return frozenset(asked)

    def _differs(self, look: Look, fixture: str, value: bytes, asked_at: float) -> bool:
        fixtures = self._publisher.fixtures
        known = fixtures.results.get(fixture)
        if known is not None and _essence(known) == _essence(value):
            look.counts["same"] += 1
            return False
        told_at = fixtures.result_at(fixture)
        if told_at > asked_at - LIVE_MARGIN_S:
            if told_at < self._publisher.connected_ms / 1000:
                look.unsure.add(fixture)
                look.sure_at = max(look.sure_at, told_at + LIVE_MARGIN_S)
            return False
        return True

    def _publish(
        self, look: Look, cause: Cause, before: Look | None, result: tuple[str, bytes], asked_at: float
    ) -> None:
        fixture, value = result
        fixtures = self._publisher.fixtures
        is_known, key = fixture in fixtures.results, fixture.encode()
        if cause is Cause.AUDIT:
            if not is_known:
                return
            if before is None or key not in before.differing:
                look.differing.add(key)
                look.unsure.add(fixture)
                return
        look.counts["changed" if is_known else "new"] += 1
        origin = b"snapshot" if cause is Cause.HYDRATE else b"reconcile"
        self._publisher.make_up("fixture-results", [(key, value)], origin=origin)
        fixtures.note("fixture-results", fixture, value, asked_at, made_up=True)

    async def tidy(self, over_before: float) -> int:
        """See `Comparison.tidy`: nothing of a fixture that is over needs to be known."""
        fixtures = self._publisher.fixtures
        fixtures.forget(fixtures.over_since(over_before))
        return 0


def _essence(value: bytes) -> Any:
    """What two tellings of one result must agree in: the score, and the status that it or the fixture has."""
    try:
        body = orjson.loads(value)
        score = body.get("score") or {}
        fixture = score.get("fixture") or {}
        return fixture.get("status") or body.get("status"), score.get("scores"), score.get("in_play")
    except (ValueError, AttributeError):
        return None
