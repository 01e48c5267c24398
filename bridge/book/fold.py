"""Feeding: from a consumer's record to the table of odds, the fixtures, or a stream's standing."""

from dataclasses import dataclass

import msgspec

from bridge.book.fixtures import Fixtures
from bridge.book.said import (
    KINDS,
    OTHER,
    OURS,
    SETTLED,
    STATUS,
    VERSION,
    KafkaRecord,
    NewerRecord,
    Stamp,
    order_of,
    unwrap,
)
from bridge.book.standing import BridgeEvent, Stream
from bridge.book.table import Table

_event = msgspec.json.Decoder(BridgeEvent).decode
_EVENTS = frozenset(
    b"up down refused gap reconciled unreconciled suspicious drift paused source alive".split(),
)
_STAMPS = 4_096  # entries whose records are recognised as theirs
_UNREADABLE = (ValueError, RecursionError)


@dataclass(slots=True)
class Counts:
    """What became of the records that were fed: each is counted as fed, and under one of the other names.

    Attributes:
        fed: All of them.
        odds: Odds that were taken.
        late: Odds and tombstones with a lower order than what was known: they change nothing.
        tombstones: Odds that were taken away.
        statuses: Of fixtures.
        events: Bridge-events.
        ignored: Records of other topics.
        malformed: Records of these topics that can't be read.
    """

    fed: int = 0
    odds: int = 0
    late: int = 0
    tombstones: int = 0
    statuses: int = 0
    events: int = 0
    ignored: int = 0
    malformed: int = 0


class Fold:
    """What the records that were fed say: odds, fixtures, streams."""

    def __init__(self) -> None:
        self.counts = Counts()
        self.table = Table()
        self.fixtures = Fixtures()
        self.streams: dict[str, Stream] = {}
        self._stamps: dict[tuple[object, ...], Stamp] = {}

    def feed(self, record: KafkaRecord) -> bool:
        """Take a record; whether it changed anything. `OddsBook.feed` tells more."""
        headers = record.headers
        if callable(headers):  # confluent-kafka
            named, key, value = dict(headers() or ()), record.key(), record.value()
            received_ms = record.timestamp()[1]
        else:
            named, key, value, received_ms = dict(headers or ()), record.key, record.value, record.timestamp
        self.counts.fed += 1
        if (key.__class__ is not bytes and key is not None) or (value.__class__ is not bytes and value is not None):
            raise TypeError("the book reads keys and values as bytes: leave the consumer's deserializers out")
        state = KINDS.get(named.get("event"), OTHER)
        if state <= SETTLED and value is not None and value.startswith(OURS):
            unwrapped = unwrap(key, value, state)
            if unwrapped is None:
                self.counts.ignored += 1
                return False
            state, value, beside = unwrapped
            named.update(beside)  # in odds-state it is the value that tells order and stream
        elif "order" not in named:
            return self._take_event(named, value, received_ms)
        signature = (received_ms, *named.values())
        stamp = self._stamps.get(signature) or self._stamp(named, received_ms, signature)
        if stamp is None or key is None:
            self.counts.malformed += 1
            return False
        if value is None:
            return self._bury(key, stamp)
        if state > SETTLED:
            return self._take_fixture(key, value, stamp, state)
        taken = self.table.put(key, stamp, state, value)
        self.counts.odds += taken
        self.counts.late += not taken
        return taken

    def _stamp(self, named: "dict[str, bytes | None]", received_ms: int, signature: tuple[object, ...]) -> Stamp | None:
        order = order_of(named.get("order") or b"")
        if order is None:
            return None
        stream = self._stream((named.get("stream") or b"").decode(errors="replace"))
        stream.heard_ms = max(stream.heard_ms, received_ms)
        if len(self._stamps) >= _STAMPS:
            self._stamps.clear()
        stamp = self._stamps[signature] = Stamp(named, order, stream, received_ms)
        return stamp

    def _stream(self, name: str) -> Stream:
        found = self.streams.get(name)
        if found is None:
            found = self.streams[name] = Stream(name)
        return found

    def _bury(self, key: bytes, stamp: Stamp) -> bool:
        taken = self.table.bury(key, stamp)
        self.counts.tombstones += taken
        self.counts.late += not taken
        return taken

    def _take_fixture(self, key: bytes, value: bytes, stamp: Stamp, kind: int) -> bool:
        if kind != STATUS or value.startswith(OURS):  # results and unknown events; dead letters
            self.counts.ignored += 1
            return False
        try:
            changed = self.fixtures.tell(key.decode(), stamp.order, value)
        except _UNREADABLE:
            self.counts.malformed += 1
            return False
        self.counts.statuses += 1
        return changed

    def _take_event(self, named: "dict[str, bytes | None]", value: bytes | None, received_ms: int) -> bool:
        try:
            event = _event(value or b"")
        except _UNREADABLE:
            known = named.get("event") in _EVENTS
            self.counts.malformed += known
            self.counts.ignored += not known
            return False
        if event.v != VERSION:
            raise NewerRecord(f"a bridge-event has version {event.v}; this oddsbridge reads version {VERSION}")
        stream = self._stream(event.stream)
        stream.heard_ms = max(stream.heard_ms, received_ms)
        stream.tell(event)
        self.counts.events += 1
        return True
