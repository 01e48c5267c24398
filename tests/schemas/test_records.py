"""The records of a real run, each against docs/asyncapi.yaml: key, headers and value."""

import json
from collections import Counter
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from bridge.demo.kafka import EmbeddedKafka
from bridge.simulator.control import SimulatorControl
from bridge.simulator.options import SimulatorOptions
from bridge.simulator.server import Simulator
from tests.schemas.document import channels, messages, problems, undocumented_fields, undocumented_headers
from tests.support.bridge import Bridge, toml
from tests.support.reader import OWN, Seen, read
from tests.support.waiting import until

STREAMS: list[Mapping[str, object]] = [
    {"name": "nba", "feed": "odds", "sport": "basketball", "league": ["NBA"], "sportsbook": ["DraftKings", "Pinnacle"]},
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
    "bridgeEvent",
}


TOLD = {"up", "down", "gap", "unreconciled", "reconciled", "source", "refused", "alive"}
STATES = {"oddState", "oddTombstone", "copilotOddState"}
OURS = {
    "bridge-events": "bridge-event",
    "odds-state": "odds-state",
    "copilot-odds-state": "odds-state",
    "dead-letters": "dead-letter",
}
"""The schemas of values that have no fields but those that are documented, by topic."""
FAILURES = "oddsbridge_snapshot_failures_total"
DIFFERENCES = "oddsbridge_differences_total"


def message_of(record: Seen, prefix: str) -> str:
    """The message that a record should be, by its topic and key alone."""
    end = record.topic.removeprefix(prefix)
    names = messages(channels()["event.{event}" if end.startswith("event.") else end])
    if end == "checkpoints":
        return "claim" if record.key == "!claim" else "checkpoint"
    return names[-1] if not record.value else names[0]  # of a state topic: a tombstone has no value


def assert_documented(records: list[Seen], prefix: str) -> None:
    for record in records:
        found = problems(message_of(record, prefix), key=record.key, headers=record.headers, value=record.value)
        assert found == [], f"{record.topic} {record.key}: {record.value[:300]!r}"
        assert undocumented_headers(record.headers) == set()
        own = OURS.get(record.topic.removeprefix(prefix))
        if own is not None and record.value:
            assert undocumented_fields(own, record.value) == [], record.value[:300]


async def everything(kafka: EmbeddedKafka, prefix: str) -> list[Seen]:
    servers = kafka.bootstrap_servers
    return await read(servers, prefix) + await read(servers, prefix, topics=OWN)


async def events_told(kafka: EmbeddedKafka, unique: str) -> set[str]:
    prefix = f"{unique}."
    return {record.headers["event"] for record in await read(kafka.bootstrap_servers, prefix, topics=["bridge-events"])}


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
    records = await everything(kafka, prefix)
    seen = Counter(message_of(record, prefix) for record in records)
    assert WANTED - seen.keys() == set()
    assert not STATES & seen.keys()  # nothing is compared, so nothing needs to be known
    assert {record.headers["origin"] for record in records if "origin" in record.headers} == {"stream"}
    assert_documented(records, prefix)


async def test_every_record_of_a_run_that_is_mended_is_as_documented(
    kafka: EmbeddedKafka, unique: str, tmp_path: Path
) -> None:
    """A first start, a gap without a replay while the snapshot can't be had, a changed filter, a refusal."""

    def config(base_url: str, streams: list[Mapping[str, object]]) -> str:
        mending = {"continuity": "reconcile", "source_silent_s": 1.0}
        return toml(base_url, kafka.bootstrap_servers, unique, streams, kafka={"shards": 2}, upstream=mending)

    options = SimulatorOptions(rate=400.0, replay="none", retry_ms=100)
    async with Simulator(options) as simulator, SimulatorControl(simulator.base_url) as control:
        async with Bridge(tmp_path, config(simulator.base_url, STREAMS)) as bridge:
            await bridge.start()
            await compared(bridge, "hydrate", STREAMS)
            await until(lambda: bridge.sum("oddsbridge_source_age_seconds"), bool, within=30, what="the last polls")
            await control.emit("copilot-settled-odds", SETTLED, feed="copilot")
            away = await control.fault("rest-refuse", status=503)
            await control.fault("drop")
            await until(lambda: bridge.sum(FAILURES), lambda n: n >= len(STREAMS), within=60, what="failed comparisons")
            await control.clear_faults(away["id"])
            await compared(bridge, "gap", STREAMS)
            told = partial(events_told, kafka, unique)
            await until(told, lambda events: "alive" in events, within=30, what="a sign of life")
            assert await bridge.stop() == 0
        fewer = [{**STREAMS[0], "sportsbook": ["DraftKings"]}, *STREAMS[1:]]
        async with Bridge(tmp_path, config(simulator.base_url, fewer), name="fewer") as bridge:
            await bridge.start()
            await until(lambda: bridge.sum(DIFFERENCES, '"gone"'), bool, within=60, what="odds that are gone")
            await control.fault("refuse", status=401)
            await control.fault("drop")
            refused = "oddsbridge_refusals_total"
            await until(lambda: bridge.sum(refused), lambda n: n >= len(STREAMS), within=60, what="refusals")
            assert await bridge.stop() == 0
    prefix = f"{unique}."
    records = await everything(kafka, prefix)
    seen = Counter(message_of(record, prefix) for record in records)
    assert STATES - seen.keys() == set()
    assert_documented(records, prefix)
    assert TOLD - await events_told(kafka, unique) == set()
    assert {record.headers["origin"] for record in records if "origin" in record.headers} == {
        "stream",
        "snapshot",
        "reconcile",
    }
    assert_states_are_of_the_log(records, prefix)


async def compared(bridge: Bridge, cause: str, streams: list[Mapping[str, object]]) -> None:
    """Wait until each stream has been compared for that cause."""
    count = "oddsbridge_reconciles_total"
    await until(
        lambda: bridge.sum(count, f'"{cause}"'), lambda n: n >= len(streams), within=60, what=f"{cause} for all streams"
    )


def assert_states_are_of_the_log(records: list[Seen], prefix: str) -> None:
    """Each state wraps the very bytes of the log's record with its order, and says all that its headers do."""
    log = {
        (record.key, record.order): record
        for record in records
        if message_of(record, prefix) in {"odd", "lockedOdd", "copilotOdd", "copilotLockedOdd", "copilotSettledOdd"}
    }
    states = [record for record in records if message_of(record, prefix) in {"oddState", "copilotOddState"}]
    for record in states:
        value = json.loads(record.value)
        ms, seq, n = value["order"].split("-")
        logged = log[record.key, (int(ms), int(seq), int(n))]
        assert record.value.endswith(b',"odd":' + logged.value + b"}")
        said = {"stream": value["stream"], "order": value["order"], **record.headers}
        assert said == {name: text for name, text in logged.headers.items() if name != "entry_id"}
        assert value["locked"] == (record.headers["event"] not in {"odds", "copilot-odds"})
