# ruff: noqa: S311  (a seeded generator is what makes the boards repeatable)
"""One sport's board: pure and deterministic; each step moves something and says what.

The same seed and the same calls give the same board. Nothing here knows a clock, a channel or a socket.
"""

import random
from collections.abc import Callable, Iterator

from bridge.simulator.build import fixture as build_fixture
from bridge.simulator.catalog import COPILOT, SPORTS, League, slug
from bridge.simulator.model import Change, Fixture, Odd, Status, View

_MOST = 50  # odds in one event


class Board:
    """The fixtures and odds of one sport.

    Args:
        seed: Any integer; with the sport's name it decides everything.
        sport: A name of the catalog.
        fixtures: How many each league has at any time.
        life: Steps of a fixture, on average, until its status changes.
        now: Epoch seconds at the start.
    """

    def __init__(self, seed: int, sport: str, *, fixtures: int = 6, life: int = 300, now: float) -> None:
        self.sport = SPORTS[sport]
        self._rng = random.Random(f"{seed}:{sport}")
        self._life = life
        self.fixtures: list[Fixture] = []
        self.over: list[Fixture] = []
        """The last fixtures that ended, newest last."""
        for n in range(fixtures):
            for league in self.sport.leagues:
                self.fixtures.append(self._new(league, now, "live" if n % 5 in {0, 3} else "unplayed"))

    def odds(self) -> Iterator[Odd]:
        """Every odd that was ever offered on a fixture that isn't over."""
        for fixture in self.fixtures:
            for odds in fixture.odds.values():
                yield from (odd for odd in odds if odd.posted)

    def step(self, view: View, now: float, *, life: bool = True) -> Iterator[Change]:
        """Move something inside the view; each change must be rendered before the next is asked for.

        Args:
            view: What may be picked. A fixture whose status changes takes all its books along.
            now: Epoch seconds.
            life: False keeps every fixture in its status.

        Yields:
            Nothing when the view is empty.
        """
        picked = self._pick(view)
        if picked is None:
            return
        picked.left -= 1
        if life and (picked.left <= 0 or (view.is_live is not None and picked.is_live != view.is_live)):
            yield from self._turn(picked, now)
        elif view.results:
            yield self._play(picked, now)
        elif self._rng.random() < 0.01 and picked.status == "unplayed":
            old = picked.start
            picked.start += self._rng.choice((-1800, 600, 1800, 3600))
            yield Change("status", picked, old_start=old, now=now)
        else:
            yield from self._trade(picked, view, now)

    def _new(self, league: League, now: float, status: Status) -> Fixture:
        return build_fixture(self._rng, self.sport, league, now=now, status=status, life=self._life)

    def _pick(self, view: View) -> Fixture | None:
        if not (view.books or view.results):
            return None
        found = [
            f
            for f in self.fixtures
            if (view.leagues is None or f.league_id in view.leagues)
            and (view.fixtures is None or f.id in view.fixtures)
        ]
        wanted: bool | None = True if view.results else view.is_live
        if wanted is not None:
            found = [f for f in found if f.is_live == wanted] or found
        return self._rng.choice(found) if found else None

    # --- prices ---------------------------------------------------------------------------------------------------

    def _trade(self, fixture: Fixture, view: View, now: float) -> Iterator[Change]:
        rng = self._rng
        odds = fixture.odds[rng.choice(view.books)]
        if view.markets is not None:
            odds = [odd for odd in odds if slug(odd.market.name) in view.markets]
        size = min(_MOST, 1 + int(rng.expovariate(1 / 11)))
        roll = rng.random()
        if roll < 0.08:
            locked = self._some(odds, size, lambda odd: odd.open)
            yield from self._set(fixture, locked, now, locked=True)
        elif roll < 0.20:
            yield from self._set(
                fixture, self._some(odds, size, lambda odd: odd.posted and odd.locked), now, locked=False
            )
        elif roll < 0.26:
            yield from self._shift(fixture, odds, now)
        else:
            moved = self._some(odds, size, lambda odd: odd.open)
            for odd in moved:
                self._move(odd, now)
            if moved:
                yield Change("odds", fixture, moved, now=now)

    def _some(self, odds: list[Odd], size: int, wanted: Callable[[Odd], bool]) -> list[Odd]:
        found = [odd for odd in odds if wanted(odd)]
        return found if len(found) <= size else self._rng.sample(found, size)

    def _move(self, odd: Odd, now: float) -> None:
        odd.written.clear()
        odd.probability = min(0.97, max(0.03, odd.probability + self._rng.gauss(0, 0.02)))
        odd.timestamp = round(now - self._rng.random() * 0.2, 7)

    def _set(self, fixture: Fixture, odds: list[Odd], now: float, *, locked: bool) -> Iterator[Change]:
        for start in range(0, len(odds), _MOST):
            part = odds[start : start + _MOST]
            for odd in part:
                if locked:
                    odd.locked = True  # and its bytes stay: a lock shows the last known price
                else:
                    self._move(odd, now)
                    odd.locked = False
                    odd.posted = True
            yield Change("locked" if locked else "odds", fixture, part, now=now)

    def _shift(self, fixture: Fixture, odds: list[Odd], now: float) -> Iterator[Change]:
        """The main line of one market moves one step."""
        ladders = [m for m in dict.fromkeys(odd.market for odd in odds) if m.kind in {"spread", "total"}]
        if not ladders:
            return
        market = self._rng.choice(ladders)
        ladder = [odd for odd in odds if odd.market == market]
        pairs = [ladder[n : n + 2] for n in range(0, len(ladder), 2)]
        at = next(n for n, pair in enumerate(pairs) if pair[0].is_main)
        to = at + 1 if at == 0 or (at + 1 < len(pairs) and self._rng.random() < 0.5) else at - 1
        old, new = pairs[at], pairs[to]
        if market.alternates:
            # Nothing is suspended, the lines change roles: upstream sends odds and no locked-odds.
            for odd in (*old, *new):
                odd.written.clear()
                odd.is_main = odd in new
            lines = [odd for odd in (*old, *new) if odd.open]
            if lines:
                yield Change("odds", fixture, lines, now=now)
            return
        yield from self._set(fixture, [odd for odd in old if odd.open], now, locked=True)
        for odd in old:
            odd.is_main = odd.posted = False
        for odd in new:
            odd.is_main = True
        yield from self._set(fixture, new, now, locked=False)

    # --- games ----------------------------------------------------------------------------------------------------

    def _turn(self, fixture: Fixture, now: float) -> Iterator[Change]:
        """The fixture's status changes, and every odd of it with it."""
        rng, old = self._rng, fixture.status
        fixture.left = rng.randrange(self._life // 2 + 1, self._life * 3 // 2 + 2)
        if old == "unplayed" and rng.random() < 0.12:
            new: Status = rng.choice(("cancelled", "delayed"))
        else:
            new = "completed" if old == "live" else "live"
        if new == "delayed":
            fixture.status = new
            yield Change("status", fixture, old=old, now=now)
            return
        yield from self._lock_all(fixture, now)
        for odds in fixture.odds.values():
            for odd in odds:
                odd.written.clear()  # is_live is part of what is written
        fixture.status = new
        yield Change("status", fixture, old=old, now=now)
        if new == "live":
            for book in fixture.odds.values():
                yield from self._set(
                    fixture, [odd for odd in book if odd.posted and rng.random() < 0.9], now, locked=False
                )
            return
        if new == "completed":
            yield Change("results", fixture, now=now)
            yield Change("settled", fixture, [odd for odd in fixture.odds[COPILOT] if odd.posted][:_MOST], now=now)
        yield from self._replace(fixture, now)

    def _lock_all(self, fixture: Fixture, now: float) -> Iterator[Change]:
        for odds in fixture.odds.values():
            yield from self._set(fixture, [odd for odd in odds if odd.open], now, locked=True)

    def _replace(self, fixture: Fixture, now: float) -> Iterator[Change]:
        """A fixture that is over leaves the board, and another of its league comes."""
        league = next(lg for lg in self.sport.leagues if lg.name == fixture.league)
        fresh = self._new(league, now, "unplayed")
        self.fixtures[self.fixtures.index(fixture)] = fresh
        self.over = [*self.over[-49:], fixture]
        for odds in fresh.odds.values():
            for odd in odds:
                odd.locked = True  # so that the first offer is news, as upstream sends it
            yield from self._set(fresh, [odd for odd in odds if odd.posted], now, locked=False)

    def _play(self, fixture: Fixture, now: float) -> Change:
        rng = self._rng
        fixture.clock = max(0, fixture.clock - rng.randrange(5, 40))
        if fixture.clock == 0 and fixture.period < self.sport.periods:
            fixture.period += 1
            fixture.clock = self.sport.period_s
            for side in fixture.scores:
                side.append(0)
        side = rng.choice(fixture.scores)
        side[-1] += rng.randrange(0, 4) if self.sport.period_s < 1000 else int(rng.random() < 0.1)
        name = rng.choice(self.sport.stats)
        home, away = fixture.stats[name]
        fixture.stats[name] = (home + 1, away) if rng.random() < 0.5 else (home, away + 1)
        _, _, stats = rng.choice(fixture.players)
        stats[rng.choice(list(stats))] += 1
        return Change("results", fixture, now=now)
