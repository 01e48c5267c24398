"""One stream's life: connect, read, publish, back off. Here, and only here, the two ends meet."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable

from bridge.backoff import STABLE_AFTER_S, Backoff, refused_delay
from bridge.buffer import Buffer
from bridge.continuity import PROOF_S, Joint
from bridge.entries import CONTROL_EVENTS, EntryId, decode
from bridge.errors import Disconnected, RateLimited, Refused, UpstreamError
from bridge.health import State, StreamHealth
from bridge.logs import get_logger, hidden
from bridge.metrics import StreamMetrics
from bridge.publisher import Publisher
from bridge.sse import Event, Parser
from bridge.successor import Connection, Successor

RENEWAL_TRIES = 3
"""Times in a row that a second connection may fail, or bring other ids, before none is opened any more."""

RENEW_AGAIN_S = 30.0
"""Seconds until the next try of a change of connections that failed."""

JOIN_S = PROOF_S
"""Seconds that the next connection has to show an id of the old one, when that has ended before the two joined."""

log = get_logger("oddsbridge.stream")

Connect = Callable[[EntryId | None, Callable[[], None]], Awaitable[Connection]]
"""Opens a connection that asks for a replay from an id; calls back when its turn has come. Raises UpstreamError."""


class Stream:
    """Reads one stream for ever and has what is new published.

    Args:
        name: The stream's name.
        connect: Opens a connection.
        publisher: Publishes its entries.
        buffer: Where that offers them: while it is full, nothing is read.
        max_event_bytes: An event whose data is larger is discarded, and told as a dead letter.
        renew_after_s: Seconds after which the next connection is opened before the old one ends; 0: never.
        health: Where the state is told.
        metrics: Where the work is counted.
    """

    def __init__(
        self,
        name: str,
        *,
        connect: Connect,
        publisher: Publisher,
        buffer: Buffer,
        max_event_bytes: int,
        renew_after_s: float,
        health: StreamHealth,
        metrics: StreamMetrics,
    ) -> None:
        self._name = name
        self._connect = connect
        self._publisher = publisher
        self._buffer = buffer
        self._max_event_bytes = max_event_bytes
        self._renew_after_s = renew_after_s
        self._health = health
        self._metrics = metrics
        self._backoff = Backoff()
        self._retry_s = 0.0
        self._told = ""
        self._successor: Successor | None = None
        self._renew_at = float("inf")
        self._renewals_failed = 0
        self._proof: asyncio.Handle = asyncio.get_running_loop().call_soon(_nothing)

    async def run(self) -> None:
        """Live until cancelled. Nothing that happens to this stream leaves it."""
        try:
            await self._live()
        finally:
            self._publisher.ended("stopped", "the bridge ends, or its shard begins again")
            self._health.to(State.STOPPED)

    async def _live(self) -> None:
        while True:
            try:
                await self._session()
            except Refused as error:
                self._metrics.refusals.add(error.reason)
                delay = refused_delay()
                self._publisher.ended(error.reason, str(error), refused=True)
                self._pause(State.REFUSED, str(error), delay)
            except UpstreamError as error:
                reason = "rate-limited" if isinstance(error, RateLimited) else error.reason
                self._metrics.disconnects.add(reason)
                delay = max(self._backoff.failed(self._retry_s), error.retry_after or 0.0)
                self._publisher.ended(reason, str(error))
                self._pause(State.BACKING_OFF, str(error), delay)
            except Exception as error:
                self._metrics.crashes += 1
                delay = self._backoff.failed(self._retry_s)
                if self._told != repr(error):
                    self._told = repr(error)
                    log.exception("stream crashed; it starts again", stream=self._name, next_try_s=round(delay, 1))
                why = hidden(f"{type(error).__name__}: {error}")  # a foreign error's text may hold the key
                self._publisher.ended("crashed", why)
                self._health.to(State.CRASHED, f"{why}; next try in {delay:.1f} s")
            await asyncio.sleep(delay)
            await self._buffer.room()  # else each try would add to what is held, however long Kafka is away

    def _pause(self, state: State, why: str, delay: float) -> None:
        if self._told != why:  # a stream that fails the same way again and again says so once
            self._told = why
            log.warning("stream is down", stream=self._name, state=str(state), why=why, next_try_s=round(delay, 1))
        self._health.to(state, f"{why}; next try in {delay:.1f} s")

    async def _session(self) -> None:
        """One connection and those that follow it without a break, until one ends.

        Raises:
            UpstreamError: it could not be made, broke, or was refused.
        """
        self._health.to(State.WAITING, "for its turn to connect")
        asked_from = self._publisher.connecting()
        connection = await self._connect(asked_from, lambda: self._health.to(State.CONNECTING))
        parser = Parser(self._max_event_bytes)
        try:
            self._publisher.connected(time.monotonic())
            self._watch_proof()
            stable_at = time.monotonic() + STABLE_AFTER_S
            self._plan_renewal()
            while True:
                old = connection
                try:
                    data = await self._read(connection)
                    if data == b"":
                        raise Disconnected("upstream ended the stream", reason="closed")
                except UpstreamError as error:
                    connection, parser = await self._take_over(error)
                    old.close()
                    continue
                if data is None:
                    connection, parser = await self._change_over()
                    old.close()
                    continue
                self._feed(parser, data)
                if self._buffer.full:
                    await self._blocked()
                if stable_at and time.monotonic() >= stable_at:
                    stable_at = 0.0
                    self._stable()
        finally:
            connection.close()
            self._proof.cancel()
            if self._successor is not None:
                await self._drop_successor()

    def _feed(self, parser: Parser, data: bytes) -> None:
        received = time.time()
        for event in parser.feed(data):
            entry = None
            if event.type in CONTROL_EVENTS:
                self._control(event)
            else:
                entry = decode(event)
                self._publisher.take(entry, received)
            if self._successor is not None:
                self._successor.came_on_old(entry)
        if parser.retry is not None:
            self._retry_s = parser.retry / 1000
        self._publisher.tick(time.monotonic())

    def _control(self, event: Event) -> None:
        if event.type == "ping":
            self._health.last_ping = self._health.clock()
        else:
            self._publisher.continuity.connected(time.monotonic())
            self._watch_proof()

    def _watch_proof(self) -> None:
        """On a quiet stream nothing else would notice that a replay didn't come."""
        self._proof.cancel()
        loop = asyncio.get_running_loop()
        self._proof = loop.call_later(PROOF_S, lambda: self._publisher.tick(time.monotonic()))

    async def _blocked(self) -> None:
        self._health.to(State.BLOCKED, "waits until Kafka has taken what is held")
        began = time.monotonic()
        await self._buffer.room()
        self._health.to(State.STREAMING)
        self._publisher.paused(time.monotonic() - began)

    def _stable(self) -> None:
        self._backoff.stable()
        if self._told:
            log.info("stream is up again", stream=self._name)
            self._told = ""

    # --- make before break ----------------------------------------------------------------------------------------

    def _plan_renewal(self) -> None:
        """The next connection is due before upstream ends this one; who began together doesn't change together."""
        after_s = self._renew_after_s * random.uniform(0.9, 1.0)  # noqa: S311 -- spreads, keeps no secret
        self._renew_at = time.monotonic() + after_s if self._renewing else float("inf")

    @property
    def _renewing(self) -> bool:
        return self._renew_after_s > 0 and self._renewals_failed < RENEWAL_TRIES

    async def _read(self, connection: Connection) -> bytes | None:
        """The next bytes; b"" at a clean end; None when the next connection may take over."""
        if self._successor is None:
            if time.monotonic() < self._renew_at:
                return await connection.read()
            self._successor = Successor(
                lambda: self._connect(None, lambda: None),
                max_event_bytes=self._max_event_bytes,
                time=(time.monotonic, time.time),
            )
        successor = self._successor
        joint = successor.joint
        if joint is Joint.FOREIGN or successor.failed:
            await self._drop_successor(successor.failed or str(joint))
            return await connection.read()
        if joint is not Joint.OPEN:
            return None
        return await self._read_beside(connection, successor)

    async def _read_beside(self, connection: Connection, successor: Successor) -> bytes | None:
        """Read the old connection until it brings something, or there is news of the new one."""
        successor.changed.clear()
        reading = asyncio.ensure_future(connection.read())
        looking = asyncio.ensure_future(successor.changed.wait())
        try:
            await asyncio.wait({reading, looking}, return_when=asyncio.FIRST_COMPLETED)
            if reading.done():
                return reading.result()
        finally:
            for task in (reading, looking):
                task.cancel()
            await asyncio.gather(reading, looking, return_exceptions=True)
        # What the cancelled read would have brought comes on the new connection too, if that takes over; else it is
        # in the old one's buffer still.
        return await self._read(connection)

    async def _change_over(self) -> tuple[Connection, Parser]:
        """Go on with the next connection: publish what it brought meanwhile."""
        successor, self._successor = self._successor, None
        assert successor is not None  # noqa: S101 -- who calls has looked
        await successor.stop()
        assert successor.connection is not None  # noqa: S101 -- it has joined
        for entry, received in successor.held:
            self._publisher.take(entry, received, again="handover")
        self._metrics.renewals.add(str(successor.joint))
        self._renewals_failed = 0
        self._health.renewed()
        self._plan_renewal()
        return successor.connection, successor.parser

    async def _take_over(self, error: UpstreamError) -> tuple[Connection, Parser]:
        """The old connection has ended: go on with the next one, if it is there.

        Raises:
            UpstreamError: it isn't.
        """
        successor = self._successor
        if successor is None or successor.connection is None or successor.failed:
            raise error
        joint = successor.old_ended()
        if joint is Joint.OPEN:
            joint = await self._await_join(successor)
        if joint in {Joint.JOINED, Joint.QUIET}:
            return await self._change_over()
        if successor.failed:
            raise error
        first = next((entry.id for entry, _ in successor.held if entry.id is not None), None)
        self._publisher.unjoined(error.reason, first)
        return await self._change_over()

    async def _await_join(self, successor: Successor) -> Joint:
        try:
            async with asyncio.timeout(JOIN_S):
                await successor.changed.wait()
        except TimeoutError:
            pass
        return successor.joint

    async def _drop_successor(self, why: str = "") -> None:
        """Give the next connection up; `why` counts it as failed."""
        successor, self._successor = self._successor, None
        assert successor is not None  # noqa: S101 -- who calls has looked
        await successor.close()
        if not why:
            return
        self._metrics.renewals.add("foreign" if why == str(Joint.FOREIGN) else "failed")
        self._renewals_failed += 1
        self._renew_at = time.monotonic() + RENEW_AGAIN_S if self._renewing else float("inf")
        if not self._renewing and self._renew_after_s:
            log.warning("no second connection any more: upstream doesn't let it take over", stream=self._name, why=why)


def _nothing() -> None:
    """Before there is a replay to be proven."""
