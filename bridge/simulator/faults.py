"""The faults that are in effect: data and bookkeeping; whoever acts on one asks for it here.

A fault says where it applies (channel, feed, sport; nothing is everywhere) and how long (`for_s` seconds, `times`
uses; neither is until it is cleared). It never knows who is connected or what a reader did with what it got.
"""

import itertools
from collections.abc import Callable, Iterator
from typing import Annotated, Literal

import msgspec

Kind = Literal[
    "tear", "eof", "stall", "drop", "max-age",
    "refuse", "slow-connect",
    "duplicates", "reorder",
    "malformed", "no-odd-id", "no-id", "oversized", "unknown",
    "one-byte", "crlf",
    "rest-refuse", "rest-slow", "rest-tear", "rest-malformed",
    "shift", "empty", "unlicensed", "half-board", "stale",
]  # fmt: skip
How = Literal["close", "reset", "eof"]
ACTIONS: tuple[Kind, ...] = ("tear", "eof", "stall")
INJECTIONS: tuple[Kind, ...] = ("malformed", "no-odd-id", "no-id", "oversized", "unknown")
REST: tuple[Kind, ...] = (
    "rest-refuse", "rest-slow", "rest-tear", "rest-malformed",
    "shift", "empty", "unlicensed", "half-board", "stale",
)  # fmt: skip
"""Those that touch REST answers; all others touch streams."""

Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
Positive = Annotated[float, msgspec.Meta(ge=0)]
Count = Annotated[int, msgspec.Meta(ge=0)]


class Where(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """A place: a channel, a feed, a sport, or (nothing given) everywhere."""

    channel: str | None = None
    feed: str | None = None
    sport: str | None = None

    def applies(self, *, channel: str | None, feed: str | None, sport: str | None) -> bool:
        """Whether that place is inside this one."""
        return (
            (self.channel is None or self.channel == channel)
            and (self.feed is None or self.feed == feed)
            and (self.sport is None or self.sport == sport)
        )


class Fault(Where, kw_only=True):
    """One fault as the control endpoint takes it; docs/simulator.md says which fields each kind reads."""

    kind: Kind
    id: int = 0
    for_s: Positive | None = None
    times: Count | None = None

    path: str | None = None
    """REST: below the base path, such as /fixtures/odds; None is every path."""
    sportsbook: str | None = None
    """half-board: whose odds are missing."""
    effect: Literal["missed", "doubled"] = "missed"
    """shift: what becomes of the row at the page's edge."""
    moment: Positive | None = None
    """stale: as it was then, in seconds of the epoch, instead of so long ago."""

    at: Count | None = None
    """tear, eof, stall, rest-tear: the byte of the body; shift: from which page on."""
    after: Count | None = None
    """tear, eof, stall: bytes from here."""
    inside: bool = False
    """tear, eof, stall: in the middle of the next data event; rest-slow: in the middle of the body."""
    how: How = "close"
    """tear, drop, max-age, rest-tear: end of the TCP stream, a reset, or a clean end of the body."""
    seconds: Positive | None = None
    """stall, slow-connect, rest-slow: how long; a stall without it lasts until it is cleared. stale: how old."""
    every_s: Positive | None = None
    """drop: again and again."""
    min_s: Positive = 1500.0
    max_s: Positive = 1800.0
    """max-age: each connection ends at an age between these."""

    status: Annotated[int, msgspec.Meta(ge=200, le=599)] = 503
    retry_after: str | None = None
    location: str | None = None
    body: str | None = None
    content_type: str | None = None

    p: Share | None = None
    """duplicates, reorder: share of the entries; injections: share of entries that bring one along; half-board: share
    of the odds that are missing."""
    distance: Count = 8
    """duplicates, reorder: the most entries that come between."""
    bytes: Count = 64 * 2**20
    lines: Annotated[int, msgspec.Meta(ge=1)] = 1
    event: str = "odds-heartbeat"
    data: str = '{"hello":"from an event that nobody knows"}'


class Faults:
    """The faults in effect.

    Args:
        clock: Seconds, monotonic.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._numbers = itertools.count(1)
        self._active: dict[int, tuple[Fault, float]] = {}

    def add(self, fault: Fault) -> Fault:
        """Put one into effect; gives it with its id."""
        fault.id = next(self._numbers)
        ends = float("inf") if fault.for_s is None else self._clock() + fault.for_s
        self._active[fault.id] = (fault, ends)
        return fault

    def remove(self, fault_id: int) -> Fault | None:
        """Take one out of effect."""
        found = self._active.pop(fault_id, None)
        return found[0] if found else None

    def clear(self) -> None:
        """Take all out of effect."""
        self._active.clear()

    def active(self, *kinds: Kind) -> Iterator[Fault]:
        """Those in effect, the oldest first; all kinds if none is named."""
        now = self._clock()
        for fault_id, (fault, ends) in list(self._active.items()):
            if now >= ends or fault.times == 0:
                self._active.pop(fault_id, None)  # whoever waits in between finds it gone already
            elif not kinds or fault.kind in kinds:
                yield fault

    def find(self, *kinds: Kind, channel: str | None, feed: str | None, sport: str | None) -> Iterator[Fault]:
        """Those in effect at one place."""
        return (f for f in self.active(*kinds) if f.applies(channel=channel, feed=feed, sport=sport))

    def use(self, fault: Fault) -> None:
        """Count one use of a fault that is limited to some."""
        if fault.times is not None:
            fault.times -= 1
            if fault.times == 0:
                self._active.pop(fault.id, None)
