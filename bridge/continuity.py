"""Pure rules of continuity: what is a duplicate, what a checkpoint remembers, when a replay is proven.

Entry ids come out of order, so a duplicate is an id already published, never merely a lower one. An id is
known together with its event's name.
"""

from bisect import insort
from collections import deque
from collections.abc import Collection, Iterable
from copy import copy
from enum import StrEnum

from bridge.entries import EntryId

WINDOW = 8_192
"""Ids that the memory of one stream keeps."""

RECENT = 128
"""Highest ids that a checkpoint keeps."""

RECENT_BYTES = 1_024
"""Bytes that the ids of one checkpoint may take; the lowest go first."""

PROOF_S = 3.0
"""Seconds after `connected` within which a replay must have shown the highest known id."""

_NAME = 64  # an event's name is upstream's; only its start takes part in an id, so a checkpoint stays small

_Mark = tuple[int, int, str]  # ms, seq, event: ordered as entry ids are


def _mark(event: str, entry_id: EntryId) -> _Mark:
    return (entry_id.ms, entry_id.seq, event[:_NAME])


class Position:
    """A stream's position: the highest ids published on it, in the order in which they came.

    Beside the `RECENT` highest ids it holds those beneath them that came after the lowest of them. A replay
    that starts behind the lowest, be it by id or by arrival, then brings nothing that was published and is
    unknown here.
    """

    __slots__ = ("_arrived", "_top", "counter")

    def __init__(self, marks: Iterable[_Mark] = (), counter: int = 0) -> None:
        self.counter = counter
        """Entries published on this stream whose order the bridge made up."""
        self._arrived = deque(marks)
        self._top = sorted(self._arrived)

    def add(self, event: str, entry_id: EntryId) -> None:
        """Remember that an entry is published."""
        mark = _mark(event, entry_id)
        top, arrived = self._top, self._arrived
        arrived.append(mark)
        if not top or mark > top[-1]:
            top.append(mark)
        else:
            insort(top, mark)
        if len(top) > RECENT:
            self._forget_lowest()

    def _forget_lowest(self) -> None:
        top, arrived = self._top, self._arrived
        del top[0]
        floor = top[0]
        while arrived[0] < floor:
            arrived.popleft()
        if len(arrived) > 2 * RECENT:  # an id far ahead of its time stands at the front for ever
            self._arrived = deque(self._since(floor))

    @property
    def highest(self) -> EntryId | None:
        """The highest id published, or None before the first."""
        return EntryId(*self._top[-1][:2]) if self._top else None

    @property
    def resume_from(self) -> EntryId | None:
        """The id to ask a replay from: the lowest of the highest ids, or None before the first.

        A single id is asked for itself, by the id before it: a replay is proven only by an id that is known.
        """
        if not self._top:
            return None
        ms, seq, _ = self._top[0]
        if len(self._top) > 1:
            return EntryId(ms, seq)
        return EntryId(ms, seq - 1) if seq else EntryId(max(ms - 1, 0), 0)

    def marks(self) -> list[tuple[str, EntryId]]:
        """Every (event, id) that is remembered, oldest first."""
        return [(event, EntryId(ms, seq)) for ms, seq, event in self._arrived]

    def copy(self) -> "Position":
        """A position that goes its own way from here."""
        twin = copy(self)
        twin._top = self._top.copy()  # noqa: SLF001 -- its own kind
        twin._arrived = self._arrived.copy()  # noqa: SLF001
        return twin

    def encode(self) -> dict[str, object]:
        """The ids as a checkpoint holds them.

        `ids` has one word for each, in the order of their coming: `<event>:<ms since the one before>-<seq>`,
        where event is an index into `events`; the first counts from `from_ms`.
        """
        encoded = self._encode(self._arrived)
        for dropped in range(8, len(self._top), 8):
            if len(str(encoded["ids"])) <= RECENT_BYTES:
                break
            encoded = self._encode(self._since(self._top[dropped]))
        return encoded

    def _since(self, floor: _Mark) -> list[_Mark]:
        """What is remembered when `floor` is the lowest of the highest ids."""
        since = self._arrived.index(floor)
        return [mark for n, mark in enumerate(self._arrived) if n >= since or mark >= floor]

    def _encode(self, marks: Collection[_Mark]) -> dict[str, object]:
        first = before = next(iter(marks))[0] if marks else 0
        events: dict[str, int] = {}
        words: list[str] = []
        for ms, seq, event in marks:
            index = events.setdefault(event, len(events))
            words.append(f"{index}:{ms - before}-{seq}")
            before = ms
        return {"from_ms": first, "events": list(events), "ids": " ".join(words), "counter": self.counter}

    @classmethod
    def decode(cls, encoded: dict[str, object]) -> "Position":
        """Read what `encode` wrote.

        Raises:
            ValueError: it isn't that.
        """
        position = cls()
        try:
            ms = int(str(encoded["from_ms"]))
            events = encoded["events"]
            position.counter = int(str(encoded.get("counter", 0)))
            if not isinstance(events, list):
                raise TypeError("events")
            for word in str(encoded["ids"]).split():
                index, _, rest = word.partition(":")
                delta, _, seq = rest.rpartition("-")
                ms += int(delta)
                position.add(str(events[int(index)]), EntryId(ms, int(seq)))
        except (KeyError, IndexError, TypeError) as error:
            raise ValueError(f"not a position: {error!r}") from error
        return position


class Replay(StrEnum):
    """What is known of a replay after a connect."""

    NONE = "none"
    """Nothing was asked for: nothing had been published before."""
    OPEN = "open"
    """Asked for; neither proven nor given up."""
    PROVEN = "proven"
    """The highest known id came before any higher one: nothing is missing."""
    UNPROVEN = "unproven"
    """A higher id came first, or nothing came in time: a gap until something else heals it."""


class Verdict(StrEnum):
    """What becomes of an entry."""

    NEW = "new"
    LATE = "late"
    """New, with an id lower than the highest."""
    NO_ID = "no-id"
    """New, as far as anybody can tell: it has no id to know it by."""
    DUPLICATE = "duplicate"


class Continuity:
    """What one stream has published, and what that says of an entry that comes now.

    Args:
        position: The stream's position as its checkpoint has it. It is taken over, and moves on.
    """

    def __init__(self, position: Position) -> None:
        self.position = position
        self.replay = Replay.NONE
        self._known = {_mark(event, entry_id) for event, entry_id in position.marks()}
        self._order = deque(_mark(event, entry_id) for event, entry_id in position.marks())
        self._sought: EntryId | None = None
        self._deadline = 0.0

    def connecting(self) -> EntryId | None:
        """A connect begins: the id to ask a replay from, or None."""
        self._sought = self.position.highest
        self.replay = Replay.NONE if self._sought is None else Replay.OPEN
        self._deadline = float("inf")
        return self.position.resume_from

    def connected(self, now: float) -> None:
        """`connected` came, at `now` (monotonic seconds): from here the proof has its time."""
        self._deadline = now + PROOF_S

    def tick(self, now: float) -> Replay:
        """What is known of the replay at `now` (monotonic seconds)."""
        if self.replay is Replay.OPEN and now >= self._deadline:
            self.replay = Replay.UNPROVEN
        return self.replay

    def judge(self, event: str, entry_id: EntryId | None) -> Verdict:
        """Say what becomes of an entry. It is known only when `remember` is called, after it was handed on."""
        if entry_id is None:
            return Verdict.NO_ID
        if self.replay is Replay.OPEN:
            self._prove(entry_id)
        if _mark(event, entry_id) in self._known:
            return Verdict.DUPLICATE
        highest = self.position.highest
        return Verdict.LATE if highest is not None and entry_id < highest else Verdict.NEW

    def remember(self, event: str, entry_id: EntryId | None) -> None:
        """An entry was handed on: from here it is a duplicate when it comes again."""
        if entry_id is None:
            self.position.counter += 1
            return
        mark = _mark(event, entry_id)
        self._known.add(mark)
        self._order.append(mark)
        if len(self._order) > WINDOW:
            self._known.discard(self._order.popleft())
        self.position.add(event, entry_id)

    def _prove(self, entry_id: EntryId) -> None:
        if self._sought is None or entry_id == self._sought:
            self.replay = Replay.PROVEN
        elif entry_id > self._sought:
            self.replay = Replay.UNPROVEN
