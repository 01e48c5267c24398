import asyncio
import json
import time
from typing import Any

import aiohttp
import pytest

from bridge.errors import UpstreamError
from bridge.simulator import ControlError
from bridge.upstream.rest import Rest
from tests.simulator.conftest import Start
from tests.simulator.reader import eventually, reading
from tests.simulator.rest import US_BOOKS, Client, client, essence


async def some_ids(rest: Client, sport: str = "basketball") -> list[str]:
    return (await rest.get("/fixtures/active", sport=sport)).ids[:5]


async def test_refusals_of_every_kind_on_one_path_so_many_times(start: Start) -> None:
    sim = await start(rate=0)
    async with client(sim) as rest:
        cases: list[tuple[dict[str, Any], int, dict[str, str]]] = [
            ({"status": 429, "retry_after": "7"}, 429, {"Retry-After": "7"}),
            ({"status": 429}, 429, {}),
            ({"status": 500, "body": "<h1>no</h1>", "content_type": "text/html"}, 500, {"Content-Type": "text/html"}),
            ({"status": 302}, 302, {"Location": "/_sim/trap"}),
            ({}, 503, {"Content-Type": "application/json"}),
        ]
        for fields, status, headers in cases:
            await sim.control.fault("rest-refuse", path="/sports", times=1, **fields)
            assert (await rest.get("/leagues")).status == 200
            answer = await rest.get("/sports")
            assert answer.status == status
            assert {name: answer.headers.get(name) for name in headers} == headers
            assert ("Retry-After" in answer.headers) == ("Retry-After" in headers)
            assert (await rest.get("/sports")).status == 200
    marked = [r["faults"] for r in await sim.control.requests()]
    assert marked == [[], ["rest-refuse"], []] * len(cases)


async def test_faults_are_limited_to_a_feed_a_sport_or_a_time_and_streams_are_left_alone(start: Start) -> None:
    sim = await start(rate=0)
    async with client(sim) as rest:
        ids, others = await some_ids(rest), await some_ids(rest, "tennis")
        await sim.control.fault("rest-refuse", feed="odds", sport="tennis")
        assert (await rest.get("/fixtures/odds", sportsbook="Pinnacle", fixture_id=ids)).status == 200
        assert (await rest.get("/fixtures/odds", sportsbook="Pinnacle", fixture_id=others)).status == 503
        assert (await rest.get("/fixtures/results", fixture_id=others)).status == 200
        assert (await rest.get("/sports")).status == 200
        await sim.control.clear_faults()
        await sim.control.fault("rest-refuse", sport="tennis")
        assert (await rest.get("/fixtures/active", league="WTA")).status == 503
        assert (await rest.get("/fixtures/active", league="NBA")).status == 200
        async with reading(sim, "odds", "tennis"):
            pass
        await sim.control.clear_faults()
        await sim.control.fault("rest-refuse", for_s=1)
        assert (await rest.get("/sports")).status == 503

        async def over() -> bool:
            return (await rest.get("/sports")).status == 200

        await eventually(over)


async def test_a_torn_answer_is_shorter_than_it_promised(start: Start) -> None:
    sim = await start(rate=0)
    async with client(sim) as rest:
        whole = (await rest.get("/leagues")).body
        for fields in ({"how": "close"}, {"how": "reset"}, {"at": 0}):
            await sim.control.fault("rest-tear", times=1, **fields)
            with pytest.raises((aiohttp.ClientPayloadError, aiohttp.ClientConnectionError)):
                await rest.get("/leagues")
        assert (await rest.get("/leagues")).body == whole
    async with Rest(sim.base_url, lambda: "demo-key") as bridge:
        await sim.control.fault("rest-tear", times=1)
        with pytest.raises(UpstreamError, match="broke off"):
            await bridge.get("/leagues")


async def test_slow_answers_and_slow_bodies_come_whole(start: Start) -> None:
    sim = await start(rate=0)
    async with client(sim) as rest:
        whole = (await rest.get("/leagues")).body
        for inside in (False, True):
            await sim.control.fault("rest-slow", times=1, seconds=0.3, inside=inside)
            began = time.monotonic()
            assert (await rest.get("/leagues")).body == whole
            assert time.monotonic() - began > 0.25
        await sim.control.fault("rest-slow", seconds=60)
        waiting = asyncio.create_task(rest.get("/sports"))

        async def status(wanted: int) -> bool:
            last = (await sim.control.requests())[-1]
            return bool(last["path"] == "/sports" and last["status"] == wanted)

        await eventually(lambda: status(0))
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        await eventually(lambda: status(499))


async def test_malformed_answers_are_no_answers(start: Start) -> None:
    sim = await start(rate=0)
    async with client(sim) as rest, Rest(sim.base_url, lambda: "demo-key") as bridge:
        await sim.control.fault("rest-malformed", path="/leagues", times=6)
        seen = set()
        for _ in range(6):
            answer = await rest.get("/leagues")
            assert answer.status == 200
            seen.add(answer.body)
        assert len(seen) == 6
        await sim.control.fault("rest-malformed", path="/leagues", times=6)
        for _ in range(6):
            with pytest.raises(UpstreamError, match="not"):
                _ = [page async for page in bridge.pages("/leagues", type=dict[str, Any])]
        assert [page async for page in bridge.pages("/leagues", type=dict[str, Any])]


@pytest.mark.parametrize("paging", ["has_more", "cursor"])
@pytest.mark.parametrize("effect", ["missed", "doubled"])
async def test_a_page_shifts_so_that_one_fixture_is_missed_or_comes_twice(
    start: Start, effect: str, paging: str
) -> None:
    sim = await start(rate=0, fixtures=25, paging=paging)
    query = [("sport", "basketball"), ("limit", "10")]
    async with Rest(sim.base_url, lambda: "demo-key") as bridge:

        async def listed() -> list[str]:
            return [row["id"] async for page in bridge.pages("/fixtures/active", query) for row in page]

        every = await listed()
        assert len(set(every)) == len(every) == 50
        await sim.control.fault("shift", path="/fixtures/active", effect=effect, at=3, times=1)
        shifted = await listed()
        if effect == "missed":
            assert shifted == [*every[:20], *every[21:]]
        else:
            assert shifted == [*every[:20], *every[19:]]
        assert await listed() == every


async def test_empty_unlicensed_and_half_missing_answers(start: Start) -> None:
    sim = await start(rate=0, paging="cursor", fixtures=60)
    async with client(sim) as rest:
        ids = await some_ids(rest)
        await sim.control.fault("empty", path="/fixtures/active", times=1)
        nothing = await rest.get("/fixtures/active", sport="basketball")
        assert nothing.json == {"data": [], "page": 1, "has_more": False, "cursor": None}

        await sim.control.fault("unlicensed", sport="basketball")
        refused = await rest.get("/fixtures/odds", sportsbook="Pinnacle", fixture_id=ids)
        assert (refused.status, refused.json) == (400, {"error": "not enabled for your API key"})
        await sim.control.clear_faults()

        async def books() -> dict[str, int]:
            answer = await rest.get("/fixtures/odds", sportsbook=US_BOOKS, fixture_id=ids)
            odds = [odd for f in answer.data for odd in f["odds"]]
            return {book: sum(o["sportsbook"] == book for o in odds) for book in US_BOOKS}

        whole = await books()
        await sim.control.fault("half-board", sportsbook="betmgm", times=1)
        assert await books() == {**whole, "BetMGM": 0}
        await sim.control.fault("half-board", times=1)
        assert await books() == {**whole, "DraftKings": 0}
        await sim.control.fault("half-board", p=0.5, times=1)
        half = await books()
        assert all(0.3 * whole[b] < half[b] < 0.7 * whole[b] for b in US_BOOKS)
        assert await books() == whole


@pytest.mark.parametrize(("rate", "life"), [(4000.0, 10), (20_000.0, 300)])
async def test_a_stale_snapshot_is_the_board_as_it_was(start: Start, rate: float, life: int) -> None:
    """Also at the rate at which a channel emits from its pool."""
    sim = await start(rate=rate, life=life, pool_odds=2000, history_s=3600)

    async def snapshot(rest: Client) -> dict[str, Any]:
        return {i: essence(o) for i, o in (await rest.open_odds("basketball", US_BOOKS)).items()}

    async with client(sim) as rest:
        boards = [await snapshot(rest)]
        moments = [time.time()]
        async with reading(sim, sportsbook=US_BOOKS) as reader:
            for _ in range(2):
                await sim.control.resume()
                await reader.entries_until(len(reader.entries) + 80)
                await sim.control.pause()
                boards.append(await snapshot(rest))
                moments.append(time.time())
        assert boards[0] != boards[1] != boards[2]
        for board, moment in zip(boards, moments, strict=True):
            await sim.control.fault("stale", moment=moment)
            assert await snapshot(rest) == board
            await sim.control.clear_faults()
        # Older than everything is as it began.
        await sim.control.fault("stale", path="/fixtures/active", seconds=3000)
        await sim.control.fault("stale", path="/fixtures/odds", seconds=3000)
        assert await snapshot(rest) == boards[0]
        await sim.control.clear_faults()
        assert await snapshot(rest) == boards[2]


async def test_a_fault_that_could_never_happen_is_refused(start: Start) -> None:
    sim = await start(rate=0)
    for kind, fields, sentence in (
        ("tear", {"path": "/sports"}, "REST"),
        ("stale", {"channel": "odds-basketball-000000"}, "no channel"),
        ("stale", {"path": "/sport"}, "path must be one of"),
    ):
        with pytest.raises(ControlError, match=sentence):
            await sim.control.fault(kind, **fields)
    assert await sim.control.faults() == []


async def test_unsent_entries_are_those_that_no_connection_was_sent(start: Start) -> None:
    sim = await start(rate=300)
    async with reading(sim) as reader:
        await reader.entries_until(10)
        await sim.control.fault("tear", inside=True)
        await reader.to_end()
    [channel] = await sim.control.channels()
    got = len(reader.entries)

    async def more() -> bool:
        return bool((await sim.control.channels())[0]["made"] > channel["made"] + 20)

    await eventually(more)
    await sim.control.pause()
    log = await sim.control.log(channel["id"])
    unsent = await sim.control.unsent(channel["id"])
    # What arrived was sent, and what was emitted while nobody was there was not.
    assert {e.entry_id for e in reader.entries} == {e.entry_id for e in log if e.ordinal not in set(unsent)}
    assert unsent == list(range(got, len(log)))

    # A replay sends them after all; what is injected counts too.
    async with reading(sim, last_entry_id=reader.entries[-1].entry_id) as again:
        await again.entries_until(len(log) - got)
        assert await sim.control.unsent(channel["id"]) == []
        await sim.control.emit("odds", json.dumps({"data": [], "entry_id": "@entry_id@"}))
        await again.entries_until(len(log) - got + 1)
        assert await sim.control.unsent(channel["id"]) == []
    await sim.control.emit("odds", "{}")

    async def gone() -> bool:
        return not (await sim.control.channels())[0]["clients"]

    await eventually(gone)
    await sim.control.emit("odds", "{}")
    assert (await sim.control.unsent(channel["id"]))[-1] == len(log) + 2
