"""Make before break: upstream ends every session, replays nothing, and nothing is missed."""

import asyncio
import time
from collections import Counter
from pathlib import Path
from typing import Any

from bridge.demo.kafka import EmbeddedKafka
from bridge.simulator.channel import Channel
from bridge.simulator.options import SimulatorOptions
from bridge.simulator.scope import Scope
from bridge.simulator.server import Simulator
from tests.support.continuity_scene import SOON, Scene, odds, other, scene
from tests.support.waiting import until

CHANGES = 48
STREAMS = [
    odds("nba", "basketball", "DraftKings", "FanDuel"),
    odds("nfl", "football", "Pinnacle"),
    odds("soccer", "soccer", "Bet365", "Betano"),
    other("results", "results", "soccer"),
    other("pilot", "copilot", "baseball"),
    other("tennis-pilot", "copilot", "tennis"),
    odds("quiet", "politics", "Kalshi"),
]


async def connects(running: Scene, stream: str) -> list[dict[str, Any]]:
    """Attempts to connect of one stream."""
    wanted = next(s for s in running.streams if s["name"] == stream)
    rows = await running.control.connects()
    return [row for row in rows if (row["feed"], row["sport"]) == (wanted["feed"], wanted["sport"])]


async def stall_often(running: Scene) -> None:
    """Now and then what upstream sends on the connections that are there comes later than on the next ones."""
    await running.control.fault("slow-connect", seconds=0.4)
    while True:
        await running.control.fault("stall", seconds=0.7)
        await asyncio.sleep(1.2)


async def test_dropped_sessions_cost_nothing(kafka: EmbeddedKafka, unique: str, tmp_path: Path) -> None:
    """Sessions end at a random age, as upstream's do after 25 to 30 minutes; one stream has nothing to say."""
    options = SimulatorOptions(rate=90.0, results_rate=8.0, replay="none")
    renewing, patches = {"renew_after_s": 2.0}, {**SOON, "bridge.continuity.handover.QUIET_S": 3.0}
    async with scene(
        kafka, unique, tmp_path, STREAMS, options=options, upstream=renewing, patches=patches, start=False
    ) as running:
        await running.control.fault("max-age", min_s=12, max_s=16)
        await running.bridge.start()
        await running.until_settled()
        await running.control.pause(sport="politics")
        made_up = len((await running.read()).made_up)
        stalls = asyncio.create_task(stall_often(running))

        async def changes() -> int:
            return len(await running.control.connects()) - len(STREAMS)

        try:
            await until(changes, lambda n: n >= CHANGES, within=100, what=f"{CHANGES} changes of connections")
        finally:
            stalls.cancel()
        assert len(await connects(running, "quiet")) > 1
        await running.control.resume()
        await running.until_told("quiet", "alive", after=len(running.told.events["quiet"]))
        await running.still()
        assert await running.bridge.stop() == 0
        await running.read()
        running.assert_nothing_lost()
        for stream in STREAMS:
            assert await running.control.unsent(await running.channel(stream["name"])) == []
        for name, events in running.told.events.items():
            told = Counter(event["event"] for event in events)
            assert not {"gap", "refused"} & told.keys(), f"{name}: {told}"
            assert [event["reason"] for event in events if event["event"] == "down"] == ["stopped"]
            assert told["up"] == 1
        assert len(running.told.made_up) == made_up
        under_way = {0, 499}  # when the bridge was told to end, upstream being slow to answer
        assert {row["status"] for row in await running.control.connects()} <= {200} | under_way


class Strangers:
    """Gives each further connection of a sport a channel of its own, whose ids are those of an hour ago."""

    def __init__(self, simulator: Simulator, sport: str) -> None:
        world = simulator._streams._world
        plain, self.count = world.channel, 0

        def channel(scope: Scope, now: float) -> tuple[Channel, bool]:
            found, is_new = plain(scope, now)
            if scope.sport != sport or not found.readers:
                return found, is_new
            self.count += 1
            stranger = Channel(scope, world, simulator.options, world._faults)
            stranger.id = f"stranger-{self.count}"
            world.channels[stranger.id] = stranger
            stranger.now = lambda: time.time() - 3600  # type: ignore[method-assign]
            return stranger, True

        world.channel = channel  # type: ignore[method-assign]


async def test_no_second_connection_where_upstream_wants_none(
    kafka: EmbeddedKafka, unique: str, tmp_path: Path
) -> None:
    """After three second connections in a row that were refused, or had other ids, none is opened any more."""
    streams = [
        odds("refused", "basketball", "DraftKings"),
        odds("foreign", "tennis", "Pinnacle"),
        odds("fine", "soccer", "Bet365"),
    ]
    patches = {"bridge.stream.RENEW_AGAIN_S": 0.5, "bridge.continuity.handover.FOREIGN_S": 0.5}
    options = SimulatorOptions(rate=60.0, replay="none")
    async with scene(
        kafka, unique, tmp_path, streams, options=options, upstream={"renew_after_s": 2.0}, patches=patches
    ) as running:
        channels = {stream["name"]: await running.channel(stream["name"]) for stream in streams}
        await running.fault("refused", "refuse", status=503)
        strangers = Strangers(running.simulator, "tennis")

        async def given_up() -> set[str]:
            lines = running.bridge.lines()
            return {line["stream"] for line in lines if line["event"].startswith("no second connection any more")}

        await until(given_up, lambda names: names == {"refused", "foreign"}, within=60, what="both given up")
        assert strangers.count == 3
        before = {name: len(await connects(running, name)) for name in ("refused", "foreign", "fine")}
        assert [row["status"] for row in await connects(running, "refused")][-3:] == [503, 503, 503]

        async def more() -> int:
            return len(await connects(running, "fine")) - before["fine"]

        await until(more, lambda n: n >= 3, within=60, what="three changes of the stream that is left alone")
        assert len(await connects(running, "refused")) == before["refused"]
        assert len(await connects(running, "foreign")) == before["foreign"]
        for name, outcome in (("refused", "failed"), ("foreign", "foreign")):
            labels = (f'stream="{name}"', f'outcome="{outcome}"')
            assert await running.bridge.sum("oddsbridge_renewals_total", *labels) == 3
        await running.equal()
        for stream in streams:
            assert not running.told.of(stream["name"], "gap")
            assert await running.control.unsent(channels[stream["name"]]) == []
