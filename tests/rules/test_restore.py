"""Which stream gets which odds of `odds-state` at a start."""

from collections.abc import Callable, Iterable

import orjson
import pytest

from bridge.continuity import Board, Coverage, Order, Room
from bridge.errors import KafkaFailure, Unpublishable
from bridge.kafka.states import State, Take
from bridge.restore import Home, Restoration, restore

TOPIC = "p.odds-state"


def odd(key: str, book: str) -> bytes:
    return orjson.dumps({"id": key, "fixture_id": "F1", "sport": "basketball", "sportsbook": book})


def state(
    key: str, *, stream: str, book: str = "Novig", order: Order = (5, 0, 0), locked: bool = False, topic: str = TOPIC
) -> State:
    return State(topic, key.encode(), stream, order, locked, 77, odd(key, book))


def home(name: str, *books: str, topic: str = TOPIC) -> Home:
    return Home(name, topic, Coverage(sport="basketball", sportsbook=books), Board(Room()))


class Restoring:
    """Streams, and the records of the topics."""

    def __init__(self, *homes: Home, elsewhere: Iterable[Home] = ()) -> None:
        self.homes = {home.name: home for home in homes}
        self.restoration = Restoration(homes, elsewhere)

    def take(self, *states: State) -> None:
        for one in states:
            self.restoration.take(one.topic, one.key, one)

    @property
    def known(self) -> dict[str, set[str]]:
        """The odds that each stream knows."""
        keys = ("a", "b", "c")
        return {name: {key for key in keys if key.encode() in home.board} for name, home in self.homes.items()}


def test_an_odd_goes_back_to_the_stream_that_published_it() -> None:
    scene = Restoring(home("one", "Novig"), home("two", "FanDuel"))
    scene.take(state("a", stream="one"), state("b", stream="two", book="FanDuel", locked=True, order=(9, 1, 2)))
    assert scene.known == {"one": {"a"}, "two": {"b"}}
    assert scene.restoration.adopted == set()
    known = scene.homes["two"].board.get(b"b")
    assert known is not None
    assert (known.order, known.locked, known.live_ms, known.odd) == ((9, 1, 2), True, 77, odd("b", "FanDuel"))


def test_a_stream_keeps_even_what_it_doesnt_seem_to_take() -> None:
    """A book may be asked for under a name that its odds don't use."""
    scene = Restoring(home("one", "DK"), home("two", "FanDuel"))
    scene.take(state("a", stream="one", book="DraftKings"))
    assert scene.known == {"one": {"a"}, "two": set()}
    assert scene.restoration.adopted == set()


def test_a_book_that_moved_to_another_stream_takes_its_odds_along() -> None:
    scene = Restoring(home("one", "Novig"), home("two", "FanDuel", "DraftKings"))
    scene.take(state("a", stream="one"), state("b", stream="one", book="DraftKings"))
    assert scene.known == {"one": {"a"}, "two": {"b"}}
    assert scene.restoration.adopted == {"two"}


def test_the_odds_of_a_stream_that_is_gone_go_to_one_that_takes_them() -> None:
    scene = Restoring(home("one", "Novig"), home("two", "FanDuel"))
    scene.take(state("a", stream="gone", book="FanDuel"))
    assert scene.known == {"one": set(), "two": {"a"}}
    assert scene.restoration.adopted == {"two"}


def test_what_nobody_takes_stays_with_its_stream_to_be_ended_there() -> None:
    scene = Restoring(home("one", "Novig"), home("two", "FanDuel"))
    scene.take(state("a", stream="two", book="DraftKings"))
    assert scene.known == {"one": set(), "two": {"a"}}
    assert scene.restoration.adopted == set(), "a changed scope tells by itself that it has to be compared"


def test_what_nobody_takes_and_nobody_has_goes_to_any_stream_of_its_topic() -> None:
    scene = Restoring(home("copilot", topic="p.copilot-odds-state"), home("one", "Novig"), home("two", "FanDuel"))
    scene.take(state("a", stream="gone", book="DraftKings"))
    assert sum(len(known) for known in scene.known.values()) == 1
    assert scene.known["copilot"] == set()
    assert scene.restoration.adopted == {name for name, known in scene.known.items() if known}


def test_a_stream_whose_topic_is_another_now_has_no_claim() -> None:
    scene = Restoring(home("one", "Novig", topic="q.odds-state"), home("two", "Novig"))
    scene.take(state("a", stream="one"))
    assert scene.known == {"one": set(), "two": {"a"}}
    assert scene.restoration.adopted == {"two"}


def test_the_odds_of_a_stream_in_another_shard_stay_there() -> None:
    scene = Restoring(home("one", "Novig"), elsewhere=[home("other", "Novig")])
    scene.take(state("a", stream="other"))
    assert scene.known == {"one": set()}
    assert scene.restoration.adopted == set()


def test_odds_that_a_stream_in_another_shard_has_taken_over_stay_there() -> None:
    """They keep the name of the stream before until they are told again."""
    scene = Restoring(home("one", "Novig"), elsewhere=[home("renamed", "FanDuel")])
    scene.take(state("a", stream="gone", book="FanDuel"))
    assert scene.known == {"one": set()}
    assert scene.restoration.adopted == set()


def test_a_tombstone_ends_what_came_before() -> None:
    scene = Restoring(home("one", "Novig"))
    scene.take(state("a", stream="one"))
    scene.restoration.take(TOPIC, b"a", None)
    scene.restoration.take(TOPIC, b"b", None)
    assert scene.known == {"one": set()}
    scene.take(state("a", stream="one", order=(3, 0, 0)))
    assert scene.known == {"one": {"a"}}, "it came again, whatever its order"


def test_the_later_record_decides_who_has_an_odd() -> None:
    scene = Restoring(home("one", "Novig"), home("two", "Novig"), elsewhere=[home("other", "Novig")])
    scene.take(state("a", stream="one"), state("a", stream="two", order=(6, 0, 0)))
    assert scene.known == {"one": set(), "two": {"a"}}
    scene.take(state("a", stream="other", order=(7, 0, 0)))
    assert scene.known == {"one": set(), "two": set()}
    scene.restoration.take(TOPIC, b"a", None)


def test_topics_are_told_apart() -> None:
    scene = Restoring(home("one", "Novig"), home("copilot", topic="p.copilot-odds-state"))
    scene.take(state("a", stream="one"), state("a", stream="copilot", topic="p.copilot-odds-state"))
    assert scene.known == {"one": {"a"}, "copilot": {"a"}}
    assert set(scene.restoration.topics) == {TOPIC, "p.copilot-odds-state"}


async def test_a_restore_begins_with_empty_boards() -> None:
    one, two = home("one", "Novig"), home("two", "FanDuel")
    one.board.load(b"c", odd("c", "Novig"), order=(1, 0, 0), locked=False, live_ms=0)

    async def read(topics: Iterable[str], take: Take, progress: Callable[[int], None]) -> int:
        assert list(topics) == [TOPIC]
        for one in (state("a", stream="one"), state("b", stream="gone", book="FanDuel")):
            take(one.topic, one.key, one)
            progress(1)
        return 2

    assert await restore([one, two], read) == {"two"}
    assert (b"a" in one.board, b"c" in one.board, b"b" in two.board) == (True, False, True)


async def test_nothing_is_read_where_nothing_is_compared() -> None:
    async def read(topics: Iterable[str], take: Take, progress: Callable[[int], None]) -> int:
        raise AssertionError

    assert await restore([], read) == set()


async def test_while_kafka_is_away_it_is_read_again_from_the_beginning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bridge.restore.RETRY_S", 0.0)
    one, reads = home("one", "Novig"), list[int]()

    async def read(topics: Iterable[str], take: Take, progress: Callable[[int], None]) -> int:
        reads.append(len(one.board))
        take(TOPIC, f"a{len(reads)}".encode(), state("a", stream="one"))
        if len(reads) < 3:
            raise KafkaFailure("away", reason="unreachable")
        return 1

    await restore([one], read)
    assert (reads, len(one.board), b"a3" in one.board) == ([0, 0, 0], 1, True)


async def test_a_failure_that_somebody_has_to_mend_is_the_callers() -> None:
    async def read(topics: Iterable[str], take: Take, progress: Callable[[int], None]) -> int:
        raise Unpublishable("no")

    with pytest.raises(Unpublishable):
        await restore([home("one")], read)
