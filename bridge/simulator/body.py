"""An event's bytes without its ids: what is rendered once and can be sent often."""

from collections.abc import Callable, Iterator, Sequence
from hashlib import sha256

import msgspec

from bridge.simulator.model import Change, Odd
from bridge.simulator.render import results, settled, status, written
from bridge.simulator.scope import Scope

Items = Sequence[tuple[str, str]]
"""Keys (odd or fixture ids) and the SHA-256 of their bytes as hex."""

_EVENTS = {
    ("odds", "odds"): "odds",
    ("odds", "locked"): "locked-odds",
    ("copilot", "odds"): "copilot-odds",
    ("copilot", "locked"): "copilot-locked-odds",
    ("copilot", "settled"): "copilot-settled-odds",
    ("odds", "status"): "fixture-status",
    ("copilot", "status"): "fixture-status",
    ("results", "results"): "fixture-results",
}


class Body:
    """One event; on the wire `head`, wire id, retry, `pre`, entry id, `post`.

    Args:
        event: Its name.
        pre: Data up to the entry id.
        post: Data after it; None when the data holds no entry id.
        keys: Ids of its odds or its fixture.
        digests: Their SHA-256, 32 bytes each, joined.
    """

    __slots__ = ("digests", "event", "head", "keys", "post", "pre", "shared", "size")

    def __init__(self, event: str, pre: bytes, post: bytes | None, keys: Sequence[str], digests: bytes) -> None:
        self.event = event
        self.head = b"event: %b\nid: " % event.encode()
        self.pre = pre
        self.post = None if post is None else post + b"\n\n"
        self.keys = tuple(keys)
        self.digests = digests
        self.size = len(self.pre) + len(post or b"") + 80
        self.shared = False
        """Whether it belongs to a pool, and so costs an entry no memory of its own."""

    def items(self, entry_id: str | None) -> Items:  # noqa: ARG002  (what was injected is hashed with its id)
        """What the log says of it."""
        d = self.digests
        return [(key, d[n * 32 : n * 32 + 32].hex()) for n, key in enumerate(self.keys)]

    def write(self, out: list[bytes], wire_id: bytes, retry: bytes, entry_id: bytes) -> None:
        """Append its pieces to `out`; both ids are needed."""
        out += (self.head, wire_id, retry, self.pre, entry_id, self.post or b"\n\n")

    def strip(self) -> "Body":
        """The same without the bytes, for the log of what is too old to be sent again."""
        return Body(self.event, b"", None, self.keys, self.digests)


class Injected(Body):
    """An event that a fault or a test made: any data, with or without ids.

    Args:
        event: Its name.
        make: Gives the data for an entry id, in pieces, so that it may be huge; newlines become further data lines.
        size: Bytes, about.
        has_id: Whether the frame has an id line.
    """

    __slots__ = ("_items", "_make", "has_id")

    def __init__(self, event: str, make: Callable[[bytes], Iterator[bytes]], *, size: int, has_id: bool = True) -> None:
        super().__init__(event, b"", None, (), b"")
        self.size = size
        self.has_id = has_id
        self._make = make
        self._items: Items | None = None

    def items(self, entry_id: str | None) -> Items:
        """Hashed when first asked for: it may be hundreds of megabytes."""
        if self._items is None:
            self._items = found_items(self.event, self._make((entry_id or "").encode()), self.size)
        return self._items

    def pieces(self, wire_id: bytes | None, retry: bytes, entry_id: bytes | None) -> Iterator[bytes]:
        """The frame, piece by piece."""
        yield b"event: %b" % self.event.encode()
        if self.has_id and wire_id is not None:
            yield b"\nid: " + wire_id
        yield retry
        for piece in self._make(entry_id or b""):
            yield piece.replace(b"\n", b"\ndata: ")
        yield b"\n\n"

    def strip(self) -> "Body":
        """Itself: it is made anew each time."""
        return self


class _Data(msgspec.Struct):
    data: msgspec.Raw | list[msgspec.Raw] = msgspec.field(default_factory=msgspec.Raw)


class _Odds(msgspec.Struct):
    data: list[msgspec.Raw]


class _Keyed(msgspec.Struct):
    id: str | None = None
    fixture_id: str | None = None


def found_items(event: str, data: Iterator[bytes], size: int) -> Items:
    """The items of any data: its odds if they can be told apart, else one without a key and the hash of all."""
    if size > 4 * 2**20:
        whole = sha256()
        for piece in data:
            whole.update(piece)
        return [("", whole.hexdigest())]
    raw = b"".join(data)
    try:
        if event.endswith("odds"):
            return [(_key(odd), sha256(bytes(odd)).hexdigest()) for odd in msgspec.json.decode(raw, type=_Odds).data]
    except (msgspec.DecodeError, UnicodeDecodeError):
        pass
    return [("", sha256(raw).hexdigest())]


def _key(odd: msgspec.Raw) -> str:
    try:
        return msgspec.json.decode(odd, type=_Keyed).id or ""
    except msgspec.DecodeError:
        return ""


def body_of(change: Change, scope: Scope) -> Body | None:
    """The event that a change makes on a channel, None if it shows nothing there."""
    event = _EVENTS.get((scope.feed, change.what))
    if event is None or not scope.covers(change) or (change.what == "status" and not scope.fixture_updates):
        return None
    if change.what == "status":
        return _fixture_body(event, change, status(change, nested=change.fixture.id[-1] in "37"))
    if change.what == "results":
        return _fixture_body(event, change, results(change.fixture))
    shown = [odd for odd in change.odds if scope.shows(odd)]
    return _odds_body(event, change, scope, shown) if shown else None


def _odds_body(event: str, change: Change, scope: Scope, shown: list[Odd]) -> Body:
    if change.what == "settled":
        both = [settled(odd, change.now) for odd in shown]
    else:
        both = [written(odd, scope.style) for odd in shown]
    keys = [odd.id for odd in shown]
    digests = b"".join(digest for _, digest in both)
    if scope.feed == "copilot":
        rows = b", ".join(row for row, _ in both)
        return Body(
            event, b'{ "entry_id": "', b'", "data": [ %b ], "type": "%b" }' % (rows, event.encode()), keys, digests
        )
    rows = b",".join(row for row, _ in both)
    return Body(event, b'{"data":[%b], "entry_id": "' % rows, b'", "type": "%b"}' % event.encode(), keys, digests)


def _fixture_body(event: str, change: Change, data: bytes) -> Body:
    nested = b'{"data":'
    value = data[len(nested) : -1] if data.startswith(nested) else data  # what names the fixture is what counts
    return Body(event, b'{"data":%b,"entry_id":"' % data, b'"}', [change.fixture.id], sha256(value).digest())
