"""What a stream owes a comparison for, in its checkpoint and on `bridge-events`."""

from itertools import pairwise
from typing import Any

import orjson
import pytest

from bridge.continuity import PROOF_S
from bridge.kafka.checkpoints import Stored
from bridge.positions import Positions
from tests.support.ids import NOW
from tests.support.publishing import Publishing, after, committed, connect, events, order_of

# --- what is owed, and the checkpoint -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("scope", "owed", "owes", "uncovered"),
    [
        ("", "", "hydrate", True),
        ("", "gap", "gap", True),
        ("all", "", "", False),
        ("all", "gap", "gap", False),
        ("all", "again", "again", False),
        ("all", "hydrate", "hydrate", False),
        ("other", "", "filter", True),
        ("other", "again", "filter", True),
        ("other", "gap", "gap", True),
    ],
)
def test_a_start_owes_what_its_checkpoint_doesnt_cover(scope: str, owed: str, owes: str, uncovered: bool) -> None:
    position = after(1, scope=scope, owes=owed)
    scene = Publishing(position=position)
    assert scene.health.owes == owed
    scene.publisher.begin()
    assert (scene.health.owes, scene.publisher.uncovered) == (owes, uncovered)
    assert scene.held == [], "the checkpoint's scope says it again at the next start"


@pytest.mark.parametrize(("owed", "owes"), [("", "hydrate"), ("again", "again"), ("gap", "gap")])
def test_a_start_that_finds_no_odds_owes_all_of_them(owed: str, owes: str) -> None:
    """The stream was out of the configuration, and its odds were ended: a whole replay wouldn't bring them back."""
    before = after(1, scope="all", owes=owed)
    scene = Publishing(position=before.copy())
    scene.publisher.begin(bare=True)
    assert (scene.health.owes, scene.publisher.uncovered) == (owes, False)
    assert committed(scene, before).owes == owes, "also if the process ends before all of it is published"


def test_a_gap_goes_into_the_checkpoint_with_its_announcement() -> None:
    before = after(1, 2)
    scene = Publishing(position=before.copy())
    connect(scene)
    scene.publisher.tick(100.0 + PROOF_S)
    (held,) = [held for held in scene.held if held.owes is not None]
    assert len(held.records) == len(scene.told("gap")) == 1
    assert (committed(scene, before).owes, scene.publisher.continuity.position.owes) == ("gap", "gap")
    assert scene.health.owes == "gap"


def test_what_is_settled_goes_into_the_checkpoint_with_the_scope() -> None:
    before = after(1, scope="other", owes="filter")
    scene = Publishing(position=before.copy())
    scene.publisher.begin()
    scene.publisher.settled("again", cause="filter", new=1)
    assert (committed(scene, before).owes, committed(scene, before).scope) == ("again", "all")
    assert not scene.publisher.uncovered
    assert [(said["cause"], said["new"]) for said in scene.told("reconciled")] == [("filter", 1)]
    scene.publisher.settled("")
    assert committed(scene, before).owes == ""
    assert len(scene.said) == 1, "nothing to say"


def test_an_announcement_alone_needs_no_checkpoint() -> None:
    scene = Publishing()
    scene.publisher.tell("source", sportsbook="Novig", seconds=1.0, silent=True)
    scene.publisher.ended("torn", "")
    positions = Positions(["nba"], "here")
    positions.adopt(Stored.of({}))
    assert positions.after(scene.held) == {}


def test_the_checkpoint_of_any_prefix_is_what_was_offered_by_then() -> None:
    """A kill may come between any two commits."""
    before = after(1, scope="other")
    scene = Publishing(position=before.copy())
    publisher = scene.publisher
    seen: list[tuple[int, Any]] = []

    def note() -> None:
        position = publisher.continuity.position
        seen.append((len(scene.held), (position.owes, position.scope, position.counter, position.highest)))

    publisher.begin()
    note()
    connect(scene)
    note()
    scene.take("a", ms=None)
    note()
    scene.take("a", ms=900)
    note()
    publisher.make_up("odds", [(b"b", b"{}")], origin=b"reconcile")
    note()
    publisher.forget([b"b"])
    note()
    publisher.settled("again", cause="gap")
    note()
    publisher.settled("")
    note()
    assert all(a < b for (a, _), (b, _) in pairwise(seen[1:]))
    for count, expected in seen:
        positions = Positions(["nba"], "here")
        positions.adopt(Stored.of({}))
        positions.keep({"nba": before.copy()}, 1)
        found = positions.after(scene.held[:count]).get("nba", before)
        assert (found.owes, found.scope, found.counter, found.highest) == expected


def test_a_demand_keeps_the_graver_reason() -> None:
    for owed, owes in (("", "demand"), ("again", "demand"), ("gap", "gap"), ("hydrate", "hydrate")):
        scene = Publishing(position=after(1, owes=owed))
        scene.publisher.demand()
        assert (scene.health.owes, scene.publisher.debts) == (owes, 1)


# --- where gaps are only announced --------------------------------------------------------------------------------


def test_announcing_tells_gaps_and_leaves_all_of_it_to_whoever_heals_again() -> None:
    before = after(1, 2, 3)
    scene = Publishing(position=before.copy(), board=False, heals=False)
    scene.publisher.begin()
    connect(scene)
    scene.publisher.tick(100.0 + PROOF_S)
    assert events(scene) == ["up", "gap"]
    assert (committed(scene, before).owes, committed(scene, before).scope) == ("", "")
    assert (scene.health.owes, alive(scene)[3]) == ("", None)
    again = Publishing(position=committed(scene, before))
    again.publisher.begin()
    assert again.health.owes == "hydrate"


def test_announcing_needs_a_checkpoint_for_that_only_if_somebody_healed_before() -> None:
    scene = Publishing(position=after(1, scope=""), board=False, heals=False)
    scene.publisher.begin()
    assert scene.held == []


def test_announcing_remembers_nothing_of_fixtures_since_nobody_would_forget_it() -> None:
    scene = Publishing(board=False, heals=False)
    scene.take("F1", ms=1, event="fixture-results")
    scene.take("F1", ms=2, event="fixture-status")
    assert [record.topic for record in scene.records] == ["p.fixture-results", "p.fixture-status"]
    assert scene.publisher.fixtures.results == {}
    healing = Publishing()
    healing.take("F1", ms=1, event="fixture-results")
    assert healing.publisher.fixtures.results.keys() == {"F1"}


# --- alive --------------------------------------------------------------------------------------------------------


def test_a_stream_that_is_alive_says_how_it_is() -> None:
    scene = Publishing()
    record = scene.publisher.alive()
    assert dict(record.headers)["event"] == b"alive"
    scene.publisher.begin()
    assert alive(scene) == ("starting", None, None, False)
    connect(scene)
    scene.take("a", ms=7)
    scene.health.last_ping = scene.health.clock()
    scene.now_ms += 1_500
    scene.publisher.settled("")
    assert alive(scene) == ("streaming", f"{NOW + 7}-0", scene.now_ms - 1_500, True)


def test_nothing_is_vouched_for_while_a_replay_isnt_proven() -> None:
    scene = Publishing(position=after(1, 2))
    connect(scene)
    assert alive(scene)[3] is False
    scene.take("a", ms=2)
    assert alive(scene)[3] is True


def alive(scene: Publishing) -> tuple[Any, ...]:
    said = orjson.loads(scene.publisher.alive().value)
    return said["state"], said["last_entry_id"], said["last_ping_ms"], said["reconciled"]


def test_made_up_orders_go_on_after_a_restart() -> None:
    before = after(5)
    scene = Publishing(position=before.copy())
    scene.publisher.make_up("odds", [(b"a", b"{}")], origin=b"reconcile")
    scene.publisher.forget([b"a"])
    again = Publishing(position=committed(scene, before))
    again.publisher.make_up("odds", [(b"a", b"{}")], origin=b"reconcile")
    assert order_of(again.of("odds")[0]) > max(order_of(record) for record in scene.records)
