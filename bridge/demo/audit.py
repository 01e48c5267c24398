"""Pure rules of the count: what upstream delivered, what a reader found, and what is lost, twice, or out of order."""

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from bridge.simulator.control import Logged

SHOWN = 5
"""How many of a kind are named one by one."""


@dataclass(frozen=True, slots=True)
class Seen:
    """One record as a consumer sees it; `timestamp_ms` is epoch milliseconds."""

    topic: str
    partition: int
    offset: int
    timestamp_ms: int
    key: str
    value: bytes
    headers: Mapping[str, str]


class Fact(NamedTuple):
    """What makes a record the one that upstream delivered. `key` is the odd's or the fixture's id."""

    event: str
    entry_id: str
    key: str
    sha256: str

    def __str__(self) -> str:
        return f"{self.event} {self.entry_id}, key {self.key}, value's SHA-256 {self.sha256[:12]}…"


@dataclass(frozen=True, slots=True)
class Verdict:
    """The outcome of an audit; the counters hold how often each fact is missing, or is there too often."""

    entries: int
    delivered: int
    found: int
    lost: Counter[Fact]
    twice: Counter[Fact]
    foreign: Counter[Fact]
    """What upstream never delivered: other bytes, another id."""
    disordered: Counter[Fact]
    """Records of an odd or a fixture that stand behind a later one."""

    @property
    def clean(self) -> bool:
        """Whether everything arrived exactly once, as it was sent, in order; nothing at all proves nothing."""
        return self.delivered > 0 and not (self.lost or self.twice or self.foreign or self.disordered)

    def __str__(self) -> str:
        return (
            f"{self.delivered:,} delivered, {self.found:,} in Kafka, "
            f"{self.lost.total():,} lost, {self.twice.total():,} twice, {self.disordered.total():,} out of order"
            + (f", {self.foreign.total():,} that upstream never sent" if self.foreign else "")
        )

    def complaints(self) -> Iterator[str]:
        """Which records are wrong, a line for each, `SHOWN` of a kind at most."""
        for what, facts in (
            ("lost", self.lost),
            ("twice", self.twice),
            ("never sent", self.foreign),
            ("out of order", self.disordered),
        ):
            for fact in list(facts)[:SHOWN]:
                yield f"{what}: {fact}"
            if len(facts) > SHOWN:
                yield f"{what}: … and {len(facts) - SHOWN:,} more"
        if not self.delivered:
            yield "upstream delivered nothing, so nothing is shown"


class Audit:
    """Compares what upstream says it delivered with records, one after another, as multisets.

    Args:
        logs: The simulator's log of each channel.
    """

    def __init__(self, logs: Mapping[str, Sequence[Logged]]) -> None:
        self._entries = sum(len(log) for log in logs.values())
        self._delivered = Counter(
            Fact(entry.event, entry.entry_id or "", key, digest)
            for log in logs.values()
            for entry in log
            for key, digest in entry.odds
        )
        self._found: Counter[Fact] = Counter()
        self._disordered: Counter[Fact] = Counter()
        self._last: dict[tuple[str, ...], tuple[int, ...]] = {}

    def see(self, record: Seen) -> None:
        """Take one record; those of a partition come in the order of their offsets."""
        headers = record.headers
        digest = hashlib.sha256(record.value).hexdigest()
        fact = Fact(headers.get("event", ""), headers.get("entry_id", ""), record.key, digest)
        self._found[fact] += 1
        # A fixture's status comes on every stream that carries the fixture, with ids of each stream's own.
        place = (record.topic, headers.get("stream", ""), record.key)
        order = tuple(int(number) for number in headers.get("order", "0-0-0").split("-"))
        if order < self._last.get(place, ()):
            self._disordered[fact] += 1
        else:
            self._last[place] = order

    def verdict(self) -> Verdict:
        """The outcome, once every record was seen."""
        more = self._found - self._delivered
        return Verdict(
            entries=self._entries,
            delivered=self._delivered.total(),
            found=self._found.total(),
            lost=self._delivered - self._found,
            twice=Counter({fact: n for fact, n in more.items() if fact in self._delivered}),
            foreign=Counter({fact: n for fact, n in more.items() if fact not in self._delivered}),
            disordered=self._disordered,
        )
