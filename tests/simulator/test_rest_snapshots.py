import json
from typing import Any

import pytest

from bridge.simulator import Simulator
from bridge.simulator.prices import FORMATS
from tests.simulator.conftest import Start
from tests.simulator.reader import reading
from tests.simulator.rest import US_BOOKS, client, essence


async def opened(sim: Simulator, sport: str) -> dict[str, dict[str, Any]]:
    """The open odds of the oracle's board."""
    board = await sim.control.board(sport)
    return {odd_id: json.loads(odd) for odd_id, (locked, odd) in board.items() if not locked}


@pytest.mark.parametrize(("sport", "rate"), [("soccer", 4000.0), ("basketball", 20_000.0)])
async def test_a_snapshot_is_the_streams_board_at_that_moment(start: Start, sport: str, rate: float) -> None:
    """The second rate is above `pool_above`: what the stream emitted last counts there, not the board."""
    sim = await start(rate=rate, life=40, pool_odds=2000)
    books = US_BOOKS if sport == "basketball" else ["Bet365", "Pinnacle", "Betano", "DraftKings", "Betfair Exchange"]
    async with client(sim) as rest, reading(sim, "odds", sport, sportsbook=books) as reader:
        before = await opened(sim, sport)
        for _ in range(3):
            await sim.control.resume()
            await reader.entries_until(len(reader.entries) + 60)
            await sim.control.pause()
            wanted = {i: o for i, o in (await opened(sim, sport)).items() if not i.startswith("1:-1:")}
            found = await rest.open_odds(sport, books)
            assert {i: essence(o) for i, o in found.items()} == {i: essence(o) for i, o in wanted.items()}
            assert len(found) > 1000
        assert {i: essence(o) for i, o in before.items() if i in found} != {i: essence(found[i]) for i in found}


async def test_copilots_snapshot_is_its_streams_board(start: Start) -> None:
    sim = await start(rate=4000)
    async with client(sim) as rest, reading(sim, "copilot", "baseball") as reader:
        await reader.entries_until(60)
        await sim.control.pause()
        wanted = {i: o for i, o in (await opened(sim, "baseball")).items() if i.startswith("1:-1:")}
        found: dict[str, Any] = {}
        for fixture in (await rest.get("/fixtures/active", sport="baseball")).ids:
            [row] = (await rest.get("/copilot/fixtures/odds", fixture_id=fixture)).data
            assert row["updated_at"].endswith("Z")
            found |= {odd["id"]: odd for odd in row["odds"]}
        assert {i: essence(o) for i, o in found.items()} == {i: essence(o) for i, o in wanted.items()}
        ids = (await rest.get("/fixtures/active", sport="baseball")).ids[:6]
        assert (await rest.get("/copilot/fixtures/odds", fixture_id=ids)).status == 400
        await sim.control.fault("unlicensed", path="/copilot/fixtures/odds")
        answer = await rest.get("/copilot/fixtures/odds", fixture_id=ids[:5])
        assert {(len(f["odds"]), f["updated_at"]) for f in answer.data} == {(0, "0001-01-01T00:00:00Z")}


async def test_snapshot_odds_leave_to_the_fixture_what_it_has_and_are_written_otherwise(start: Start) -> None:
    sim = await start(rate=0)
    async with client(sim) as rest:
        ids = (await rest.get("/fixtures/active", sport="soccer")).ids[:5]
        answer = await rest.get("/fixtures/odds", sportsbook=["Pinnacle", "Betfair Exchange"], fixture_id=ids)
    board = await sim.control.board("soccer")
    for fixture in answer.data:
        assert {"id", "game_id", "start_date", "status", "is_live", "sport", "league"} <= set(fixture)
        assert fixture["sport"]["id"] == "soccer"
        assert {"id", "name"} <= set(fixture["league"])
        for odd in fixture["odds"]:
            assert not {"sportsbook_id", "fixture_id", "sport", "league"} & set(odd)
            assert fixture["id"] == json.loads(board[odd["id"]][1])["fixture_id"]
            assert set(odd.get("limits") or {"max": 0}) == {"max"}
    odds = [odd for fixture in answer.data for odd in fixture["odds"]]
    assert {type(odd["price"]) for odd in odds} == {int, float}
    assert {type(odd["points"]) for odd in odds} == {int, float, type(None)}
    assert len({tuple(odd) for odd in odds}) > 2  # orders of keys
    assert b'"price": ' in answer.body
    assert b'"price":' in answer.body
    assert not any(body in answer.body for _, body in board.values())
    again = json.loads(answer.body)["data"]
    assert [f["id"] for f in again] == ids


async def test_a_snapshot_is_narrowed_as_asked(start: Start) -> None:
    sim = await start(rate=0)
    async with client(sim) as rest:
        fixtures = (await rest.get("/fixtures/active", sport="basketball")).data
        fixtures = fixtures[4:9]  # live ones and others: they are listed by start
        ids = [f["id"] for f in fixtures]

        async def odds(**params: Any) -> list[dict[str, Any]]:
            asked = {"sportsbook": "Pinnacle", "fixture_id": ids, **params}
            return [odd for f in (await rest.get("/fixtures/odds", **asked)).data for odd in f["odds"]]

        every = await odds()
        for value in (True, False):
            main = await odds(is_main=str(value).lower())
            assert main == [odd for odd in every if odd["is_main"] == value] != []
        assert {o["market"] for o in await odds(market=["Moneyline", "total_points"])} == {"Moneyline", "Total Points"}
        live = (await rest.get("/fixtures/odds", sportsbook="Novig", fixture_id=ids, is_live="true")).ids
        assert live == [f["id"] for f in fixtures if f["is_live"]] != []
        assert live != ids
        assert await odds(sportsbook="Nobody") == []
        both = await odds(sportsbook=["Nobody", "pinnacle", "draftkings"])
        assert {o["sportsbook"] for o in both} == {"Pinnacle", "DraftKings"}
        plain, raw = await odds(sportsbook="Novig"), await odds(sportsbook="Novig", exclude_fees="true")
        assert [o["price"] for o in plain] != [o["price"] for o in raw]
        assert [o["id"] for o in plain] == [o["id"] for o in raw]
        assert any(o.get("deep_link") for o in await odds(include_deep_link="true"))
        player = next(o["player_id"] for o in every if o.get("player_id"))
        of_player = await odds(fixture_id=[], player_id=player)
        assert {o.get("player_id", player) for o in of_player} == {player}  # any field may be missing
        assert 0 < len(of_player) < len(every)
        team = fixtures[2]["home_competitors"][0]["id"]
        assert (await rest.get("/fixtures/odds", sportsbook="Novig", team_id=team)).ids == [fixtures[2]["id"]]


@pytest.mark.parametrize("odds_format", FORMATS)
async def test_prices_come_in_the_format_asked_for(start: Start, odds_format: str) -> None:
    sim = await start(rate=0)
    async with client(sim) as rest:
        found = await rest.open_odds("tennis", ["Pinnacle"], odds_format=odds_format)
    board = await sim.control.board("tennis", odds_format=odds_format)
    assert {i: o["price"] for i, o in found.items()} == {
        i: json.loads(odd)["price"] for i, (locked, odd) in board.items() if ":pinnacle:" in i and not locked
    }
