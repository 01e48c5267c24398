"""What the vendor's guide has its readers write, word for word where it can be, against the simulator."""

import json
from typing import Any

from tests.simulator.conftest import Start
from tests.simulator.reader import eventually, reading
from tests.simulator.rest import Client, client

BOOKS = ["DraftKings", "FanDuel"]


class Cache:
    """The guide's "Local Odds Cache"."""

    def __init__(self) -> None:
        self.odds: dict[str, dict[str, Any]] = {}
        self.locked: set[str] = set()

    def handle_odds(self, data: dict[str, Any]) -> None:
        for odd in data["data"]:
            self.odds[odd["id"]] = odd
            self.locked.discard(odd["id"])

    def handle_locked(self, data: dict[str, Any]) -> None:
        self.locked |= {odd["id"] for odd in data["data"]}

    def active(self) -> dict[str, float]:
        return {key: odd["price"] for key, odd in self.odds.items() if key not in self.locked}


def hydrate(cache: Cache, data: list[dict[str, Any]]) -> None:
    for fixture in data:
        for odd in fixture.get("odds", []):
            cache.odds[odd["id"]] = odd


async def hydrated_by_ids(rest: Client, cache: Cache) -> None:
    ids: list[str] = []
    page = 1
    while True:
        answer = await rest.get("/fixtures/active", sport="basketball", league=["NBA"], page=page)
        ids += answer.ids
        if not answer.json["has_more"]:
            break
        page += 1
    for n in range(0, len(ids), 5):
        answer = await rest.get("/fixtures/odds", sportsbook=BOOKS, fixture_id=ids[n : n + 5])
        hydrate(cache, answer.data)


async def test_hydrate_then_stream_gives_the_board(start: Start) -> None:
    sim = await start(rate=3000, life=60)
    cache = Cache()
    async with (
        client(sim) as rest,
        # The key as in the guide, in the query; `reading` gives it in the header as well.
        reading(sim, sportsbook=BOOKS, league="NBA", odds_format="AMERICAN", key="demo-key") as reader,
    ):
        await reader.entries_until(5)  # the stream first, so that nothing falls between
        await hydrated_by_ids(rest, cache)
        taken = len(cache.odds)
        await reader.entries_until(len(reader.entries) + 150)
        await sim.control.pause()
        [channel] = await sim.control.channels()

        async def all_read() -> bool:
            await reader.entries_until(channel["logged"])
            return True

        await eventually(all_read)
        for event in reader.entries:
            assert event.event in {"odds", "locked-odds"}
            (cache.handle_odds if event.event == "odds" else cache.handle_locked)(json.loads(event.data))
    board = await sim.control.board("basketball")
    wanted = {
        odd_id: odd["price"]
        for odd_id, (locked, body) in board.items()
        if not locked and (odd := json.loads(body))["league"] == "NBA" and odd.get("sportsbook") in BOOKS
    }
    active = cache.active()
    assert taken > 100
    assert {odd_id: active.get(odd_id) for odd_id in wanted} == wanted
    # What is left over belongs to lines and games that went away without a lock of their own.
    assert all(board[i][0] for i in set(active) - set(wanted) if i in board)


async def test_the_guides_own_hydrate_example_is_refused_as_observed_unless_told_otherwise(start: Start) -> None:
    """The guide asks by league alone; the live service answers 400. Both can be had."""
    sim = await start(rate=0)
    example: dict[str, Any] = {"sport": "basketball", "sportsbook": BOOKS, "league": ["NBA"], "is_live": "false"}
    async with client(sim) as rest:
        refused = await rest.get("/fixtures/odds", **example)
        assert (refused.status, "fixture_id" in refused.json["error"]) == (400, True)
        await sim.control.settings(snapshot_by_league=True)
        cache = Cache()
        hydrate(cache, (await rest.get("/fixtures/odds", **example)).data)
        fixtures = (await rest.get("/fixtures/active", league="NBA", is_live="false")).data
        assert {odd["sportsbook"] for odd in cache.odds.values()} == set(BOOKS)
        assert {i.split(":")[0] for i in cache.odds} == {f["game_id"] for f in fixtures}
