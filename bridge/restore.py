"""What was published, read back from `odds-state` into the memory of the streams that carry it now."""

import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass

from bridge.continuity import Board, Coverage, Position
from bridge.kafka.states import State, Take
from bridge.logs import get_logger

EVERY_S = 2.0
"""Seconds between two lines of progress."""

ReadStates = Callable[[Iterable[str], Take, Callable[[int], None]], Awaitable[int]]
"""Reads topics of states; see `kafka.states.read_states`."""

log = get_logger("oddsbridge")


@dataclass(frozen=True, slots=True)
class Home:
    """A stream that odds may belong to.

    Attributes:
        name: The stream's name.
        topic: Its topic of states.
        coverage: What it takes.
        scope: A digest of what it asks upstream for.
        board: Its memory.
    """

    name: str
    topic: str
    coverage: Coverage
    scope: str
    board: Board


class Restoration:
    """Gives each odd of `odds-state` to the stream that carries it now.

    A stream that asks for the same as when its checkpoint was written keeps its odds. Those of other streams go to
    whichever stream takes them; those that none takes stay where they were, or go to any stream of their topic, which
    then locks them and takes them out.

    Args:
        homes: The streams.
        positions: What is committed of each.
        elsewhere: Streams of the configuration that are in other shards: their odds stay with them.
    """

    def __init__(self, homes: Iterable[Home], positions: Mapping[str, Position], elsewhere: Iterable[str] = ()) -> None:
        self._elsewhere = frozenset(elsewhere)
        self._homes = {home.name: home for home in homes}
        self._trusted = {name for name, home in self._homes.items() if positions[name].scope == home.scope}
        self._by_topic: dict[str, list[Home]] = {}
        for home in self._homes.values():
            self._by_topic.setdefault(home.topic, []).append(home)
        self._owners: dict[str, dict[bytes, Home]] = {topic: {} for topic in self._by_topic}
        self.adopted: set[str] = set()
        """Streams that were given odds of others: they have to be compared."""

    @property
    def topics(self) -> list[str]:
        """The topics that have to be read."""
        return list(self._by_topic)

    def take(self, topic: str, key: bytes, state: State | None) -> None:
        """Take the next record of a topic."""
        owners = self._owners[topic]
        home = None if state is None else self._home(state)
        before = owners.get(key)
        if before is not None and before is not home:
            before.board.drop(key)
            del owners[key]
        if state is not None and home is not None:
            owners[key] = home
            home.board.load(key, state.odd, order=state.order, locked=state.locked, live_ms=state.live_ms)

    def _home(self, state: State) -> Home | None:
        if state.stream in self._elsewhere:
            return None
        own = self._homes.get(state.stream)
        if own is not None and own.topic == state.topic and own.name in self._trusted:
            return own
        homes = self._by_topic[state.topic]
        taking = next((home for home in homes if home.coverage.takes(state.odd)), None)
        found = taking or (own if own in homes else homes[0])
        if found is not own:
            self.adopted.add(found.name)
        return found


async def restore(
    homes: list[Home], positions: Mapping[str, Position], read: ReadStates, elsewhere: Iterable[str] = ()
) -> set[str]:
    """Read the states of some streams; returns the names of those that were given odds of others.

    Raises:
        KafkaFailure: they can't be read.
    """
    for home in homes:
        home.board.clear()
    restoration = Restoration(homes, positions, elsewhere)
    if not homes:
        return set()
    began = told = time.monotonic()

    def progress(count: int) -> None:
        nonlocal told
        if time.monotonic() - told >= EVERY_S:
            told = time.monotonic()
            log.info("reading odds-state", records=count, seconds=round(told - began, 1))

    count = await read(restoration.topics, restoration.take, progress)
    known = sum(len(home.board) for home in homes)
    if told != began:
        log.info("odds-state is read", records=count, odds=known, seconds=round(time.monotonic() - began, 1))
    return restoration.adopted
