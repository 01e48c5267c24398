"""A reader of topics that shares no code with the bridge: librdkafka, from offset 0 to the end."""

import asyncio
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

OWN = ("checkpoints", "bridge-events", "dead-letters", "odds-state", "copilot-odds-state")


@dataclass(frozen=True, slots=True)
class Seen:
    """One record as a consumer sees it."""

    topic: str
    partition: int
    offset: int
    timestamp_ms: int
    key: str
    value: bytes
    headers: dict[str, str]

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.value).hexdigest()

    @property
    def order(self) -> tuple[int, int, int]:
        ms, seq, n = self.headers["order"].split("-")
        return int(ms), int(seq), int(n)


async def read(servers: str, prefix: str, *, topics: Iterable[str] = (), committed: bool = True) -> list[Seen]:
    """All records of `prefix`'s topics (all but the bridge's own, unless `topics` names them without the prefix)."""
    return await asyncio.to_thread(_read, servers, prefix, tuple(topics), committed)


def _read(servers: str, prefix: str, wanted: tuple[str, ...], committed: bool) -> list[Seen]:
    consumer = Consumer(
        {
            "bootstrap.servers": servers,
            "group.id": "reader",
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
            "enable.partition.eof": True,
            "isolation.level": "read_committed" if committed else "read_uncommitted",
            "fetch.wait.max.ms": 50,
        }
    )
    try:
        known = consumer.list_topics(timeout=15).topics
        names = {prefix + name for name in wanted} or {
            name for name in known if name.startswith(prefix) and name.removeprefix(prefix) not in OWN
        }
        parts = [TopicPartition(t, p, 0) for t in sorted(names & known.keys()) for p in known[t].partitions]
        if not parts:
            return []
        consumer.assign(parts)
        seen: list[Seen] = []
        ends = 0
        while ends < len(parts):
            message = consumer.poll(30)
            if message is None:
                raise AssertionError("a reader got nothing for 30 s: an open transaction?")
            error = message.error()
            if error is not None:
                if error.code() != KafkaError._PARTITION_EOF:
                    raise KafkaException(error)
                ends += 1
                continue
            seen.append(_seen(message))
        return seen
    finally:
        consumer.close()


def _seen(message: Any) -> Seen:
    return Seen(
        message.topic(),
        message.partition(),
        message.offset(),
        message.timestamp()[1],
        (message.key() or b"").decode(),
        message.value() or b"",
        {name: value.decode() for name, value in message.headers() or []},
    )
