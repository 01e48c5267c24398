"""One stream's life: connect, read, publish, back off. Here, and only here, the two ends meet."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Protocol

from bridge.backoff import STABLE_AFTER_S, Backoff, refused_delay
from bridge.buffer import Buffer
from bridge.continuity import Continuity, Position, Replay, Verdict
from bridge.entries import CONTROL_EVENTS, EntryId, decode
from bridge.errors import Disconnected, RateLimited, Refused, UpstreamError
from bridge.health import State, StreamHealth
from bridge.logs import get_logger, hidden
from bridge.metrics import StreamMetrics
from bridge.records import Explode, Held, order
from bridge.sse import Event, Parser

RECORD_BYTES = 300
"""What a record occupies in memory beside its key and value, in bytes, roughly."""

log = get_logger("oddsbridge.stream")


class Connection(Protocol):
    """An open event stream."""

    async def read(self) -> bytes:
        """The next bytes; b"" at a clean end.

        Raises:
            Disconnected: the connection broke, or was silent for too long.
        """

    def close(self) -> None:
        """Cut it."""


Connect = Callable[[EntryId | None, Callable[[], None]], Awaitable[Connection]]
"""Opens a connection that asks for a replay from an id; calls back when its turn has come. Raises UpstreamError."""


class Stream:
    """Reads one stream for ever and offers what is new to its shard.

    Args:
        name: The stream's name.
        connect: Opens a connection.
        explode: Makes its records.
        position: What is committed of it; taken over.
        buffer: Where entries are offered.
        max_event_bytes: An event whose data is larger is discarded, and told as a dead letter.
        health: Where the state is told.
        metrics: Where the work is counted.
    """

    def __init__(
        self,
        name: str,
        *,
        connect: Connect,
        explode: Explode,
        position: Position,
        buffer: Buffer,
        max_event_bytes: int,
        health: StreamHealth,
        metrics: StreamMetrics,
    ) -> None:
        self._name = name
        self._connect = connect
        self._explode = explode
        self._continuity = Continuity(position)
        self._buffer = buffer
        self._max_event_bytes = max_event_bytes
        self._health = health
        health.last_entry_id = position.highest
        self._metrics = metrics
        self._backoff = Backoff()
        self._retry_s = 0.0
        self._told = ""

    async def run(self) -> None:
        """Live until cancelled. Nothing that happens to this stream leaves it."""
        try:
            await self._live()
        finally:
            self._health.to(State.STOPPED)

    async def _live(self) -> None:
        while True:
            try:
                await self._session()
                raise Disconnected("upstream ended the stream", reason="closed")
            except Refused as error:
                self._metrics.refusals.add(error.reason)
                delay = refused_delay()
                self._pause(State.REFUSED, str(error), delay)
            except UpstreamError as error:
                self._metrics.disconnects.add("rate-limited" if isinstance(error, RateLimited) else error.reason)
                delay = max(self._backoff.failed(self._retry_s), error.retry_after or 0.0)
                self._pause(State.BACKING_OFF, str(error), delay)
            except Exception as error:
                self._metrics.crashes += 1
                delay = self._backoff.failed(self._retry_s)
                if self._told != repr(error):
                    self._told = repr(error)
                    log.exception("stream crashed; it starts again", stream=self._name, next_try_s=round(delay, 1))
                why = hidden(f"{type(error).__name__}: {error}")  # a foreign error's text may hold the key
                self._health.to(State.CRASHED, f"{why}; next try in {delay:.1f} s")
            await asyncio.sleep(delay)

    def _pause(self, state: State, why: str, delay: float) -> None:
        if self._told != why:  # a stream that fails the same way again and again says so once
            self._told = why
            log.warning("stream is down", stream=self._name, state=str(state), why=why, next_try_s=round(delay, 1))
        self._health.to(state, f"{why}; next try in {delay:.1f} s")

    async def _session(self) -> None:
        """One connection, until it ends.

        Raises:
            UpstreamError: it could not be made, broke, or was refused.
        """
        self._health.to(State.WAITING, "for its turn to connect")
        connection = await self._connect(self._continuity.connecting(), lambda: self._health.to(State.CONNECTING))
        try:
            self._connected()
            parser = Parser(self._max_event_bytes)
            stable_at = time.monotonic() + STABLE_AFTER_S
            while data := await connection.read():
                events = parser.feed(data)
                received = time.time()
                for event in events:
                    self._take(event, received)
                if parser.retry is not None:
                    self._retry_s = parser.retry / 1000
                if self._continuity.replay is Replay.OPEN:
                    self._settle(self._continuity.tick(time.monotonic()))
                if self._buffer.full:
                    self._health.to(State.BLOCKED, "waits until Kafka has taken what is held")
                    await self._buffer.room()
                    self._health.to(State.STREAMING)
                if stable_at and time.monotonic() >= stable_at:
                    stable_at = 0.0
                    self._stable()
        finally:
            if self._continuity.replay is Replay.OPEN:
                self._settle(Replay.UNPROVEN)
            connection.close()

    def _connected(self) -> None:
        self._health.connected()
        self._continuity.connected(time.monotonic())
        self._settle(self._continuity.replay)

    def _stable(self) -> None:
        self._backoff.stable()
        if self._told:
            log.info("stream is up again", stream=self._name)
            self._told = ""

    def _settle(self, replay: Replay) -> None:
        if replay is not Replay.OPEN:
            self._metrics.replays.add(str(replay))

    def _take(self, event: Event, received: float) -> None:
        if event.type in CONTROL_EVENTS:
            if event.type == "ping":
                self._health.last_ping = self._health.clock()
            else:
                self._continuity.connected(time.monotonic())
            return
        entry = decode(event)
        metrics, continuity = self._metrics, self._continuity
        entry_id = entry.id
        metrics.entry(entry.event, entry.size, entry_id.ms if entry_id is not None else None, received)
        self._health.last_event = self._health.clock()
        was_open = continuity.replay is Replay.OPEN
        verdict = continuity.judge(entry.event, entry_id, by_line=entry.by_line)
        if was_open:
            self._settle(continuity.replay)
        if verdict is Verdict.DUPLICATE:
            metrics.duplicates.add("window")
            return
        if verdict is Verdict.LATE:
            metrics.late += 1
        position = continuity.position
        headers = self._explode.headers(entry.event, entry_id, order(entry_id, position.highest, position.counter + 1))
        records = self._explode.records(entry.event, entry.items, headers)
        self._buffer.offer(
            Held(
                stream=self._name,
                event=entry.event,
                entry_id=entry_id,
                received_ms=int(received * 1000),
                records=records,
                size=entry.size + RECORD_BYTES * (len(records) + 1),
                headers=headers,
                by_line=entry.by_line,
                rejects=entry.rejects,
            )
        )
        continuity.remember(entry.event, entry_id, by_line=entry.by_line)
        self._health.last_entry_id = position.highest
