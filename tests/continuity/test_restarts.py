"""Ends and starts: what was published is read back, what is owed is owed still, and a person may ask for a look."""

import signal
from pathlib import Path

from bridge.demo.kafka import EmbeddedKafka
from bridge.simulator.options import SimulatorOptions
from tests.support.continuity_scene import SOON, Scene, odds, other, scene
from tests.support.outage import Outage
from tests.support.replays import Replay, Replays
from tests.support.waiting import until

STREAMS = [
    odds("nba", "basketball", "DraftKings", "FanDuel"),
    odds("soccer", "soccer", "Bet365"),
    other("pilot", "copilot", "baseball"),
]


async def snapshots(running: Scene) -> int:
    """REST requests so far."""
    return len(await running.control.requests())


async def known(running: Scene) -> dict[str, float]:
    """How many odds the bridge knows, by stream."""
    metrics = await running.bridge.metrics()
    return {s["name"]: metrics[f'oddsbridge_known_odds{{stream="{s["name"]}"}}'] for s in running.streams}


async def test_a_restart_reads_back_what_was_published(kafka: EmbeddedKafka, unique: str, tmp_path: Path) -> None:
    """With a replay nothing is asked of the snapshot and nothing is published twice; then a person wants a look."""
    options = SimulatorOptions(rate=60.0, replay="full")
    async with scene(kafka, unique, tmp_path, STREAMS, options=options, patches=SOON) as running:
        await running.until_settled()
        await running.equal()
        for end in ("stop", "kill"):
            await running.still()
            odds_before, asked, made_up = await known(running), await snapshots(running), len(running.told.made_up)
            await running.control.resume()
            await getattr(running.bridge, end)()
            await running.bridge.start()

            async def proven() -> float:
                return await running.bridge.sum("oddsbridge_replay_total", 'outcome="proven"')

            await until(proven, lambda n: n == len(STREAMS), within=30, what="proven replays")
            odds_now = await known(running)
            assert all(odds_now[name] >= n > 300 for name, n in odds_before.items())
            await running.still()
            assert await snapshots(running) == asked
            assert len(running.told.made_up) == made_up
            assert not [event for events in running.told.events.values() for event in events if event["event"] == "gap"]
            await running.control.resume()
        running.bridge.signal(signal.SIGUSR1)
        for stream in STREAMS:
            told = await running.until_told(stream["name"], "reconciled", cause="demand")
            assert told["same"] > 300
            assert told["new"] == told["changed"] == told["locked"] == told["unlocked"] == 0
        assert await snapshots(running) > asked
        await running.still()
        running.assert_nothing_lost()


async def test_a_kill_in_the_middle_of_a_repair(kafka: EmbeddedKafka, unique: str, tmp_path: Path) -> None:
    """The snapshot is slow, and the bridge is killed while it comes; the next start begins the repair again."""
    options = SimulatorOptions(rate=60.0)
    async with scene(kafka, unique, tmp_path, STREAMS, options=options, patches=SOON) as running:
        replays = Replays(running.simulator)
        replays.default = Replay("none")
        await running.until_settled()
        await running.still()
        outage = Outage(running, {stream["name"]: Replay("none") for stream in STREAMS})
        await outage.begin()
        await running.control.fault("rest-slow", path="/fixtures/odds", seconds=1.5, inside=True)
        await running.control.fault("rest-slow", path="/copilot/fixtures/odds", seconds=1.5, inside=True)
        asked = await snapshots(running)
        await running.control.resume()
        await running.control.fault("drop")
        for stream in STREAMS:
            await running.until_told(stream["name"], "gap")

        async def answered() -> set[str]:
            rows = (await running.control.requests())[asked:]
            return {row["path"] for row in rows if row["path"].endswith("odds") and row["status"] == 200}

        await until(answered, lambda paths: len(paths) == 2, within=30, what="a part of the snapshots had")
        await running.bridge.kill()
        await running.control.clear_faults()
        replays.default = Replay("full")  # so that it is what was owed, and no new gap, that asks for a repair
        await running.bridge.start()
        for stream in STREAMS:
            await running.until_told(stream["name"], "reconciled", after=outage.events(stream["name"]), cause="gap")
        await running.still()
        for stream in STREAMS:
            assert len(running.told.of(stream["name"], "gap")) == 1
            await outage.account(stream["name"])
