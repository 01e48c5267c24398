"""Entries: upstream's data events with their id, taken apart into odds or fixtures.

Pure. The body is scanned once and its odds stay slices of upstream's own bytes: nothing is written again, so that
what a record carries is what upstream sent. `decode` never raises: what can't be used comes back as a `Reject`.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

import msgspec

from bridge import sse

ODD_EVENTS = frozenset({"odds", "locked-odds", "copilot-odds", "copilot-locked-odds", "copilot-settled-odds"})
"""Events whose data is an array of odds."""

LOCKING_EVENTS = frozenset({"locked-odds", "copilot-locked-odds", "copilot-settled-odds"})
"""Those of them that say that an odd can't be had any more."""

FIXTURE_EVENTS = frozenset({"fixture-status", "fixture-results"})
"""Events whose data is about one fixture."""

CONTROL_EVENTS = frozenset({"connected", "ping"})
"""Events of the connection itself; they are no entries."""

_ENTRY_ID = re.compile(r"([0-9]{1,20})-([0-9]{1,20})")  # 20 digits: any unsigned 64-bit integer
_plain_id = re.compile(rb'\{"id": ?"([^"\\\x80-\xff]+)"').match
"""An odd's id if it stands first and is plain ASCII, as upstream writes nearly all of them; others have to be decoded.

The body was found to be JSON before, so what begins like this is an object whose first member is its id.
"""

_NESTING = 4  # `data` within `data` that is looked into; upstream was seen to nest once
_UNUSABLE = (ValueError, RecursionError)  # msgspec's errors and bad UTF-8; JSON that is nested too deeply


class EntryId(NamedTuple):
    """Upstream's id of an entry, `<ms>-<seq>`. Compared as two integers: as text, `-10` sorts before `-2`."""

    ms: int
    seq: int

    def __str__(self) -> str:
        return f"{self.ms}-{self.seq}"

    @classmethod
    def parse(cls, text: str) -> "EntryId | None":
        """The id that `text` spells, or None if it isn't one."""
        match = _ENTRY_ID.fullmatch(text)
        return cls(int(match[1]), int(match[2])) if match else None


class Reject(NamedTuple):
    """What can't be published under its own topic, and why.

    Attributes:
        reason: "malformed", "no-odd-id", "no-fixture-id" or "too-large".
        key: The odd's or fixture's id if it is known, else b"".
        value: The bytes that were refused.
        detail: One sentence for a person.
        size: Bytes that it had on the wire where `value` doesn't hold them; 0 where it does.
    """

    reason: str
    key: bytes
    value: bytes
    detail: str
    size: int = 0


@dataclass(slots=True)
class Entry:
    """One upstream data event.

    Attributes:
        event: The event's name.
        id: The body's `entry_id`, else the event's own id line, else None. It is never inherited.
        items: (key, upstream's own bytes) of each odd, fixture, or unknown event, in upstream's order.
        rejects: What could not be used.
        size: The size of the event's data on the wire, in bytes.
        by_line: Whether the id stood in the id line only. The two count differently in the copilot feed.
    """

    event: str
    id: EntryId | None
    items: list[tuple[bytes, bytes]] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)
    size: int = 0
    by_line: bool = False


class _OddsBody(msgspec.Struct, gc=False):
    data: list[msgspec.Raw]
    entry_id: msgspec.Raw = msgspec.Raw()


class _Body(msgspec.Struct, gc=False):
    data: msgspec.Raw = msgspec.Raw()
    entry_id: msgspec.Raw = msgspec.Raw()


class _Named(msgspec.Struct, gc=False):
    id: str


class _Fixture(msgspec.Struct, gc=False):
    fixture_id: msgspec.Raw = msgspec.Raw()
    fixture: msgspec.Raw = msgspec.Raw()
    data: msgspec.Raw = msgspec.Raw()


_odds_body = msgspec.json.Decoder(_OddsBody)
_body = msgspec.json.Decoder(_Body)
_list = msgspec.json.Decoder(list[msgspec.Raw])
_named = msgspec.json.Decoder(_Named)
_fixture = msgspec.json.Decoder(_Fixture)
_text = msgspec.json.Decoder(str)


def decode(event: sse.Event) -> Entry:
    """Take a data event apart. It never raises, whatever the bytes.

    An event with a name that nobody knows becomes one item with the key b"" and all its bytes; control events become
    an entry without items.
    """
    name = event.type
    if event.discarded:
        detail = f"{event.discarded} bytes of data are over the limit of an event"
        reject = Reject("too-large", b"", b"", detail, event.discarded)
        return _by_line(Entry(name, None, rejects=[reject], size=event.discarded), event)
    if name in ODD_EVENTS:
        return _decode_odds(event)
    size = len(event.data)
    if name in FIXTURE_EVENTS:
        return _decode_parts(event, _take_fixture)
    if name in CONTROL_EVENTS:
        return Entry(name, None, size=size)
    try:
        entry_id = _entry_id(_body.decode(event.data).entry_id)
    except _UNUSABLE:
        entry_id = None
    return _by_line(Entry(name, entry_id, [(b"", event.data)], size=size), event)


def _decode_odds(event: sse.Event) -> Entry:
    """The hot path: an array of odds in a body of the usual shape."""
    try:
        body = _odds_body.decode(event.data)
    except _UNUSABLE:
        return _decode_parts(event, _take_odd)
    entry = _by_line(Entry(event.type, _entry_id(body.entry_id), size=len(event.data)), event)
    take = entry.items.append
    for raw in body.data:
        value = bytes(raw)
        plain = _plain_id(value)
        if plain:
            take((plain[1], value))
        else:
            _take_odd(value, entry)
    return entry


def _decode_parts(event: sse.Event, take: "Callable[[msgspec.Raw, Entry], None]") -> Entry:
    """A body whose data is one object, an array of them, or null, which is as good as an empty array."""
    data = event.data
    entry = Entry(event.type, None, size=len(data))
    try:
        body = _body.decode(data)
        entry.id = _entry_id(body.entry_id)
        begin = bytes(memoryview(body.data)[:1])
        if begin == b"[":
            parts = _list.decode(body.data)
        elif begin == b"{":
            parts = [body.data]
        elif begin == b"n":
            parts = []
        else:
            raise ValueError("`data` is neither an array nor an object")
    except _UNUSABLE as error:
        entry.rejects.append(Reject("malformed", b"", data, str(error)))
    else:
        for part in parts:
            take(part, entry)
    return _by_line(entry, event)


def _take_odd(raw: msgspec.Raw | bytes, entry: Entry) -> None:
    value = bytes(raw)
    try:
        key = _named.decode(value).id.encode()
    except _UNUSABLE:
        key = b""
    if key:
        entry.items.append((key, value))
    else:
        entry.rejects.append(Reject("no-odd-id", b"", value, "the odd has no `id` that is a text"))


def _take_fixture(raw: msgspec.Raw, entry: Entry) -> None:
    """Find the innermost object that names its fixture: upstream may nest `data.data`."""
    found: tuple[bytes, bytes] | None = None
    level = raw
    for _ in range(_NESTING):
        try:
            fixture = _fixture.decode(level)
        except _UNUSABLE:
            break
        key = _string(fixture.fixture_id) or _nested_id(fixture.fixture)
        if key:
            found = key.encode(), bytes(level)
        level = fixture.data
    if found:
        entry.items.append(found)
    else:
        detail = "neither `fixture_id` nor `fixture.id` is a text"
        entry.rejects.append(Reject("no-fixture-id", b"", bytes(raw), detail))


def _nested_id(raw: msgspec.Raw) -> str:
    try:
        return _named.decode(raw).id
    except _UNUSABLE:
        return ""


def _string(raw: msgspec.Raw) -> str:
    """The text in `raw`, or "" if it is missing or something else."""
    try:
        return _text.decode(raw)
    except _UNUSABLE:
        return ""


def _entry_id(raw: msgspec.Raw) -> EntryId | None:
    return EntryId.parse(_string(raw))


def _by_line(entry: Entry, event: sse.Event) -> Entry:
    """Give an entry whose body has no id the id of its own line, if it has one."""
    if entry.id is None and event.own_id:
        entry.id = EntryId.parse(event.own_id)
        entry.by_line = entry.id is not None
    return entry
