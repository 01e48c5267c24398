"""The end that doesn't wait: a second signal while the first one drains."""

import asyncio
import signal
from pathlib import Path

import pytest

from bridge.demo.kafka import EmbeddedKafka
from bridge.simulator.options import SimulatorOptions
from bridge.simulator.server import Simulator
from tests.support.bridge import Bridge, toml
from tests.support.waiting import until


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
async def test_a_second_signal_quits_at_once(
    kafka: EmbeddedKafka, unique: str, tmp_path: Path, number: signal.Signals, code: int
) -> None:
    stream = {"name": "nba", "feed": "odds", "sport": "basketball", "sportsbook": ["DraftKings"]}
    async with Simulator(SimulatorOptions(rate=300.0)) as simulator:
        config = toml(simulator.base_url, kafka.bootstrap_servers, unique, [stream], process={"drain_s": 300})
        async with Bridge(tmp_path, config) as bridge:
            await bridge.start()
            await asyncio.to_thread(kafka.pause)
            try:
                held = lambda: bridge.sum("oddsbridge_buffer_bytes")  # noqa: E731
                await until(held, lambda size: size > 10_000, within=30, what="something to drain that can't be")
                bridge.signal(number)

                async def draining() -> bool:
                    return any(line.get("event") == "draining" for line in bridge.lines())

                await until(draining, bool, within=30, what="the drain")
                assert bridge.process is not None
                assert bridge.process.returncode is None
                bridge.signal(number)
                assert await bridge.wait(within=30) == code
            finally:
                await asyncio.to_thread(kafka.resume)
