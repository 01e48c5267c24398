"""How long readers wait after the bridge has ended, in whatever way, at full rate."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from bridge.demo.kafka import EmbeddedKafka
from bridge.simulator.options import SimulatorOptions
from bridge.simulator.server import Simulator
from tests.support.bridge import Bridge, toml
from tests.support.offsets import held_back
from tests.support.oracle import assert_ordered, assert_same, emitted, published
from tests.support.reader import read
from tests.support.upstream import SimulatorProcess, all_read
from tests.support.waiting import until

pytestmark = pytest.mark.kafka

Tell = Callable[[str], None]

NBA = {"name": "nba", "feed": "odds", "sport": "basketball", "sportsbook": ["DraftKings", "FanDuel"]}
PILOT = {"name": "pilot", "feed": "copilot", "sport": "basketball"}
TIMEOUT_MS = 3_000
TRIES = 8
"""Times that a kill or a stop may miss an open transaction."""


def config_of(simulator: SimulatorProcess, own: EmbeddedKafka, unique: str) -> str:
    return toml(
        simulator.base_url,
        own.bootstrap_servers,
        unique,
        [NBA, PILOT],
        kafka={"transaction_timeout_ms": TIMEOUT_MS, "buffer_bytes": 4 * 2**20},
    )


async def flows(bridge: Bridge) -> None:
    """Wait until both streams have committed something: before that there is nothing to resume from."""

    async def least() -> float:
        return min([await bridge.sum("oddsbridge_records_total", f".{feed}odds") for feed in ("", "copilot-")])

    await until(least, lambda n: n > 1_000, within=60, what="records flow")


async def test_after_sigterm_and_after_a_kill_at_full_rate_readers_go_on_and_nothing_is_lost_or_doubled(
    own: EmbeddedKafka, unique: str, tmp_path: Path, tell: Tell
) -> None:
    clock = asyncio.get_running_loop().time
    async with SimulatorProcess("--rate", "max") as simulator:
        async with Bridge(tmp_path, config_of(simulator, own, unique)) as bridge:
            await bridge.start()
            await flows(bridge)
            began = clock()
            assert await bridge.stop() == 0
            ended = clock()
            assert await held_back(own.bootstrap_servers, f"{unique}.") == []
            tell(f"SIGTERM at full rate: ended after {ended - began:.2f} s, and no reader has to wait")

            for _ in range(TRIES):
                await bridge.start()
                await flows(bridge)
                await bridge.kill()
                killed = clock()
                held = await held_back(own.bootstrap_servers, f"{unique}.")
                if held:
                    break
            assert held, "no kill hit an open transaction"
            await until(
                lambda: held_back(own.bootstrap_servers, f"{unique}."),
                lambda left: not left,
                within=60,
                what="readers go on without a restart",
            )
            assert clock() - killed < TIMEOUT_MS / 1000 + 15, "the transaction's time-out, and the broker's look for it"
            tell(
                f"SIGKILL with {len(held)} partitions in an open transaction and no restart: readers go on after "
                f"{clock() - killed:.1f} s (transaction time-out {TIMEOUT_MS / 1000:g} s)"
            )

            await bridge.start()
            await flows(bridge)
            await all_read(simulator.control, bridge)
            assert await bridge.stop() == 0
        logs = await simulator.control.logs()
    records = await read(own.bootstrap_servers, f"{unique}.")
    assert_same(emitted(logs), published(records))
    assert_ordered(records)


async def test_a_drain_that_is_too_late_leaves_no_open_transaction_either(
    own: EmbeddedKafka, unique: str, tmp_path: Path, tell: Tell
) -> None:
    faults = [*["none"] * 5, "hangs"]
    plan = {"FAULTS": json.dumps({"faults": faults, "timeout_ms": 600_000})}
    async with Simulator(SimulatorOptions(rate=500.0)) as simulator:
        config = toml(
            simulator.base_url,
            own.bootstrap_servers,
            unique,
            [NBA],
            kafka={"transaction_timeout_ms": 600_000},  # so nobody but the bridge ends what is open
            process={"drain_s": 0.5},
        )
        async with Bridge(tmp_path, config, module="tests.support.faulty", environment=plan) as bridge:
            await bridge.start()

            async def happened() -> int:
                return sum(line.get("event") == "fault" for line in bridge.lines())

            await until(happened, lambda n: n == len(faults), within=60, what="a commit hangs")
            assert await held_back(own.bootstrap_servers, f"{unique}.")
            assert await bridge.stop() == 1
            assert await held_back(own.bootstrap_servers, f"{unique}.") == []
            said = [line for line in bridge.text.splitlines() if line.startswith("oddsbridge: ")]
            assert len(said) == 1
            assert "could not be committed within 0.5 s" in said[0]
            tell(f"a drain that is too late: {said[0]}")
            bridge.environment["FAULTS"] = json.dumps({"faults": [], "timeout_ms": 600_000})
            await bridge.start()  # what the drain left out is asked for again
            await until(
                lambda: bridge.sum("oddsbridge_records_total"), lambda n: n > 500, within=60, what="records flow"
            )
            await all_read(simulator.control, bridge)
            assert await bridge.stop() == 0
        logs = await simulator.control.logs()
    records = await read(own.bootstrap_servers, f"{unique}.")
    assert_same(emitted(logs), published(records))
    assert_ordered(records)
