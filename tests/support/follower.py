"""A reader that goes on where it was: librdkafka, on all topics of a prefix, read_committed."""

import asyncio
import time
from dataclasses import dataclass
from typing import Any

from confluent_kafka import Consumer, IsolationLevel, KafkaError, KafkaException, Message, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec  # type: ignore[attr-defined]

Spot = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Row:
    """One record as a consumer sees it; a tombstone's value is None."""

    topic: str
    """Without the prefix."""
    at_ms: int
    key: str
    value: bytes | None
    headers: dict[str, str]
    message: Message

    @property
    def order(self) -> tuple[int, int, int]:
        ms, seq, n = self.headers["order"].split("-")
        return int(ms), int(seq), int(n)


class Follower:
    """Reads what is new each time that it is asked. Close it.

    Args:
        servers: Kafka.
        prefix: What the topics' names begin with.
    """

    def __init__(self, servers: str, prefix: str) -> None:
        self._prefix = prefix
        self._admin = AdminClient({"bootstrap.servers": servers, "log_level": 4})
        self._consumer = Consumer(
            {
                "bootstrap.servers": servers,
                "group.id": "follower",
                "enable.auto.commit": False,
                "enable.partition.eof": True,
                "isolation.level": "read_committed",
                "fetch.wait.max.ms": 50,
            }
        )
        self._at: dict[Spot, int] = {}

    async def catch_up(self) -> list[Row]:
        """What was committed since the last time, in the order of each partition."""
        return await asyncio.to_thread(self._catch_up)

    async def close(self) -> None:
        await asyncio.to_thread(self._consumer.close)

    def _catch_up(self) -> list[Row]:
        ends = self._ends()
        if ends.keys() != self._at.keys():
            self._at = {spot: self._at.get(spot, 0) for spot in ends}
            self._consumer.assign([TopicPartition(*spot, offset) for spot, offset in self._at.items()])
        rows: list[Row] = []
        heard = time.monotonic()
        while any(self._at[spot] < end for spot, end in ends.items()):
            messages = self._consumer.consume(2_000, 0.1)
            if messages:
                heard = time.monotonic()
            elif time.monotonic() - heard > 30:
                raise AssertionError("a reader got nothing for 30 s: an open transaction?")
            for message in messages:
                self._take(message, rows)
        return rows

    def _take(self, message: Any, rows: list[Row]) -> None:
        spot, error = (message.topic(), message.partition()), message.error()
        if error is None:
            self._at[spot] = message.offset() + 1
            rows.append(self._row(message))
        elif error.code() == KafkaError._PARTITION_EOF:  # tells the end behind a transaction's marker, too
            self._at[spot] = message.offset()
        else:
            raise KafkaException(error)

    def _row(self, message: Any) -> Row:
        return Row(
            message.topic().removeprefix(self._prefix),
            message.timestamp()[1],
            (message.key() or b"").decode(),
            message.value(),
            {name: value.decode() for name, value in message.headers() or []},
            message,
        )

    def _ends(self) -> dict[Spot, int]:
        topics = self._admin.list_topics(timeout=30).topics
        asked = {
            TopicPartition(name, partition): OffsetSpec.latest()  # type: ignore[no-untyped-call]
            for name, topic in topics.items()
            if name.startswith(self._prefix) and not name.endswith("checkpoints")
            for partition in topic.partitions
        }
        level = IsolationLevel.READ_COMMITTED
        answers = self._admin.list_offsets(asked, isolation_level=level, request_timeout=30)
        return {(spot.topic, spot.partition): answer.result().offset for spot, answer in answers.items()}
