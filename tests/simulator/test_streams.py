import json
from datetime import datetime
from typing import Any

import pytest

from bridge.simulator.prices import FORMATS
from tests.simulator.conftest import Start
from tests.simulator.reader import asked, eventually, items, numbers, reading


async def test_connected_first_then_entries_in_the_vendors_shape_then_pings(start: Start) -> None:
    sim = await start(ping_s=0.05, retry_ms=1234)
    async with reading(sim) as reader:
        assert reader.response.headers["Content-Type"] == "text/event-stream"
        await reader.until(lambda: len(reader.entries) > 5 and any(f.event == "ping" for f in reader.frames))
    first = reader.frames[0]
    assert (first.event, first.id, first.data) == ("connected", None, "ok go")
    assert {f.retry for f in reader.frames} == {"1234"}
    ping = next(f for f in reader.frames if f.event == "ping")
    assert ping.id is None
    assert datetime.fromisoformat(ping.data).tzinfo is not None
    for entry in reader.entries:
        assert entry.event in {"odds", "locked-odds"}
        assert list(entry.body) == ["data", "entry_id", "type"]
        assert entry.body["type"] == entry.event
        assert entry.id == entry.entry_id
        assert 1 <= len(entry.body["data"]) <= 50
    ids = [numbers(e.entry_id) for e in reader.entries]
    assert ids == sorted(set(ids))


async def test_the_ids_of_copilots_line_and_body_differ_and_its_fixtures_settle(start: Start) -> None:
    sim = await start(rate=4000, life=4)
    async with reading(sim, "copilot", include_fixture_updates="true") as reader:
        wanted = {"copilot-odds", "copilot-locked-odds", "copilot-settled-odds", "fixture-status"}
        await reader.until(lambda: {f.event for f in reader.entries} == wanted)
    for entry in reader.entries:
        assert entry.id != entry.entry_id
    odds = next(e for e in reader.entries if e.event == "copilot-odds")
    assert list(odds.body) == ["entry_id", "data", "type"]
    assert all(odd["id"] == f"1:-1:{odd['odd_id']}" for odd in odds.body["data"])
    settled = next(e for e in reader.entries if e.event == "copilot-settled-odds")
    assert {odd["settlement"] for odd in settled.body["data"]} <= {"Won", "Lost", "Refunded"}


async def test_results_have_scores_and_players(start: Start) -> None:
    sim = await start(results_rate=400)
    async with reading(sim, "results", "baseball") as reader:
        entries = await reader.entries_until(40)
    for entry in entries:
        data = entry.body["data"]
        assert entry.event == "fixture-results"
        assert {"fixture_id", "is_live", "status", "score", "player_results"} <= set(data)
        assert data["score"]["scores"]["home"]["total"] == sum(data["score"]["scores"]["home"]["periods"].values())
        assert data["player_results"][0]["stats"][0]["period"] == "all"
    totals = [e.body["data"]["score"]["scores"][side]["total"] for e in entries for side in ("home", "away")]
    assert any(totals)


async def test_statuses_come_only_when_asked_for_and_sometimes_nested(start: Start) -> None:
    sim = await start(rate=4000, life=4)
    async with reading(sim, include_fixture_updates="true") as reader, reading(sim) as without:

        def statuses() -> list[dict[str, Any]]:
            return [e.body["data"] for e in reader.entries if e.event == "fixture-status"]

        await reader.until(
            lambda: (
                any("data" in s for s in statuses())
                and any(s.get("new_status") for s in statuses())
                and any(s.get("new_start_date") for s in statuses())
                and any("fixture" not in s.get("data", s) for s in statuses())
            )
        )
        await without.entries_until(20)
    assert {e.event for e in without.entries} <= {"odds", "locked-odds"}
    assert all(list(e.body) == ["data", "entry_id"] for e in reader.entries if e.event == "fixture-status")


async def test_filters_hold_within_entries(start: Start) -> None:
    sim = await start(rate=2000)
    async with reading(
        sim, "odds", "soccer", league=["Brazil - Serie A", "Spain - La Liga"], sportsbook="Bet365"
    ) as reader:
        odds = [odd for e in await reader.entries_until(60) for odd in e.body["data"]]
    assert {odd["league"] for odd in odds} == {"Brazil - Serie A", "Spain - La Liga"}
    assert {odd["sportsbook"] for odd in odds} == {"Bet365"}
    fixture = odds[0]["fixture_id"]
    async with reading(
        sim, "odds", "soccer", fixture_id=fixture, market=["Moneyline", "Total Goals"], sportsbook="bet365"
    ) as reader:
        odds = [odd for e in await reader.entries_until(20) for odd in e.body["data"]]
    assert {odd["fixture_id"] for odd in odds} == {fixture}
    assert {odd["market"] for odd in odds} == {"Moneyline", "Total Goals"}
    for flag in ("is_main", "is_live"):
        for value in ("true", "false"):
            async with reading(sim, "odds", "soccer", sportsbook="Bet365", **{flag: value}) as reader:
                odds = [odd for e in await reader.entries_until(20) for odd in e.body["data"]]
            assert {odd[flag] for odd in odds} == {value == "true"}


@pytest.mark.parametrize("odds_format", FORMATS)
async def test_prices_come_in_the_format_asked_for(start: Start, odds_format: str) -> None:
    sim = await start(rate=2000)
    async with reading(sim, odds_format=odds_format) as reader:
        prices = [odd["price"] for e in await reader.entries_until(20) for odd in e.body["data"]]
    holds = {
        "AMERICAN": lambda p: isinstance(p, int) and abs(p) >= 100,
        "DECIMAL": lambda p: p > 1,
        "PROBABILITY": lambda p: 0 < p < 1,
        "MALAY": lambda p: -1 <= p <= 1,
        "HONG_KONG": lambda p: p > 0,
        "INDONESIAN": lambda p: abs(p) >= 1,
    }[odds_format]
    assert all(map(holds, prices))


async def test_deep_links_and_fees_are_asked_for(start: Start) -> None:
    sim = await start(rate=2000)
    async with reading(sim, include_deep_link="true") as reader:
        odds = [odd for e in await reader.entries_until(5) for odd in e.body["data"]]
    assert any(set(odd.get("deep_link") or {}) == {"desktop", "ios", "android"} for odd in odds)
    with_fee = await sim.control.board("politics")
    without = await sim.control.board("politics", exclude_fees="true")
    different = [i for i in with_fee if json.loads(with_fee[i][1])["price"] != json.loads(without[i][1])["price"]]
    assert len(different) > len(with_fee) / 2


async def test_requests_are_refused_in_upstreams_words(start: Start) -> None:
    sim = await start(sports=("basketball",))
    cases: list[tuple[int, str, dict[str, Any]]] = [
        (400, "maximum 5 sportsbooks allowed", {"sportsbook": ["a", "b", "c", "d", "e", "f"]}),
        (401, "Invalid or inactive API key", {"key": "wrong"}),
        (401, "Invalid or inactive API key", {"key": None}),
        (400, "football is not enabled for your API key", {"sport": "football"}),
        (400, "is_main must be true or false", {"is_main": "perhaps"}),
    ]
    for status, error, params in cases:
        async with asked(sim, **params) as response:
            assert (response.status, await response.json()) == (status, {"error": error})
    async with asked(sim, sportsbook=[]) as response:
        assert (response.status, response.content_type) == (400, "text/plain")
    connects = await sim.control.connects()
    assert [c["status"] for c in connects] == [400, 401, 401, 400, 400, 400]
    assert not any("wrong" in str(c) or "demo-key" in str(c) for c in connects)
    assert [c["key_in"] for c in connects] == ["header", "header", None, "header", "header", "header"]


async def test_unknown_books_are_ignored_and_the_key_may_stand_in_the_query(start: Start) -> None:
    sim = await start(ping_s=0.05)
    async with asked(sim, key=None, sportsbook=["Nobody", "Nobody Else"]) as response:
        assert response.status == 401
    async with reading(sim, sportsbook=["Nobody", "pinnacle"]) as reader:
        odds = [odd for e in await reader.entries_until(3) for odd in e.body["data"]]
    assert {odd["sportsbook"] for odd in odds} == {"Pinnacle"}
    async with reading(sim, sportsbook=["Nobody"]) as reader:
        await reader.until(lambda: sum(f.event == "ping" for f in reader.frames) > 2)
    assert reader.entries == []


async def test_connects_over_the_limit_get_429_and_count_too(start: Start) -> None:
    sim = await start(connect_limit=3, connect_window_s=3600, retry_after_s=7, rate=0)
    statuses = []
    for _ in range(5):
        async with asked(sim) as response:
            statuses.append(response.status)
            after = response.headers.get("Retry-After")
    assert statuses == [200, 200, 200, 429, 429]
    assert after == "7"

    await sim.control.settings(connect_window_s=0)
    async with asked(sim) as response:
        assert response.status == 200
    connects = await sim.control.connects()
    assert [c["status"] for c in connects] == [*statuses, 200]


async def test_connections_of_one_channel_get_the_same_and_others_their_own(start: Start) -> None:
    sim = await start()
    async with reading(sim) as one, reading(sim, sportsbook=["Pinnacle", "DraftKings", "Nobody"]) as two:
        await one.entries_until(10)
        both = {e.id for e in one.entries[5:10]}
        await two.until(lambda: both <= {e.id for e in two.entries})
        [channel] = await sim.control.channels()
        assert (channel["clients"], channel["connects"]) == (2, 2)
        by_id = {e.id: e for e in two.entries}
        assert all(by_id[e.id] == e for e in one.entries if e.id in both)
        async with reading(sim, sportsbook="Pinnacle"):
            assert len(await sim.control.channels()) == 2

    async def nobody() -> bool:
        return not any(c["clients"] for c in await sim.control.channels())

    await eventually(nobody)


async def test_overlapping_channels_show_one_board(start: Start) -> None:
    sim = await start(rate=1000)
    async with reading(sim, sportsbook="Pinnacle") as narrow, reading(sim, sportsbook=["Pinnacle", "FanDuel"]) as wide:
        await narrow.entries_until(30)
        await sim.control.pause()
        logs = await sim.control.logs()
        await narrow.entries_until(min(map(len, logs.values())))
        await wide.until(lambda: len(wide.entries) >= max(map(len, logs.values())))
    seen = {key: digest for e in narrow.entries for key, digest in items(e)}
    seen_wide = {key: digest for e in wide.entries for key, digest in items(e) if ":pinnacle:" in key}
    assert seen == seen_wide
    assert len(seen) > 20


async def test_the_rate_is_kept_and_nothing_comes_at_zero(start: Start) -> None:
    sim = await start(rate=0, ping_s=0.02)
    async with reading(sim) as reader:
        await reader.until(lambda: sum(f.event == "ping" for f in reader.frames) > 5)
        assert reader.entries == []
        await sim.control.rate(1000)
        await reader.entries_until(50)
        [channel] = await sim.control.channels()
        log = await sim.control.log(channel["id"])
        odds, ms = sum(len(e.odds) for e in log[:-1]), log[-1].ms - log[0].ms
        # A channel may be late and never early; one event may stand over.
        assert odds <= 1000 * (ms + 250) / 1000 + 50
        await sim.control.rate(0)
        seen = len(await sim.control.log(channel["id"]))
        await reader.until(lambda: len(reader.entries) == seen)
        pings = len(reader.frames)
        await reader.until(lambda: len(reader.frames) > pings + 5)
        assert len(reader.entries) == seen


async def test_a_channel_emits_while_nobody_is_connected(start: Start) -> None:
    sim = await start()
    async with reading(sim):
        pass
    [channel] = await sim.control.channels()

    async def more() -> bool:
        [later] = await sim.control.channels()
        return bool(later["made"] >= channel["made"] + 20 and later["clients"] == 0)

    await eventually(more)
    assert (await sim.control.channels())[0]["connects"] == 1
