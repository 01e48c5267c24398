"""A stream's odds are compared with upstream's: the real rules, board and publisher, and a made-up upstream."""

import asyncio

import orjson
import pytest

from bridge.entries import Entry, EntryId
from bridge.errors import UpstreamError
from bridge.reconcile.look import Cause
from tests.support.ids import NOW
from tests.support.offering import LONG_MS, Offering, row
from tests.support.publishing import value

Patch = pytest.MonkeyPatch


@pytest.fixture
def scene(monkeypatch: Patch) -> Offering:
    return Offering(monkeypatch)


# --- what differs is published ------------------------------------------------------------------------------------


async def test_a_look_publishes_what_differs_and_leaves_the_rest(scene: Offering) -> None:
    scene.publish("same", "moved", "gone", "other")
    scene.publish("back", event="locked-odds")
    scene.later()
    scene.offer("same", "back", "new", "other")
    scene.offer("moved", price=200)
    found = await scene.look()
    assert found.counts == {"new": 1, "changed": 1, "locked": 1, "unlocked": 1, "gone": 0, "same": 2}
    assert sorted(scene.published) == [("back", "odds"), ("gone", "locked-odds"), ("moved", "odds"), ("new", "odds")]
    headers = dict(scene.of("odds")[0].headers)
    assert (headers["origin"], headers["event"], headers["odds_format"]) == (b"reconcile", b"odds", b"AMERICAN")
    assert orjson.loads(scene.of("locked-odds")[0].value) == orjson.loads(value("gone"))
    scene.later()
    again = await scene.look(Cause.AGAIN, before=found)
    assert (again.published, scene.published) == (0, [])


async def test_a_first_start_is_told_as_a_snapshot(scene: Offering) -> None:
    scene.offer("a", "b")
    found = await scene.look(Cause.HYDRATE)
    assert found.counts["new"] == 2
    assert {dict(record.headers)["origin"] for record in scene.of("odds")} == {b"snapshot"}
    assert len(scene.of("odds-state")) == 2


async def test_copilots_events_are_its_own(monkeypatch: Patch) -> None:
    scene = Offering(monkeypatch, copilot=True)
    scene.publish("gone", "left", "right", event="copilot-odds")
    scene.later()
    scene.offer("new", "left", "right")
    await scene.look()
    assert scene.published == [("new", "copilot-odds"), ("gone", "copilot-locked-odds")]


async def test_only_what_an_answer_names_is_touched(scene: Offering) -> None:
    scene.publish("a", "b", "c")
    scene.publish("x", fixture_id="F2")
    scene.later()
    scene.offer("a", "b")
    scene.upstream.silent = {"F2"}
    found = await scene.look()
    assert scene.upstream.asked == [["F1", "F2"]]
    assert scene.published == [("c", "locked-odds")]
    assert found.counts["locked"] == 1


async def test_an_answer_that_names_nothing_locks_nothing(scene: Offering) -> None:
    scene.publish("a")
    scene.later()
    scene.upstream.silent = {"F1"}
    with pytest.raises(UpstreamError, match="none of the 1 fixtures"):
        await scene.look()
    assert scene.published == []


async def test_fixtures_that_are_over_need_not_be_named(scene: Offering) -> None:
    """The whole day's games have ended, and their odds are known for another hour."""
    scene.publish("a")
    scene.later()
    scene.upstream.alive, scene.upstream.silent = {}, {"F1"}
    scene.upstream.gone = {"F1": row("F1", "completed")}
    found = await scene.look()
    assert found.published == 0


async def test_nothing_to_ask_for_is_no_failure(scene: Offering) -> None:
    scene.upstream.alive = {}
    assert (await scene.look()).published == 0
    assert scene.upstream.asked == [[]]


# --- live wins ----------------------------------------------------------------------------------------------------


async def test_what_an_entry_tells_meanwhile_stays(scene: Offering) -> None:
    scene.publish("a", "b", "c")
    scene.later()
    scene.offer("a", "b", "c", price=200)
    scene.upstream.meanwhile = lambda: scene.publish("a", price=300)
    await scene.look()
    assert scene.published == [("a", "odds"), ("b", "odds"), ("c", "odds")]
    assert [orjson.loads(record.value)["price"] for record in scene.of("odds")] == [300, 200, 200]


async def test_what_was_told_a_moment_ago_is_left_alone(scene: Offering) -> None:
    scene.publisher.connecting()
    scene.publisher.connected(0.0)
    scene.publish("a", "b")
    scene.later(5_000)
    scene.offer("a", price=200)
    found = await scene.look()
    assert scene.published == []
    assert found.unsure == set(), "it came on this connection: nothing of it is missing"


async def test_what_was_told_before_the_connection_is_unsure_until_it_is_known(scene: Offering) -> None:
    scene.publish("a", "b")
    told_ms = scene.now_ms
    scene.later(2_000)
    scene.publisher.connecting()
    scene.publisher.connected(0.0)
    scene.offer("a", "b", price=200)
    found = await scene.look()
    assert (found.unsure, found.sure_at) == ({"F1"}, (told_ms + 10_000) / 1000)
    scene.later(8_001)
    more = await scene.look(only="F1")
    assert more.counts["changed"] == 2
    assert more.unsure == set()


async def test_what_came_late_behind_what_was_made_up_is_asked_for_again(scene: Offering) -> None:
    """The snapshot was older than the late entry, but its order is above it: only another look can mend that."""
    scene.publisher.connecting()
    scene.publisher.connected(0.0)
    scene.publish("a", "b", price=100)
    scene.later()
    scene.publish("b", price=101)
    scene.offer("a", price=200)
    scene.offer("b", price=101)
    assert (await scene.look()).counts["changed"] == 1
    scene.later(1_000)
    late = Entry("odds", EntryId(scene.now_ms - NOW - 5_000, 0), [(b"a", value("a", price=300))], size=100)
    scene.publisher.take(late, scene.seconds)
    assert [dict(record.headers)["event"] for record in scene.of("odds-state")] == [], "its order is lower"
    scene.offer("a", price=300)
    scene.later(9_100)
    found = await scene.look(Cause.AGAIN)
    assert (found.counts["changed"], found.unsure) == (0, {"F1"})
    scene.later(10_000)
    found = await scene.look(Cause.AGAIN, before=found)
    assert (found.counts["changed"], found.unsure) == (1, set())


# --- more than half of a book -------------------------------------------------------------------------------------


async def test_a_book_that_is_half_gone_is_locked_when_the_second_look_agrees(scene: Offering) -> None:
    scene.publish("a", "b", "c", "d")
    scene.publish("x", "y", sportsbook="FanDuel")
    scene.later()
    scene.offer("a")
    scene.offer("x", sportsbook="FanDuel")
    first = await scene.look()
    assert scene.published == [("y", "locked-odds")]
    assert [(w.sportsbook, w.open, len(w.locked)) for w in first.withheld] == [("Novig", 4, 3)]
    scene.later(10_000)
    second = await scene.look(Cause.AGAIN, before=first)
    assert sorted(scene.published) == [(odd, "locked-odds") for odd in "bcd"]
    assert (second.counts["locked"], second.withheld, second.suspicious) == (3, [], [])


async def test_a_book_that_is_there_again_was_suspicious(scene: Offering) -> None:
    scene.publish("a", "b", "c", "d")
    scene.later()
    first = await scene.look()
    scene.offer("a", "b", "c")
    second = await scene.look(Cause.AGAIN, before=first)
    assert scene.published == [("d", "locked-odds")], "two answers agree on that"
    assert second.suspicious == [("Novig", 1, 4)]


async def test_a_game_whose_markets_are_all_suspended_is_no_half_of_its_book(scene: Offering) -> None:
    """The look that asks for it again compares nothing else."""
    scene.upstream.alive["F2"] = row("F2")
    scene.publish("a", "b", "c", "d", "e")
    scene.later(60_000)
    scene.publish("x", "y", fixture_id="F2")
    scene.later(2_000)
    scene.publisher.connecting()
    scene.publisher.connected(0.0)
    scene.offer("a", "b", "c", "d", "e")
    found = await scene.look()
    assert (found.unsure, found.withheld, scene.published) == ({"F2"}, [], [])
    scene.later(8_001)
    more = await scene.look(only="F2")
    assert scene.published == [("x", "locked-odds"), ("y", "locked-odds")]
    assert more.withheld == []


# --- audits -------------------------------------------------------------------------------------------------------


async def test_an_audit_publishes_only_what_it_finds_twice(scene: Offering) -> None:
    scene.publish("a", "b", "c", "d")
    scene.later()
    scene.offer("b", "d")
    scene.offer("a", price=200)
    first = await scene.look(Cause.AUDIT)
    assert scene.published == []
    assert (first.differing, first.unsure, first.published) == ({b"a", b"c"}, {"F1"}, 0)
    scene.later(10_000)
    scene.offer("a", price=100)
    del scene.upstream.offers["d"]
    second = await scene.look(Cause.AUDIT, before=first, only="F1")
    assert scene.published == [("c", "locked-odds")]
    assert second.published == second.counts["locked"] == 1


async def test_an_audit_needs_no_half_to_be_borne_out_again(scene: Offering) -> None:
    scene.publish("a", "b")
    scene.later()
    first = await scene.look(Cause.AUDIT)
    second = await scene.look(Cause.AUDIT, before=first, only="F1")
    assert sorted(scene.published) == [("a", "locked-odds"), ("b", "locked-odds")]
    assert second.withheld == []


# --- what the filters don't take any more -------------------------------------------------------------------------


async def test_what_is_uncovered_is_locked_and_taken_out(monkeypatch: Patch) -> None:
    scene = Offering(monkeypatch, books=("Novig",))
    scene.publish("a", "b")
    scene.publish("x", sportsbook="FanDuel")
    scene.publish("y", sportsbook="FanDuel", event="locked-odds")
    scene.later()
    scene.offer("a", "b")
    scene.publisher.uncovered = True
    found = await scene.look(Cause.FILTER)
    assert scene.published == [("x", "locked-odds")]
    assert sorted(record.key for record in scene.records if record.is_tombstone) == [b"x", b"y"]
    assert (found.counts["gone"], found.counts["same"]) == (2, 2)
    assert scene.board is not None
    assert (b"x" in scene.board, b"a" in scene.board) == (False, True)


async def test_a_look_at_a_few_fixtures_drops_nothing(monkeypatch: Patch) -> None:
    scene = Offering(monkeypatch, books=("Novig",))
    scene.publish("x", sportsbook="FanDuel")
    scene.later()
    scene.publisher.uncovered = True
    await scene.look(only="F1")
    assert scene.published == []


# --- what is over -------------------------------------------------------------------------------------------------


async def test_what_is_over_for_long_enough_is_taken_out(scene: Offering) -> None:
    scene.publish("a")
    scene.publish("b", event="locked-odds")
    scene.publish("x", fixture_id="F2")
    over_at = scene.now_ms / 1000
    scene.publisher.fixtures.told("F1", "completed", "", over_at)
    scene.later()
    assert await scene.comparison.tidy(over_at - 0.1) == 0
    assert scene.held == []
    assert await scene.comparison.tidy(over_at) == 2
    assert scene.published == [("a", "locked-odds")]
    assert sorted(record.key for record in scene.records if record.is_tombstone) == [b"a", b"b"]
    assert scene.publisher.fixtures.over == set()
    assert await scene.comparison.tidy(over_at + LONG_MS) == 0


# --- back-pressure ------------------------------------------------------------------------------------------------


async def test_a_large_repair_is_read_no_faster_than_kafka_takes_it(monkeypatch: Patch) -> None:
    scene = Offering(monkeypatch, limit=1_700)
    scene.upstream.alive = {f"F{n}": row(f"F{n}") for n in range(1, 6)}
    for fixture in scene.upstream.alive:
        scene.offer(f"{fixture}-a", f"{fixture}-b", fixture_id=fixture)
    looking = asyncio.create_task(scene.look(Cause.HYDRATE))
    requests = []
    while not looking.done():
        for _ in range(60):
            await asyncio.sleep(0)
        requests.append(scene.upstream.requests)
        assert len(scene.held) <= 2, "it read on"
        scene.buffer.clear()
    assert requests[:5] == [1, 2, 3, 4, 5]
    assert (await looking).counts["new"] == 10
