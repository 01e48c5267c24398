"""What the boards looked like a moment ago, for snapshots that are stale."""

from collections import deque
from collections.abc import Callable, Iterable
from typing import NamedTuple

from bridge.simulator.model import Change, Fixture, Odd, Status


class OddState(NamedTuple):
    """What can change of an odd."""

    locked: bool
    posted: bool
    is_main: bool
    probability: float
    timestamp: float


class FixtureState(NamedTuple):
    """What can change of a fixture, without its scores."""

    status: Status
    start: float


class Past(NamedTuple):
    """What was different at some moment; None means that it didn't exist."""

    odds: dict[Odd, OddState | None]
    fixtures: dict[Fixture, FixtureState | None]


class _Undo(NamedTuple):
    at: float
    fixture: Fixture
    fixture_before: FixtureState | None
    odds_before: list[tuple[Odd, OddState | None]]


class History:
    """Every change of the boards for some time, as what was there before it.

    Args:
        reach_s: Gives how far back it reaches, in seconds; nothing is kept at 0.
        clock: Seconds, monotonic.
    """

    def __init__(self, reach_s: Callable[[], float], clock: Callable[[], float]) -> None:
        self._reach_s = reach_s
        self._clock = clock
        self._undo: deque[_Undo] = deque()
        self._odds: dict[Odd, OddState] = {}
        self._fixtures: dict[Fixture, FixtureState] = {}

    def begin(self, fixtures: Iterable[Fixture]) -> None:
        """These stand on a board from its beginning."""
        for fixture in fixtures:
            self._fixtures[fixture] = _fixture(fixture)
            for odds in fixture.odds.values():
                self._odds.update((odd, _odd(odd)) for odd in odds)

    def note(self, change: Change) -> None:
        """A board has just made this change."""
        reach_s, now, fixture = self._reach_s(), self._clock(), change.fixture
        before = [(odd, self._odds.get(odd)) for odd in change.odds]
        self._odds.update((odd, _odd(odd)) for odd in change.odds)
        fixture_before = self._fixtures.get(fixture)
        self._fixtures[fixture] = _fixture(fixture)
        self._undo.append(_Undo(now, fixture, fixture_before, before))
        while self._undo and self._undo[0].at < now - reach_s:
            self._forget(self._undo.popleft().fixture)

    def before(self, age_s: float) -> Past:
        """What was different so many seconds ago; as far back as it reaches, if that is too long."""
        past, since = Past({}, {}), self._clock() - age_s
        for undo in reversed(self._undo):
            if undo.at <= since:
                break
            past.fixtures[undo.fixture] = undo.fixture_before
            past.odds.update(undo.odds_before)
        return past

    def _forget(self, fixture: Fixture) -> None:
        """A fixture that is over and out of reach needs no more memory."""
        if fixture.status in {"completed", "cancelled"} and self._fixtures.pop(fixture, None) is not None:
            for odds in fixture.odds.values():
                for odd in odds:
                    self._odds.pop(odd, None)


def _odd(odd: Odd) -> OddState:
    return OddState(odd.locked, odd.posted, odd.is_main, odd.probability, odd.timestamp)


def _fixture(fixture: Fixture) -> FixtureState:
    return FixtureState(fixture.status, fixture.start)
