"""The values that are the bridge's own, as they stand in Kafka, are as docs/schemas says."""

from collections.abc import Mapping
from pathlib import Path

from bridge.demo.kafka import EmbeddedKafka
from bridge.simulator.control import SimulatorControl
from bridge.simulator.options import SimulatorOptions
from bridge.simulator.server import Simulator
from tests.support.bridge import Bridge, toml
from tests.support.reader import read
from tests.support.schemas import problems
from tests.support.waiting import until

STREAMS: list[Mapping[str, object]] = [
    {"name": "nba", "feed": "odds", "sport": "basketball", "sportsbook": ["DraftKings"]},
    {"name": "scores", "feed": "results", "sport": "soccer"},
]


REASONS = {"malformed", "no-odd-id", "no-fixture-id", "too-large"}


async def test_checkpoints_claims_and_dead_letters_are_as_their_schemas_say(
    kafka: EmbeddedKafka, unique: str, tmp_path: Path
) -> None:
    async with Simulator(SimulatorOptions(rate=400.0)) as simulator, SimulatorControl(simulator.base_url) as control:
        config = toml(
            simulator.base_url,
            kafka.bootstrap_servers,
            unique,
            STREAMS,
            kafka={"shards": 2},
            upstream={"max_event_bytes": 200_000},
        )
        async with Bridge(tmp_path, config) as bridge:
            await bridge.start()
            for kind in ("malformed", "no-odd-id", "no-id", "unknown"):
                await control.fault(kind)
            await control.fault("oversized", bytes=300_000)
            await control.emit("odds", '{"data":[{"id":5}],"entry_id":"@entry_id@"}')
            await control.emit("fixture-results", '{"data":{"score":1},"entry_id":"@entry_id@"}')

            async def reasons() -> set[str]:
                told = [name for name, n in (await bridge.metrics()).items() if "_dead_letters_total" in name and n]
                return {reason for reason in REASONS if any(f'"{reason}"' in name for name in told)}

            await until(reasons, lambda found: found == REASONS, within=60, what="a dead letter of each form")
            assert await bridge.stop() == 0
    prefix = f"{unique}."
    own = await read(kafka.bootstrap_servers, prefix, topics=["checkpoints"])
    letters = await read(kafka.bootstrap_servers, prefix, topics=["dead-letters"])
    assert {record.key for record in own} == {"!claim", "nba", "scores"}
    assert {record.key for record in letters} == {"nba", "scores"}
    for record in own:
        assert problems("claim" if record.key == "!claim" else "checkpoint", record.value) == []
    for record in letters:
        assert problems("dead-letter", record.value) == []
