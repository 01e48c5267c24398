"""The records of a real run, each against docs/asyncapi.yaml: key, headers and value."""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from bridge.demo.kafka import EmbeddedKafka
from bridge.simulator.control import SimulatorControl
from bridge.simulator.options import SimulatorOptions
from bridge.simulator.server import Simulator
from tests.schemas.document import channels, messages, problems, undocumented_headers
from tests.support.bridge import Bridge, toml
from tests.support.reader import OWN, Seen, read
from tests.support.waiting import until

STREAMS: list[Mapping[str, object]] = [
    {"name": "nba", "feed": "odds", "sport": "basketball", "sportsbook": ["DraftKings", "Pinnacle"]},
    {"name": "scores", "feed": "results", "sport": "basketball"},
    {"name": "pilot", "feed": "copilot", "sport": "basketball"},
]
SETTLED = '{"data":[{"id":"settled:1","settlement":"Won","settled_at":""}],"entry_id":"@entry_id@"}'
STATUS = (
    '{"data":{"data":{"fixture_id":"20260101A","old_status":null,"new_status":"completed"}},"entry_id":"@entry_id@"}'
)
WANTED = {
    "odd",
    "lockedOdd",
    "copilotOdd",
    "copilotLockedOdd",
    "copilotSettledOdd",
    "fixtureStatus",
    "fixtureResults",
    "unknownEvent",
    "deadLetter",
    "checkpoint",
    "claim",
}


def message_of(record: Seen, prefix: str) -> str:
    """The message that a record should be, by its topic and key alone."""
    end = record.topic.removeprefix(prefix)
    names = messages(channels()["event.{event}" if end.startswith("event.") else end])
    if len(names) == 1:
        return names[0]
    return "claim" if record.key == "!claim" else "checkpoint"


async def test_every_record_of_a_run_is_as_documented(kafka: EmbeddedKafka, unique: str, tmp_path: Path) -> None:
    async with Simulator(SimulatorOptions(rate=600.0, limit=90)) as simulator:
        config = toml(simulator.base_url, kafka.bootstrap_servers, unique, STREAMS, kafka={"shards": 2})
        async with Bridge(tmp_path, config) as bridge, SimulatorControl(simulator.base_url) as control:
            await bridge.start()
            await control.emit("fixture-status", STATUS, feed="odds")
            await control.emit("copilot-settled-odds", SETTLED, feed="copilot")
            for kind in ("malformed", "no-odd-id", "no-id", "unknown"):
                await control.fault(kind)

            await until(control.channels, lambda rows: all(row["ended"] for row in rows), within=30, what="the end")
            logs = await control.logs()
            entries = sum(len(log) for log in logs.values())

            async def received() -> float:
                return await bridge.sum("oddsbridge_entries_total")

            await until(received, lambda n: n >= entries, within=30, what="all entries received")
            assert await bridge.stop() == 0
    prefix = f"{unique}."
    records = await read(kafka.bootstrap_servers, prefix)
    records += await read(kafka.bootstrap_servers, prefix, topics=OWN)
    seen = Counter(message_of(record, prefix) for record in records)
    assert WANTED - seen.keys() == set()
    for record in records:
        found = problems(message_of(record, prefix), key=record.key, headers=record.headers, value=record.value)
        assert found == [], f"{record.topic} {record.key}: {record.value[:300]!r}"
        assert undocumented_headers(record.headers) == set()
