"""`continuity = "announce"`: gaps are told, nothing is fetched, and there is no state."""

from collections import Counter
from pathlib import Path

from bridge.demo.kafka import EmbeddedKafka
from bridge.simulator.options import SimulatorOptions
from tests.support.continuity_scene import odds, other, scene

STREAMS = [
    odds("nba", "basketball", "DraftKings", league=["NBA"]),
    other("pilot", "copilot", "baseball"),
    other("results", "results", "soccer"),
]


async def test_gaps_are_told_and_nothing_is_fetched(kafka: EmbeddedKafka, unique: str, tmp_path: Path) -> None:
    options = SimulatorOptions(rate=60.0, results_rate=20.0, replay="none")
    announce = {"continuity": "announce", "audit_minutes": 0.02, "source_silent_s": 1.0}
    async with scene(kafka, unique, tmp_path, STREAMS, options=options, upstream=announce, start=False) as running:
        await running.bridge.start()
        await running.control.fault("drop")
        for stream in STREAMS:
            told = await running.until_told(stream["name"], "gap")
            assert told["reason"] == "torn"
        await running.until_told("nba", "alive", after=len(running.told.events["nba"]))
        await running.pause()
        await running.follow_logs()
        assert await running.bridge.stop() == 0
        await running.read()
        assert await running.control.requests() == []
        assert not running.told.state
        assert not running.told.made_up
        for stream in STREAMS:
            name = stream["name"]
            told = Counter(event["event"] for event in running.told.events[name])
            assert told.keys() <= {"up", "down", "gap", "alive"}
            assert told["gap"] == 1
            assert not any(event["reconciled"] for event in running.told.of(name, "alive"))
        running.assert_nothing_doubled()
        gap_ms = running.told.of("nba", "gap")[0]["at_ms"]
        quotes = [quote for quote in running.told.log_book.active(feed="odds") if quote.received_ms <= gap_ms]
        assert quotes
        assert all(quote.why for quote in quotes), "what came before the gap can't be vouched for"
