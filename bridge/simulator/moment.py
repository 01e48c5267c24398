"""The boards at one moment: now, or as a stale cache remembers them."""

import dataclasses
import time
from collections.abc import Callable, Collection, Iterator
from typing import Any

import orjson

from bridge.simulator.catalog import SPORTS
from bridge.simulator.model import Fixture, Odd, Style
from bridge.simulator.render import written
from bridge.simulator.world import World

OVER = frozenset({"completed", "cancelled"})


class Moment:
    """What one request sees.

    Args:
        world: The boards; one that nobody has asked for yet is made when it is needed.
        sports: Those that the key is licensed for: no other exists for it.
        age_s: How long ago, in seconds.
    """

    def __init__(self, world: World, sports: Collection[str], age_s: float = 0.0) -> None:
        self._world = world
        # Ids are looked for first where somebody is already at work.
        self.sports = sorted((s for s in SPORTS if s in sports), key=lambda s: not world.has_board(s))
        self.at = time.time() - age_s
        self._past = world.history.before(age_s) if age_s else None
        self._pooled: dict[tuple[str, Style], dict[str, tuple[bytes, bool]]] = {}

    def fixtures(self, sports: Collection[str] | None = None) -> Iterator[Fixture]:
        """All fixtures of these sports, or of all: those on the board, then the last that are over."""
        for sport in self.sports:
            if sports is None or sport in sports:
                board = self._world.board(sport, time.time())
                for fixture in (*board.fixtures, *board.over):
                    then = self._then(fixture)
                    if then is not None:
                        yield then

    def find(self, ids: Collection[str]) -> list[Fixture]:
        """Fixtures by id, in the order of the ids; what isn't found is left out."""
        found: dict[str, Fixture] = {}
        for fixture in self.fixtures():
            if fixture.id in ids:
                found.setdefault(fixture.id, fixture)
                if len(found) == len(set(ids)):
                    break
        return [found[i] for i in dict.fromkeys(ids) if i in found]

    def odds(
        self, fixture: Fixture, book: str, style: Style, shows: Callable[[Odd], bool] = lambda _: True
    ) -> Iterator[dict[str, Any]]:
        """The open odds of a book on a fixture of this moment, as the stream would write them."""
        key = (fixture.sport, style)
        if key not in self._pooled:
            # Time goes on while an answer is made; the moment stays.
            self._pooled[key] = self._world.pooled(*key, 0.0 if self._past is None else time.time() - self.at)
        pooled = self._pooled[key]
        for odd in () if fixture.status in OVER else fixture.odds.get(book, ()):
            then = self._odd_then(odd, fixture)
            if then is None or not then.posted or not shows(then):
                continue
            body, locked = pooled[odd.id] if odd.id in pooled else (written(then, style)[0], then.locked)
            if not locked:
                yield orjson.loads(body)

    def _then(self, fixture: Fixture) -> Fixture | None:
        if self._past is None or fixture not in self._past.fixtures:
            return fixture
        state = self._past.fixtures[fixture]
        return None if state is None else dataclasses.replace(fixture, status=state.status, start=state.start)

    def _odd_then(self, odd: Odd, fixture: Fixture) -> Odd | None:
        if self._past is None:
            return odd
        if odd not in self._past.odds:
            # Whether the game was live is part of what is written, so an odd of a fixture that changed is another.
            return odd if odd.fixture is fixture else dataclasses.replace(odd, fixture=fixture, written={})
        state = self._past.odds[odd]
        return None if state is None else dataclasses.replace(odd, fixture=fixture, written={}, **state._asdict())
