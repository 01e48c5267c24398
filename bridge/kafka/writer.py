"""A round of entries becomes one transaction."""

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from aiokafka.errors import IllegalOperation, KafkaError

from bridge.errors import RecordsRefused
from bridge.kafka.batches import Batch, Packed, Packer
from bridge.kafka.producer import RECORD_FAULTS, Producer
from bridge.kafka.refusals import failure
from bridge.kafka.topics import Existing
from bridge.records import Headers, Held, Record

_FAILURES = (KafkaError, OSError, TimeoutError, IllegalOperation, AssertionError)
_NO_HEADERS: Headers = []

Sent = list[tuple[Batch, "asyncio.Future[Any]"]]
"""Batches on their way, each with its delivery."""


@dataclass(slots=True)
class Round:
    """What one transaction carries.

    Attributes:
        serial: Its number among the owner's transactions on this shard.
        held: The entries.
        tail: Keys and values for the shard's own partition: checkpoints and claim.
        alone: How many records may share a batch with a record, by its identity.
        packed: What the last try to write it made of the entries.
    """

    serial: int
    held: list[Held] = field(default_factory=list)
    tail: list[tuple[bytes, bytes]] = field(default_factory=list)
    alone: dict[int, int] = field(default_factory=dict)
    packed: list[Packed] = field(default_factory=list)


class Writer:
    """Writes the rounds of one shard, with one producer at a time.

    Args:
        make: Makes a producer that isn't started.
        topics: The topics as the cluster has them now.
        checkpoints: The name of the checkpoints topic.
        shard: The shard's number, its partition there.
        deadline_s: Seconds for one transaction, shorter than what the broker gives it.
    """

    def __init__(
        self,
        make: Callable[[], Producer],
        *,
        topics: Callable[[], Mapping[str, Existing]],
        checkpoints: str,
        shard: int,
        deadline_s: float,
    ) -> None:
        self._make = make
        self._topics = topics
        self._checkpoints = checkpoints
        self._shard = shard
        self._deadline_s = deadline_s
        self._producer: Producer | None = None

    async def open(self, deadline_s: float) -> None:
        """Drop the producer, if there is one, and start the next; that aborts what was left open.

        Raises:
            KafkaFailure: it wasn't possible within `deadline_s` seconds.
        """
        await self.abandon()
        producer = self._make()
        await producer.start(deadline_s)
        self._producer = producer

    async def write(self, transaction: Round) -> None:
        """Write a round and commit it.

        Raises:
            RecordsRefused: batches were refused for what is in them; nothing is committed.
            CommitUnknown: something failed; the round may be committed or not.
            Unpublishable: Kafka refuses for another reason; nothing is committed.
        """
        producer = self._producer
        if producer is None:
            raise failure(KafkaError("no producer"), "writing")
        sent: Sent = []
        try:
            async with asyncio.timeout(self._deadline_s):
                await producer.begin()
                packer = Packer(producer, self._topics(), transaction.alone)
                await self._send_entries(producer, packer, transaction, sent)
                transaction.packed = packer.packed()
                if not producer.transactional:  # then the order of acknowledgements is all there is
                    await _delivered(producer, packer, sent)
                await self._send_tail(producer, packer, transaction, sent)
                await _delivered(producer, packer, sent)
                await producer.commit()
        except _FAILURES as error:
            _raise_refusals(sent)
            raise producer.failure(error, "writing") from error

    async def _send_entries(self, producer: Producer, packer: Packer, transaction: Round, sent: Sent) -> None:
        for held in transaction.held:
            for part in held.parts:
                for full in packer.pack_part(part, held.received_ms):
                    await _ship(producer, full, sent)
            for record in held.records:
                one = packer.pack(record, held.received_ms)
                if one is not None:
                    await _ship(producer, one, sent)

    async def _send_tail(self, producer: Producer, packer: Packer, transaction: Round, sent: Sent) -> None:
        now_ms = int(time.time() * 1000)
        for key, value in transaction.tail:
            full = packer.pack_at(Record(self._checkpoints, key, value, _NO_HEADERS), self._shard, now_ms)
            if full is not None:
                await _ship(producer, full, sent)

    async def close(self) -> None:
        """Close the idle producer."""
        producer, self._producer = self._producer, None
        if producer is not None:
            await producer.stop()

    async def abandon(self) -> None:
        """Drop the producer, whatever it is doing."""
        producer, self._producer = self._producer, None
        if producer is not None:
            await producer.abandon()


async def _delivered(producer: Producer, packer: Packer, sent: Sent) -> None:
    """Send what is packed, and wait until all that was sent is delivered."""
    for batch in packer.rest():
        await _ship(producer, batch, sent)
    if sent:
        await asyncio.wait([delivery for _, delivery in sent])
    _raise_failures(sent)


async def _ship(producer: Producer, batch: Batch, sent: Sent) -> None:
    delivery = await producer.send(batch.builder, batch.topic, batch.partition)
    delivery.add_done_callback(_retrieve)
    sent.append((batch, delivery))


def _retrieve(delivery: "asyncio.Future[Any]") -> None:
    """Look at a delivery's exception, so that asyncio doesn't report it as overlooked."""
    if not delivery.cancelled():
        delivery.exception()


def _failed(sent: Sent) -> list[tuple[Batch, BaseException]]:
    done = [(batch, delivery) for batch, delivery in sent if delivery.done() and not delivery.cancelled()]
    return [(batch, error) for batch, delivery in done if (error := delivery.exception()) is not None]


def _raise_refusals(sent: Sent) -> None:
    """A refused batch makes later ones of its partition fail too: the refusal is what matters."""
    refused = [(batch, error) for batch, error in _failed(sent) if isinstance(error, RECORD_FAULTS)]
    if refused:
        batch, error = refused[0]
        raise RecordsRefused(
            f"{batch.topic}-{batch.partition} refused {batch.builder.record_count()} records: {type(error).__name__}",
            [batch for batch, _ in refused],
        )


def _raise_failures(sent: Sent) -> None:
    _raise_refusals(sent)
    for _, error in _failed(sent):
        raise error
