"""One shard: the streams of one partition of the checkpoints topic, one writer for them, one way to recover.

What the streams offer is held until it is known to be committed. Trouble in Kafka therefore costs no entry and no
upstream connection: the buffer fills, then reading waits, then all goes on.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import Any, Protocol

from bridge.alive import say_alive
from bridge.buffer import Buffer
from bridge.burial import Burial, halve
from bridge.continuity import Position
from bridge.errors import KafkaFailure, OwnedElsewhere, RecordsRefused, Superseded, Unpublishable
from bridge.health import ShardHealth, ShardState
from bridge.kafka.catalogue import Catalogue
from bridge.kafka.ownership import Outcome, Ownership, outcome
from bridge.kafka.writer import Round, Writer
from bridge.logs import get_logger
from bridge.metrics import Metrics
from bridge.positions import Positions
from bridge.records import Held, Record

ROUND_BYTES = 32 * 2**20
"""About what a transaction takes at most, as `Held.size` counts it, in bytes: some 25,000 odds, 5 MB on the wire.

A larger one would come near its deadline where Kafka is slow; with smaller ones a full core waits for Kafka instead."""

RENEW_S = 10.0
"""Seconds after which an idle owner renews its claim, and so notices that it has been fenced."""

BLOCKED_S = 15.0
"""Seconds between tries while Kafka refuses for a reason that somebody has to mend."""

_RETRY_S = (0.0, 0.1, 0.3, 1.0, 2.0)  # between tries to recover; the last one repeats

log = get_logger("oddsbridge.shard")


class Runs(Protocol):
    """A stream, as its shard sees it."""

    async def run(self) -> None:
        """Live until cancelled."""

    def alive(self) -> Record:
        """The record that says how it is."""


MakeStream = Callable[[Position, Buffer], Runs]

Restore = Callable[[dict[str, Position]], Awaitable[None]]
"""Reads back what was published of some streams, given what is committed of each. Raises KafkaFailure."""

Bury = Callable[[Buffer], Coroutine[Any, Any, None]]
"""Offers what ends the odds of streams that aren't there any more."""


class Shard:
    """Owns one partition of the checkpoints topic, runs its streams, and writes what they offer.

    Args:
        number: The partition.
        streams: Makes each stream, by its name, from its position and the buffer that it offers to.
        ownership: The hold on the partition.
        writer: Writes the rounds.
        catalogue: The topics.
        burial: Puts dead letters in the place of what can't be published.
        buffer: What is held.
        restore: Reads back what was published, when somebody else has written.
        bury: Ends the odds of streams that are gone, beside the streams; one shard does so for all.
        health: Where the state is told.
        metrics: Where the work is counted.
    """

    def __init__(
        self,
        number: int,
        *,
        streams: Mapping[str, MakeStream],
        ownership: Ownership,
        writer: Writer,
        catalogue: Catalogue,
        burial: Burial,
        buffer: Buffer,
        restore: Restore,
        bury: Bury | None,
        health: ShardHealth,
        metrics: Metrics,
    ) -> None:
        self.number = number
        self.buffer = buffer
        self._streams = streams
        self._ownership = ownership
        self._writer = writer
        self._catalogue = catalogue
        self._burial = burial
        self._restore = restore
        self._bury = bury
        self._health = health
        self._metrics = metrics.shard(number)
        self._stream_metrics = metrics.stream
        self._positions = Positions(streams, ownership.instance)
        self._tasks: list[asyncio.Task[None]] = []
        self._closing = False

    async def take(self) -> None:
        """Own the shard and know its checkpoints. Whoever owned it before is fenced.

        Raises:
            OwnedElsewhere: another instance claimed it at the same time.
            KafkaFailure: it can't be done for a reason that doesn't heal by itself.
        """
        tries = 0
        while True:
            try:
                stored = await self._ownership.take()
                break
            except KafkaFailure as error:
                if not error.heals:
                    raise
                if not tries:
                    log.warning("shard can't be taken yet", shard=self.number, why=str(error))
                self._health.to(ShardState.STARTING, str(error))
                tries += 1
                await asyncio.sleep(_delay(tries))
        self._positions.adopt(stored)
        self._health.to(ShardState.RUNNING)

    def positions(self) -> dict[str, Position]:
        """What is committed of each stream; `take` comes first."""
        return {name: self._positions.of(name) for name in self._streams}

    async def run(self) -> None:
        """Run the streams and write what they offer, until `close` is called and all of it is committed.

        `take` comes first.

        Raises:
            OwnedElsewhere: another instance owns the shard now.
            KafkaFailure: the shard can't go on, and that doesn't heal by itself.
        """
        try:
            while True:
                self._start_streams()
                try:
                    await self._write()
                    break
                except OwnedElsewhere as error:
                    self._health.to(ShardState.LEFT, str(error))
                    raise
                except Superseded as error:
                    log.warning("shard begins again", shard=self.number, why=str(error))
                    await self._stop_streams()
                    self.buffer.clear()
                    await self.take()
                    await self._restore(self.positions())
        finally:
            await self._stop_streams()
        await self._writer.close()
        self._health.to(ShardState.STOPPED)

    def _start_streams(self) -> None:
        if not self._closing:
            streams = {name: make(self._positions.of(name), self.buffer) for name, make in self._streams.items()}
            self._tasks = [asyncio.create_task(stream.run(), name=f"stream {name}") for name, stream in streams.items()]
            saying = say_alive(list(streams.values()), self.buffer, lambda: self._health.state is ShardState.RUNNING)
            self._tasks.append(asyncio.create_task(saying, name="alive"))
            if self._bury is not None:
                self._tasks.append(asyncio.create_task(self._bury(self.buffer), name="orphans"))

    async def _stop_streams(self) -> None:
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def close(self) -> None:
        """End the streams; `run` ends when all that they offered is committed."""
        self._closing = True
        await self._stop_streams()
        self.buffer.wake()

    async def give_up(self) -> None:
        """End at once, when `run` doesn't run: what is open is aborted."""
        await self._ownership.release()
        self._health.to(ShardState.STOPPED, f"{len(self.buffer)} entries were read and not committed")

    async def _write(self) -> None:
        while True:
            if not self._closing:
                await self.buffer.filled(RENEW_S)
            taken = self.buffer.first(ROUND_BYTES)
            if not taken and self._closing:
                return
            await self._make_topics(taken)
            self._burial.rejects(taken)
            self._burial.too_large(taken)
            await self._commit(taken)

    async def _make_topics(self, taken: list[Held]) -> None:
        """Every topic exists before a transaction begins; one that can't turns its records into dead letters."""
        known = self._catalogue.topics
        for held in taken:
            for topic in {part.topic for part in held.parts} - known.keys():
                why = await self._made(topic)
                if why:
                    self._burial.bury(held, "no-topic", why, lambda record, name=topic: record.topic == name)  # type: ignore[misc]
            known = self._catalogue.topics

    async def _made(self, topic: str) -> str:
        """Make a topic; returns why it can't be."""
        tries = 0
        while True:
            try:
                made = await self._catalogue.ensure(topic)
            except KafkaFailure as error:
                if not error.heals:
                    return str(error)
                self._health.to(ShardState.RECOVERING, str(error))
                tries += 1
                await asyncio.sleep(_delay(tries))
            else:
                self._health.to(ShardState.RUNNING)
                return "" if made else "there are too many topics of unknown events"

    async def _commit(self, taken: list[Held]) -> None:
        """Commit entries, however often it takes."""
        await self._ownership.confirm()
        transaction = self._ownership.next()
        transaction.held = taken
        tries = 0
        how = "committed"
        while True:
            positions = self._positions.after(taken)
            serial = transaction.serial
            transaction.tail = self._positions.checkpoints(positions, serial) or [self._ownership.claim(serial)]
            started = time.monotonic()
            try:
                await self._writer.write(transaction)
                result = Outcome.COMMITTED
            except KafkaFailure as error:
                result = await self._recover(transaction, error, tries)
                how = "found-committed" if result is Outcome.COMMITTED else "committed"
                tries += 1
            if result is Outcome.COMMITTED:
                break
            transaction.serial = self._ownership.next().serial
            self._metrics.resent += sum(map(len, taken))
        self._positions.keep(positions, transaction.serial)
        self.buffer.let_go(len(taken))
        self._count(transaction, time.monotonic() - started, how)
        if tries:
            log.info("shard recovered", shard=self.number, tries=tries)
            self._health.to(ShardState.RUNNING)

    async def _recover(self, transaction: Round, error: KafkaFailure, tries: int) -> Outcome:
        """The one way to recover: drop the producer, make a new one, and read from the topic what is true.

        Raises:
            OwnedElsewhere: another instance owns the shard now.
            Superseded: somebody else has written for its streams.
            KafkaFailure: it can't go on, and that doesn't heal by itself.
        """
        self._metrics.recoveries.add(error.reason)
        if not tries:
            log.warning("transaction failed; recovering", shard=self.number, why=str(error), reason=error.reason)
        await self._writer.abandon()
        trouble: KafkaFailure = error
        while True:
            blocked = isinstance(trouble, Unpublishable)
            self._health.to(ShardState.BLOCKED if blocked else ShardState.RECOVERING, str(trouble))
            await asyncio.sleep(BLOCKED_S if blocked else _delay(tries))
            tries += 1
            try:
                await self._catalogue.refresh()
                stored = await self._ownership.take(fenced=trouble.reason == "fenced")
                break
            except KafkaFailure as again:
                if not again.heals and not isinstance(again, Unpublishable):
                    raise
                trouble = again
        if isinstance(error, RecordsRefused) and not self._search(transaction, error):
            self._health.to(ShardState.BLOCKED, f"{error}; and there is nothing left to take out")
            await asyncio.sleep(BLOCKED_S)
        result = outcome(transaction, stored, self._positions.stamps, self._ownership.instance)
        if result is not Outcome.COMMITTED:
            self._metrics.tx.add("not-committed")
        if result is Outcome.SUPERSEDED:
            raise Superseded("somebody else has written for this shard's streams")
        return result

    def _search(self, transaction: Round, refusal: RecordsRefused) -> bool:
        """Find what was refused: by the topics' limits as they are now, else by halves. Returns whether it got on."""
        packed = any(held.parts for held in transaction.held)
        for held in transaction.held:
            held.single_out()  # the next try tells which record was refused
        before = [record for held in transaction.held for record in held.records], dict(transaction.alone)
        self._burial.too_large(transaction.held)
        culprits = halve(refusal.refused, transaction.alone)
        for held in transaction.held:
            self._burial.bury(held, "refused", refusal.message, lambda record: id(record) in culprits)
        after = [record for held in transaction.held for record in held.records], transaction.alone
        return packed or before != after

    def _count(self, transaction: Round, seconds: float, how: str) -> None:
        for held in transaction.held:
            for reason, n in held.dead.items():
                self._stream_metrics(held.stream).dead_letters.add(reason, n)
        self._metrics.committed(seconds, transaction.packed, outcome=how)
        self._metrics.waited(time.time(), [held.received_ms / 1000 for held in transaction.held])


def _delay(tries: int) -> float:
    return _RETRY_S[min(tries, len(_RETRY_S) - 1)]
