"""What stands in a shard's partition of the checkpoints topic, and how it is read.

Two kinds of records: a checkpoint, keyed by its stream's name, and the claim, keyed by `!claim`, which names
the instance that owns the shard. Both carry the instance and the serial number of the transaction that wrote
them: that is how an owner learns whether a transaction of its own went through.
"""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from bridge.continuity import Position
from bridge.errors import ClusterMismatch, KafkaFailure, NewerCheckpoint
from bridge.kafka.refusals import AUTHORIZATION, failure, principal

VERSION = 1
CLAIM_KEY = b"!claim"  # no stream can have this name


@dataclass(frozen=True, slots=True)
class Claim:
    """Who owns a shard.

    Attributes:
        instance: A name that no two processes share.
        serial: The transaction that wrote it, counted by that instance on that shard.
        host: Where the instance runs.
        pid: Its process id.
        renewed_ms: When it was written, epoch milliseconds.
    """

    instance: str
    serial: int
    host: str
    pid: int
    renewed_ms: int

    def encode(self) -> bytes:
        """The record's value."""
        return orjson.dumps(
            {
                "v": VERSION,
                "instance": self.instance,
                "serial": self.serial,
                "host": self.host,
                "pid": self.pid,
                "renewed_ms": self.renewed_ms,
            }
        )

    def __str__(self) -> str:
        age = max(0.0, time.time() - self.renewed_ms / 1000)
        return f"{self.instance} (pid {self.pid} on {self.host}, last heard {age:.0f} s ago)"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A stream's position, as committed.

    Attributes:
        position: The ids.
        instance: Who wrote it.
        serial: In which of its transactions.
        written_ms: When, epoch milliseconds.
    """

    position: Position
    instance: str
    serial: int
    written_ms: int

    def encode(self, stream: str) -> bytes:
        """The record's value."""
        highest = self.position.highest
        return orjson.dumps(
            {
                "v": VERSION,
                "stream": stream,
                "last_entry_id": str(highest) if highest is not None else None,
                "recent": self.position.encode(),
                "owes": self.position.owes,
                "scope": self.position.scope,
                "instance": self.instance,
                "serial": self.serial,
                "written_ms": self.written_ms,
            }
        )


@dataclass(slots=True)
class Stored:
    """All that a shard's partition says."""

    claim: Claim | None = None
    checkpoints: dict[str, Checkpoint] = field(default_factory=dict)

    @classmethod
    def of(cls, latest: Mapping[bytes, bytes | None]) -> "Stored":
        """Read the latest value of each key.

        Raises:
            NewerCheckpoint: one was written by a newer oddsbridge.
            ClusterMismatch: one isn't what the bridge writes.
        """
        stored = cls()
        for key, value in latest.items():
            if value is not None:
                stored._take(key, value)
        return stored

    def _take(self, key: bytes, value: bytes) -> None:
        name = key.decode(errors="replace")
        try:
            body: dict[str, Any] = orjson.loads(value)
            version = int(body.pop("v"))
            if version > VERSION:
                raise NewerCheckpoint(
                    f"the checkpoint {name!r} has version {version}, and this oddsbridge knows {VERSION} at most",
                    hint="run the version that wrote it, or a newer one",
                )
            if key == CLAIM_KEY:
                self.claim = Claim(**body)
            else:
                position = Position.decode(body["recent"])
                position.owes, position.scope = str(body.get("owes", "")), str(body.get("scope", ""))
                self.checkpoints[name] = Checkpoint(position, body["instance"], body["serial"], body["written_ms"])
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ClusterMismatch(
                f"the checkpoint {name!r} can't be read: {error!r}",
                hint="something else writes to the checkpoints topic; give the bridge one of its own",
                reason="bad-checkpoint",
            ) from error


async def read(options: Mapping[str, Any], topic: str, partition: int, *, deadline_s: float, wait: bool) -> Stored:
    """Read what is committed in a shard's partition.

    Args:
        options: What every Kafka client of the process is made with.
        topic: The checkpoints topic.
        partition: The shard.
        deadline_s: Seconds that it may take.
        wait: Whether a transaction that is open there is waited for: read up to the high watermark, not only to
            the last stable offset.

    Raises:
        KafkaFailure: it can't be read within `deadline_s` seconds.
        Unpublishable: Kafka forbids it.
        NewerCheckpoint: a record was written by a newer oddsbridge.
    """
    consumer = AIOKafkaConsumer(
        **options,
        isolation_level="read_committed",
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        fetch_max_wait_ms=20,
        max_partition_fetch_bytes=16 * 2**20,
    )
    latest: dict[bytes, bytes | None] = {}
    spot = TopicPartition(topic, partition)
    try:
        async with asyncio.timeout(deadline_s):
            await consumer.start()
            consumer.assign([spot])
            # Not seek_to_beginning: that asks for the first offset, and just after the topic was made aiokafka logs the
            # answer as an error. Should 0 be gone, the reset policy finds the first there is.
            consumer.seek(spot, 0)
            while True:
                for records in (await consumer.getmany(spot, timeout_ms=100)).values():
                    for record in records:
                        latest[record.key or b""] = record.value
                end = consumer.highwater(spot) if wait else consumer.last_stable_offset(spot)
                if end is not None and await consumer.position(spot) >= end:
                    return Stored.of(latest)
    except AUTHORIZATION as error:
        doing = f"reading the checkpoints of shard {partition}"
        raise failure(error, doing, who=principal(options), operation="Read") from error
    except (KafkaError, OSError, TimeoutError) as error:
        raise KafkaFailure(
            f"reading the checkpoints of shard {partition} failed: {type(error).__name__} {error}".rstrip(),
            reason="unreachable",
        ) from error
    finally:
        try:
            async with asyncio.timeout(2):
                await consumer.stop()
        except (KafkaError, OSError, TimeoutError):
            pass
