"""What upstream can spoil in what it sends: all in one run, each on a stream of its own."""

import asyncio
import base64
import hashlib
import json
import uuid
from collections import Counter
from collections.abc import Iterator
from itertools import accumulate
from pathlib import Path

import pytest

from bridge.demo.kafka import EmbeddedKafka
from bridge.entries import EntryId
from bridge.simulator.injections import oversized
from bridge.simulator.options import SimulatorOptions
from tests.support.reader import Seen
from tests.upstream_faults.scene import Outcome, Scene, odds, other, scene

LIMIT = 2**20
LATIN_1 = b'{"id":"latin-1:\xe9"}'  # the one malformed body of which only the odd is unusable: the simulator's fourth

STREAMS = [
    odds("bytewise", "basketball"),
    odds("crlf", "football"),
    odds("doubled", "baseball"),
    odds("shuffled", "soccer"),
    odds("malformed", "tennis"),
    odds("nameless", "politics"),
    other("unknown", "copilot", "basketball"),
    other("without-id", "copilot", "football"),
    other("large", "copilot", "baseball"),
    odds("mixed", "basketball", "Novig"),
    other("healthy", "results", "football"),
]
NAMES = [str(s["name"]) for s in STREAMS]
UNKNOWN = {"odds-heartbeat": "odds-heartbeat", "märkte/2 !": "m_rkte_2__", "message": "message"}
"""Names of events, and what their topics' names end in."""


@pytest.fixture(scope="module")
def outcome(kafka: EmbeddedKafka, tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    return asyncio.run(_play(kafka, tmp_path_factory.mktemp("contents")))


async def _play(kafka: EmbeddedKafka, folder: Path) -> Outcome:
    options = SimulatorOptions(rate=60.0, results_rate=60.0)
    settings = {"max_event_bytes": LIMIT}
    async with scene(
        kafka, f"t{uuid.uuid4().hex[:10]}", folder, STREAMS, options=options, upstream=settings
    ) as running:
        await running.until_flowing(3)
        await running.control.rate(12.0, channel=await running.channel("bytewise"))  # each byte is a write of its own
        await running.fault("bytewise", "one-byte")
        await running.fault("crlf", "crlf")
        await running.fault("crlf", "tear", inside=True)
        await running.fault("doubled", "duplicates", p=0.3, distance=20)
        await running.fault("shuffled", "reorder", p=0.3, distance=20)
        await running.fault("malformed", "malformed", times=6)
        await running.fault("nameless", "no-odd-id", times=2)
        await running.fault("without-id", "no-id", times=5)
        await running.fault("large", "oversized", bytes=3 * LIMIT)
        await running.fault("large", "oversized", bytes=3 * LIMIT, lines=3_000)
        for event in UNKNOWN:
            await running.fault("unknown", "unknown", event=event, data='{"new": [1,\n2], "key": "ü"}')
        await _mix(running)
        await running.until_count(2, "oddsbridge_connects_total", "crlf")
        await running.until_flowing(3)
        return await running.finish()


async def _mix(running: Scene) -> None:
    """Twice over, out of order and broken while the connection tears in the middle of it, twice."""
    await running.fault("mixed", "duplicates", p=0.2, distance=20)
    await running.fault("mixed", "reorder", p=0.2, distance=20)
    await running.fault("mixed", "malformed", p=0.2)
    for n in range(2):
        await running.fault("mixed", "tear", inside=True)
        await running.until_count(2 + n, "oddsbridge_connects_total", "mixed")
        await running.until_flowing(3)


@pytest.mark.parametrize("stream", NAMES)
def test_what_is_publishable_arrives_once(outcome: Outcome, stream: str) -> None:
    outcome.assert_complete(stream)


@pytest.mark.parametrize("stream", NAMES)
def test_what_isnt_is_a_dead_letter_once(outcome: Outcome, stream: str) -> None:
    found = Counter(_letters(record) for record in outcome.dead_letters if record.key == stream)
    assert found == Counter(_expected(outcome, stream))
    assert outcome.count("oddsbridge_dead_letters_total", stream) == found.total()


def _letters(record: Seen) -> tuple[str, str, str]:
    body = json.loads(record.value)
    payload = base64.b64decode(body["payload_base64"]) if "payload_base64" in body else body["payload"].encode()
    assert (body["v"], body["stream"], body["event"]) == (1, record.key, record.headers["event"])
    assert body["entry_id"] == record.headers["entry_id"]
    digest = hashlib.sha256(payload).hexdigest()
    if body["reason"] != "too-large":
        assert (body["size"], body["truncated"]) == (len(payload), False)
    else:
        assert (body["truncated"], payload) == (True, b"")
        digest = str(body["size"])
    return body["reason"], body["entry_id"], digest


def _expected(outcome: Outcome, stream: str) -> Iterator[tuple[str, str, str]]:
    """Reason, entry id, and the hash of what was refused; for what is too large, its size."""
    injected = [entry for entry in outcome.logs[stream] if {"malformed", "no-odd-id", "oversized"} & set(entry.flags)]
    for n, entry in enumerate(injected):
        kind, entry_id = entry.flags[0], entry.entry_id or ""
        if kind == "oversized":  # its body is thrown away, and the id in it with it: what is left is the id line
            made = oversized("copilot-odds", 3 * LIMIT, (1, 3_000)[n], n)
            yield "too-large", entry.wire_id or "", str(sum(map(len, made._make(entry_id.encode()))))
        elif kind == "malformed" and n % 6 == 3:
            yield "no-odd-id", entry_id, hashlib.sha256(LATIN_1).hexdigest()
        else:
            for _, digest in entry.odds:
                yield kind, entry_id, digest


def test_the_run_had_what_it_is_about(outcome: Outcome) -> None:
    flags = {name: Counter(flag for entry in log for flag in entry.flags) for name, log in outcome.logs.items()}
    assert flags["doubled"]["duplicate"] >= 5
    assert flags["shuffled"]["late"] >= 5
    assert flags["malformed"]["malformed"] == 6
    assert min(flags["mixed"][flag] for flag in ("duplicate", "late", "malformed")) >= 3
    letters = Counter(json.loads(record.value)["reason"] for record in outcome.dead_letters)
    assert set(letters) == {"malformed", "no-odd-id", "too-large"}


def test_no_stream_is_disconnected_for_what_it_carries(outcome: Outcome) -> None:
    for stream in NAMES:
        connects = {"crlf": 2, "mixed": 3}.get(stream, 1)
        assert outcome.count("oddsbridge_connects_total", stream) == connects, stream
        assert outcome.count("oddsbridge_disconnects_total", stream) == connects - 1, stream
        assert outcome.count("oddsbridge_stream_crashes_total", stream) == 0, stream


def test_duplicates_and_late_ones_are_counted(outcome: Outcome) -> None:
    for stream, flag, metric in (
        ("doubled", "duplicate", "oddsbridge_duplicates_total"),
        ("without-id", "no-id", "oddsbridge_entries_without_id_total"),
    ):
        emitted = sum(flag in entry.flags for entry in outcome.logs[stream])
        assert outcome.count(metric, stream) == emitted, stream
    ids = [EntryId.parse(entry.entry_id or "") or EntryId(0, 0) for entry in outcome.logs["shuffled"]]
    late = sum(entry_id < highest for entry_id, highest in zip(ids[1:], accumulate(ids, max), strict=False))
    assert outcome.count("oddsbridge_entries_late_total", "shuffled") == late


def test_an_event_nobody_knows_has_a_topic_of_its_own(outcome: Outcome) -> None:
    found = {record.headers["event"]: record for record in outcome.of("unknown") if ".event." in record.topic}
    assert {event: record.topic.split(".event.")[1] for event, record in found.items()} == UNKNOWN
    assert {record.value for record in found.values()} == {'{"new": [1,\n2], "key": "ü"}'.encode()}


def test_an_entry_without_an_id_moves_nothing(outcome: Outcome) -> None:
    made_up = [record for record in outcome.of("without-id") if "entry_id" not in record.headers]
    orders = {record.order for record in made_up}
    ids = {record.headers.get("entry_id") for record in outcome.of("without-id")}
    assert len(orders) == 5
    assert all(n > 0 and f"{ms}-{seq}" in ids for ms, seq, n in orders)
