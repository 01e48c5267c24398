"""The topics that have the latest of each odd, read whole at a start: what was published, and can be compared."""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

import msgspec
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from bridge.errors import KafkaFailure
from bridge.kafka.refusals import AUTHORIZATION, failure, principal

STALL_S: Final = 30.0
"""Seconds without a record after which reading is given up: an open transaction of somebody else's ends before."""


class State(NamedTuple):
    """A value of `odds-state`, and what stands beside it."""

    topic: str
    key: bytes
    stream: str
    order: tuple[int, int, int]
    locked: bool
    live_ms: int
    """When it was told, epoch milliseconds: whoever told it, a snapshot that is older must not undo it."""
    odd: bytes
    headers: Sequence[tuple[str, bytes]] = ()


class _Value(msgspec.Struct, gc=False):
    stream: str
    order: str
    odd: msgspec.Raw
    locked: bool = False


_value = msgspec.json.Decoder(_Value)

Take = Callable[[str, bytes, State | None], None]
"""Takes a topic, a key and its state, or None where it is gone."""


async def read_states(
    options: Mapping[str, Any], topics: Iterable[str], take: Take, progress: Callable[[int], None]
) -> int:
    """Read what is committed in some topics of states.

    Args:
        options: What every Kafka client of the process is made with.
        topics: Their names.
        take: Takes each record, in the order of its partition: the last one of a key counts.
        progress: Told the records so far, now and then.

    Returns:
        How many records there were.

    Raises:
        KafkaFailure: they can't be read.
        Unpublishable: Kafka forbids it.
    """
    consumer = AIOKafkaConsumer(
        **options,
        isolation_level="read_committed",
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        fetch_max_wait_ms=50,
        fetch_max_bytes=8 * 2**20,  # some 80,000 odds, as they are compressed
        max_partition_fetch_bytes=2**20,
    )
    names = sorted(set(topics))
    doing = f"reading {', '.join(names)}"
    try:
        async with asyncio.timeout(STALL_S) as deadline:
            await consumer.start()
            spots = await _spots(consumer, names)
            return await _read(consumer, spots, take, progress, deadline)
    except AUTHORIZATION as error:
        raise failure(error, doing, who=principal(options), operation="Read") from error
    except (KafkaError, OSError, TimeoutError) as error:
        raise KafkaFailure(f"{doing} failed: {type(error).__name__} {error}".rstrip(), reason="unreachable") from error
    finally:
        try:
            async with asyncio.timeout(2):
                await consumer.stop()
        except (KafkaError, OSError, TimeoutError):
            pass


async def _spots(consumer: AIOKafkaConsumer, names: list[str]) -> list[TopicPartition]:
    """Every partition of the topics, each to be read from its beginning."""
    known = {name: await consumer._client._wait_on_metadata(name) for name in names}  # noqa: SLF001 -- the public call asks nobody
    spots = [TopicPartition(name, partition) for name in names for partition in sorted(known[name])]
    consumer.assign(spots)
    for spot in spots:
        consumer.seek(spot, 0)  # see `checkpoints.read`
    return spots


async def _read(
    consumer: AIOKafkaConsumer,
    spots: list[TopicPartition],
    take: Take,
    progress: Callable[[int], None],
    deadline: asyncio.Timeout,
) -> int:
    clock = asyncio.get_running_loop().time
    count = 0
    left = set(spots)
    while left:
        for spot, records in (await consumer.getmany(*left, timeout_ms=100, max_records=2_000)).items():
            for record in records:
                take(spot.topic, record.key or b"", _state(spot.topic, record))
            count += len(records)
            deadline.reschedule(clock() + STALL_S)
        progress(count)
        left = {spot for spot in left if not await _at_end(consumer, spot)}
    return count


async def _at_end(consumer: AIOKafkaConsumer, spot: TopicPartition) -> bool:
    """Whether all is read up to the high watermark: at the last stable offset an open transaction could hide more."""
    end = consumer.highwater(spot)
    return end is not None and await consumer.position(spot) >= end


def _state(topic: str, record: Any) -> State | None:
    """What a record says; None for a tombstone, and for what isn't a state."""
    if record.value is None:
        return None
    try:
        value = _value.decode(record.value)
        ms, seq, n = map(int, value.order.split("-"))
    except (ValueError, RecursionError):
        return None
    odd = bytes(value.odd)
    return State(topic, record.key, value.stream, (ms, seq, n), value.locked, record.timestamp, odd, record.headers)
