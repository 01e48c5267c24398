"""What a checkpoint remembers of a stream: its highest ids. An id is known together with its event's name."""

from bisect import insort
from collections import deque
from copy import copy
from itertools import islice

from bridge.entries import EntryId

RECENT = 128
"""Highest ids that a checkpoint keeps."""

RECENT_BYTES = 1_024
"""Bytes that the ids of one checkpoint may take; the lowest go first."""

KEPT_AT_GAP = 8
"""Highest ids that are kept when a gap is told."""

ASIDE = 16
"""Ids of id lines that a checkpoint keeps: of entries whose body has none."""

_FAR_AHEAD = 32  # so many ids that came long before lower ones, and are higher, tell that upstream's ids went back

_NAME = 64  # an event's name is upstream's; only its start takes part in an id, so a checkpoint stays small

Mark = tuple[int, int, str]  # ms, seq, event: ordered as entry ids are


def mark_of(event: str, entry_id: EntryId) -> Mark:
    """What an entry is known by."""
    return (entry_id.ms, entry_id.seq, event[:_NAME])


class Position:
    """A stream's position: the highest ids published on it, in the order in which they came.

    Held is everything published at or above a floor, and everything that came after the floor did. A replay is asked
    from some way above the floor. It then brings nothing that was published and is unknown here, be it by id or by
    arrival: by arrival it may bring second copies of what first came before it, and those stand in between.

    This holds while an entry comes late, and its copy comes after it, by some twenty places at most. When upstream's
    ids go back for long (its clock was wrong), those of before are forgotten: all stays small, whatever comes.
    """

    __slots__ = ("_arrived", "_aside", "_floor", "_top", "by_line", "counter", "owes", "scope")

    def __init__(self) -> None:
        self.counter = 0
        """How often the bridge made up an order on this stream."""
        self.owes = ""
        """Why the topics may differ from what upstream offers; "" if they were compared since."""
        self.scope = ""
        """What the stream asked upstream for, when that was published; "" before the first record."""
        self._arrived: deque[Mark] = deque()
        self._top: list[Mark] = []  # those of them that aren't beneath the floor, the lowest first
        self._floor: Mark | None = None  # None: nothing was ever forgotten
        self._aside: deque[Mark] = deque(maxlen=ASIDE)
        self.by_line = False
        """Whether the ids are those of id lines: no body has had one so far."""

    def add(self, event: str, entry_id: EntryId, *, by_line: bool = False) -> None:
        """Remember that an entry is published.

        Args:
            event: Its event's name.
            entry_id: Its id.
            by_line: Whether the id is that of the id line only. Lines may count differently from bodies, so where
                bodies have ids, a line's id is known again, and no replay is asked from it or proven by it.
        """
        mark = mark_of(event, entry_id)
        if by_line and self._top and not self.by_line:
            self._aside.append(mark)
            return
        if self.by_line and not by_line:
            self._aside.extend(self._arrived)
            self._arrived, self._top, self._floor = deque(), [], None
        self.by_line = by_line
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

    def cut(self) -> None:
        """A gap is told, so what lies before it isn't asked for any more, but for the highest ids.

        A later replay that brought what the gap had lost would come behind what was published since, and look as if
        upstream's ids had gone back.
        """
        if self._top:
            self._top = self._top[-KEPT_AT_GAP:]
            self._floor = floor = self._top[0]
            self._arrived = deque(mark for mark in self._arrived if mark >= floor)

    @property
    def highest(self) -> EntryId | None:
        """The highest id published, or None before the first."""
        return EntryId(*self._top[-1][:2]) if self._top else None

    def highest_until(self, ms: int) -> EntryId | None:
        """The highest id published whose time isn't after `ms` (epoch milliseconds); None if there is none."""
        return next((EntryId(*mark[:2]) for mark in reversed(self._top) if mark[0] <= ms), None)

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
        """Every (event, id) that is remembered; those of bodies oldest first."""
        return [(event, EntryId(ms, seq)) for ms, seq, event in (*self._aside, *self._arrived)]

    def copy(self) -> "Position":
        """A position that goes its own way from here."""
        twin = copy(self)
        twin._top = self._top.copy()  # noqa: SLF001 -- its own kind
        twin._arrived = self._arrived.copy()  # noqa: SLF001
        twin._aside = self._aside.copy()  # noqa: SLF001
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

    def _since(self, floor: Mark) -> list[Mark]:
        """What is held when this is the floor."""
        since = self._arrived.index(floor)
        return [mark for n, mark in enumerate(self._arrived) if n >= since or mark >= floor]

    def _encode(self, marks: list[Mark], floor: Mark | None) -> dict[str, object]:
        first = before = marks[0][0] if marks else 0
        events: dict[str, int] = {}
        words: list[str] = []
        for ms, seq, event in marks:
            index = events.setdefault(event, len(events))
            words.append(f"{index}:{ms - before}-{seq}")
            before = ms
        place = None if floor is None else marks.index(floor)
        ids = " ".join(words)
        return {
            "from_ms": first,
            "events": list(events),
            "ids": ids,
            "floor": place,
            "counter": self.counter,
            "by_line": self.by_line,
            "aside": [f"{event} {ms}-{seq}" for ms, seq, event in self._aside],
        }

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
            marks: list[Mark] = []
            for word in str(encoded["ids"]).split():
                index, _, rest = word.partition(":")
                delta, _, seq = rest.rpartition("-")
                ms += int(delta)
                marks.append(mark_of(str(events[int(index)]), EntryId(ms, int(seq))))
            floor = None if place is None else marks[int(str(place))]
            aside = encoded.get("aside", [])
            if not isinstance(aside, list):
                raise TypeError("aside")
            for word in aside:
                event, _, text = str(word).rpartition(" ")
                entry_id = EntryId.parse(text)
                if entry_id is None:
                    raise IndexError(text)
                position._aside.append(mark_of(event, entry_id))
        except (KeyError, IndexError, TypeError) as error:
            raise ValueError(f"not a position: {error!r}") from error
        position.by_line = bool(encoded.get("by_line", False))
        position._arrived = deque(marks)
        position._floor = floor
        position._top = sorted(mark for mark in marks if floor is None or mark >= floor)
        return position
