"""What a record says besides its odd: which kind, which stream, its place in order, when it was received. Pure."""

from typing import Any, Final, Protocol

import msgspec

from bridge.book.standing import Stream

Order = tuple[int, int, int]

OPEN: Final = 0
LOCKED: Final = 1
SETTLED: Final = 2
STATUS: Final = 3
OTHER: Final = 4

KINDS: dict[bytes | None, int] = {
    b"odds": OPEN,
    b"copilot-odds": OPEN,
    b"locked-odds": LOCKED,
    b"copilot-locked-odds": LOCKED,
    b"copilot-settled-odds": SETTLED,
    b"fixture-status": STATUS,
}


class KafkaRecord(Protocol):
    """aiokafka's ConsumerRecord, whose parts are attributes, or confluent-kafka's Message, whose parts are methods."""

    @property
    def key(self) -> Any:
        """The key, as bytes."""

    @property
    def value(self) -> Any:
        """The value, as bytes or None."""

    @property
    def headers(self) -> Any:
        """Pairs of a name and bytes."""

    @property
    def timestamp(self) -> Any:
        """Epoch milliseconds; in confluent-kafka behind the kind of the timestamp."""


class NewerRecord(ValueError):
    """A record was written by a newer oddsbridge, in a version that this one can't read: upgrade the consumer."""


class Stamp:
    """What the records of one entry share. They share the object, too: it is kept once for all of them."""

    __slots__ = ("copilot", "odds_format", "order", "origin", "received_ms", "stream")

    def __init__(self, named: "dict[str, bytes | None]", order: Order, stream: Stream, received_ms: int) -> None:
        self.order = order
        self.stream = stream
        self.received_ms = received_ms
        self.copilot = (named.get("event") or b"").startswith(b"copilot-")
        self.origin = (named.get("origin") or b"").decode(errors="replace")
        self.odds_format = (named.get("odds_format") or b"AMERICAN").decode(errors="replace")  # upstream's default


def order_of(text: bytes) -> Order | None:
    """The header `order`, or None if it isn't `<ms>-<seq>-<n>`."""
    try:
        ms, seq, n = text.split(b"-")
        return int(ms), int(seq), int(n)
    except ValueError:
        return None


class Wrapped(msgspec.Struct, gc=False):
    """The value of a record of `odds-state`."""

    v: int
    stream: str
    order: str
    locked: bool
    odd: msgspec.Raw


class _Named(msgspec.Struct, gc=False):
    id: str


_wrapped = msgspec.json.Decoder(Wrapped).decode
_named = msgspec.json.Decoder(_Named).decode

OURS = b'{"v":'
"""What the values that are the bridge's own begin with. An odd may do so too: upstream adds fields as it likes."""

VERSION = 1


def unwrap(key: bytes | None, value: bytes, kind: int) -> tuple[int, bytes, dict[str, bytes]] | None:
    """What is in a value that begins with `v`, of an event that is about odds.

    Returns:
        The state, the odd's own bytes, and what the value says in place of headers; None if it isn't an odd at all,
        but a dead letter.

    Raises:
        NewerRecord: It is of `odds-state`, in a version that this reader doesn't know.
    """
    try:
        found = _wrapped(value)
    except (ValueError, RecursionError):
        return (kind, value, {}) if _is_odd(key, value) else None
    if found.v != VERSION:
        raise NewerRecord(f"a record of odds-state has version {found.v}; this oddsbridge reads version {VERSION}")
    beside = {"stream": found.stream.encode(), "order": found.order.encode()}
    if kind != SETTLED:
        kind = LOCKED if found.locked else OPEN
    return kind, bytes(found.odd), beside


def _is_odd(key: bytes | None, value: bytes) -> bool:
    try:
        return _named(value).id.encode() == key
    except (ValueError, RecursionError):
        return False
