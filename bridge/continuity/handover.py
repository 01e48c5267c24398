"""Make before break, as a pure rule: when the next connection may take over from the old one.

The next connection begins at "now", without a replay. Both deliver the same entries in the same order, so from the
first id that came on both, the new one brings all that the old one would still have brought.
"""

from enum import StrEnum

from bridge.continuity.position import Mark

SETTLED_S = 2.0
"""Seconds after which an entry that was sent before the new connection has surely arrived on the old one."""

QUIET_S = 10.0
"""Seconds without an entry on either after which there is nothing that could be missed."""

FOREIGN_AFTER = 3
"""Entries that each of the two must bring without a common id before the new one's ids count as foreign."""

FOREIGN_S = 10.0
"""Seconds that it takes at the least."""


class Joint(StrEnum):
    """What is known of the two connections."""

    OPEN = "open"
    JOINED = "joined"
    """One id came on both."""
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
        self.joint = Joint.OPEN
        self._began = now
        self._last = now
        self._old = 0
        self._new: set[Mark] = set()

    def came_on_old(self, mark: Mark, now: float) -> None:
        """The old connection brought an entry."""
        self._old += 1
        self._last = now
        if mark in self._new:
            self.joint = Joint.JOINED

    def came_on_new(self, mark: Mark, now: float, *, known: bool) -> None:
        """The new connection brought an entry; `known` is whether it was published already."""
        self._new.add(mark)
        self._last = now
        if known:
            self.joint = Joint.JOINED

    def look(self, now: float) -> Joint:
        """What is known by now."""
        if self.joint is Joint.OPEN:
            if not self._old and not self._new:
                if now - self._last >= QUIET_S:
                    self.joint = Joint.QUIET
            elif min(self._old, len(self._new)) >= FOREIGN_AFTER and now - self._began >= FOREIGN_S:
                self.joint = Joint.FOREIGN
        return self.joint

    def old_ended(self, now: float) -> Joint:
        """The old connection ended at `now`: nothing is missed if it was quiet for long enough before."""
        if self.joint is Joint.OPEN and not self._old and now - self._began >= SETTLED_S:
            self.joint = Joint.QUIET
        return self.joint
