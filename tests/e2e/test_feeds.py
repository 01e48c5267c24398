"""Each feed, from the simulator through the real daemon into a real Kafka."""

from collections.abc import Mapping
from pathlib import Path

from bridge.demo.kafka import EmbeddedKafka
from bridge.simulator.control import SimulatorControl
from bridge.simulator.options import SimulatorOptions
from bridge.simulator.server import Simulator
from tests.support.bridge import Bridge, toml
from tests.support.oracle import assert_ordered, assert_same, emitted, published
from tests.support.reader import read
from tests.support.waiting import until

STREAMS: list[Mapping[str, object]] = [
    {"name": "nba", "feed": "odds", "sport": "basketball", "sportsbook": ["DraftKings", "FanDuel"]},
    {"name": "scores", "feed": "results", "sport": "basketball"},
    {"name": "pilot", "feed": "copilot", "sport": "basketball"},
]


async def test_every_feed_arrives_once_in_order_and_verbatim(kafka: EmbeddedKafka, unique: str, tmp_path: Path) -> None:
    async with Simulator(SimulatorOptions(rate=800.0, limit=400)) as simulator:
        config = toml(simulator.base_url, kafka.bootstrap_servers, unique, STREAMS)
        async with Bridge(tmp_path, config) as bridge, SimulatorControl(simulator.base_url) as control:
            await bridge.start()
            await until(control.channels, lambda rows: all(row["ended"] for row in rows), within=30, what="the end")
            logs = await control.logs()
            entries = sum(len(log) for log in logs.values())

            async def received() -> float:
                return await bridge.sum("oddsbridge_entries_total")

            await until(received, lambda n: n >= entries, within=15, what="all entries received")
            assert await bridge.stop() == 0
    records = await read(kafka.bootstrap_servers, f"{unique}.")
    assert_same(emitted(logs), published(records))
    assert_ordered(records)
    by_event = {record.headers["event"] for record in records}
    assert {"odds", "locked-odds", "fixture-results", "copilot-odds", "copilot-locked-odds"} <= by_event
    for record in records:
        assert record.topic == f"{unique}.{record.headers['event']}"
        assert record.headers["origin"] == "stream"
        assert record.headers["stream"] in {"nba", "scores", "pilot"}
        assert record.headers["order"] == f"{record.headers['entry_id']}-0"
        assert ("odds_format" in record.headers) == (record.headers["event"] in {"odds", "locked-odds"})
