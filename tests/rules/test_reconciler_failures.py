"""What becomes of a comparison that fails, and of audits; the comparison follows a script."""

import asyncio

import pytest

from bridge.backoff import CAP_S, REFUSED_S
from bridge.errors import RateLimited, Refused, UpstreamError
from bridge.health import State
from bridge.reconcile.look import Look
from bridge.reconcile.reconciler import SECOND_LOOK_S
from tests.support.comparing import Comparing, comparing, look
from tests.support.virtual import settle

Patch = pytest.MonkeyPatch
AUDIT_S = 1_800.0


def down() -> UpstreamError:
    return UpstreamError("no answer", reason="http-503")


def unreconciled(scene: Comparing) -> list[tuple[str, str]]:
    return [(said["cause"], said["why"]) for said in scene.told("unreconciled")]


# --- failures -----------------------------------------------------------------------------------------------------


async def test_a_failure_is_told_once_and_tried_again_ever_more_slowly(monkeypatch: Patch) -> None:
    async with comparing(monkeypatch) as scene:
        scene.answers += [down() for _ in range(6)]
        scene.lose()
        await scene.wait(130)
        assert scene.causes == ["gap"] * 7 + ["again"]
        waits = [b.at - a.at for a, b in zip(scene.asked, scene.asked[1:], strict=False)]
        for n, seconds in enumerate(waits[:6]):
            assert min(CAP_S, 2**n) / 2 <= seconds <= min(CAP_S, 2**n)
        assert unreconciled(scene) == [("gap", "no answer")]
        assert scene.metrics.snapshot_failures.counts["http-503"] == 6
        assert scene.reconciled == [("gap", 0)], "that says that it is over"
        assert Comparing.logged.told == [
            ("warning", "upstream's snapshot can't be had"),
            ("info", "compared with upstream's snapshot again"),
        ]


async def test_while_it_fails_health_says_why(monkeypatch: Patch) -> None:
    async with comparing(monkeypatch) as scene:
        scene.answers.append(down())
        scene.lose()
        await settle()
        assert (scene.health.owes, scene.health.owes_why, scene.health.reconciled) == ("gap", "no answer", False)
        await scene.wait(1 + SECOND_LOOK_S)
        assert (scene.health.owes, scene.health.owes_why, scene.health.reconciled) == ("", "", True)


async def test_another_reason_is_told_too(monkeypatch: Patch) -> None:
    async with comparing(monkeypatch) as scene:
        scene.answers += [down(), UpstreamError("it names none", reason="empty"), down()]
        scene.lose()
        await scene.wait(8)
        assert [why for _, why in unreconciled(scene)] == ["no answer", "it names none", "no answer"]


async def test_a_rate_limit_is_waited_for_as_long_as_upstream_says(monkeypatch: Patch) -> None:
    async with comparing(monkeypatch) as scene:
        scene.answers.append(RateLimited("429", retry_after=40.0))
        scene.lose()
        await scene.wait(39)
        assert len(scene.asked) == 1
        await scene.wait(1)
        assert len(scene.asked) == 2
        assert scene.metrics.snapshot_failures.counts["rate-limited"] == 1


async def test_a_refusal_isnt_asked_again_for_minutes(monkeypatch: Patch) -> None:
    async with comparing(monkeypatch) as scene:
        scene.answers.append(Refused(403, "not licensed"))
        scene.lose()
        await scene.wait(REFUSED_S[0] - 1)
        assert len(scene.asked) == 1
        await scene.wait(REFUSED_S[1] - REFUSED_S[0] + 1)
        assert scene.causes[:2] == ["gap", "gap"]
        assert unreconciled(scene) == [("gap", "upstream refused with 403: not licensed")]
        assert scene.metrics.snapshot_failures.counts["403"] == 1


async def test_a_gap_or_a_demand_ends_the_wait(monkeypatch: Patch) -> None:
    async with comparing(monkeypatch) as scene:
        scene.answers += [Refused(403, "not licensed"), Refused(403, "not licensed")]
        scene.lose()
        await scene.wait(5)
        scene.lose()
        await scene.wait(5)
        scene.publisher.demand()
        await settle()
        assert scene.causes == ["gap", "gap", "gap"]
        assert len(unreconciled(scene)) == 1
        assert scene.reconciled == [("gap", 0)]


async def test_a_second_look_that_fails_is_told_and_so_is_its_end(monkeypatch: Patch) -> None:
    async with comparing(monkeypatch) as scene:
        scene.answers += [Look(), down()]
        scene.lose()
        await scene.wait(SECOND_LOOK_S)
        assert unreconciled(scene) == [("again", "no answer")]
        await scene.wait(2 * SECOND_LOOK_S)
        assert scene.causes == ["gap", "again", "again"]
        assert scene.reconciled == [("gap", 0), ("again", 0)]


async def test_locks_that_wait_are_looked_at_from_the_beginning_when_that_fails(monkeypatch: Patch) -> None:
    async with comparing(monkeypatch) as scene:
        scene.answers += [look(withheld=6), down(), look(withheld=6), look(locked=6)]
        scene.lose()
        await scene.wait(3 * SECOND_LOOK_S)
        assert scene.causes == ["gap", "again", "gap", "again"]
        assert unreconciled(scene) == [("gap", "no answer")]
        assert scene.reconciled == [("gap", 6)]


async def test_a_crash_is_told_once_counted_and_tried_again(monkeypatch: Patch) -> None:
    async with comparing(monkeypatch) as scene:
        scene.answers += [ZeroDivisionError("nobody foresaw this")] * 2
        scene.lose()
        await scene.wait(4)
        assert scene.metrics.crashes == 2
        assert [level for level, _ in Comparing.logged.told] == ["exception", "warning"]
        assert unreconciled(scene) == [("gap", "ZeroDivisionError: nobody foresaw this")]
        assert scene.reconciled == [("gap", 0)]
        assert scene.metrics.snapshot_failures.counts["crashed"] == 2


async def test_requests_of_a_look_that_failed_count(monkeypatch: Patch) -> None:
    async with comparing(monkeypatch) as scene:
        scene.answers.append(down())
        scene.lose()
        await settle()
        assert scene.metrics.snapshot_requests == 3


async def test_streams_take_turns(monkeypatch: Patch) -> None:
    async with comparing(monkeypatch) as scene:
        turn = scene.reconciler._turn
        await turn.acquire()
        scene.lose()
        await settle()
        assert scene.asked == []
        turn.release()
        await settle()
        assert scene.causes == ["gap"]
        assert not turn.locked(), "and it is given back before the second look is waited for"


async def test_a_turn_is_given_back_after_a_failure(monkeypatch: Patch) -> None:
    async with comparing(monkeypatch) as scene:
        scene.answers.append(down())
        scene.lose()
        await settle()
        assert not scene.reconciler._turn.locked()


# --- audits -------------------------------------------------------------------------------------------------------


async def test_what_an_audit_finds_once_is_no_drift(monkeypatch: Patch) -> None:
    async with comparing(monkeypatch, audit_s=AUDIT_S) as scene:
        first = look(differing=(b"a",), unsure="F1")
        scene.answers += [first, Look()]
        await scene.wait(AUDIT_S / 2)  # the first one comes at any time within that
        assert scene.causes == ["audit"]
        await scene.wait(SECOND_LOOK_S)
        assert scene.asked[1][1:] == ("audit", first, frozenset({"F1"}))
        assert not scene.said
        assert scene.metrics.drift.total == 0
        assert scene.metrics.reconciles.counts["audit"] == 1


async def test_what_it_finds_twice_is_one(monkeypatch: Patch) -> None:
    async with comparing(monkeypatch, audit_s=AUDIT_S) as scene:
        scene.answers += [look(differing=(b"a", b"b"), unsure="F1"), look(changed=1, locked=1, same=7)]
        await scene.wait(AUDIT_S / 2 + SECOND_LOOK_S)
        (drift,) = scene.told("drift")
        assert {k: drift[k] for k in ("new", "changed", "locked", "unlocked")} == {
            "new": 0,
            "changed": 1,
            "locked": 1,
            "unlocked": 0,
        }
        assert (scene.metrics.drift.counts["changed"], scene.metrics.drift.counts["locked"]) == (1, 1)
        assert scene.metrics.drift.total == 2
        assert scene.health.reconciled
        assert Comparing.logged.told == [("warning", "an audit found a drift")]


async def test_an_audit_that_finds_nothing_asks_once_and_comes_again(monkeypatch: Patch) -> None:
    async with comparing(monkeypatch, audit_s=AUDIT_S) as scene:
        await scene.wait(3 * AUDIT_S)
        assert [asked.at - scene.asked[0].at for asked in scene.asked] == [0.0, AUDIT_S, 2 * AUDIT_S]
        assert scene.said == []


async def test_a_gap_explains_what_an_audit_found(monkeypatch: Patch) -> None:
    async with comparing(monkeypatch, audit_s=AUDIT_S) as scene:
        scene.answers.append(look(differing=(b"a",), unsure="F1"))
        await scene.wait(AUDIT_S / 2 + 3)
        scene.lose()
        await scene.wait(SECOND_LOOK_S)
        assert scene.causes == ["audit", "gap", "again"]
        assert not scene.told("drift")


async def test_a_stream_that_is_down_isnt_audited_and_costs_nothing(monkeypatch: Patch) -> None:
    async with comparing(monkeypatch, audit_s=AUDIT_S) as scene:
        scene.health.to(State.BACKING_OFF)
        await scene.wait(AUDIT_S)
        assert scene.asked == []
        turns = 0
        wait = asyncio.Event.wait

        async def counted(event: asyncio.Event) -> bool:
            nonlocal turns
            turns += 1
            return await wait(event)

        monkeypatch.setattr(asyncio.Event, "wait", counted)
        await scene.wait(600)
        assert turns <= 2 * 600 / 60, "it runs in circles"
        scene.health.to(State.STREAMING)
        scene.publisher.on_news()
        await settle()
        assert scene.causes == ["audit"]


async def test_an_audit_that_cant_be_had_is_nobodys_loss(monkeypatch: Patch) -> None:
    async with comparing(monkeypatch, audit_s=AUDIT_S) as scene:
        scene.answers.append(down())
        await scene.wait(AUDIT_S)
        assert scene.said == []
        assert scene.health.reconciled
        assert scene.metrics.snapshot_failures.counts["http-503"] == 1


async def test_a_gap_that_cant_be_healed_is_told_though_an_audit_failed_for_the_same(monkeypatch: Patch) -> None:
    async with comparing(monkeypatch, audit_s=AUDIT_S) as scene:
        scene.answers += [Refused(403, "not licensed")] * 2
        await scene.wait(AUDIT_S / 2)
        assert not scene.told("unreconciled")
        scene.lose()
        await settle()
        assert unreconciled(scene) == [("gap", "upstream refused with 403: not licensed")]


async def test_without_audits_there_are_none(monkeypatch: Patch) -> None:
    async with comparing(monkeypatch) as scene:
        await scene.wait(2 * AUDIT_S)
        assert scene.asked == []
