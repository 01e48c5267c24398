"""An exception that nobody foresaw, in one stream: told once with its traceback, and nobody else notices."""

import json
from pathlib import Path

from bridge.demo.kafka import EmbeddedKafka
from tests.support.waiting import until
from tests.upstream_faults.leaks import assert_no_leak
from tests.upstream_faults.scene import HOSTILE_KEY, odds, other, scene

CRASHES = "oddsbridge_stream_crashes_total"
STREAMS = [
    odds("buggy", "basketball"),
    odds("neighbour", "basketball", "FanDuel"),
    odds("healthy", "football"),
    other("healthy-too", "copilot", "tennis"),
]


async def test_a_crash_stays_in_its_stream(kafka: EmbeddedKafka, unique: str, tmp_path: Path) -> None:
    """The 20th, 45th and 46th entry that the stream decodes raise; the exception's text has the key in it."""
    crash = json.dumps({"buggy": [20, 45, 46]})
    async with scene(kafka, unique, tmp_path, STREAMS, environment={"TEST_CRASH": crash}) as running:

        async def why() -> str:
            state = (await running.bridge.ready())["streams"]["buggy"]
            return str(state["why"]) if state["state"] == "crashed" else ""

        assert "Bug: nobody foresaw this" in await until(why, bool, within=30, what="the crash on /readyz")
        running.pages += [await running.bridge.get(path) for path in ("/readyz", "/")]
        await running.until_count(3, CRASHES, "buggy")
        await running.bridge.until_ready()
        await running.until_flowing(5)
        outcome = await running.finish()
        everything = await running.everything()
    for stream in STREAMS:
        outcome.assert_complete(str(stream["name"]))
    assert outcome.count(CRASHES, "buggy") == 3
    told = [line for line in outcome.lines if "exception" in line]
    assert len(told) == 1, "the same crash again is counted, not told"
    assert told[0]["level"] == "error"
    assert told[0]["stream"] == "buggy"
    assert "Traceback" in told[0]["exception"]
    assert "in buggy" in told[0]["exception"]
    times = [row["at"] for row in outcome.connects["buggy"] if row["replayed"] or row["last_entry_id"]]
    assert len(times) == 3
    assert times[2] - times[1] >= 1.0, "no back-off"
    for name in ("healthy", "healthy-too"):
        assert len(outcome.connects[name]) == 1
    assert outcome.count("oddsbridge_connects_total", "neighbour") == 1
    assert_no_leak(everything, HOSTILE_KEY)
