"""Delivery at least once: killed and stalled, nothing is lost, and what comes twice is bounded and counted."""

import asyncio
from functools import partial
from pathlib import Path

from bridge.demo.kafka import EmbeddedKafka
from bridge.simulator.control import SimulatorControl
from bridge.simulator.options import SimulatorOptions
from bridge.simulator.server import Simulator
from tests.support.bridge import Bridge, toml
from tests.support.oracle import emitted, published
from tests.support.reader import read
from tests.support.upstream import all_read
from tests.support.waiting import until

KILLS = 6
RATE = 1_500.0
RECOVERIES = "oddsbridge_recoveries_total"
RESENT = "oddsbridge_records_resent_total"
STREAM = {"name": "nba", "feed": "odds", "sport": "basketball", "sportsbook": ["DraftKings", "FanDuel"]}


async def test_kills_and_a_stall_lose_nothing_and_double_little(
    kafka: EmbeddedKafka, unique: str, tmp_path: Path
) -> None:
    own = {"delivery": "at-least-once", "transaction_timeout_ms": 2_000}  # a round's deadline follows from it
    async with Simulator(SimulatorOptions(rate=RATE, retry_ms=50)) as simulator:
        config = toml(simulator.base_url, kafka.bootstrap_servers, unique, [STREAM], kafka=own)
        async with Bridge(tmp_path, config) as bridge, SimulatorControl(simulator.base_url) as control:
            for _ in range(KILLS):
                await bridge.start()
                await _flowing(bridge)
                await bridge.kill()
            await bridge.start()
            await _flowing(bridge)
            await asyncio.to_thread(kafka.pause)
            try:
                await until(partial(bridge.sum, RECOVERIES), bool, within=30, what="a round that ran out of time")
            finally:
                await asyncio.to_thread(kafka.resume)
            await all_read(control, bridge)
            logs = await control.logs()
            again = await bridge.sum(RESENT)
            assert await bridge.stop() == 0
    expected = emitted(logs)
    found = published(await read(kafka.bootstrap_servers, f"{unique}."))
    assert not expected - found, "lost"
    assert set(found) == set(expected), "something that upstream never sent"
    doubled = (found - expected).total()
    assert doubled <= KILLS * RATE + again, "more than a second's worth a kill, and what was counted as sent again"


async def _flowing(bridge: Bridge) -> None:
    await until(lambda: bridge.sum("oddsbridge_records_total"), lambda n: n > 300, within=30, what="records flow")
