"""Pure rules of continuity: what is a duplicate, what a checkpoint remembers, when a replay is proven.

Entry ids come out of order, so a duplicate is an id already published, never merely a lower one. An id is
known together with its event's name.
"""

from bisect import insort
from collections import deque
from copy import copy
from enum import StrEnum
from itertools import islice

from bridge.entries import EntryId

WINDOW = 8_192
"""Ids that the memory of one stream keeps."""

RECENT = 128
"""Highest ids that a checkpoint keeps."""

RECENT_BYTES = 1_024
"""Bytes that the ids of one checkpoint may take; the lowest go first."""

PROOF_S = 3.0
"""Seconds after `connected` within which a replay must have shown the highest known id."""

_FAR_AHEAD = 32  # so many ids that came long before lower ones, and are higher, tell that upstream's ids went back

_NAME = 64  # an event's name is upstream's; only its start takes part in an id, so a checkpoint stays small

_Mark = tuple[int, int, str]  # ms, seq, event: ordered as entry ids are


def _mark(event: str, entry_id: EntryId) -> _Mark:
    return (entry_id.ms, entry_id.seq, event[:_NAME])


class Position:
    """A stream's position: the highest ids published on it, in the order in which they came.

    Held is everything published at or above a floor, and everything that came after the floor did. A replay is asked
    from some way above the floor. It then brings nothing that was published and is unknown here, be it by id or by
    arrival: by arrival it may bring second copies of what first came before it, and those stand in between.

    This holds while an entry comes late, and its copy comes after it, by some twenty places at most. When upstream's
    ids go back for long (its clock was wrong), those of before are forgotten: all stays small, whatever comes.
    """

    __slots__ = ("_arrived", "_floor", "_top", "counter")

    def __init__(self) -> None:
        self.counter = 0
        """Entries published on this stream whose order the bridge made up."""
        self._arrived: deque[_Mark] = deque()
        self._top: list[_Mark] = []  # those of them that aren't beneath the floor, the lowest first
        self._floor: _Mark | None = None  # None: nothing was ever forgotten

    def add(self, event: str, entry_id: EntryId) -> None:
        """Remember that an entry is published."""
        mark = _mark(event, entry_id)
        self._arrived.append(mark)
        if self._floor is None or mark > self._floor:
            insort(self._top, mark)
            if len(self._top) > RECENT:
                self._raise_floor()
        if len(self._arrived) > 2 * RECENT:
            self._tidy()

    def _raise_floor(self) -> None:
        del self._top[0]
        self._floor = floor = self._top[0]
        while self._arrived[0] < floor:
            self._arrived.popleft()

    def _tidy(self) -> None:
        """Forget what stands in the order of arrival behind an id that is far ahead of its time."""
        kept = self._since(self._top[0])
        if len(kept) > RECENT + RECENT // 2 or kept.index(self._top[0]) > _FAR_AHEAD:  # the ids have gone back
            kept = list(self._arrived)[-RECENT:]
            self._top = sorted(kept)
            self._floor = self._top[0]
        self._arrived = deque(kept)

    @property
    def highest(self) -> EntryId | None:
        """The highest id published, or None before the first."""
        return EntryId(*self._top[-1][:2]) if self._top else None

    @property
    def resume_from(self) -> EntryId | None:
        """The id to ask a replay from, one that was published; None before the first.

        The lowest that there ever was; once something is forgotten, the lowest but for the first quarter that came.
        """
        if self._floor is None:
            return EntryId(*self._top[0][:2]) if self._top else None
        later = islice(self._arrived, len(self._arrived) // 4, None)
        return EntryId(*min((mark for mark in later if mark >= self._floor), default=self._floor)[:2])

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
        where event is an index into `events`; the first counts from `from_ms`. `floor` is the place of the word that
        is the floor; null if nothing was ever forgotten.
        """
        top = self._top
        encoded = self._encode(list(self._arrived), self._floor)
        for dropped in range(8, len(top), 8):
            if len(str(encoded["ids"])) <= RECENT_BYTES:
                return encoded
            marks = self._since(top[dropped])
            if marks.index(top[dropped]) > _FAR_AHEAD:
                break
            encoded = self._encode(marks, top[dropped])
        for kept in range(RECENT, 0, -8):  # the ids have gone back just now
            if len(str(encoded["ids"])) <= RECENT_BYTES:
                break
            latest = list(self._arrived)[-kept:]
            encoded = self._encode(latest, min(latest))
        return encoded

    def _since(self, floor: _Mark) -> list[_Mark]:
        """What is held when this is the floor."""
        since = self._arrived.index(floor)
        return [mark for n, mark in enumerate(self._arrived) if n >= since or mark >= floor]

    def _encode(self, marks: list[_Mark], floor: _Mark | None) -> dict[str, object]:
        first = before = marks[0][0] if marks else 0
        events: dict[str, int] = {}
        words: list[str] = []
        for ms, seq, event in marks:
            index = events.setdefault(event, len(events))
            words.append(f"{index}:{ms - before}-{seq}")
            before = ms
        place = None if floor is None else marks.index(floor)
        ids = " ".join(words)
        return {"from_ms": first, "events": list(events), "ids": ids, "floor": place, "counter": self.counter}

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
            place = encoded.get("floor")
            position.counter = int(str(encoded.get("counter", 0)))
            if not isinstance(events, list):
                raise TypeError("events")
            marks: list[_Mark] = []
            for word in str(encoded["ids"]).split():
                index, _, rest = word.partition(":")
                delta, _, seq = rest.rpartition("-")
                ms += int(delta)
                marks.append(_mark(str(events[int(index)]), EntryId(ms, int(seq))))
            floor = None if place is None else marks[int(str(place))]
        except (KeyError, IndexError, TypeError) as error:
            raise ValueError(f"not a position: {error!r}") from error
        position._arrived = deque(marks)
        position._floor = floor
        position._top = sorted(mark for mark in marks if floor is None or mark >= floor)
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
        self._from: EntryId | None = None
        self._witness = False  # whether the replay has shown another known id, where there is one to show
        self._deadline = 0.0

    def connecting(self) -> EntryId | None:
        """A connect begins: the id to ask a replay from, or None."""
        self._sought, self._from = self.position.highest, self.position.resume_from
        self.replay = Replay.NONE if self._sought is None else Replay.OPEN
        self._deadline = float("inf")
        self._witness = not any(self._tells(entry_id) for _, entry_id in self.position.marks())
        return self._from

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
        known = _mark(event, entry_id) in self._known
        if self.replay is Replay.OPEN:
            self._prove(entry_id, known=known)
        if known:
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

    def _tells(self, entry_id: EntryId) -> bool:
        """Whether a known id is one that a replay brings before the highest."""
        return self._from is not None and self._sought is not None and self._from < entry_id < self._sought

    def _prove(self, entry_id: EntryId, *, known: bool) -> None:
        """The highest known id proves a replay, but not alone: upstream sends second copies of live entries too."""
        if self._sought is None or entry_id > self._sought:
            self.replay = Replay.UNPROVEN
        elif entry_id == self._sought:
            if self._witness:
                self.replay = Replay.PROVEN
        elif known and self._tells(entry_id):
            self._witness = True
