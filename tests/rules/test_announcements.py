"""What a publisher says of its connections on `bridge-events`, and when it says that something is lost."""

import pytest

from bridge.continuity import PROOF_S, Position
from bridge.entries import EntryId
from bridge.health import State
from bridge.herald import PAUSE_S
from tests.support.ids import NOW
from tests.support.publishing import Publishing, after, connect, events

# --- up, down, refused, paused ------------------------------------------------------------------------------------


def test_every_event_says_who_when_and_of_what() -> None:
    scene = Publishing()
    connect(scene)
    (record,) = scene.of("bridge-events")
    assert (record.key, record.headers) == (b"nba", [("event", b"up"), ("stream", b"nba")])
    assert scene.said == [
        {"v": 1, "event": "up", "stream": "nba", "instance": "here", "at_ms": scene.now_ms, "replay": "none"}
    ]


@pytest.mark.parametrize(("position", "replay"), [(Position(), "none"), (after(1, 2), "open")])
def test_up_says_what_is_known_of_the_replay(position: Position, replay: str) -> None:
    scene = Publishing(position=position)
    connect(scene)
    assert [said["replay"] for said in scene.told("up")] == [replay]
    assert scene.health.state is State.STREAMING


def test_an_end_says_why() -> None:
    scene = Publishing()
    scene.publisher.ended("torn", "it broke")
    scene.publisher.ended("403", "not licensed", refused=True)
    assert [{k: said[k] for k in ("event", "reason", "detail")} for said in scene.said] == [
        {"event": "down", "reason": "torn", "detail": "it broke"},
        {"event": "refused", "reason": "403", "detail": "not licensed"},
    ]


def test_a_pause_is_told_when_it_was_long() -> None:
    scene = Publishing()
    scene.publisher.paused(PAUSE_S - 0.1)
    scene.publisher.paused(PAUSE_S + 0.00049)
    assert [said["seconds"] for said in scene.said] == [PAUSE_S]


# --- gaps ---------------------------------------------------------------------------------------------------------


def test_a_replay_that_is_proven_is_no_gap() -> None:
    scene = Publishing(position=after(1, 2, 3))
    connect(scene)
    scene.take("a", ms=2)
    scene.take("a", ms=3)
    scene.take("a", ms=4)
    scene.publisher.tick(100.0 + 2 * PROOF_S)
    assert events(scene) == ["up"]
    assert {name: n for name, n in scene.metrics.replays.counts.items() if n} == {"proven": 1}
    assert scene.health.reconciled


def test_a_replay_that_doesnt_come_is_a_gap_once() -> None:
    scene = Publishing(position=after(1, 2, 3))
    scene.publisher.ended("torn", "")
    connect(scene)
    scene.publisher.tick(100.0 + PROOF_S - 0.1)
    assert not scene.told("gap")
    scene.publisher.tick(100.0 + PROOF_S)
    scene.publisher.tick(100.0 + 2 * PROOF_S)
    (gap,) = scene.told("gap")
    assert {k: gap[k] for k in ("reason", "last_entry_id", "last_ms", "first_entry_id", "seconds")} == {
        "reason": "torn",
        "last_entry_id": f"{NOW + 3}-0",
        "last_ms": NOW + 3,  # after a start the id is all there is to tell it
        "first_entry_id": None,
        "seconds": (scene.now_ms - NOW - 3) / 1000,
    }
    assert scene.metrics.gaps.counts["torn"] == 1


def test_a_newer_entry_that_comes_first_ends_the_gap() -> None:
    scene = Publishing(position=after(1, 2, 3))
    connect(scene)
    scene.take("a", ms=1_503)
    (gap,) = scene.told("gap")
    assert (gap["reason"], gap["first_entry_id"]) == ("restart", f"{NOW + 1503}-0")
    assert [held.event for held in scene.held] == ["", "", "odds"], "the gap is told before what lies behind it"


def test_a_replay_that_is_broken_off_leaves_the_next_one_to_tell() -> None:
    scene = Publishing(position=after(1, 2, 3))
    connect(scene)
    scene.publisher.ended("torn", "")
    connect(scene)
    scene.publisher.ended("silence", "")
    assert not scene.told("gap")
    assert scene.metrics.replays.counts["unproven"] == 2
    connect(scene)
    scene.take("a", ms=2)
    scene.take("a", ms=3)
    assert not scene.told("gap")
    assert scene.metrics.replays.counts["proven"] == 1


def test_a_first_connection_has_no_gap_and_the_next_one_has_though_nothing_came_yet() -> None:
    scene = Publishing()
    scene.publisher.begin()
    connect(scene)
    scene.publisher.settled("")
    scene.publisher.ended("torn", "")
    assert not scene.told("gap")
    connect(scene)
    (gap,) = scene.told("gap")
    assert (gap["reason"], gap["last_entry_id"], gap["last_ms"], gap["seconds"]) == ("torn", None, None, None)
    assert scene.health.owes == "gap"


def test_a_start_without_an_id_to_ask_from_is_a_gap_if_it_isnt_the_first() -> None:
    scene = Publishing(position=after(scope="all"))
    scene.publisher.begin()
    connect(scene)
    assert [gap["reason"] for gap in scene.told("gap")] == ["restart"]


def test_an_id_that_is_no_time_tells_none() -> None:
    position = Position()
    position.add("odds", EntryId(17, 0))
    scene = Publishing(position=position)
    connect(scene)
    scene.publisher.tick(100.0 + PROOF_S)
    (gap,) = scene.told("gap")
    assert (gap["last_entry_id"], gap["last_ms"], gap["seconds"]) == ("17-0", None, None)


def test_a_connection_that_took_over_too_late_is_a_gap() -> None:
    scene = Publishing()
    connect(scene)
    scene.take("a", ms=1)
    before, last_ms = scene.publisher.connected_ms, scene.now_ms
    scene.now_ms += 5_000
    scene.publisher.unjoined("closed", EntryId(NOW + 2_001, 0))
    (gap,) = scene.told("gap")
    assert (gap["reason"], gap["last_entry_id"], gap["seconds"]) == ("closed", f"{NOW + 1}-0", 5.0)
    assert gap["last_ms"] == last_ms, "by our clock, since upstream's may be wrong"
    assert scene.publisher.connected_ms == before + 5_000, "what was told before may be outdated"


def test_a_gap_counts_as_debt_and_is_news() -> None:
    scene = Publishing(position=after(1))
    news: list[int] = []
    scene.publisher.on_news = lambda: news.append(scene.publisher.debts)
    scene.publisher.owe("gap")
    assert (scene.publisher.debts, news) == (1, [1])
    connect(scene)
    assert news == [1, 1]
