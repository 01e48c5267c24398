import itertools
import time
from datetime import datetime
from typing import Any

import pytest

from bridge.upstream.rest import Rest
from tests.simulator.conftest import Start
from tests.simulator.reader import eventually, reading
from tests.simulator.rest import US_BOOKS, client


async def test_the_lists_name_what_the_streams_take(start: Start) -> None:
    sim = await start(rate=0)
    async with client(sim) as rest:
        sports = await rest.get("/sports")
        assert {s["id"]: s["name"] for s in sports.data}["basketball"] == "Basketball"
        leagues = await rest.get("/leagues", sport=["soccer", "tennis"])
        named = {row["id"]: (row["name"], row["sport"]["id"]) for row in leagues.data}
        assert named["england_-_premier_league"] == ("England - Premier League", "soccer")
        assert {sport for _, sport in named.values()} == {"soccer", "tennis"}
        assert len((await rest.get("/leagues")).data) > len(named)
        books = await rest.get("/sportsbooks")
        assert {b["id"]: b["name"] for b in books.data}["betfair_exchange"] == "Betfair Exchange"
        assert all(b["is_active"] is True for b in books.data)
    async with reading(sim, "odds", "soccer", sportsbook="betfair_exchange", league="england_-_premier_league"):
        pass


async def test_each_books_last_poll_is_told_by_league_or_fixture(start: Start) -> None:
    sim = await start(rate=0)
    async with client(sim) as rest:
        [league] = (await rest.get("/sportsbooks/last-polled", league="NBA")).data
        assert (league["league"]["id"], league["fixture_id"]) == ("nba", None)
        assert [b["name"] for b in league["sportsbooks"]] == US_BOOKS
        assert all(0 <= time.time() - b["timestamp"] < 60 for b in league["sportsbooks"])
        ids = (await rest.get("/fixtures/active", league="NBA")).ids[:2]
        rows = (await rest.get("/sportsbooks/last-polled", fixture_id=ids, sportsbook="Novig")).data
        assert [row["fixture_id"] for row in rows] == ids
        assert {b["id"] for row in rows for b in row["sportsbooks"]} == {"novig"}


async def test_fixtures_are_filtered(start: Start) -> None:
    sim = await start(rate=0)
    async with client(sim) as rest:
        every = (await rest.get("/fixtures/active", sport="basketball")).data
        assert len(every) == 12
        for row in every:
            assert row["sport"] == {"id": "basketball", "name": "Basketball", "numerical_id": 1}
            assert datetime.fromisoformat(row["start_date"]).tzinfo is not None
        assert {row["start_date"][-1] for row in every} == {"Z", "0"}  # both spellings of UTC
        nba = (await rest.get("/fixtures", league="nba")).data
        assert {row["league"]["name"] for row in nba} == {"NBA"}
        live = (await rest.get("/fixtures", sport="Basketball", status="live")).ids
        assert live == [row["id"] for row in every if row["is_live"]] != []
        assert live == (await rest.get("/fixtures", sport="basketball", is_live="true")).ids
        one = every[3]
        assert (await rest.get("/fixtures", id=[one["id"], "unknown"])).ids == [one["id"]]
        assert (await rest.get("/fixtures/active", team_id=one["home_competitors"][0]["id"])).ids == [one["id"]]
        none = await rest.get("/fixtures", sport="basketball", sportsbook="Kalshi")
        assert none.data == []
        later = await rest.get("/fixtures", sport="basketball", start_date_after=one["start_date"])
        assert one["id"] not in later.ids
        assert set(later.ids) < {row["id"] for row in every}


async def test_a_fixture_that_is_over_leaves_the_active_ones_and_has_no_odds(start: Start) -> None:
    sim = await start(rate=4000, life=3)
    async with client(sim) as rest, reading(sim, "odds", "basketball", include_fixture_updates="true"):

        async def some_are_over() -> bool:
            return bool((await rest.get("/fixtures", sport="basketball", status="completed")).data)

        await eventually(some_are_over, every=0.05)
        await sim.control.pause()
        over = (await rest.get("/fixtures", sport="basketball", status="completed")).ids[:1]
        assert not set(over) & set(await rest.pages("/fixtures/active", sport="basketball"))
        [fixture] = (await rest.get("/fixtures/odds", sportsbook="Pinnacle", fixture_id=over)).data
        assert (fixture["id"], fixture["status"], fixture["odds"]) == (over[0], "completed", [])
        [result] = (await rest.get("/fixtures/results", fixture_id=over)).data
        assert result["fixture"]["status"] == "completed"


@pytest.mark.parametrize("path", ["/fixtures", "/fixtures/active"])
async def test_pages_of_at_most_a_hundred_hold_each_fixture_once(start: Start, path: str) -> None:
    sim = await start(rate=0, fixtures=60)
    async with client(sim) as rest:
        small = await rest.pages(path, sport="basketball", limit=7)
        assert len(small) == len(set(small)) == 120
        first = await rest.get(path, sport="basketball", limit=500)
        assert (len(first.data), first.json["page"], first.json["has_more"]) == (100, 1, True)
        assert first.ids == small[:100]
        beyond = await rest.get(path, sport="basketball", page=9)
        assert beyond.json == {"data": [], "page": 9, "has_more": False}

        await sim.control.settings(paging="total_pages")
        formerly = await rest.get(path, sport="basketball", page=2)
        assert {k: v for k, v in formerly.json.items() if k != "data"} == {"page": 2, "total_pages": 2}

        await sim.control.settings(paging="cursor")
        found: list[str] = []
        cursor: dict[str, str] = {}
        for number in itertools.count(1):
            page = await rest.get(path, sport="basketball", limit=50, **cursor)
            assert page.json["page"] == number
            found += page.ids
            if not page.json["has_more"]:
                assert page.json["cursor"] is None
                break
            cursor = {"cursor": page.json["cursor"]}
        assert found == small


@pytest.mark.parametrize("paging", ["has_more", "total_pages", "cursor"])
async def test_the_bridges_own_client_reads_all_pages(start: Start, paging: str) -> None:
    sim = await start(rate=0, fixtures=60, paging=paging)
    async with client(sim) as asked, Rest(sim.base_url, lambda: "demo-key") as rest:
        ids = [row["id"] async for page in rest.pages("/fixtures/active", [("sport", "basketball")]) for row in page]
        assert len(ids) == len(set(ids)) == 120
        sports = [row["id"] async for page in rest.pages("/sports") for row in page]
        assert "politics" in sports
        query = [("sportsbook", "Pinnacle"), *(("fixture_id", i) for i in ids[:5])]
        snapshot = await rest.get("/fixtures/odds", query)
        assert [f["id"] for f in snapshot["data"]] == ids[:5]
        assert (await asked.get("/fixtures/odds", sportsbook="Pinnacle", fixture_id=ids[:5])).json == snapshot


async def test_results_have_the_shape_of_the_streams_score(start: Start) -> None:
    sim = await start(results_rate=400)
    async with client(sim) as rest, reading(sim, "results", "football") as reader:
        await reader.entries_until(30)
        await sim.control.pause()
        [channel] = await sim.control.channels()
        await reader.entries_until(channel["logged"])
        last = {e.body["data"]["fixture_id"]: e.body["data"] for e in reader.entries}
        ids = list(last)[:25]
        rows = (await rest.get("/fixtures/results", fixture_id=ids)).data
        assert [row["fixture"]["id"] for row in rows] == ids
        for row in rows:
            assert row["sport"]["id"] == "football"
            score = last[row["fixture"]["id"]]["score"]
            assert (row["scores"], row["in_play"], row["stats"]) == (score["scores"], score["in_play"], score["stats"])


async def test_the_documented_limits_are_told_in_upstreams_words(start: Start) -> None:
    sim = await start(rate=0, sports=("basketball",))
    six = [str(n) for n in range(6)]
    by = "sport, league, id, numerical_id, team_id, or tournament_id"
    one_id = "you must provide at least one of fixture_id, player_id, or team_id"
    cases: list[tuple[int, str, str, dict[str, Any]]] = [
        (401, "Invalid or inactive API key", "/sports", {"key": "wrong"}),
        (401, "API key is required", "/sports", {"key": None}),
        (400, f"you must provide at least one of {by} to filter by", "/fixtures", {}),
        (400, f"you must provide at least one of {by} to filter by", "/fixtures/active", {"is_live": "true"}),
        (400, "invalid status: bogus", "/fixtures", {"league": "NBA", "status": "bogus"}),
        (400, "page must be a positive number", "/fixtures", {"league": "NBA", "page": "0"}),
        (400, "invalid cursor", "/fixtures", {"league": "NBA", "cursor": "é"}),
        (400, "sportsbook is required", "/fixtures/odds", {"fixture_id": "1"}),
        (400, "maximum 5 sportsbooks allowed", "/fixtures/odds", {"fixture_id": "1", "sportsbook": six}),
        (400, one_id, "/fixtures/odds", {"sportsbook": "Novig", "league": "NBA", "sport": "basketball"}),
        (400, "maximum 5 fixture_ids allowed", "/fixtures/odds", {"sportsbook": "Novig", "fixture_id": six}),
        (400, "is_main must be true or false", "/fixtures/odds", {"sportsbook": "a", "fixture_id": "1", "is_main": 2}),
        (400, "maximum 5 ids allowed", "/copilot/fixtures/odds", {"fixture_id": six[:3], "team_id": six[3:]}),
        (400, "either fixture_id or team_id must be provided", "/fixtures/results", {}),
        (400, "maximum 25 fixture_ids allowed", "/fixtures/results", {"fixture_id": [str(n) for n in range(26)]}),
        (400, "either league or at least 1 fixture_id must be provided", "/sportsbooks/last-polled", {}),
        (400, "football is not enabled for your API key", "/fixtures/active", {"sport": "football"}),
    ]
    async with client(sim) as rest:
        for status, error, path, params in cases:
            answer = await rest.get(path, **params)
            assert (path, answer.status, answer.json) == (path, status, {"error": error})
            assert answer.headers["Content-Type"] == "application/json"
        unknown = await rest.get("/fixtures/odds", sportsbook="Novig", fixture_id="nobody")
        assert unknown.data == []
    requests = await sim.control.requests()
    assert [(r["path"], r["status"]) for r in requests[:-1]] == [(path, status) for status, _, path, _ in cases]
    assert not any("wrong" in str(r) or "demo-key" in str(r) for r in requests)
    assert requests[3]["params"] == [["is_live", "true"]]
    assert await sim.control.connects() == []


async def test_the_key_may_stand_in_the_query_and_is_not_kept(start: Start) -> None:
    sim = await start(rate=0, key="s3cret")
    async with client(sim) as rest:
        # As in the vendor's guide: ?key=
        answer = await rest.get("/sports?key=s3cret", key=None)
        assert answer.status == 200
    [request] = await sim.control.requests()
    assert (request["params"], request["key_in"], request["status"]) == ([], "query", 200)
    assert "s3cret" not in str(request)


async def test_the_pool_is_counted_down_and_then_answers_429(start: Start) -> None:
    sim = await start(rate=0, rest_limit=3, rest_window_s=3600)
    async with client(sim) as rest:
        answers = [await rest.get("/sports") for _ in range(5)]
        statuses = [a.status for a in answers]
        # The hour may end in between, then it is counted from the start once more.
        if statuses != [200, 200, 200, 429, 429]:
            answers = [await rest.get("/sports") for _ in range(5)]
        assert [a.headers["x-ratelimit-remaining"] for a in answers if a.status == 200][-1] == "0"
        refused = answers[-1]
        assert refused.status == 429
        assert refused.headers["x-ratelimit-limit"] == "3"
        reset = int(refused.headers["x-ratelimit-reset"])
        assert reset % 3600 == 0
        assert 0 < reset - time.time() <= 3600
        assert abs(int(refused.headers["Retry-After"]) - (reset - time.time())) < 30
        await sim.control.settings(rest_retry_after=False)
        assert "Retry-After" not in (await rest.get("/sports")).headers
        await sim.control.settings(rest_limit=0)
        assert (await rest.get("/sports")).status == 200
    # Streams have a pool of their own.
    await sim.control.settings(rest_limit=1)
    async with reading(sim) as reader:
        await reader.until(lambda: bool(reader.frames))
    assert not [name for name in reader.response.headers if name.lower().startswith("x-ratelimit")]
