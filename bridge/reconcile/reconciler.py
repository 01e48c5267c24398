"""When a stream is compared with upstream's snapshot, how often it is tried, and what is told of it."""

import asyncio
import random
import time
from collections.abc import Callable

from bridge.backoff import Backoff, refused_delay
from bridge.errors import RateLimited, Refused, UpstreamError
from bridge.health import State, StreamHealth
from bridge.logs import get_logger, hidden
from bridge.metrics import StreamMetrics
from bridge.publisher import Publisher
from bridge.reconcile.look import Cause, Comparison, Look

SECOND_LOOK_S = 10.0
"""Seconds from a look to the next: upstream's snapshots are taken to be no older than that."""

MARGIN_S = 0.05
"""Seconds beyond the moment from which on something can be known."""

MOST_LOOKS = 3
"""Looks after the first at most: a book that comes and goes is told as suspicious, not waited for."""

TIDY_S = 60.0
"""Seconds between two looks for fixtures that are over."""

log = get_logger("oddsbridge.reconcile")


class Reconciler:
    """Brings one stream's topics to what upstream offers, whenever they may differ.

    Args:
        publisher: The stream's publisher.
        comparison: Compares, and publishes what differs.
        turn: Lets a few streams of the process compare at a time.
        audit_s: Seconds between audits; 0: none.
        grace_s: Seconds for which the odds of a fixture that is over stay known.
        health: Where the state is told.
        metrics: Where the work is counted.
    """

    def __init__(
        self,
        *,
        publisher: Publisher,
        comparison: Comparison,
        turn: asyncio.Semaphore,
        audit_s: float,
        grace_s: float,
        health: StreamHealth,
        metrics: StreamMetrics,
    ) -> None:
        self._publisher = publisher
        self._comparison = comparison
        self._turn = turn
        self._audit_s = audit_s
        self._grace_s = grace_s
        self._health = health
        self._metrics = metrics
        self._backoff = Backoff()
        self._news = asyncio.Event()
        self._told = ("", "")
        """What was owed, and why it couldn't be compared, as it was told last."""
        publisher.on_news = self._news.set

    async def run(self) -> None:
        """Live until cancelled. Nothing that happens here leaves it."""
        audit_at = time.monotonic() + self._audit_s * random.random()  # noqa: S311 -- spreads the streams in time
        tidy_at = time.monotonic() + TIDY_S
        while True:
            self._news.clear()
            now = time.monotonic()
            if self._health.owes and self._health.state in {State.STREAMING, State.BLOCKED}:
                await self._guarded(self._heal)
            elif self._audit_s and now >= audit_at and self._health.state is State.STREAMING:
                await self._guarded(self._audit)
                audit_at = time.monotonic() + self._audit_s * random.uniform(0.9, 1.1)  # noqa: S311
            elif now >= tidy_at:
                await self._tidy()
                tidy_at = time.monotonic() + TIDY_S
            else:  # an audit that is due waits for news of the connection
                until = min(tidy_at, audit_at) if self._audit_s and audit_at > now else tidy_at
                await self._wait(until - now)

    async def _wait(self, seconds: float) -> None:
        """Wait, or until there is news of the stream."""
        try:
            async with asyncio.timeout(seconds):
                await self._news.wait()
        except TimeoutError:
            pass

    async def _rest(self, seconds: float, debts: int) -> bool:
        """Wait, or until there is another reason to compare than there was; false if there is."""
        end = time.monotonic() + seconds
        while self._publisher.debts == debts and (left := end - time.monotonic()) > 0:
            self._news.clear()
            await self._wait(left)
        return self._publisher.debts == debts

    async def _guarded(self, work: Callable[[], "asyncio.Future[None] | object"]) -> None:
        """Do it, and after a failure wait as long as that asks for, or until there is another reason to compare."""
        debts = self._publisher.debts
        try:
            await work()  # type: ignore[misc]
            self._backoff.stable()
            self._health.owes_why = ""
            if self._told[1]:
                self._told = ("", "")
                log.info("compared with upstream's snapshot again", stream=self._publisher.name)
        except UpstreamError as error:
            delay = refused_delay() if isinstance(error, Refused) else self._backoff.failed(error.retry_after or 0.0)
            self._failed("rate-limited" if isinstance(error, RateLimited) else error.reason, str(error))
            await self._rest(delay, debts)
        except Exception as error:
            self._metrics.crashes += 1
            if not self._told[1]:
                log.exception("comparing with upstream's snapshot crashed", stream=self._publisher.name)
            self._failed("crashed", hidden(f"{type(error).__name__}: {error}"))
            await self._rest(self._backoff.failed(), debts)

    def _failed(self, reason: str, why: str) -> None:
        self._metrics.snapshot_failures.add(reason)
        self._health.owes_why = why
        if self._told == (self._health.owes, why):
            return
        self._told = (self._health.owes, why)
        log.warning("upstream's snapshot can't be had", stream=self._publisher.name, why=why)
        if self._health.owes:
            self._publisher.tell("unreconciled", cause=self._health.owes, why=why)

    # --- the two kinds --------------------------------------------------------------------------------------------

    async def _heal(self) -> None:
        """Look and mend at once, then look again for what a snapshot of some seconds ago didn't show."""
        debts, cause = self._publisher.debts, Cause(self._health.owes)
        began, requests = time.monotonic(), self._comparison.requests
        first = Look()
        if cause is not Cause.AGAIN:
            first = await self._look_until_sure(cause, debts)
            if self._publisher.debts != debts:
                return  # another gap, meanwhile
            if not first.withheld:
                self._settle(Cause.AGAIN, cause, first, began, requests)
        second = await self._look_again(first, debts)
        if self._publisher.debts != debts:
            return
        if first.withheld:
            first.add(second)
            self._settle("", cause, first, began, requests)
        elif second.published or self._told[0] == Cause.AGAIN:  # who was told `unreconciled` is told when that is over
            self._settle("", Cause.AGAIN, second, began, requests)
        else:
            self._metrics.reconciles.add(Cause.AGAIN)
            self._publisher.settled("")

    async def _look_until_sure(self, cause: Cause, debts: int) -> Look:
        """A look, and where it isn't known whether stream or snapshot is newer, another one when it can be known."""
        look = await self._look(cause)
        unsure, sure_at = frozenset(look.unsure), look.sure_at
        for _ in range(MOST_LOOKS):
            if not unsure or not await self._rest(max(0.0, sure_at - time.time()) + MARGIN_S, debts):
                break
            more = await self._look(cause, only=unsure)
            look.add(more)
            look.withheld += more.withheld
            unsure, sure_at = frozenset(more.unsure), more.sure_at
        return look

    async def _look_again(self, before: Look, debts: int) -> Look:
        """The look that follows another, and the next ones while locks wait to be borne out or odds are unsure."""
        found = Look()
        for _ in range(MOST_LOOKS):
            if not await self._rest(SECOND_LOOK_S, debts):
                break
            look = await self._look(Cause.AGAIN, before=before)
            found.add(look)
            for sportsbook, locks, known in look.suspicious:
                self._metrics.suspicious += 1
                self._publisher.tell("suspicious", sportsbook=sportsbook, locks=locks, open=known)
            if not look.withheld and not look.unsure:
                break
            before = look
        return found

    async def _audit(self) -> None:
        """Two looks; what both show is a drift: it is mended, counted and told."""
        debts = self._publisher.debts
        first = await self._look(Cause.AUDIT)
        drift = Look()
        if first.differing:
            if not await self._rest(SECOND_LOOK_S, debts):
                return  # a gap explains what differs
            drift = await self._look(Cause.AUDIT, before=first, only=frozenset(first.unsure))
        self._metrics.reconciles.add(Cause.AUDIT)
        if drift.published:
            for kind, n in drift.counts.items():
                if kind != "same" and n:
                    self._metrics.drift.add(kind, n)
            log.warning("an audit found a drift", stream=self._publisher.name, **drift.counts)
            self._publisher.tell("drift", **{k: n for k, n in drift.counts.items() if k not in {"same", "gone"}})

    async def _tidy(self) -> None:
        try:
            self._metrics.differences.add("gone", await self._comparison.tidy(time.time() - self._grace_s))
        except Exception:
            self._metrics.crashes += 1
            log.exception("forgetting what is over crashed", stream=self._publisher.name)

    async def _look(self, cause: Cause, *, before: Look | None = None, only: frozenset[str] | None = None) -> Look:
        async with self._turn:
            asked = self._comparison.requests
            try:
                look = await self._comparison.look(cause, before=before, only=only)
            finally:
                self._metrics.snapshot_requests += self._comparison.requests - asked
        for kind, n in look.counts.items():
            if kind != "same" and n:
                self._metrics.differences.add(kind, n)
        return look

    def _settle(self, owes: str, cause: Cause, look: Look, began: float, requests: int) -> None:
        self._metrics.reconciles.add(cause)
        self._publisher.settled(
            owes,
            cause=str(cause),
            **look.counts,
            seconds=round(time.monotonic() - began, 3),
            requests=self._comparison.requests - requests,
        )
