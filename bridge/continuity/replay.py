"""What one stream has published, and what that says of an entry that comes now: duplicates, and proof of replay.

Entry ids come out of order, so a duplicate is an id already published, never merely a lower one.
"""

from collections import deque
from enum import StrEnum

from bridge.continuity.position import Position, mark_of
from bridge.entries import EntryId

WINDOW = 8_192
"""Ids that the memory of one stream keeps."""

PROOF_S = 3.0
"""Seconds after `connected` within which a replay must have shown the highest known id."""


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
        self._known = {mark_of(event, entry_id) for event, entry_id in position.marks()}
        self._order = deque(mark_of(event, entry_id) for event, entry_id in position.marks())
        self.sought: EntryId | None = None
        """The highest id that was known when the connection was asked for."""
        self._from: EntryId | None = None
        self._witness = False  # whether the replay has shown another known id, where there is one to show
        self._deadline = 0.0

    def connecting(self) -> EntryId | None:
        """A connect begins: the id to ask a replay from, or None."""
        self.sought, self._from = self.position.highest, self.position.resume_from
        self.replay = Replay.NONE if self.sought is None else Replay.OPEN
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

    def judge(self, event: str, entry_id: EntryId | None, *, by_line: bool = False) -> Verdict:
        """Say what becomes of an entry. It is known only when `remember` is called, after it was handed on.

        Args:
            event: Its event's name.
            entry_id: Its id, or None.
            by_line: See `Position.add`.
        """
        if entry_id is None:
            return Verdict.NO_ID
        known = self.knows(event, entry_id)
        aside = by_line and not self.position.by_line
        if self.replay is Replay.OPEN and not aside:
            self._prove(entry_id, known=known)
        if known:
            return Verdict.DUPLICATE
        highest = self.position.highest
        return Verdict.LATE if highest is not None and not aside and entry_id < highest else Verdict.NEW

    def knows(self, event: str, entry_id: EntryId) -> bool:
        """Whether an entry was published, as far as the window reaches."""
        return mark_of(event, entry_id) in self._known

    def remember(self, event: str, entry_id: EntryId | None, *, by_line: bool = False) -> None:
        """An entry was handed on: from here it is a duplicate when it comes again."""
        if entry_id is None:
            self.position.counter += 1
            return
        mark = mark_of(event, entry_id)
        self._known.add(mark)
        self._order.append(mark)
        if len(self._order) > WINDOW:
            self._known.discard(self._order.popleft())
        self.position.add(event, entry_id, by_line=by_line)

    def _tells(self, entry_id: EntryId) -> bool:
        """Whether a known id is one that a replay brings before the highest."""
        return self._from is not None and self.sought is not None and self._from < entry_id < self.sought

    def _prove(self, entry_id: EntryId, *, known: bool) -> None:
        """The highest known id proves a replay, but not alone: upstream sends second copies of live entries too."""
        if self.sought is None or entry_id > self.sought:
            self.replay = Replay.UNPROVEN
        elif entry_id == self.sought:
            if self._witness:
                self.replay = Replay.PROVEN
        elif known and self._tells(entry_id):
            self._witness = True
