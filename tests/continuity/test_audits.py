"""Audits: nothing is found in normal running; what drifted without anybody's noticing is found, told and mended."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp

from bridge.demo.kafka import EmbeddedKafka
from bridge.simulator.options import SimulatorOptions
from tests.support.bridge import KEY
from tests.support.continuity_scene import SOON, Scene, odds, other, scene
from tests.support.waiting import until

STREAMS = [
    odds("nba", "basketball", "DraftKings", "FanDuel"),
    odds("soccer", "soccer", "Bet365"),
    other("pilot", "copilot", "baseball"),
]


@asynccontextmanager
async def watched(running: Scene, path: str) -> AsyncIterator[None]:
    """Somebody else reads another channel of the same board, which therefore moves it."""

    async def read() -> None:
        headers = {"X-Api-Key": KEY}
        timeout = aiohttp.ClientTimeout(total=None)
        async with (
            aiohttp.ClientSession(headers=headers, timeout=timeout) as session,
            session.get(running.simulator.base_url + path) as answer,
        ):
            async for _ in answer.content.iter_any():
                pass

    reading = asyncio.create_task(read())
    try:
        yield
    finally:
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)


async def audits(running: Scene) -> float:
    """The least number of audits that a stream has had."""
    metrics = await running.bridge.metrics()
    name = 'oddsbridge_reconciles_total{{reason="audit",stream="{}"}}'
    return min(metrics[name.format(stream["name"])] for stream in STREAMS)


async def uncounted(running: Scene) -> dict[str, tuple[float, int]]:
    """By stream, what is counted as drift and what is told, where these differ."""
    await running.read()
    found = {}
    for stream in STREAMS:
        events = running.told.of(stream["name"], "drift")
        told = sum(event[kind] for event in events for kind in ("new", "changed", "locked", "unlocked"))
        counted = await running.bridge.sum("oddsbridge_drift_total", f'stream="{stream["name"]}"')
        if counted != told:
            found[stream["name"]] = counted, told
    return found


async def test_an_audit_finds_a_drift_and_nothing_else(kafka: EmbeddedKafka, unique: str, tmp_path: Path) -> None:
    """The drift: while upstream's channel says nothing, another one moves the board. No connection ever ends."""
    options = SimulatorOptions(rate=60.0, replay="none")
    often = {"audit_minutes": 0.03}
    async with scene(kafka, unique, tmp_path, STREAMS, options=options, upstream=often, patches=SOON) as running:
        await running.until_settled()
        made_up = len((await running.read()).made_up)
        await until(lambda: audits(running), lambda n: n >= 5, within=60, what="five audits of each stream")
        await running.equal()
        assert await running.bridge.sum("oddsbridge_drift_total") == 0
        assert len(running.told.made_up) == made_up

        nba = await running.channel("nba")
        await running.control.pause(channel=nba)
        before = await running.board()
        async with watched(running, "/stream/odds/basketball?sportsbook=DraftKings&league=NBA"):

            async def moved() -> int:
                now = await running.board()
                return sum(before.get(key) != now.get(key) for key in before.keys() | now.keys())

            await until(moved, lambda n: n >= 20, within=60, what="a board that has moved on")
        others = [row["id"] for row in await running.control.channels() if row["feed"] == "odds" and row["id"] != nba]
        await asyncio.gather(*(running.control.pause(channel=channel) for channel in others))
        told = await running.until_told("nba", "drift")
        assert sum(told[kind] for kind in ("new", "changed", "locked", "unlocked")) > 0
        await running.control.pause()
        await running.until_equal(within=60)
        await until(lambda: uncounted(running), lambda names: not names, within=30, what="what is counted is told")
        for stream in STREAMS:
            name = stream["name"]
            assert bool(running.told.of(name, "drift")) == (name == "nba")
            assert not running.told.of(name, "gap")
