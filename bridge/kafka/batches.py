"""Records into batches: one builder for each topic and partition, shared by all streams of a shard."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from bridge.kafka.builder import Builder, shared
from bridge.kafka.partitioner import Spots, spots_of
from bridge.kafka.producer import BATCH_BYTES
from bridge.kafka.topics import Existing
from bridge.records import Part, Record

_BATCH_OVERHEAD = 61 + 21  # a batch's header, and what a record may add to its key, value and headers


class Builders(Protocol):
    """Makes an empty batch."""

    def batch(self, limit: int) -> Builder:
        """An empty batch that takes at most `limit` bytes."""


@dataclass(slots=True, eq=False)
class Batch:
    """A batch on its way, with the records in it that were told apart, for the search when it is refused."""

    topic: str
    partition: int
    builder: Builder
    records: list[Record] = field(default_factory=list)
    most: int = 0
    """How many records it may hold; 0 is no bound but its size."""


class Packed(NamedTuple):
    """How many records of a topic a transaction has, and the bytes of their values."""

    topic: str
    records: int
    size: int


@dataclass(slots=True)
class _Lane:
    """A topic's open batches, and what went into all of them."""

    spots: Spots
    limit: int
    open: list[Batch | None]
    records: int = 0
    size: int = 0


class Packer:
    """Packs the records of one transaction.

    Args:
        producer: Makes the empty batches.
        topics: The topics as the cluster has them.
        alone: How many records may share a batch with a record, by its identity: what a search by halves says.
    """

    def __init__(self, producer: Builders, topics: Mapping[str, Existing], alone: Mapping[int, int]) -> None:
        self._producer = producer
        self._alone = alone
        self._lanes: dict[str, _Lane] = {
            name: _Lane(
                spots_of(topic.partitions), min(BATCH_BYTES, topic.max_message_bytes), [None] * topic.partitions
            )
            for name, topic in topics.items()
        }

    def pack_part(self, part: Part, timestamp_ms: int) -> list[Batch]:
        """Add an entry's records to their batches. Returns the batches that are full with what came before."""
        topic, headers, items, before, behind = part
        common = shared(headers, before, behind)
        lane = self._lanes[topic]
        batches, spots, full = lane.open, lane.spots, []
        size = 0
        for key, value in items:
            size += len(value)
            partition = spots.get(key)
            if partition is None:
                partition = spots.find(key)
            batch = batches[partition]
            if batch is None or batch.most or not batch.builder.add(key, value, timestamp_ms, common):
                if batch is not None:
                    full.append(batch)
                batch = batches[partition] = Batch(topic, partition, self._producer.batch(lane.limit))
                batch.builder.add(key, value, timestamp_ms, common)
        lane.records += len(items)
        lane.size += size + common.of_value * len(items)
        return full

    def pack(self, record: Record, timestamp_ms: int) -> Batch | None:
        """Add a record to its batch. Returns a batch that is full with what came before, or None."""
        lane = self._lanes[record.topic]
        lane.records += 1
        lane.size += len(record.value)
        return self._add(lane, record, lane.spots.find(record.key), timestamp_ms)

    def pack_at(self, record: Record, partition: int, timestamp_ms: int) -> Batch | None:
        """Like `pack`, for a record whose partition is given."""
        return self._add(self._lanes[record.topic], record, partition, timestamp_ms)

    def _add(self, lane: _Lane, record: Record, partition: int, timestamp_ms: int) -> Batch | None:
        batch = lane.open[partition]
        full: Batch | None = None
        if self._alone:
            most = self._alone.get(id(record), 0)
            if batch is not None and (batch.most != most or (most and len(batch.records) >= most)):
                full, batch = batch, None
        else:
            most = 0
        if batch is not None:
            if self._append(batch, record, timestamp_ms):
                return full
            full = batch
        batch = lane.open[partition] = Batch(record.topic, partition, self._producer.batch(lane.limit), most=most)
        self._append(batch, record, timestamp_ms)
        return full

    def _append(self, batch: Batch, record: Record, timestamp_ms: int) -> bool:
        value = None if record.is_tombstone else record.value
        if not batch.builder.add(record.key, value, timestamp_ms, shared(record.headers)):
            return False
        batch.records.append(record)
        return True

    def packed(self) -> list[Packed]:
        """What was packed; what `pack_at` was given is the bridge's own and isn't counted."""
        return [Packed(topic, lane.records, lane.size) for topic, lane in self._lanes.items() if lane.records]

    def rest(self) -> Iterator[Batch]:
        """The batches that are open still."""
        for lane in self._lanes.values():
            for partition, batch in enumerate(lane.open):
                if batch is not None:
                    lane.open[partition] = None
                    yield batch


def fits(compression: str | None, record: Record, limit: int) -> bool:
    """Whether a record, alone in a batch and compressed, stays within a topic's `max.message.bytes`."""
    headers = sum(len(name) + len(value) + 10 for name, value in record.headers)
    if len(record.key) + len(record.value) + headers + _BATCH_OVERHEAD <= limit:
        return True
    if compression is None:
        return False
    trial = Builder(limit, compression, transactional=True)
    trial.add(record.key, record.value, 0, shared(record.headers))
    return len(trial._build()) <= limit  # noqa: SLF001 -- a batch that was built can't be sent, only measured
