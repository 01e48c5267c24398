"""When a stream is compared with upstream's snapshot, and what is told of it; the comparison follows a script."""

import pytest

from bridge.health import State
from bridge.reconcile.look import Look
from bridge.reconcile.reconciler import MARGIN_S, MOST_LOOKS, SECOND_LOOK_S
from tests.support.comparing import Comparing, comparing, look
from tests.support.virtual import settle

Patch = pytest.MonkeyPatch


# --- a gap --------------------------------------------------------------------------------------------------------


async def test_a_gap_is_healed_at_once_and_looked_at_again(monkeypatch: Patch) -> None:
    async with comparing(monkeypatch) as scene:
        first = look(new=2, changed=1, locked=3, unlocked=4, same=9)
        scene.answers += [first, look(changed=1)]
        scene.lose()
        await settle()
        assert scene.reconciled == [("gap", 10)]
        assert (scene.health.owes, scene.health.reconciled) == ("again", True)
        await scene.wait(SECOND_LOOK_S - 0.1)
        assert scene.causes == ["gap"]
        await scene.wait(0.1)
        assert scene.causes == ["gap", "again"]
        assert scene.asked[1].before is first
        assert scene.asked[1].only is None
        assert scene.reconciled == [("gap", 10), ("again", 1)]
        assert scene.health.owes == scene.publisher.continuity.position.owes == ""
        await scene.wait(600)
        assert len(scene.asked) == 2


async def test_what_is_reconciled_says_what_was_found_and_what_it_cost(monkeypatch: Patch) -> None:
    async with comparing(monkeypatch) as scene:
        scene.answers.append(look(new=1, same=5, gone=2))
        scene.lose()
        await settle()
        (said,) = scene.told("reconciled")
        assert {k: said[k] for k in said if k not in {"v", "event", "stream", "instance", "at_ms"}} == {
            "cause": "gap",
            "new": 1,
            "changed": 0,
            "locked": 0,
            "unlocked": 0,
            "gone": 2,
            "same": 5,
            "seconds": 0.0,
            "requests": 3,
        }
        assert scene.metrics.snapshot_requests == 3
        assert (scene.metrics.differences.counts["new"], scene.metrics.differences.counts["gone"]) == (1, 2)
        assert scene.metrics.reconciles.counts["gap"] == 1


async def test_a_second_look_that_finds_nothing_is_silent(monkeypatch: Patch) -> None:
    async with comparing(monkeypatch) as scene:
        scene.lose()
        await scene.wait(SECOND_LOOK_S)
        assert scene.reconciled == [("gap", 0)]
        assert scene.health.owes == ""
        assert scene.metrics.reconciles.counts["again"] == 1


@pytest.mark.parametrize("owes", ["hydrate", "gap", "filter"])
async def test_what_a_start_owes_waits_for_the_connection(monkeypatch: Patch, owes: str) -> None:
    async with comparing(monkeypatch, owes=owes, connected=False) as scene:
        await scene.wait(30)
        assert scene.asked == []
        scene.publisher._lost = "restart"
        scene.health.to(State.STREAMING)
        scene.publisher.on_news()
        await settle()
        assert scene.causes == [owes]
        assert scene.reconciled == [(owes, 0)]


async def test_a_start_that_owes_the_second_look_makes_it(monkeypatch: Patch) -> None:
    async with comparing(monkeypatch, owes="again") as scene:
        scene.answers.append(look(locked=1))
        assert scene.asked == []
        await scene.wait(SECOND_LOOK_S)
        assert scene.causes == ["again"]
        assert scene.reconciled == [("again", 1)]
        assert scene.health.owes == ""


async def test_a_stream_that_waits_for_kafka_is_compared(monkeypatch: Patch) -> None:
    async with comparing(monkeypatch, connected=False) as scene:
        scene.health.to(State.BLOCKED)
        scene.lose()
        await settle()
        assert scene.causes == ["gap"]


async def test_a_demand_is_a_cause_of_its_own(monkeypatch: Patch) -> None:
    async with comparing(monkeypatch) as scene:
        scene.publisher.demand()
        await scene.wait(SECOND_LOOK_S)
        assert scene.causes == ["demand", "again"]
        assert scene.reconciled == [("demand", 0)]
        assert scene.health.reconciled


# --- a gap during a look ------------------------------------------------------------------------------------------


async def test_a_gap_before_the_second_look_is_healed_at_once(monkeypatch: Patch) -> None:
    async with comparing(monkeypatch) as scene:
        scene.lose()
        await scene.wait(3)
        scene.lose()
        await settle()
        assert scene.causes == ["gap", "gap"]
        assert scene.asked[1].at - scene.asked[0].at == 3
        await scene.wait(SECOND_LOOK_S)
        assert scene.causes == ["gap", "gap", "again"]
        assert scene.health.owes == ""


async def test_a_gap_during_a_look_isnt_settled_by_it(monkeypatch: Patch) -> None:
    async with comparing(monkeypatch) as scene:

        async def meanwhile() -> Look:
            scene.lose()
            return look(new=1)

        scene.answers.append(meanwhile)
        scene.lose()
        await settle()
        assert scene.causes == ["gap", "gap"]
        assert scene.reconciled == [("gap", 0)]
        assert len(scene.told("gap")) == 2


async def test_a_gap_during_the_second_look_isnt_settled_by_that(monkeypatch: Patch) -> None:
    async with comparing(monkeypatch) as scene:

        async def meanwhile() -> Look:
            scene.lose()
            return look(new=1)

        scene.answers += [Look(), meanwhile]
        scene.lose()
        await scene.wait(SECOND_LOOK_S)
        assert scene.causes == ["gap", "again", "gap"]
        assert scene.reconciled == [("gap", 0), ("gap", 0)]
        assert scene.health.owes == "again"


async def test_news_that_is_no_gap_disturbs_no_wait(monkeypatch: Patch) -> None:
    async with comparing(monkeypatch) as scene:
        scene.lose()
        await scene.wait(3)
        scene.publisher.on_news()
        await settle()
        assert scene.causes == ["gap"]
        await scene.wait(SECOND_LOOK_S - 3)
        assert scene.causes == ["gap", "again"]


# --- unsure -------------------------------------------------------------------------------------------------------


async def test_what_is_unsure_is_looked_at_when_it_can_be_known(monkeypatch: Patch) -> None:
    async with comparing(monkeypatch) as scene:
        now = scene.time.time()
        first = look(unsure="F1", changed=1)
        first.sure_at = now + 4
        scene.answers += [first, look(changed=2)]
        scene.lose()
        await scene.wait(4)
        assert scene.causes == ["gap"]
        assert scene.reconciled == [], "not yet"
        await scene.wait(MARGIN_S)
        assert scene.asked[1][1:] == ("gap", None, frozenset({"F1"}))
        assert scene.reconciled == [("gap", 3)]


async def test_what_stays_unsure_is_left_to_the_second_look(monkeypatch: Patch) -> None:
    async with comparing(monkeypatch) as scene:
        scene.answers += [look(unsure="F1")] * (1 + MOST_LOOKS)
        scene.lose()
        await scene.wait(MOST_LOOKS * MARGIN_S)
        assert scene.causes == ["gap"] * (1 + MOST_LOOKS)
        assert scene.reconciled == [("gap", 0)]


async def test_a_second_look_that_is_unsure_is_followed_by_another(monkeypatch: Patch) -> None:
    async with comparing(monkeypatch) as scene:
        scene.answers += [look(), look(unsure="F1"), look(changed=1)]
        scene.lose()
        await scene.wait(2 * SECOND_LOOK_S)
        assert scene.causes == ["gap", "again", "again"]
        assert scene.reconciled == [("gap", 0), ("again", 1)]
        assert scene.health.owes == ""


async def test_locks_that_such_a_look_withholds_wait_too(monkeypatch: Patch) -> None:
    async with comparing(monkeypatch) as scene:
        first, more = look(unsure="F1"), look(withheld=6)
        scene.answers += [first, more, look(locked=6)]
        scene.lose()
        await scene.wait(SECOND_LOOK_S)
        assert scene.causes == ["gap", "gap"]
        assert scene.reconciled == [], "what is known to differ isn't reconciled"
        await scene.wait(MARGIN_S)
        assert scene.asked[2].before is not None
        assert scene.asked[2].before.withheld == more.withheld
        assert scene.reconciled == [("gap", 6)]


async def test_a_gap_while_it_is_unsure_begins_anew(monkeypatch: Patch) -> None:
    async with comparing(monkeypatch) as scene:
        first = look(unsure="F1")
        first.sure_at = scene.time.time() + 100
        scene.answers.append(first)
        scene.lose()
        await scene.wait(5)
        scene.lose()
        await settle()
        assert [asked.only for asked in scene.asked] == [None, None]
        assert scene.reconciled == [("gap", 0)]


# --- withheld locks -----------------------------------------------------------------------------------------------


async def test_locks_of_more_than_half_wait_for_the_second_look(monkeypatch: Patch) -> None:
    async with comparing(monkeypatch) as scene:
        first = look(withheld=6, changed=1)
        scene.answers += [first, look(locked=6)]
        scene.lose()
        await scene.wait(SECOND_LOOK_S - 0.1)
        assert scene.reconciled == [], "what is known to differ isn't reconciled"
        assert not scene.health.reconciled
        await scene.wait(0.1)
        assert scene.asked[1].before is first
        assert scene.reconciled == [("gap", 7)]
        assert scene.health.owes == ""
        assert not scene.told("suspicious")


async def test_locks_that_arent_borne_out_are_suspicious(monkeypatch: Patch) -> None:
    async with comparing(monkeypatch) as scene:
        scene.answers += [look(withheld=6), look(suspicious=True)]
        scene.lose()
        await scene.wait(SECOND_LOOK_S)
        assert [(s["sportsbook"], s["locks"], s["open"]) for s in scene.told("suspicious")] == [("Novig", 1, 10)]
        assert scene.metrics.suspicious == 1
        assert scene.reconciled == [("gap", 0)]


async def test_a_book_that_comes_and_goes_isnt_waited_for_for_ever(monkeypatch: Patch) -> None:
    async with comparing(monkeypatch) as scene:
        again = [look(withheld=6) for _ in range(MOST_LOOKS)]
        scene.answers += [look(), *again]
        scene.lose()
        await scene.wait(SECOND_LOOK_S * MOST_LOOKS)
        assert scene.causes == ["gap", *["again"] * MOST_LOOKS]
        assert [asked.before for asked in scene.asked[2:]] == again[:-1]
        assert scene.health.owes == ""
        await scene.wait(10 * SECOND_LOOK_S)
        assert len(scene.asked) == 1 + MOST_LOOKS


# --- tidying ------------------------------------------------------------------------------------------------------


async def test_what_is_over_is_forgotten_every_minute(monkeypatch: Patch) -> None:
    async with comparing(monkeypatch, grace_s=100.0, connected=False) as scene:
        scene.gone = 4
        began = scene.time.time()
        await scene.wait(125)
        assert scene.tidied == [began + 60 - 100, began + 120 - 100]
        assert scene.metrics.differences.counts["gone"] == 8


async def test_a_crash_of_that_is_told_and_harms_nobody(monkeypatch: Patch) -> None:
    async with comparing(monkeypatch) as scene:
        scene.gone = ValueError("nobody foresaw this")
        await scene.wait(60)
        assert scene.metrics.crashes == 1
        assert [level for level, _ in Comparing.logged.told] == ["exception"]
        scene.lose()
        await settle()
        assert scene.reconciled == [("gap", 0)]
