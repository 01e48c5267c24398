"""Pure rules: an entry becomes the records that Kafka gets."""

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import orjson

from bridge.entries import EntryId, Reject

Headers = list[tuple[str, bytes]]

UNKNOWN_TOPICS = 32
"""Topics that events with names nobody has seen before may have."""

_BESIDE_STATE = frozenset({"event", "origin", "odds_format"})
_ILLEGAL = re.compile(r"[^a-zA-Z0-9._-]")
_TOPIC_LENGTH = 249  # Kafka's own limit on a topic's name


class Record(NamedTuple):
    """One Kafka message, before it has a partition. `headers` is shared by all records of an entry.

    A tombstone has no value at all, which isn't the same as an empty one.
    """

    topic: str
    key: bytes
    value: bytes
    headers: Headers
    is_tombstone: bool = False


class Part(NamedTuple):
    """Records of one entry that go to one topic: all that an entry has of them, without an object for each.

    Attributes:
        topic: The topic.
        headers: The headers of each.
        items: Their keys, and what each value has of its own.
        before: What each value begins with.
        behind: What each value ends with.
    """

    topic: str
    headers: Headers
    items: list[tuple[bytes, bytes]]
    before: bytes = b""
    behind: bytes = b""

    def singles(self) -> list[Record]:
        """An object for each record."""
        return [Record(self.topic, key, self.before + own + self.behind, self.headers) for key, own in self.items]


@dataclass(slots=True)
class Held:
    """An entry as the writer holds it until its commit is known.

    Attributes:
        stream: The stream's name.
        event: Upstream's name of the event.
        entry_id: The entry's id, or None if upstream gave none.
        received_ms: When it was read, epoch milliseconds: the timestamp of its records.
        records: What is to be published, each on its own: dead letters, and all of an entry of which one was refused.
        size: Bytes that it occupies in the buffer, roughly.
        headers: What its records share.
        by_line: Whether the id stood in the id line only.
        counts: Whether the bridge made up its records' order: its stream's counter goes on by one.
        rejects: What couldn't be made a record; becomes dead letters.
        dead: How many of the records are dead letters, by reason.
        parts: What is to be published beside that.
        cuts: Whether a gap is told here: its stream's position keeps little of what was before.
        scope: What its stream asks upstream for from here on; None where that stays.
        owes: Why the topics may differ from upstream from here on, "" if they don't; None where that stays.
    """

    stream: str
    event: str
    entry_id: EntryId | None
    received_ms: int
    records: list[Record]
    size: int
    headers: Headers
    by_line: bool = False
    counts: bool = False
    rejects: list[Reject] = field(default_factory=list)
    dead: dict[str, int] = field(default_factory=dict)
    parts: list[Part] = field(default_factory=list)
    cuts: bool = False
    scope: str | None = None
    owes: str | None = None

    @classmethod
    def of_none(cls, records: list[Record], size: int, received_ms: int) -> "Held":
        """Records that come of no stream's entry, and so move no stream's position."""
        return cls("", "", None, received_ms, records, size, headers=[])

    def single_out(self) -> None:
        """Give each record an object of its own, so that one can be told from another and replaced."""
        singles = [record for part in self.parts for record in part.singles()]
        self.records[:0] = singles
        self.parts = []

    def __len__(self) -> int:
        """How many records it has."""
        return len(self.records) + sum(len(part.items) for part in self.parts)


def order(entry_id: EntryId | None, highest: tuple[int, int] | None, counter: int) -> tuple[int, int, int]:
    """A record's place: its entry's own id and 0, or behind the highest id there was when the bridge made it up."""
    if entry_id is not None:
        return entry_id.ms, entry_id.seq, 0
    ms, seq = highest or (0, 0)
    return ms, seq, counter


def order_text(order: tuple[int, int, int]) -> str:
    """The header `order`, `<ms>-<seq>-<n>`."""
    ms, seq, n = order
    return f"{ms}-{seq}-{n}"


class Explode:
    """Makes the records of one stream's entries.

    Args:
        stream: The stream's name.
        topics: The topic of each event that is known, by upstream's name of the event.
        unknown_prefix: What the topics of other events begin with.
        odds_format: The format of the stream's prices; None where it has none.
        state_topic: The topic that has the latest of each odd; "" where none is written.
    """

    def __init__(
        self,
        *,
        stream: str,
        topics: Mapping[str, str],
        unknown_prefix: str,
        odds_format: str | None,
        state_topic: str = "",
    ) -> None:
        self.stream = stream
        self.state_topic = state_topic
        self._topics = dict(topics)
        self._unknown_prefix = unknown_prefix
        self._named = ("stream", stream.encode())
        self._format: Headers = [("odds_format", odds_format.encode())] if odds_format else []

    def topic(self, event: str) -> str:
        """The topic of an event; one that nobody has seen before gets a legal name of its own."""
        return self._topics.get(event) or unknown_topic(self._unknown_prefix, event)

    def knows(self, event: str) -> bool:
        """Whether the event has a topic of its own from the start."""
        return event in self._topics

    def headers(self, event: str, entry_id: EntryId | None, order_text: str, *, origin: bytes = b"stream") -> Headers:
        """The headers that all records of an entry share.

        Args:
            event: Its event's name.
            entry_id: Its id, or None; what the bridge makes up has none.
            order_text: The header `order`.
            origin: Where it comes from: stream, snapshot or reconcile.
        """
        headers: Headers = [("event", event.encode()), self._named, ("origin", origin)]
        if entry_id is not None:
            headers.append(("entry_id", str(entry_id).encode()))
        headers.append(("order", order_text.encode()))
        if "odds" in event:
            headers += self._format
        return headers

    def part(self, event: str, items: list[tuple[bytes, bytes]], headers: Headers) -> Part:
        """One record for each item; an event that nobody knows has no key of its own and takes the stream's name."""
        topic = self._topics.get(event)
        if topic is None:
            return Part(self.topic(event), headers, [(self._named[1], value) for _, value in items])
        return Part(topic, headers, items)

    def states(self, items: list[tuple[bytes, bytes]], headers: Headers, order_text: str, *, locked: bool) -> Part:
        """One record for each odd, for the topic that has the latest of each: upstream's bytes, wrapped.

        Its headers are those that the value doesn't say: the event, the origin, and how prices are written.
        """
        head = state_head(self.stream, order_text, locked=locked)
        beside = [header for header in headers if header[0] in _BESIDE_STATE]
        return Part(self.state_topic, beside, items, before=head, behind=b"}")

    def tombstones(self, keys: list[bytes], headers: Headers) -> list[Record]:
        """For each odd the record that takes it out of that topic."""
        return [Record(self.state_topic, key, b"", headers, is_tombstone=True) for key in keys]


def state_head(stream: str, order_text: str, *, locked: bool) -> bytes:
    """What stands before upstream's bytes in a value of `odds-state`; a brace stands behind them."""
    known = orjson.dumps({"v": 1, "stream": stream, "order": order_text, "locked": locked})
    return known[:-1] + b',"odd":'


def dead_letter(
    topic: str,
    *,
    stream: str,
    event: str,
    entry_id: EntryId | None,
    headers: Headers,
    reason: str,
    detail: str,
    meant_for: str,
    key: bytes,
    payload: bytes,
    limit: int,
    size: int = 0,
) -> Record:
    """The record that tells what couldn't be published, and why.

    Args:
        topic: The topic of dead letters.
        stream: The stream's name.
        event: Upstream's name of the event.
        entry_id: The entry's id, if it has one.
        headers: The headers of the entry's records.
        reason: A stable word.
        detail: What a person would want to know.
        meant_for: The topic that it was meant for.
        key: The key that it would have had.
        payload: Upstream's bytes; in the value they stand in `payload` where they are text, else in
            `payload_base64`.
        limit: Bytes that the value may have: the payload is cut to what fits, and the cut is told.
        size: Bytes that the payload had where they are not at hand any more.
    """
    room = max(limit, 0)
    while True:
        kept = payload[:room]
        body: dict[str, object] = {
            "v": 1,
            "stream": stream,
            "reason": reason,
            "detail": detail[:1_000],
            "event": event[:1_000],
            "entry_id": str(entry_id) if entry_id is not None else None,
            "topic": meant_for,
            "key": key[:1_000].decode(errors="replace"),
            "size": size or len(payload),
            "truncated": len(kept) < (size or len(payload)),
        }
        value = orjson.dumps(body | _readable(kept, cut=len(kept) < len(payload)))
        if len(value) <= limit or not room:
            return Record(topic, stream.encode(), value, headers)
        room = min(room, limit) * 3 // 4 if room > 64 else 0


def cut_again(letter: Record, limit: int) -> Record:
    """A dead letter whose value has at most `limit` bytes: its topic takes less than when it was made."""
    value = letter.value
    body = orjson.loads(value)
    name = "payload" if "payload" in body else "payload_base64"
    while len(value) > limit and body[name]:
        body |= {name: body[name][: len(body[name]) // 2 // 4 * 4], "truncated": True}  # base64 is cut by fours
        value = orjson.dumps(body)
    return letter._replace(value=value)


def _readable(payload: bytes, *, cut: bool) -> dict[str, str]:
    try:
        return {"payload": payload.decode()}
    except UnicodeDecodeError as error:
        if cut and error.start > len(payload) - 4:  # the cut went through a character
            return {"payload": payload[: error.start].decode()}
        return {"payload_base64": base64.b64encode(payload).decode()}


def unknown_topic(prefix: str, event: str) -> str:
    """A legal topic name for an event that has none: `<prefix>` and the event's name, made legal and cut."""
    return (prefix + _ILLEGAL.sub("_", event))[:_TOPIC_LENGTH]
