"""What a publisher makes of entries, and of odds that the bridge makes up."""

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.continuity import Board, Position
from bridge.entries import Entry, EntryId
from bridge.herald import RECORD_BYTES
from bridge.publisher import AHEAD_MS, AT_ONCE
from tests.support.ids import NOW
from tests.support.publishing import Publishing, order_of, value

Item = tuple[bytes, bytes]


def items(*odds: str) -> list[Item]:
    return [(odd.encode(), value(odd)) for odd in odds]


def many(count: int) -> list[Item]:
    return items(*(f"odd-{n}" for n in range(count)))


def at(ms: int) -> Position:
    position = Position()
    position.add("odds", EntryId(NOW + ms, 0))
    return position


def board_of(scene: Publishing) -> Board:
    assert scene.board is not None
    return scene.board


# --- the state beside the odds ------------------------------------------------------------------------------------


def test_an_odd_stands_in_its_log_and_in_the_state_of_one_entry() -> None:
    scene = Publishing()
    scene.take("a", "b", ms=5)
    (held,) = scene.held
    assert [part.topic for part in held.parts] == ["p.odds", "p.odds-state"]
    assert [record.value for record in scene.of("odds")] == [value("a"), value("b")]
    state = scene.of("odds-state")[0]
    assert state.value == (
        b'{"v":1,"stream":"nba","order":"%d-0-0","locked":false,"odd":%b}' % (NOW + 5, value("a"))
    )  # fmt: skip
    assert dict(state.headers) == {"event": b"odds", "origin": b"stream", "odds_format": b"AMERICAN"}
    assert held.size > sum(len(record.value) for record in scene.records)


def test_an_odd_and_its_state_are_held_as_one_copy() -> None:
    sizes = []
    for board in (True, False):
        scene = Publishing(board=board)
        scene.publisher.take(Entry("odds", EntryId(NOW, 0), items("a"), size=10_000), 0.0)
        sizes.append(scene.buffer.size)
    assert sizes == [10_000 + 3 * RECORD_BYTES, 10_000 + 2 * RECORD_BYTES]
    scene = Publishing()
    scene.take("a", ms=5)
    log, state = scene.held[0].parts
    assert state.items[0][1] is log.items[0][1]


def test_a_lock_is_told_by_the_state() -> None:
    scene = Publishing()
    scene.take("a", ms=5)
    scene.take("a", ms=6, event="locked-odds")
    assert [orjson.loads(record.value)["locked"] for record in scene.of("odds-state")] == [False, True]
    known = board_of(scene).get(b"a")
    assert known is not None
    assert (known.locked, known.live_ms, known.order) == (True, scene.now_ms, (NOW + 6, 0, 0))


def test_a_late_odd_stands_in_its_log_alone() -> None:
    scene = Publishing()
    scene.take("a", ms=9)
    scene.take("a", "b", ms=5)
    assert [record.key for record in scene.of("odds")] == [b"a", b"a", b"b"]
    assert [record.key for record in scene.of("odds-state")] == [b"a", b"b"]
    assert scene.metrics.late == 1


def test_without_a_board_there_is_no_state() -> None:
    scene = Publishing(board=False)
    scene.take("a", ms=5)
    assert {record.topic for record in scene.records} == {"p.odds"}


def test_what_a_fixture_event_tells_is_kept_and_has_no_state() -> None:
    scene = Publishing()
    told = orjson.dumps({"new_status": "completed"})
    scene.publisher.take(Entry("fixture-status", EntryId(NOW, 0), [(b"F1", told)]), 7.0)
    assert scene.publisher.fixtures.over_since(7.0) == {"F1"}
    assert [record.topic for record in scene.records] == ["p.fixture-status"]


# --- what is made up ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [0, 1, AT_ONCE, AT_ONCE + 1, 3 * AT_ONCE])
def test_what_is_made_up_comes_in_parts(count: int) -> None:
    scene = Publishing()
    scene.publisher.make_up("odds", many(count), origin=b"snapshot")
    assert len(scene.held) == -(-count // AT_ONCE)
    assert all(len(part.items) <= AT_ONCE for held in scene.held for part in held.parts)
    assert all(held.counts and held.entry_id is None for held in scene.held)
    assert [record.key for record in scene.of("odds")] == [key for key, _ in many(count)]
    assert [record.key for record in scene.of("odds-state")] == [key for key, _ in many(count)]
    assert len(board_of(scene)) == count
    assert all(dict(record.headers)["origin"] == b"snapshot" for record in scene.records)
    assert not any("entry_id" in dict(record.headers) for record in scene.records)


def test_made_up_fixtures_have_no_state() -> None:
    scene = Publishing()
    scene.publisher.make_up("fixture-status", [(b"F1", b"{}")], origin=b"reconcile")
    assert [record.topic for record in scene.records] == ["p.fixture-status"]


def test_a_tombstone_takes_an_odd_out_of_the_state_and_of_the_memory() -> None:
    scene = Publishing()
    scene.take("a", "b", ms=5)
    scene.publisher.forget([b"a"])
    (tombstone,) = [record for record in scene.records if record.is_tombstone]
    assert (tombstone.topic, tombstone.key, tombstone.value) == ("p.odds-state", b"a", b"")
    assert {name: dict(tombstone.headers)[name] for name in ("event", "stream", "origin", "order")} == {
        "event": b"tombstone",
        "stream": b"nba",
        "origin": b"reconcile",
        "order": b"%d-0-1" % (NOW + 5),
    }
    assert (b"a" in board_of(scene), b"b" in board_of(scene)) == (False, True)
    assert scene.held[-1].counts


@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("take"), st.one_of(st.none(), st.integers(0, 40))),
            st.tuples(st.sampled_from(["make", "forget", "status"]), st.integers(1, 3)),
        ),
        max_size=40,
    ),
    st.tuples(st.integers(0, 60), st.integers(0, 5), st.integers(0, 5)),
    st.one_of(st.none(), st.integers(0, 40)),
)
def test_what_is_made_up_rises_and_lies_behind_all_that_is_known(
    steps: list[tuple[str, int | None]], adopted: tuple[int, int, int], begun: int | None
) -> None:
    """Odds may have come from another stream, with orders that are above this one's."""
    scene = Publishing(position=None if begun is None else at(begun))
    scene.publisher.continuity.position.counter = 2
    ms, seq, n = adopted
    board_of(scene).load(b"other", value("other"), order=(NOW + ms, seq, n), locked=False, live_ms=0)
    seen: set[tuple[int, ...]] = {(NOW + ms, seq, n)}
    if begun is not None:
        seen.add((NOW + begun, 0, 0))
    for kind, n_or_ms in steps:
        before = len(scene.records)
        if kind == "take":
            scene.take("a", ms=n_or_ms)
        elif kind == "make":
            scene.publisher.make_up("odds", items("a", "b"), origin=b"reconcile")
        elif kind == "status":
            scene.publisher.make_up("fixture-status", [(b"F1", b"{}")], origin=b"reconcile")
        else:
            scene.publisher.forget([b"b"])
        orders = {order_of(record) for record in scene.records[before:]}
        if kind != "take" or n_or_ms is None:
            (order,) = orders
            assert order > max(seen), "it would hide behind what is known"
            assert order[2] > 0
        seen |= orders


def test_a_made_up_odd_is_never_kept_from_the_state() -> None:
    scene = Publishing(position=at(50))
    board_of(scene).load(b"a", value("a"), order=(NOW + 50, 0, 9), locked=False, live_ms=0)
    scene.publisher.make_up("odds", items("a"), origin=b"reconcile")
    assert [record.key for record in scene.of("odds-state")] == [b"a"]


def test_an_unknown_event_has_a_topic_and_no_state() -> None:
    scene = Publishing()
    scene.take("a", ms=1, event="futures")
    assert [record.topic for record in scene.records] == ["p.event.futures"]
    assert len(board_of(scene)) == 0


def test_a_duplicate_is_neither_published_nor_known_better() -> None:
    scene = Publishing()
    scene.take("a", ms=5)
    scene.now_ms += 1_000
    scene.take("a", ms=5)
    assert len(scene.held) == 1
    known = board_of(scene).get(b"a")
    assert known is not None
    assert known.live_ms == scene.now_ms - 1_000


def test_an_id_from_the_future_hides_nothing_that_comes_after_a_repair() -> None:
    scene = Publishing(position=at(50))
    scene.take("rogue", ms=scene.now_ms - NOW + 2 * AHEAD_MS)
    scene.publisher.make_up("odds", items("a"), origin=b"reconcile")
    (repaired,) = [record for record in scene.of("odds") if record.key == b"a"]
    assert order_of(repaired)[:2] == (NOW + 50, 0)
    scene.take("a", ms=60)
    assert [record.key for record in scene.of("odds-state")] == [b"rogue", b"a", b"a"], "the live entry counts"
