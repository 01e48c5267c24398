"""Fixtures' statuses and results are compared with upstream's as odds are."""

from typing import Any

import orjson
import pytest

from bridge.entries import Entry, EntryId
from bridge.errors import UpstreamError
from bridge.reconcile.look import Cause, Look
from bridge.reconcile.results import PLAYED_S
from tests.support.offering import LONG_MS, Offering, row

Patch = pytest.MonkeyPatch


@pytest.fixture
def scene(monkeypatch: Patch) -> Offering:
    return Offering(monkeypatch)


def tell(scene: Offering, event: str, fixture: str, **fields: Any) -> None:
    """The stream tells something of a fixture now."""
    entry = Entry(event, None, [(fixture.encode(), orjson.dumps(fields))])
    scene.publisher.take(entry, scene.now_ms / 1000)


def statuses(scene: Offering) -> list[tuple[str, str | None, str | None]]:
    """The statuses that were made up: fixture, old and new."""
    found = [record for record in scene.of("fixture-status") if dict(record.headers)["origin"] == b"reconcile"]
    return [(r.key.decode(), (said := orjson.loads(r.value))["old_status"], said["new_status"]) for r in found]


# --- statuses -----------------------------------------------------------------------------------------------------


async def test_a_status_that_the_stream_didnt_tell_is_told_once(scene: Offering) -> None:
    await scene.look()
    assert statuses(scene) == [], "nothing was known before"
    scene.upstream.alive["F1"] = row("F1", "delayed")
    await scene.look()
    await scene.look()
    assert statuses(scene) == [("F1", "live", "delayed")]


async def test_a_status_that_the_stream_told_isnt_told_again(scene: Offering) -> None:
    await scene.look()
    tell(scene, "fixture-status", "F1", new_status="delayed")
    scene.later()
    scene.upstream.alive["F1"] = row("F1", "delayed")
    await scene.look()
    assert statuses(scene) == []
    scene.upstream.alive["F1"] = row("F1", "live")
    await scene.look()
    assert statuses(scene) == [("F1", "delayed", "live")]


async def test_a_new_start_is_told(scene: Offering) -> None:
    await scene.look()
    scene.upstream.alive["F1"] = row("F1", start="2026-11-27T21:00:00+00:00")
    await scene.look()
    (said,) = [orjson.loads(record.value) for record in scene.of("fixture-status")]
    assert (said["new_start_date"], said["old_start_date"]) == ("2026-11-27T21:00:00+00:00", "2026-11-27T20:00:00Z")
    assert said["new_status"] is None


async def test_a_snapshot_of_some_seconds_ago_sets_no_status_back(scene: Offering) -> None:
    await scene.look()
    scene.later()
    tell(scene, "fixture-status", "F1", new_status="completed")
    scene.later(9_000)
    await scene.look()
    assert statuses(scene) == []
    assert scene.publisher.fixtures.over == {"F1"}
    scene.later(1_000)
    await scene.look()
    assert statuses(scene) == [("F1", "completed", "live")], "now it is upstream that says so"


async def test_a_fixture_that_isnt_active_any_more_is_asked_for(scene: Offering) -> None:
    scene.publish("a")
    await scene.look()
    scene.later()
    scene.upstream.alive, scene.upstream.gone = {"F2": row("F2")}, {"F1": row("F1", "completed")}
    await scene.look()
    assert scene.upstream.asked_rows == [["F1"]]
    assert statuses(scene) == [("F1", "live", "completed")]
    assert scene.publisher.fixtures.over_since(scene.seconds) == {"F1"}


async def test_after_a_start_it_is_told_that_a_fixture_is_over_whose_odds_are_known(scene: Offering) -> None:
    scene.publish("a")
    scene.later()
    scene.upstream.alive = {"F2": row("F2"), "F3": row("F3", "completed")}
    scene.upstream.gone = {"F1": row("F1", "completed")}
    await scene.look()
    assert statuses(scene) == [("F1", None, "completed")]


async def test_a_stream_without_statuses_is_told_none_and_knows_what_is_over(monkeypatch: Patch) -> None:
    scene = Offering(monkeypatch, statuses=False)
    await scene.look()
    scene.upstream.alive["F1"] = row("F1", "completed")
    await scene.look()
    assert statuses(scene) == []
    assert scene.publisher.fixtures.over == {"F1"}


async def test_a_fixture_that_is_forgotten_isnt_asked_for_any_more(scene: Offering) -> None:
    await scene.look()
    scene.upstream.alive["F1"] = row("F1", "completed")
    await scene.look()
    await scene.comparison.tidy(scene.seconds)
    scene.upstream.alive = {}
    await scene.look()
    assert scene.upstream.asked_rows == []


# --- results ------------------------------------------------------------------------------------------------------


def result(home: int, status: str = "live", **fields: Any) -> bytes:
    score = {"scores": {"home": {"total": home}}, "in_play": {"period": "1"}}
    return orjson.dumps({"fixture_id": "F1", "status": status, "score": score, **fields})


async def look(scene: Offering, cause: Cause = Cause.GAP, **how: Any) -> Look:
    scene.buffer.clear()
    return await scene.results.look(cause, **how)


def made_up(scene: Offering) -> list[tuple[bytes, bytes]]:
    return [(record.key, dict(record.headers)["origin"]) for record in scene.of("fixture-results")]


def took(scene: Offering, home: int, **fields: Any) -> None:
    entry = Entry("fixture-results", None, [(b"F1", result(home, **fields))])
    scene.publisher.take(entry, scene.now_ms / 1000)


async def test_results_that_nobody_told_are_new(scene: Offering) -> None:
    scene.upstream.scores = {"F1": result(7)}
    found = await look(scene, Cause.HYDRATE)
    assert (made_up(scene), found.counts["new"]) == ([(b"F1", b"snapshot")], 1)
    again = await look(scene)
    assert (made_up(scene), again.counts["same"]) == ([], 1)


async def test_another_score_is_a_change_and_other_words_are_none(scene: Offering) -> None:
    took(scene, 7)
    scene.later()
    scene.upstream.scores = {"F1": result(7, stats=[1], is_live=False)}
    assert (await look(scene)).published == 0
    scene.upstream.scores = {"F1": result(8)}
    found = await look(scene)
    assert (made_up(scene), found.counts["changed"]) == ([(b"F1", b"reconcile")], 1)
    scene.upstream.scores = {"F1": result(8, "completed")}
    assert (await look(scene)).counts["changed"] == 1


async def test_a_result_of_a_moment_ago_stays(scene: Offering) -> None:
    scene.publisher.connected(0.0)
    took(scene, 7)
    told_ms = scene.now_ms
    scene.later(5_000)
    scene.upstream.scores = {"F1": result(6)}
    found = await look(scene)
    assert (found.published, found.unsure) == (0, set())
    scene.publisher.connected(0.0)
    found = await look(scene)
    assert (found.published, found.unsure, found.sure_at) == (0, {"F1"}, told_ms / 1000 + 10)
    scene.later(5_001)
    assert (await look(scene, only=frozenset({"F1"}))).counts["changed"] == 1


async def test_an_audit_of_results_publishes_what_it_finds_twice(scene: Offering) -> None:
    took(scene, 7)
    scene.later()
    scene.upstream.alive["F2"] = row("F2")
    scene.upstream.scores = {"F1": result(8), "F2": result(1)}
    first = await look(scene, Cause.AUDIT)
    assert (first.published, first.differing, first.unsure) == (0, {b"F1"}, {"F1"})
    second = await look(scene, Cause.AUDIT, before=first, only=frozenset(first.unsure))
    assert (made_up(scene), second.counts["changed"]) == ([(b"F1", b"reconcile")], 1)
    assert scene.upstream.asked[-1] == ["F1"]


async def test_upstream_that_has_none_of_the_results_cant_be_right(scene: Offering) -> None:
    assert (await look(scene)).published == 0, "nothing was told yet"
    took(scene, 7)
    scene.later()
    with pytest.raises(UpstreamError, match="none of the 1 fixtures"):
        await look(scene)


async def test_a_fixture_that_isnt_active_any_more_is_asked_for_while_its_result_is_known(scene: Offering) -> None:
    scene.upstream.scores = {"F1": result(7, "completed")}
    await look(scene)
    scene.upstream.alive = {}
    await scene.results.tidy(scene.seconds - 1)
    await look(scene)
    assert scene.upstream.asked[-1] == ["F1"], "it isn't over for long enough to be forgotten"
    await scene.results.tidy(scene.seconds + LONG_MS)
    await look(scene)
    assert scene.upstream.asked[-1] == []


async def test_after_a_restart_what_ended_meanwhile_gets_its_final_result(scene: Offering) -> None:
    scene.publisher.continuity.position.add("fixture-results", EntryId(scene.now_ms - 3_600_000, 0))
    scene.upstream.gone = {"F1": row("F1", status="completed")}
    scene.upstream.scores = {"F1": result(9, "completed")}
    assert (await look(scene)).counts["new"] == 1
    assert made_up(scene) == [(b"F1", b"reconcile")]
    assert scene.upstream.asked_since == [scene.seconds - 3_600 - PLAYED_S]
    await look(scene)
    assert len(scene.upstream.asked_since) == 1, "from then on it is known"
