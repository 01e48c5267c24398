"""What streams that are gone have left behind: ended once, in order, and nobody else's."""

from collections.abc import Callable, Iterable

import pytest

from bridge.buffer import Buffer
from bridge.errors import KafkaFailure, Unpublishable
from bridge.kafka.states import State, Take
from bridge.orphans import Orphans
from bridge.records import Record

TOPICS = {"p.copilot-odds-state": ("copilot-locked-odds", "p.copilot-locked-odds")}
(TOPIC,) = TOPICS


def state(key: str, stream: str = "gone", *, locked: bool = False, prices: bytes | None = None) -> State:
    headers = [("event", b"copilot-odds")] + ([] if prices is None else [("odds_format", prices)])
    return State(TOPIC, key.encode(), stream, (7, 3, 2), locked, 77, b'{"id":"%s"}' % key.encode(), headers)


class Scene:
    """Streams that have checkpoints and aren't configured, and what is in the topic."""

    def __init__(self, *rows: State | str, departed: Iterable[str] = ("gone",)) -> None:
        self.rows = rows
        self.departed = set(departed)
        self.trouble: list[KafkaFailure] = []
        self.reads = 0
        self.buffer = Buffer(2**20)

    async def end(self) -> list[Record]:
        await Orphans(TOPICS, self._departed, self._read).bury(self.buffer)
        return [record for held in self.buffer.first(2**30) for record in held.records]

    async def _departed(self) -> set[str]:
        if self.trouble:
            raise self.trouble.pop(0)
        return self.departed

    async def _read(self, topics: Iterable[str], take: Take, progress: Callable[[int], None]) -> int:
        assert list(topics) == [TOPIC]
        self.reads += 1
        for row in self.rows:
            if isinstance(row, State):
                take(TOPIC, row.key, row)
            else:
                take(TOPIC, row.encode(), None)
        progress(len(self.rows))
        return len(self.rows)


async def test_an_open_odd_is_locked_and_then_taken_out() -> None:
    lock, tombstone = await Scene(state("a", prices=b"DECIMAL")).end()
    assert lock == (
        "p.copilot-locked-odds",
        b"a",
        b'{"id":"a"}',
        [
            ("event", b"copilot-locked-odds"),
            ("stream", b"gone"),
            ("origin", b"reconcile"),
            ("order", b"7-3-3"),
            ("odds_format", b"DECIMAL"),
        ],
        False,
    )
    assert (tombstone.topic, tombstone.key, tombstone.is_tombstone) == (TOPIC, b"a", True)
    assert dict(tombstone.headers) == {
        "event": b"tombstone",
        "stream": b"gone",
        "origin": b"reconcile",
        "order": b"7-3-4",
    }


async def test_a_locked_one_is_taken_out() -> None:
    (tombstone,) = await Scene(state("a", locked=True)).end()
    assert (tombstone.is_tombstone, dict(tombstone.headers)["order"]) == (True, b"7-3-3")


async def test_the_last_word_counts() -> None:
    """An odd that was taken out already, or that somebody else has told of since, isn't touched."""
    scene = Scene(state("a"), state("b"), state("c"), "a", state("b", "other"))
    assert {record.key for record in await scene.end()} == {b"c"}


async def test_nobody_else_s_odds_are_touched() -> None:
    """Without a checkpoint here a stream may be another bridge's."""
    assert await Scene(state("a", "stranger")).end() == []


async def test_nothing_is_read_while_no_stream_is_gone() -> None:
    scene = Scene(state("a"), departed=())
    assert await scene.end() == []
    assert scene.reads == 0


async def test_kafka_is_asked_again_while_that_can_help(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bridge.orphans.RETRY_S", 0.0)
    scene = Scene(state("a", locked=True))
    scene.trouble = [KafkaFailure("not yet"), KafkaFailure("not yet")]
    assert len(await scene.end()) == 1


async def test_a_topic_that_may_not_be_read_is_told_and_left() -> None:
    scene = Scene(state("a"))
    scene.trouble = [Unpublishable("no permission")]
    assert await scene.end() == []
    assert scene.reads == 0
