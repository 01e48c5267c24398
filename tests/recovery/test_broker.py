"""A broker that is killed or stands still, under load, while upstream replays nothing."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from bridge.demo.kafka import EmbeddedKafka
from bridge.simulator.options import SimulatorOptions
from bridge.simulator.server import Simulator
from tests.support.bridge import Bridge, toml
from tests.support.oracle import assert_ordered, assert_same, emitted, published
from tests.support.reader import read
from tests.support.upstream import SimulatorProcess, all_read, assert_one_connect
from tests.support.waiting import until

Tell = Callable[[str], None]

pytestmark = pytest.mark.kafka

MIB = 2**20
NBA = {"name": "nba", "feed": "odds", "sport": "basketball", "sportsbook": ["DraftKings", "FanDuel"]}
SCORES = {"name": "scores", "feed": "results", "sport": "basketball"}
BUFFER = 8 * MIB
PAUSED_S = 20


async def test_a_broker_killed_and_restarted_costs_neither_an_entry_nor_a_connection(
    own: EmbeddedKafka, unique: str, tmp_path: Path, tell: Tell
) -> None:
    async with Simulator(SimulatorOptions(rate=1_500.0, replay="none")) as simulator:
        config = toml(
            simulator.base_url, own.bootstrap_servers, unique, [NBA, SCORES], kafka={"transaction_timeout_ms": 3_000}
        )
        async with Bridge(tmp_path, config) as bridge:
            await bridge.start()
            for _ in range(2):
                before = await bridge.sum("oddsbridge_records_total")
                await until(
                    lambda: bridge.sum("oddsbridge_records_total"),
                    lambda n, before=before: n > before + 500,  # type: ignore[misc]
                    within=30,
                    what="records flow",
                )
                await asyncio.to_thread(own.kill)
                await until(
                    lambda: bridge.sum("oddsbridge_shard_state", 'state="recovering"'),
                    lambda n: n > 0,
                    within=30,
                    what="the loss was noticed",
                )
                assert not (await bridge.ready())["ready"]
                await asyncio.to_thread(own.restart)
                await bridge.until_ready(within=60)
            await all_read(simulator.control, bridge)
            await assert_one_connect(simulator.control, bridge)
            assert await bridge.sum("oddsbridge_recoveries_total") >= 2
            assert await bridge.stop() == 0
            library = [line for line in bridge.lines() if str(line["logger"]).startswith("aiokafka")]
            tell(f"{len(bridge.lines())} lines in the log, {len(library)} of them aiokafka's")
            assert not [line for line in bridge.lines() if line["logger"] == "asyncio"], "something was left behind"
            assert len(bridge.lines()) < 80, "the log was flooded while no broker answered"
        logs = await simulator.control.logs()
    records = await read(own.bootstrap_servers, f"{unique}.")
    assert_same(emitted(logs), published(records))
    assert_ordered(records)


async def test_a_broker_that_stands_still_at_full_rate_stops_reading_and_fills_no_memory(
    own: EmbeddedKafka, unique: str, tmp_path: Path, tell: Tell
) -> None:
    async with SimulatorProcess("--rate", "max", "--replay", "none") as simulator:
        config = toml(
            simulator.base_url,
            own.bootstrap_servers,
            unique,
            [NBA, SCORES],
            kafka={"buffer_bytes": BUFFER, "shards": 2},
        )
        async with Bridge(tmp_path, config) as bridge:
            await bridge.start()
            await until(
                lambda: bridge.sum("oddsbridge_records_total"), lambda n: n > 5_000, within=30, what="records flow"
            )
            own.pause()
            try:
                full = await _filled(bridge)
                entries = await bridge.sum("oddsbridge_entries_total")
                memory = await _watched(bridge.pid, PAUSED_S)
                assert await bridge.sum("oddsbridge_entries_total") == entries, "reading went on"
            finally:
                own.resume()
            grown = (max(memory) - memory[0]) / MIB
            tell(
                f"buffer {full / MIB:.1f} MiB of {BUFFER / MIB:.0f}, memory {memory[0] / MIB:.0f} MiB when full, "
                f"at most {grown:+.1f} MiB in {PAUSED_S} s"
            )
            assert full < 1.5 * BUFFER
            assert max(memory) - memory[0] < BUFFER
            await bridge.until_ready(within=60)
            await until(
                lambda: bridge.sum("oddsbridge_entries_total"), lambda n: n > entries, within=30, what="reading goes on"
            )
            await all_read(simulator.control, bridge)
            await assert_one_connect(simulator.control, bridge)
            assert await bridge.stop() == 0
        logs = await simulator.control.logs()
    records = await read(own.bootstrap_servers, f"{unique}.")
    tell(f"{len(records)} records in all")
    assert_same(emitted(logs), published(records))
    assert_ordered(records)


async def _filled(bridge: Bridge) -> float:
    """Wait until a buffer is full and stays as it is; its bytes."""
    seen: list[dict[str, float]] = []

    async def held() -> bool:
        metrics = await bridge.metrics()
        seen.append({name: value for name, value in metrics.items() if name.startswith("oddsbridge_buffer_bytes")})
        return len(seen) > 10 and max(seen[-1].values()) >= BUFFER and seen[-10:] == [seen[-1]] * 10

    await until(held, bool, within=30, what="a buffer is full")
    return max(seen[-1].values())


async def _watched(pid: int, seconds: float) -> list[int]:
    """A process's resident memory, ten times a second."""
    process = psutil.Process(pid)
    found: list[int] = []
    for _ in range(int(seconds * 10)):
        found.append(process.memory_info().rss)
        await asyncio.sleep(0.1)
    return found
