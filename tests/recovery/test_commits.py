"""Commits that fail, hang or are fenced by a broker-side time-out, while upstream replays nothing."""

import json
from collections import Counter
from collections.abc import Callable
from itertools import pairwise, product
from pathlib import Path

import pytest

from bridge.demo.kafka import EmbeddedKafka
from bridge.simulator.options import SimulatorOptions
from bridge.simulator.server import Simulator
from tests.support.bridge import Bridge, toml
from tests.support.faulty import FAULTS
from tests.support.oracle import assert_ordered, assert_same, emitted, published
from tests.support.reader import read
from tests.support.upstream import all_read, assert_one_connect
from tests.support.waiting import until

Tell = Callable[[str], None]

pytestmark = pytest.mark.kafka

NBA = {"name": "nba", "feed": "odds", "sport": "basketball", "sportsbook": ["DraftKings", "FanDuel"]}


def every_order(names: list[str]) -> list[str]:
    """A walk in which each name follows each, itself included: 1 + n² faults."""
    walk = [names[0]]
    left = Counter(product(names, names))
    while left:
        # Going back to the start only where nothing else is left visits every pair (Fleury, on a complete graph).
        after = next(name for name in [*names[1:], names[0]] if (walk[-1], name) in left)
        del left[walk[-1], after]
        walk.append(after)
    return walk


async def test_no_order_of_failed_commits_costs_an_entry_or_a_connection(
    own: EmbeddedKafka, unique: str, tmp_path: Path, tell: Tell
) -> None:
    faults = every_order(list(FAULTS))
    assert len(set(pairwise(faults))) == len(FAULTS) ** 2
    plan = {"FAULTS": json.dumps({"faults": faults, "timeout_ms": 500})}
    async with Simulator(SimulatorOptions(rate=800.0, replay="none")) as simulator:
        config = toml(simulator.base_url, own.bootstrap_servers, unique, [NBA], kafka={"transaction_timeout_ms": 1500})
        async with Bridge(tmp_path, config, module="tests.support.faulty", environment=plan) as bridge:
            await bridge.start()

            async def left() -> int:
                told = [line["left"] for line in bridge.lines() if line.get("event") == "fault"]
                return min(told, default=len(faults))

            await until(left, lambda n: n == 0, within=100, what="all faults happened")
            await all_read(simulator.control, bridge)
            await until(
                lambda: bridge.sum("oddsbridge_buffer_bytes"), lambda n: n == 0, within=30, what="all committed"
            )
            await assert_one_connect(simulator.control, bridge)
            happened = Counter(faults)
            by_reason = {
                reason: await bridge.sum("oddsbridge_recoveries_total", f'reason="{reason}"')
                for reason in ("fenced", "deadline", "error")
            }
            by_outcome = {
                outcome: await bridge.sum("oddsbridge_transactions_total", f'outcome="{outcome}"')
                for outcome in ("committed", "found-committed", "not-committed")
            }
            tell(f"{len(faults)} faults: recoveries {by_reason}, transactions {by_outcome}")
            assert await bridge.stop() == 0
        logs = await simulator.control.logs()
    records = await read(own.bootstrap_servers, f"{unique}.")
    assert_same(emitted(logs), published(records))
    assert_ordered(records)
    assert by_reason["fenced"] >= happened["fenced"]
    assert by_reason["deadline"] >= happened["hangs"] + happened["late"]
    assert by_reason["error"] >= happened["lost"] + happened["unsent"] + happened["delivery"]
    assert by_outcome["found-committed"] >= happened["lost"] + happened["late"]
    assert by_outcome["not-committed"] >= len(faults) - happened["lost"] - happened["late"]
