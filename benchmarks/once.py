"""Whether every odd arrived exactly once: a `read_committed` reader that knows what the upstream sent."""

import time
from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from benchmarks.pool import Template
from benchmarks.topics import DATA, PARTITIONS

_PATIENCE_S = 20.0
_FIELD = b'"timestamp":'


@dataclass(frozen=True, slots=True)
class Count:
    """What a reader found, in odds."""

    sent: int
    arrived: int
    missing: int
    doubled: int
    foreign: int

    @property
    def good(self) -> bool:
        """Whether every odd arrived exactly once, and nothing else did."""
        return not (self.missing or self.doubled or self.foreign)

    def __str__(self) -> str:
        if self.good:
            return f"{self.arrived:,} odds, each once"
        return f"of {self.sent:,} odds {self.missing:,} missing, {self.doubled:,} doubled, {self.foreign:,} never sent"


class Tally:
    """Counts records against what was sent.

    Args:
        pool: The events that were sent.
        log: What was sent: an event's place in the pool, and its time, again and again (see `upstream`).
    """

    def __init__(self, pool: Sequence[Template], log: Iterable[tuple[int, int]]) -> None:
        self._bits = [{odd.encode(): 1 << n for n, odd in enumerate(template.odds)} for template in pool]
        self._events = list(log)
        self._by_stamp = {stamp: n for n, (_, stamp) in enumerate(self._events)}
        self._seen = [0] * len(self._events)
        self._texts: dict[bytes, int] = {}
        self._doubled = self._foreign = 0

    def record(self, key: bytes, value: bytes) -> None:
        """Count one record."""
        self.stamped(key, stamp_of(value))

    def stamped(self, key: bytes, text: bytes) -> None:
        """Count one record by its key and the time that stands in its value."""
        event = self._texts.get(text)
        if event is None:
            event = self._texts[text] = self._by_stamp.get(stamp_us(text), -1)
        bit = self._bits[self._events[event][0]].get(key, 0) if event >= 0 else 0
        if not bit:
            self._foreign += 1
        elif self._seen[event] & bit:
            self._doubled += 1
        else:
            self._seen[event] |= bit

    def count(self) -> Count:
        """What was found."""
        sent = sum(len(self._bits[number]) for number, _ in self._events)
        arrived = sum(seen.bit_count() for seen in self._seen)
        return Count(sent, arrived, sent - arrived, self._doubled, self._foreign)


def stamp_of(value: bytes) -> bytes:
    """The `timestamp` in an odd, as it is written there."""
    at = value.find(_FIELD) + len(_FIELD)
    return value[at : value.find(b",", at)]


def stamp_us(text: bytes) -> int:
    """The microseconds in an odd's `timestamp`, as anybody may have written it; -1 if it is none."""
    try:
        return round(float(text) * 1_000_000)
    except ValueError:
        return -1


def logged(log: Path) -> list[tuple[int, int]]:
    """What the upstream has written down."""
    pairs = array("q")
    if log.exists():
        pairs.frombytes(log.read_bytes())
    return list(zip(pairs[::2], pairs[1::2], strict=True))


def count(servers: str, prefix: str, pool: Sequence[Template], log: Path) -> Count:
    """Read a round's topics from the first offset to the last, and count.

    Records whose header `origin` is something else than `stream` are the bridge's own making, and left out.
    """
    tally = Tally(pool, logged(log))
    consumer = Consumer(
        {
            "bootstrap.servers": servers,
            "group.id": "count",
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "isolation.level": "read_committed",
            "fetch.max.bytes": 2**25,
            "max.partition.fetch.bytes": 2**22,
        }
    )
    try:
        consumer.assign([TopicPartition(prefix + name, p, 0) for name in DATA for p in range(PARTITIONS)])
        ended: set[tuple[str | None, int | None]] = set()
        patience = time.monotonic() + _PATIENCE_S
        while len(ended) < len(DATA) * PARTITIONS:
            messages = consumer.consume(5_000, 0.1)
            if messages:
                patience = time.monotonic() + _PATIENCE_S
            elif time.monotonic() > patience:
                break  # what a stalled reader doesn't see is missing
            for message in messages:
                error = message.error()
                if error is None:
                    if _streamed(message.headers()):
                        tally.record(message.key() or b"", message.value() or b"")
                elif error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - its only name
                    ended.add((message.topic(), message.partition()))
                else:
                    raise KafkaException(error)
    finally:
        consumer.close()
    return tally.count()


def _streamed(headers: object) -> bool:
    origin = dict(headers).get("origin") if isinstance(headers, list) else None
    return origin in {None, b"stream"}
