"""What a look found of the odds: what is published at once, what waits, and what is only counted."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from bridge.continuity import LIVE_MARGIN_MS, Board, Change, Difference, Locks, standing
from bridge.publisher import AT_ONCE, Publisher
from bridge.reconcile.look import Cause, Look


class Events(NamedTuple):
    """The names of the events that say that an odd is open, or locked."""

    open: str
    locked: str


class Differences:
    """One look's differences: published as they come, or collected where a second look has to bear them out.

    Args:
        publisher: The stream's publisher; it has a board.
        events: What is published.
        cause: Why upstream was asked.
        look: What is found goes here.
        before: The look that this one follows, or None.
        whole: See `Locks`.
    """

    def __init__(
        self,
        publisher: Publisher,
        events: Events,
        cause: Cause,
        look: Look,
        before: Look | None,
        *,
        whole: Mapping[str, int] | None = None,
    ) -> None:
        self._publisher = publisher
        assert publisher.board is not None  # noqa: S101 -- who compares has one
        self._board: Board = publisher.board
        self._events = events
        self._origin = b"snapshot" if cause is Cause.HYDRATE else b"reconcile"
        self._look = look
        self._before = before
        self._audit = cause is Cause.AUDIT
        self._locks = Locks(whole)

    @property
    def open(self) -> dict[str, int]:
        """How many open odds were compared, by sportsbook."""
        return self._locks.open

    def take(self, difference: Difference) -> None:
        """The odds of one book on a fixture were compared."""
        look = self._look
        self._board.move(difference.strayed, difference.place)
        look.counts["same"] += difference.same
        fixture = difference.place.fixture_id
        if self._audit and self._before is None:
            found = [*difference.new, *difference.changed, *difference.unlocked, *difference.locked]
            if found:
                look.differing.update(change.key for change in found)
                look.unsure.add(fixture)
            return
        for key in difference.contested:
            self._doubt(key, fixture)
        for kind in ("new", "changed", "unlocked"):
            self._publish(kind, self._borne_out(getattr(difference, kind)))
        if self._audit:
            self._publish("locked", self._borne_out(difference.locked))
        else:
            self._locks.add(difference)

    def _doubt(self, key: bytes, fixture: str) -> None:
        """What the stream told since it is connected holds; what it told before has to be asked for again.

        So has what it told late, behind what was made up meanwhile: that stands, and may be older.
        """
        known = self._board.told(key)
        if known is not None and (known.live_ms < self._publisher.connected_ms or known.order[2]):
            self._look.unsure.add(fixture)
            self._look.sure_at = max(self._look.sure_at, (known.live_ms + LIVE_MARGIN_MS) / 1000)

    def end(self) -> Iterator[None]:
        """All that could be had was compared: now the locks, unless they are too many to be believed at once.

        Some are published at each step; between two of them others may run.
        """
        if self._audit:
            return
        free, self._look.withheld = self._locks.judged()
        for withheld in self._before.withheld if self._before is not None else ():
            confirmed = self._locks.confirm(withheld)
            free += confirmed.locked
            if confirmed.suspicious and len(confirmed.locked) < len(withheld.locked):
                self._look.suspicious.append((withheld.sportsbook, confirmed.locks, confirmed.open))
            self._look.withheld = [w for w in self._look.withheld if w.sportsbook != withheld.sportsbook]
        for start in range(0, len(free), AT_ONCE):
            self._publish("locked", free[start : start + AT_ONCE])
            yield

    def _borne_out(self, changes: list[Change]) -> list[Change]:
        """In an audit's second look only what the first showed too."""
        if not self._audit or self._before is None:
            return changes
        return [change for change in changes if change.key in self._before.differing]

    def _publish(self, kind: str, changes: list[Change]) -> None:
        items = standing(self._board, changes)  # nothing is awaited from here to the telling
        if items:
            self._look.counts[kind] += len(items)
            event = self._events.locked if kind == "locked" else self._events.open
            self._publisher.make_up(event, items, origin=self._origin)
