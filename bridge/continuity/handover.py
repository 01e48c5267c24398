"""Make before break, as a pure rule: when the next connection may take over from the old one.

The next connection begins at "now", without a replay. Both deliver the same entries in the same order, so from the
first entry that came on both, the new one brings all that the old one would still have brought. Only what came since
both are there counts: a second copy of an entry from before says nothing of what lies between.
"""

from enum import StrEnum

from bridge.continuity.position import Mark

SETTLED_S = 2.0
"""Seconds after which an entry that was sent before the new connection has surely been sent on the old one."""

QUIET_S = 10.0
"""Seconds without an entry on either after which there is nothing that could be missed."""

JOINED_AFTER = 2
"""Ids that must come on both: upstream sends second copies, and one may belong to an entry from before."""

FOREIGN_AFTER = 3
"""Entries that each of the two must bring without a common id before the new one's ids count as foreign."""

FOREIGN_S = 10.0
"""Seconds that it takes at the least."""


class Joint(StrEnum):
    """What is known of the two connections."""

    OPEN = "open"
    JOINED = "joined"
    """What came on both shows that the new one brings all that the old one still would."""
    QUIET = "quiet"
    """Nothing came on either for long enough: there is nothing to miss."""
    FOREIGN = "foreign"
    """Each brings ids that the other doesn't have."""


class Handover:
    """What came on the old and on the new connection since the new one is there.

    Args:
        now: When upstream said `connected` on the new one, in monotonic seconds, as all times here.
    """

    def __init__(self, now: float) -> None:
        self._joint = Joint.OPEN
        self._began = now
        self._last = now
        self._heard_old = now
        self._old: set[Mark] = set()
        self._new: set[Mark] = set()
        self._common: set[Mark] = set()

    def heard_old(self, now: float) -> None:
        """The old connection brought something, be it a ping: all that was sent on it before has arrived."""
        self._heard_old = now

    def came_on_old(self, mark: Mark, now: float) -> None:
        """The old connection brought an entry."""
        self._came(mark, now, self._old, self._new)

    def came_on_new(self, mark: Mark, now: float) -> None:
        """The new connection brought an entry."""
        self._came(mark, now, self._new, self._old)

    def _came(self, mark: Mark, now: float, here: set[Mark], there: set[Mark]) -> None:
        here.add(mark)
        self._last = now
        if mark in there:
            self._common.add(mark)

    def look(self, now: float) -> Joint:
        """What is known by now."""
        if self._joint is Joint.OPEN:
            age = now - self._began
            if len(self._common) >= JOINED_AFTER or (self._common and age >= SETTLED_S):
                self._joint = Joint.JOINED
            elif self._is_silent:
                if now - self._last >= QUIET_S and self._is_settled:
                    self._joint = Joint.QUIET
            elif not self._common and min(len(self._old), len(self._new)) >= FOREIGN_AFTER and age >= FOREIGN_S:
                self._joint = Joint.FOREIGN
        return self._joint

    def old_ended(self, now: float) -> Joint:
        """The old connection ended at `now`: nothing is missed if it lived, and neither brought an entry."""
        if self.look(now) is Joint.OPEN and self._is_silent and self._is_settled:
            self._joint = Joint.QUIET
        return self._joint

    @property
    def _is_silent(self) -> bool:
        return not self._old and not self._new

    @property
    def _is_settled(self) -> bool:
        """Whether the old one lived for long enough: one that stands still is silent too, and misses everything."""
        return self._heard_old - self._began >= SETTLED_S
