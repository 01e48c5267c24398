"""Continuity: what is a duplicate, and what proves a replay."""

from hypothesis import given
from hypothesis import strategies as st

from bridge.continuity import PROOF_S, WINDOW, Continuity, Position, Replay, Verdict
from bridge.entries import EntryId
from tests.support.ids import NOW, Named, live, near, position_of

# --- duplicates ---------------------------------------------------------------------------------------------------


@given(st.lists(st.tuples(st.sampled_from(["odds", "locked-odds"]), near), max_size=300))
def test_a_duplicate_is_what_was_published_never_merely_lower(entries: list[Named]) -> None:
    continuity = Continuity(Position())
    seen: set[Named] = set()
    for event, entry_id in entries:
        verdict = continuity.judge(event, entry_id)
        assert (verdict is Verdict.DUPLICATE) == ((event, entry_id) in seen)
        if verdict is not Verdict.DUPLICATE:
            higher = any(known > entry_id for _, known in seen)
            assert verdict is (Verdict.LATE if higher else Verdict.NEW)
            continuity.remember(event, entry_id)
            seen.add((event, entry_id))


def test_judging_alone_publishes_nothing() -> None:
    continuity = Continuity(Position())
    entry_id = EntryId(NOW, 0)
    assert continuity.judge("odds", entry_id) is Verdict.NEW
    assert continuity.judge("odds", entry_id) is Verdict.NEW, "it was judged, and never handed on"
    assert continuity.position.highest is None
    continuity.remember("odds", entry_id)
    assert continuity.judge("odds", entry_id) is Verdict.DUPLICATE
    assert continuity.judge("locked-odds", entry_id) is Verdict.NEW


def test_what_has_no_id_is_never_a_duplicate_and_moves_nothing() -> None:
    continuity = Continuity(position_of(live(0, 3)))
    before = continuity.position.marks()
    for n in range(3):
        assert continuity.judge("odds", None) is Verdict.NO_ID
        continuity.remember("odds", None)
        assert continuity.position.counter == n + 1
    assert continuity.position.marks() == before


def test_an_id_of_an_id_line_is_known_again_and_proves_nothing() -> None:
    continuity = connected(position_of(live(0, 3)))
    far = EntryId(NOW + 10**9, 0)
    assert continuity.judge("odds", far, by_line=True) is Verdict.NEW
    assert continuity.judge("odds", EntryId(1, 0), by_line=True) is Verdict.NEW, (
        "it can't be late: it counts differently"
    )
    assert proof(continuity) is Replay.OPEN
    continuity.remember("odds", far, by_line=True)
    assert continuity.judge("odds", far, by_line=True) is Verdict.DUPLICATE
    assert continuity.position.highest == live(2, 1)[0][1]


def test_the_memory_of_a_running_stream_is_the_window() -> None:
    continuity = Continuity(Position())
    entries = live(0, WINDOW + 1)
    for event, entry_id in entries:
        continuity.remember(event, entry_id)
    first, second = entries[0], entries[1]
    assert continuity.judge(*first) is Verdict.LATE, "one more than the window holds"
    assert continuity.judge(*second) is Verdict.DUPLICATE


# --- the proof of a replay ----------------------------------------------------------------------------------------


def connected(position: Position, *, now: float = 100.0) -> Continuity:
    continuity = Continuity(position)
    continuity.connecting()
    continuity.connected(now)
    return continuity


def proof(continuity: Continuity) -> Replay:
    return continuity.replay


def test_a_first_connect_has_nothing_to_prove() -> None:
    continuity = Continuity(Position())
    assert continuity.connecting() is None
    continuity.connected(100.0)
    assert continuity.tick(1_000.0) is Replay.NONE
    continuity.judge("odds", EntryId(NOW, 0))
    assert proof(continuity) is Replay.NONE


def test_the_highest_known_id_proves_it() -> None:
    entries = live(0, 200)
    continuity = connected(position_of(entries))
    for event, entry_id in entries[-50:-1]:
        assert continuity.judge(event, entry_id) is Verdict.DUPLICATE
        assert proof(continuity) is Replay.OPEN
    assert continuity.judge("odds", EntryId(entries[-1][1].ms - 5, 7)) is Verdict.LATE
    assert proof(continuity) is Replay.OPEN, "a lower unknown id says nothing"
    continuity.judge(*entries[-1])
    assert proof(continuity) is Replay.PROVEN
    continuity.judge(*live(500, 1)[0])
    assert continuity.tick(10_000.0) is Replay.PROVEN


def test_a_second_copy_of_the_highest_id_alone_proves_nothing() -> None:
    entries = live(0, 200)
    continuity = connected(position_of(entries))
    continuity.judge(*entries[-1])  # upstream replays nothing, and sends the last entry again, live
    assert proof(continuity) is Replay.OPEN
    continuity.judge(*live(205, 1)[0])
    assert proof(continuity) is Replay.UNPROVEN


def test_two_known_ids_are_proven_by_the_one_that_is_shown() -> None:
    continuity = connected(position_of(live(0, 2)))
    continuity.judge(*live(1, 1)[0])
    assert proof(continuity) is Replay.PROVEN


def test_a_higher_unknown_id_that_comes_first_is_a_gap() -> None:
    entries = live(0, 200)
    continuity = connected(position_of(entries))
    continuity.judge(*live(200, 1)[0])
    assert proof(continuity) is Replay.UNPROVEN
    continuity.judge(*entries[-1])
    assert proof(continuity) is Replay.UNPROVEN, "what comes later mends nothing"


def test_silence_after_connected_is_a_gap() -> None:
    continuity = connected(position_of(live(0, 200)), now=100.0)
    assert continuity.tick(100.0 + PROOF_S * 0.99) is Replay.OPEN
    continuity.judge("odds", None)
    assert proof(continuity) is Replay.OPEN, "an entry without an id proves nothing"
    assert continuity.tick(100.0 + PROOF_S) is Replay.UNPROVEN


def test_the_time_counts_from_connected_only() -> None:
    continuity = Continuity(position_of(live(0, 200)))
    continuity.connecting()
    assert continuity.tick(1e9) is Replay.OPEN
    continuity.connected(1e9)
    assert continuity.tick(1e9 + PROOF_S) is Replay.UNPROVEN


def test_each_connect_begins_anew() -> None:
    continuity = connected(position_of(live(0, 200)))
    assert continuity.tick(1e6) is Replay.UNPROVEN
    newest = live(200, 1)[0]
    continuity.remember(*newest)
    assert continuity.connecting() == continuity.position.resume_from
    assert proof(continuity) is Replay.OPEN
    continuity.connected(2e6)
    continuity.judge(*live(199, 1)[0])
    continuity.judge(*newest)
    assert proof(continuity) is Replay.PROVEN


def test_an_id_of_a_line_is_known_again_and_never_resumed_from_where_bodies_have_ids() -> None:
    """In the copilot feed the id line and the body's id differ by months."""
    position = Position()
    position.add("futures", EntryId(1_743_346_063_175, 0), by_line=True)
    assert position.resume_from == EntryId(1_743_346_063_175, 0), "as long as nothing better is known"
    for event, entry_id in live(0, 5):
        position.add(event, entry_id)
    position.add("futures", EntryId(1_743_346_063_999, 0), by_line=True)
    again = Position.decode(position.encode())
    for each in (position, again):
        assert each.resume_from == live(0, 1)[0][1]
        assert each.highest == live(4, 1)[0][1]
        continuity = connected(each)
        for line in (EntryId(1_743_346_063_175, 0), EntryId(1_743_346_063_999, 0)):
            assert continuity.judge("futures", line, by_line=True) is Verdict.DUPLICATE
        assert continuity.replay is Replay.OPEN


def test_a_feed_without_ids_in_its_bodies_resumes_by_its_id_lines() -> None:
    position = Position()
    for event, entry_id in live(0, 300):
        position.add(event, entry_id, by_line=True)
    again = Position.decode(position.encode())
    assert again.by_line
    assert again.highest == live(299, 1)[0][1]
    assert again.resume_from == position.resume_from
