"""What was published, read back from `odds-state` into the memory of the streams that carry it now."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field

from bridge.continuity import Board, Coverage, Order
from bridge.errors import KafkaFailure
from bridge.kafka.states import State, Take
from bridge.logs import get_logger

EVERY_S = 2.0
"""Seconds between two lines of progress."""

RETRY_S = 2.0
"""Seconds until it is read again, when Kafka couldn't be read."""

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
        board: Its memory.
        adopted: Odds that another stream published, with their orders: they have to be compared.
    """

    name: str
    topic: str
    coverage: Coverage
    board: Board
    adopted: dict[bytes, Order] = field(default_factory=dict)


class Restoration:
    """Gives each odd of `odds-state` to the stream that carries it now.

    A stream keeps the odds that it takes; others go to whichever stream takes them, which compares and publishes them
    anew: until then they have the name of their old stream. Those that none takes stay where they were, since a book
    may be asked for under a name that its odds don't use; or they go to any stream of their topic, which then locks
    them and takes them out.

    Args:
        homes: The streams.
        elsewhere: Streams of the configuration that are in other shards: their odds stay with them.
    """

    def __init__(self, homes: Iterable[Home], elsewhere: Iterable[Home] = ()) -> None:
        self._elsewhere = {home.name: home for home in elsewhere}
        self._homes = {home.name: home for home in homes}
        self._by_topic: dict[str, list[Home]] = {}
        for home in self._homes.values():
            self._by_topic.setdefault(home.topic, []).append(home)
        self._owners: dict[str, dict[bytes, Home]] = {topic: {} for topic in self._by_topic}

    @property
    def adopted(self) -> set[str]:
        """Streams that were given odds of others: they have to be compared."""
        return {name for name, home in self._homes.items() if home.adopted}

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
            before.adopted.pop(key, None)
            del owners[key]
        if state is not None and home is not None:
            owners[key] = home
            home.board.load(key, state.odd, order=state.order, locked=state.locked, live_ms=state.live_ms)
            if state.stream == home.name:
                home.adopted.pop(key, None)
            else:
                home.adopted[key] = state.order

    def _home(self, state: State) -> Home | None:
        told_by = self._homes.get(state.stream) or self._elsewhere.get(state.stream)
        own = told_by if told_by is not None and told_by.topic == state.topic else None
        if own is None or not own.coverage.takes(state.odd):
            found = self._taking(state, self._by_topic[state.topic])
            if found is not None:
                return found
            if self._taking(state, self._elsewhere.values()) is not None:
                return None
        if own is not None:
            return self._homes.get(own.name)
        return self._by_topic[state.topic][0]

    @staticmethod
    def _taking(state: State, homes: Iterable[Home]) -> Home | None:
        return next((home for home in homes if home.topic == state.topic and home.coverage.takes(state.odd)), None)


async def restore(homes: list[Home], read: ReadStates, elsewhere: Iterable[Home] = ()) -> set[str]:
    """Read the states of some streams, however often it takes; the names of those that were given odds of others.

    Raises:
        KafkaFailure: they can't be read, and that doesn't heal by itself.
    """
    tries = 0
    while True:
        try:
            return await _once(homes, read, elsewhere)
        except KafkaFailure as error:
            if not error.heals:
                raise
            if not tries:
                log.warning("odds-state can't be read yet", why=str(error))
            tries += 1
            await asyncio.sleep(RETRY_S)


async def _once(homes: list[Home], read: ReadStates, elsewhere: Iterable[Home]) -> set[str]:
    for home in homes:
        home.board.clear()
        home.adopted.clear()
    restoration = Restoration(homes, elsewhere)
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
