"""Watches whether upstream's scrapers still poll a stream's sportsbooks: a dead one looks like a calm market."""

import asyncio
import time
from collections.abc import Awaitable, Callable

from bridge.errors import UpstreamError
from bridge.logs import get_logger
from bridge.metrics import StreamMetrics
from bridge.publisher import Publisher

LEAST_S = 5.0
"""The shortest time between two questions, in seconds."""

log = get_logger("oddsbridge.sources")

Polled = Callable[[], Awaitable[dict[str, float]]]
"""By sportsbook when upstream last polled it, in epoch seconds. Raises UpstreamError."""


class Sources:
    """Asks now and then, and tells when a book falls silent and when it is back.

    Args:
        publisher: The stream's publisher.
        polled: Asks upstream.
        silent_s: Seconds after which a book is silent.
        metrics: Where the seconds are told.
    """

    def __init__(self, *, publisher: Publisher, polled: Polled, silent_s: float, metrics: StreamMetrics) -> None:
        self._publisher = publisher
        self._polled = polled
        self._silent_s = silent_s
        self._metrics = metrics
        self._polled_at: dict[str, float] = {}
        self._silent: dict[str, bool] = {}

    async def run(self) -> None:
        """Live until cancelled. A question that fails is asked again the next time."""
        while True:
            answered = False
            try:
                self._polled_at |= await self._polled()
                answered = True
            except UpstreamError:
                pass  # what keeps the snapshot away is told by whoever compares; the books grow older meanwhile
            except Exception:
                self._metrics.crashes += 1
                log.exception("asking for the sportsbooks' last polls crashed", stream=self._publisher.name)
            self._look(tells=answered)
            await asyncio.sleep(max(LEAST_S, self._silent_s / 10))

    def _look(self, *, tells: bool) -> None:
        """How old the polls are; while upstream doesn't answer, nothing new is known of a book, and nothing is told."""
        now = time.time()
        for book, at in self._polled_at.items():
            seconds = max(0.0, now - at)
            self._metrics.sources[book] = seconds
            silent = seconds > self._silent_s
            if tells and silent != self._silent.get(
                book
            ):  # the first time in any case: it may have been told before a restart
                self._silent[book] = silent
                self._publisher.tell("source", sportsbook=book, seconds=round(seconds, 3), silent=silent)
