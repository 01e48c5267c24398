"""How a stream stands, as `bridge-events` tell it: whether the prices behind it can be vouched for. Pure."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

import msgspec

from bridge.book.fields import plain

State = Literal["up", "gapped", "down", "refused", "silent", "unknown"]

_UP = frozenset({"up", "streaming", "blocked"})
"""States in `alive` that are up. One is `blocked` for moments while Kafka is slow; while it lasts, nothing is heard."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How a stream stood when it was asked.

    Attributes:
        state: `up`; `gapped` (something may have been missed and isn't repaired); `down`; `refused` by upstream;
            `silent` (neither a record nor an `alive` for a while: the bridge itself may be dead); `unknown` (no
            bridge-event of it seen).
        why: One sentence; "" when it is up.
        since_ms: Since when, epoch milliseconds; None where that isn't known.
        heard_ms: The newest timestamp of any record of the stream, epoch milliseconds; 0 where there is none.
        doubt_before_ms: When it is gapped: prices received up to then can't be vouched for, later ones can.
    """

    state: State
    why: str
    since_ms: int | None
    heard_ms: int
    doubt_before_ms: int | None


PROOF_MS = 10_000
"""How long it may take to tell, after a reconnect, that the replay was complete: a `gap` comes within 8 s, or none."""

SUSPECT_MS = 3_600_000
"""How long half a snapshot makes a sportsbook suspect: by then an audit has compared it again."""


class BridgeEvent(msgspec.Struct, gc=False):
    """The value of a record of `bridge-events`; those who don't need a field don't have it."""

    v: int
    event: str
    stream: str
    at_ms: int
    reason: str | None = None
    detail: str | None = None
    replay: str | None = None
    cause: str | None = None
    why: str | None = None
    state: str | None = None
    sportsbook: str | None = None
    seconds: float | None = None
    silent: bool | None = None
    reconciled: bool | None = None
    """In `alive`: whether the stream's topics equal upstream's offer."""


class Stream:
    """What is known of one stream: a fold of its bridge-events, in the order of their partition."""

    __slots__ = (
        "_connection",
        "_connection_ms",
        "_connection_why",
        "_doubt_ms",
        "_doubt_why",
        "_proof_ms",
        "_seen",
        "_silent_books",
        "_suspects",
        "_told",
        "heard_ms",
        "name",
    )

    def __init__(self, name: str) -> None:
        self.name = name
        self.heard_ms = 0
        self._seen = False
        self._connection: Literal["up", "down", "refused"] | None = None
        self._connection_ms = 0
        self._connection_why = ""
        self._doubt_ms: int | None = None
        self._doubt_why = ""
        self._proof_ms = 0  # an `alive` from then on knows how the replay came out
        self._told = False  # by `gap` or `unreconciled`: then only `reconciled` ends the doubt
        self._silent_books: set[str] = set()
        self._suspects: dict[str, int] = {}

    def tell(self, event: BridgeEvent) -> None:
        """Take the stream's next bridge-event; one with a name that nobody knows yet changes nothing."""
        self._seen = True
        self.heard_ms = max(self.heard_ms, event.at_ms)
        match event.event:
            case "up":
                self._take_up(event)
            case "down":
                self._connect("down", event.at_ms, f"{self.name} is down: {_reason(event)}")
            case "refused":
                self._connect("refused", event.at_ms, f"upstream refuses {self.name}: {_reason(event)}")
            case "gap":
                self._take_gap(event)
            case "unreconciled":
                self._take_unreconciled(event)
            case "reconciled":
                self._take_reconciled(event)
            case "alive":
                self._take_alive(event)
            case "source":
                self._take_source(event)
            case "suspicious":
                self._suspects[plain(event.sportsbook or "")] = event.at_ms

    def standing(self, now_ms: float, silent_after_ms: float) -> Standing:
        """How it stands now; both in milliseconds."""
        state, why, since = self._state(now_ms, silent_after_ms)
        return Standing(state, why, since, self.heard_ms, self._doubt_ms)

    def doubts_book(self, sportsbook: str, received_ms: int, now_ms: float) -> str:
        """Why a price of a sportsbook, received at that time, can't be vouched for though the stream can; else ""."""
        if not self._silent_books and not self._suspects:
            return ""
        book = plain(sportsbook)
        if book in self._silent_books:
            return f"upstream itself hears nothing from {sportsbook}"
        suspected_ms = self._suspects.get(book, 0)
        if received_ms <= suspected_ms and now_ms < suspected_ms + SUSPECT_MS:
            return f"upstream's snapshot lacked more than half of {sportsbook}'s odds, and didn't do so twice"
        return ""

    def _state(self, now_ms: float, silent_after_ms: float) -> tuple[State, str, int | None]:
        if not self._seen:
            return "unknown", f"no bridge-event of {self.name} has been seen", None
        silence = now_ms - self.heard_ms
        if silence > silent_after_ms:
            return "silent", f"nothing of {self.name} for {silence / 1000:.0f} s: is the bridge alive?", self.heard_ms
        if self._connection is None:
            return "unknown", f"neither `up` nor `alive` of {self.name} has been seen", None
        if self._connection != "up":
            return self._connection, self._connection_why, self._connection_ms
        if self._doubt_ms is not None:
            return "gapped", self._doubt_why, self._doubt_ms
        return "up", "", self._connection_ms

    def _take_up(self, event: BridgeEvent) -> None:
        self._connect("up", event.at_ms, "")
        if event.replay in {"none", "open"}:
            # Complete only once that is told. After an earlier gap, too, this is the moment that counts.
            self._proof_ms = event.at_ms + (PROOF_MS if event.replay == "open" else 0)
            self._doubt_ms = None
            self._doubt(event.at_ms, f"{self.name} has just come up, and isn't known to be complete yet")

    def _take_gap(self, event: BridgeEvent) -> None:
        at = datetime.fromtimestamp(event.at_ms / 1000, UTC).strftime("%H:%M:%S")
        self._doubt_ms = None  # the last gap is the one that counts
        self._doubt(event.at_ms, f"{self.name} may have missed something before {at} UTC: {_reason(event)}")
        self._told = True

    def _take_unreconciled(self, event: BridgeEvent) -> None:
        self._doubt(event.at_ms, f"{self.name} could not be compared with upstream: {event.why or event.cause}")
        self._told = True

    def _take_reconciled(self, event: BridgeEvent) -> None:
        self._doubt_ms, self._doubt_why, self._told = None, "", False
        began = event.at_ms - (event.seconds or 0) * 1000
        self._suspects = {book: at for book, at in self._suspects.items() if at > began}

    def _take_alive(self, event: BridgeEvent) -> None:
        state = event.state or ""
        if state in _UP:
            self._connect("up", event.at_ms, "")
        elif state == "refused":
            self._connect("refused", event.at_ms, f"upstream refuses {self.name}")
        else:
            self._connect("down", event.at_ms, f"{self.name} is {state or 'down'}")
        if event.reconciled is False:
            self._doubt(event.at_ms, f"{self.name} isn't reconciled")
        elif event.reconciled and not self._told and event.at_ms >= self._proof_ms:
            self._doubt_ms, self._doubt_why = None, ""

    def _take_source(self, event: BridgeEvent) -> None:
        change = self._silent_books.add if event.silent else self._silent_books.discard
        change(plain(event.sportsbook or ""))

    def _connect(self, state: Literal["up", "down", "refused"], at_ms: int, why: str) -> None:
        if state != self._connection:  # what lasts keeps its reason and its beginning
            self._connection, self._connection_ms, self._connection_why = state, at_ms, why

    def _doubt(self, at_ms: int, why: str) -> None:
        if self._doubt_ms is None:
            self._doubt_ms, self._doubt_why = at_ms, why


def _reason(event: BridgeEvent) -> str:
    return ", ".join(text for text in (event.reason, event.detail) if text) or "no reason was given"
