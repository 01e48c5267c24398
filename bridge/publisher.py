"""Where a stream's entries, and what the bridge makes up for it, become what its shard holds.

One stream has one publisher, whatever connection an entry came on, so that the duplicate window, the memory of what was
published and the order of the records can't part ways. It reads no connection and awaits nothing.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from bridge.announce import Announcer
from bridge.buffer import Buffer
from bridge.continuity import Board, Continuity, Fixtures, Order, Position, Replay, Verdict
from bridge.entries import FIXTURE_EVENTS, LOCKING_EVENTS, ODD_EVENTS, Entry, EntryId
from bridge.health import StreamHealth
from bridge.herald import RECORD_BYTES, Herald
from bridge.metrics import StreamMetrics
from bridge.records import Explode, Headers, Held, Part, Record, order, order_text

_PLAUSIBLE_MS = 366 * 86_400_000  # an id that is no time, or one of another age, tells no time

AHEAD_MS = 600_000
"""An id further ahead of the clock than this, in milliseconds, is a mistake of upstream's: what is made up isn't put
behind it, or it would hide all real entries until then."""

AT_ONCE = 500
"""Odds that one made-up entry has at most, so that a large repair doesn't become one huge transaction."""

Item = tuple[bytes, bytes]
T = TypeVar("T")


class Publisher(Herald):
    """Makes one stream's records, and offers them to its shard.

    Args:
        explode: Makes the records of entries.
        announcer: Makes the records of what the bridge itself has to say.
        position: What is committed of the stream; taken over.
        board: What was published of each odd; None where nothing is compared with upstream's snapshot.
        buffer: Where all of it is offered.
        scope: A digest of what the stream asks upstream for.
        health: Where the state is told.
        metrics: Where the work is counted.
        now_ms: The wall clock, in epoch milliseconds.
        heals: Whether the topics are compared with upstream's snapshot; else gaps are only announced.
    """

    def __init__(
        self,
        *,
        explode: Explode,
        announcer: Announcer,
        position: Position,
        board: Board | None,
        buffer: Buffer,
        scope: str,
        health: StreamHealth,
        metrics: StreamMetrics,
        now_ms: Callable[[], int],
        heals: bool = True,
    ) -> None:
        super().__init__(
            explode.stream,
            announcer=announcer,
            continuity=Continuity(position),
            buffer=buffer,
            scope=scope,
            health=health,
            now_ms=now_ms,
            heals=heals,
        )
        self.board = board
        self.fixtures = Fixtures()
        self.connected_ms = 0
        """Since when the stream brings all there is, in epoch milliseconds."""
        self._explode = explode
        self._metrics = metrics
        self._lost = "restart"
        self._last_ms: int | None = None
        self._connected = False

    # --- connections ----------------------------------------------------------------------------------------------

    def connecting(self) -> EntryId | None:
        """A connect begins: the id to ask a replay from, or None."""
        self._connected = False
        return self.continuity.connecting()

    def connected(self, now: float) -> None:
        """Upstream accepted the connection, at `now` (monotonic seconds)."""
        self._connected = True
        is_first = not self.connected_ms and not self.continuity.position.scope
        self.connected_ms = self._now_ms()
        self._health.connected()
        self.continuity.connected(now)
        self.tell("up", replay=str(self.continuity.replay))
        self._settle(self.continuity.replay, None)
        if self.continuity.replay is Replay.NONE and not is_first:
            self._gap(None)  # there was no id to ask from, and entries may have come in between
        self.on_news()

    def tick(self, now: float) -> None:
        """Time has passed: a replay that didn't show itself is given up."""
        if self.continuity.replay is Replay.OPEN:
            self._settle(self.continuity.tick(now), None)

    def ended(self, reason: str, detail: str, *, refused: bool = False) -> None:
        """The connection ended, or couldn't be made."""
        if self._connected and self.continuity.replay is Replay.OPEN:
            self._metrics.replays.add(Replay.UNPROVEN)  # no gap yet: the next replay may still bring all of it
            self.continuity.replay = Replay.UNPROVEN
        self._lost = reason
        self.tell("refused" if refused else "down", reason=reason, detail=detail)

    def unjoined(self, reason: str, first: EntryId | None) -> None:
        """The old connection ended before the next one could take over: what came between is lost."""
        self._lost = reason
        self.connected_ms = self._now_ms()
        self.continuity.sought = self.continuity.position.highest
        self._gap(first)

    def _settle(self, replay: Replay, first: EntryId | None) -> None:
        if replay is Replay.OPEN:
            return
        self._metrics.replays.add(str(replay))
        if replay is Replay.UNPROVEN:
            self._gap(first)

    def _gap(self, first: EntryId | None) -> None:
        last, now_ms = self.continuity.sought, self._now_ms()
        last_ms = self._last_ms
        if last_ms is None and last is not None and 0 <= now_ms - last.ms < _PLAUSIBLE_MS:
            last_ms = last.ms  # before a restart: all there is is the id, which has upstream's time where it has any
        self._metrics.gaps.add(self._lost)
        fields: dict[str, object] = {
            "reason": self._lost,
            "last_entry_id": None if last is None else str(last),
            "last_ms": last_ms,
            "first_entry_id": None if first is None else str(first),
            "seconds": None if last_ms is None else max(0, now_ms - last_ms) / 1000,
        }
        self.tell_gap(fields)

    # --- entries --------------------------------------------------------------------------------------------------

    def take(self, entry: Entry, received: float, *, again: str = "window") -> None:
        """Publish an entry, unless it is a duplicate.

        Args:
            entry: As it came.
            received: When, in epoch seconds.
            again: What a duplicate is counted as.
        """
        metrics, continuity, event, entry_id = self._metrics, self.continuity, entry.event, entry.id
        metrics.entry(event, entry.size, entry_id.ms if entry_id is not None else None, received)
        self._health.last_event = self._health.clock()
        was_open = continuity.replay is Replay.OPEN
        verdict = continuity.judge(event, entry_id, by_line=entry.by_line)
        if was_open:
            self._settle(continuity.replay, entry_id)
        if verdict is Verdict.DUPLICATE:
            metrics.duplicates.add(again)
            return
        if verdict is Verdict.LATE:
            metrics.late += 1
        place = self._order(entry_id)
        text = order_text(place)
        headers = self._explode.headers(event, entry_id, text)
        parts = [self._explode.part(event, entry.items, headers)] if entry.items else []
        received_ms = self._last_ms = int(received * 1000)
        if event in ODD_EVENTS:
            if self.board is not None and entry.items:
                locked = event in LOCKING_EVENTS
                told = self.board.tell(entry.items, place, locked=locked, live_ms=received_ms)
                parts.append(self._explode.states(told, headers, text, locked=locked))
        elif event in FIXTURE_EVENTS and self._heals:  # else nobody asks for it, and nobody forgets it
            for key, value in entry.items:
                self.fixtures.note(event, key.decode(), value, received)
        self._buffer.offer(
            Held(
                stream=self.name,
                event=event,
                entry_id=entry_id,
                received_ms=received_ms,
                records=[],
                parts=parts,
                size=entry.size + RECORD_BYTES * (len(entry.items) * len(parts) + 1),
                headers=headers,
                by_line=entry.by_line,
                counts=entry_id is None,
                rejects=entry.rejects,
            )
        )
        continuity.remember(event, entry_id, by_line=entry.by_line)
        self._health.last_entry_id = continuity.position.highest

    def _order(self, entry_id: EntryId | None) -> Order:
        """An entry's own place, or the next one that the bridge makes up."""
        if entry_id is not None:
            return order(entry_id, None, 0)
        position, board = self.continuity.position, self.board
        counter = position.counter
        latest_ms = self._now_ms() + AHEAD_MS
        highest = position.highest_until(latest_ms)
        if board is None:
            return order(None, highest, counter + 1)
        if board.top[0] <= latest_ms and board.top > (*(highest or (0, 0)), counter):
            # Odds that came from another stream, or ids that have gone back: what is made up is behind them all.
            highest, counter = EntryId(*board.top[:2]), max(counter, board.top[2])
        place = order(None, highest, counter + 1)
        board.top = max(board.top, place)
        return place

    # --- what the bridge makes up ---------------------------------------------------------------------------------

    def make_up(self, event: str, items: list[Item], *, origin: bytes) -> None:
        """Publish odds or fixtures as an event that upstream didn't send: what a snapshot says.

        Args:
            event: The event's name.
            items: Keys and values.
            origin: b"snapshot" or b"reconcile".
        """
        odds = event in ODD_EVENTS
        locked = event in LOCKING_EVENTS
        for part in _parts(items):
            place = self._order(None)
            text = order_text(place)
            headers = self._explode.headers(event, None, text, origin=origin)
            parts = [self._explode.part(event, part, headers)]
            if odds and self.board is not None:
                told = self.board.tell(part, place, locked=locked, live_ms=0)
                parts.append(self._explode.states(told, headers, text, locked=locked))
            self._offer_made_up(event, headers, parts=parts)

    def forget(self, keys: list[bytes]) -> None:
        """Take odds out of `odds-state`: their fixture is over, or no stream carries them any more."""
        assert self.board is not None  # noqa: S101 -- who compares has one
        for part in _parts(keys):
            headers = self._explode.headers("tombstone", None, order_text(self._order(None)), origin=b"reconcile")
            self._offer_made_up("tombstone", headers, records=self._explode.tombstones(part, headers))
            for key in part:
                self.board.drop(key)

    def _offer_made_up(
        self, event: str, headers: Headers, *, parts: Sequence[Part] = (), records: Sequence[Record] = ()
    ) -> None:
        own = parts[0].items if parts else []  # of an odd's state it is the very same bytes
        self._buffer.offer(
            Held(
                stream=self.name,
                event=event,
                entry_id=None,
                received_ms=self._now_ms(),
                records=list(records),
                parts=list(parts),
                size=sum([len(value) for _, value in own]) + RECORD_BYTES * (len(own) * len(parts) + len(records) + 1),
                headers=headers,
                counts=True,
            )
        )
        self.continuity.remember(event, None)


def _parts(items: list[T]) -> Iterator[list[T]]:
    return (items[n : n + AT_ONCE] for n in range(0, len(items), AT_ONCE))
