"""Fixtures: one that ends during a gap, and two hundred of them whose list shifts while it is read."""

import json
from pathlib import Path
from typing import Any

import aiohttp

from bridge.demo.kafka import EmbeddedKafka
from bridge.simulator.options import SimulatorOptions
from tests.support.bridge import KEY
from tests.support.continuity_scene import SOON, Scene, odds, other, scene
from tests.support.told import LOCKED_LOGS, Latest
from tests.support.waiting import until

STREAMS = [
    odds("soccer", "soccer", "Bet365", "Pinnacle"),
    other("pilot", "copilot", "soccer"),
    other("results", "results", "soccer"),
]


def by_fixture(found: dict[str, Latest], stream: str) -> dict[str, set[str]]:
    """The ids of a stream's odds, by fixture."""
    fixtures: dict[str, set[str]] = {}
    for key, latest in found.items():
        if latest.stream == stream:
            fixtures.setdefault(json.loads(latest.odd)["fixture_id"], set()).add(key)
    return fixtures


async def ask(running: Scene, path: str, *params: tuple[str, str]) -> list[dict[str, Any]]:
    """What upstream itself says."""
    url, headers = running.simulator.base_url + path, {"X-Api-Key": KEY}
    async with aiohttp.ClientSession(headers=headers) as session, session.get(url, params=params) as answer:
        rows: list[dict[str, Any]] = (await answer.json())["data"]
        return rows


async def over(running: Scene) -> set[str]:
    """The fixtures that are over, the last fifty of them."""
    rows = await ask(running, "/fixtures", ("sport", "soccer"), ("status", "completed"), ("status", "cancelled"))
    return {row["id"] for row in rows}


async def test_a_fixture_that_ends_in_a_gap(kafka: EmbeddedKafka, unique: str, tmp_path: Path) -> None:
    """Its odds are locked, its status and its result are told; after a short grace they are gone from the state."""
    options = SimulatorOptions(rate=100.0, results_rate=20.0, replay="none", life=20)
    grace = {"state_grace_s": 1.0}
    async with scene(kafka, unique, tmp_path, STREAMS, options=options, kafka_settings=grace, patches=SOON) as running:
        await running.until_settled()
        await running.still()
        told = running.told
        before = {name: by_fixture(told.log, name) for name in ("soccer", "pilot")}
        on_offer = {key for key, latest in told.log.items() if not latest.locked}
        made_up = len(told.made_up)
        known = before["soccer"].keys() & before["pilot"].keys()
        known -= await over(running)

        async def ended() -> set[str]:
            return await over(running) & known

        await running.control.fault("refuse", status=503)
        await running.control.fault("drop")
        await running.control.resume()
        gone = await until(ended, lambda ids: len(ids) >= 3, within=60, what="three fixtures that have ended")
        await running.control.clear_faults()
        for stream in STREAMS:
            await running.until_told(stream["name"], "reconciled", cause="gap")
        await running.pause()
        await running.until_equal()
        rows = told.made_up[made_up:]
        locked = {row.key for row in rows if row.headers["event"] in LOCKED_LOGS}
        ids = set().union(*(before[name][fixture] for name in before for fixture in gone))
        assert ids & on_offer
        assert ids & on_offer <= locked
        status = {
            row["id"]: row["status"] for row in await ask(running, "/fixtures", *(("id", i) for i in sorted(gone)))
        }
        for name in ("soccer", "pilot"):
            await until_statuses(running, made_up, name, status)
        await until_results(running, gone)

        async def left() -> set[str]:
            return ids & (await running.read()).state.keys()

        await until(left, lambda keys: not keys, within=60, what="tombstones for all of their odds")
        assert ids <= told.buried
        await running.until_equal()
        await running.control.resume()
        await running.equal()


async def until_statuses(running: Scene, after: int, stream: str, wanted: dict[str, str]) -> None:
    """The stream's statuses are made up; where it told another a moment before the gap, the second look does it."""

    async def look() -> dict[str, str]:
        rows = (await running.read()).made_up[after:]
        rows = [row for row in rows if row.headers["event"] == "fixture-status" and row.headers["stream"] == stream]
        return {row.key: json.loads(row.value or b"")["new_status"] for row in rows if row.key in wanted}

    await until(look, lambda found: found == wanted, within=30, what=f"{stream}: statuses made up")


async def until_results(running: Scene, fixtures: set[str]) -> None:
    """The last result of these fixtures is upstream's."""
    rows = [row for i in sorted(fixtures) for row in await ask(running, "/fixtures/results", ("fixture_id", i))]
    assert rows
    wanted = {row["fixture"]["id"]: (row["fixture"]["status"], row["scores"]) for row in rows}

    async def look() -> dict[str, Any]:
        results = (await running.read()).results
        scores = {key: json.loads(results[key])["score"] for key in wanted if key in results}
        return {key: (score["fixture"]["status"], score["scores"]) for key, score in scores.items()}

    await until(look, lambda found: found == wanted, within=30, what="results equal to upstream's")


async def test_two_hundred_fixtures(kafka: EmbeddedKafka, unique: str, tmp_path: Path) -> None:
    """Two pages of them, and after a gap the list shifts so that one is missing: it isn't over for that."""
    streams = [odds("politics", "politics", "Kalshi")]
    options = SimulatorOptions(rate=100.0, replay="none", fixtures=100, life=100_000, sports=("politics",))
    async with scene(kafka, unique, tmp_path, streams, options=options, patches=SOON) as running:
        await running.until_settled()
        await running.read()
        await running.control.fault("shift", path="/fixtures/active", at=2)
        asked, made_up = len(await running.control.requests()), len(running.told.made_up)
        await running.fault("politics", "tear")
        told = await running.until_told("politics", "reconciled", cause="gap")
        assert told["same"] > 5_000
        rows = (await running.control.requests())[asked:]
        assert any("shift" in row["faults"] for row in rows)
        assert sum(row["path"] == "/fixtures/odds" for row in rows) >= 40, "five fixtures a request"
        await running.equal()
        locks = [row for row in running.told.made_up[made_up:] if row.headers["event"] in LOCKED_LOGS]
        assert len(locks) < 500, "the fixture that the list lacks isn't locked for that, nor are others"
