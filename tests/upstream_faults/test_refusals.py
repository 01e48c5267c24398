"""Upstream refuses a stream: told once, asked again every few minutes, mended without a restart."""

import json
from itertools import pairwise
from pathlib import Path

from bridge.demo.kafka import EmbeddedKafka
from tests.support.waiting import until
from tests.upstream_faults.scene import odds, other, scene

REFUSALS = "oddsbridge_refusals_total"
REFUSED = {"no-key": 401, "no-licence": 403, "bad-request": 400}
STREAMS = [
    odds("no-key", "basketball"),
    odds("no-licence", "football"),
    other("bad-request", "copilot", "baseball"),
    other("healthy", "results", "soccer"),
]


async def test_a_refused_stream_says_so_once_and_heals(kafka: EmbeddedKafka, unique: str, tmp_path: Path) -> None:
    """The minutes between tries are a second here; that they are minutes is shown in test_secrets.py."""
    faster = json.dumps({"bridge.backoff.REFUSED_S": [1.0, 1.5], "bridge.stream.STABLE_AFTER_S": 1.0})
    async with scene(kafka, unique, tmp_path, STREAMS, environment={"TEST_SET": faster}) as running:
        await running.until_flowing(5)
        for name, status in REFUSED.items():
            await running.fault(name, "refuse", status=status, body=f'{{"error": "no {name}"}}')
            await running.fault(name, "eof")
        for name, status in REFUSED.items():
            await running.until_count(3, REFUSALS, name, f'reason="{status}"')
        report = await running.bridge.ready()
        assert not report["ready"]
        for name, status in REFUSED.items():
            state = report["streams"][name]
            assert state["state"] in {"refused", "waiting", "connecting"}
            assert await running.count("oddsbridge_connects_total", name) == 1
            if state["state"] == "refused":
                assert f"{status}: no {name}" in state["why"]
        assert report["streams"]["healthy"]["ready"]

        await running.control.clear_faults()
        await running.bridge.until_ready()
        await running.until_flowing(5)

        async def healed() -> set[str]:
            lines = running.bridge.lines()
            return {str(line["stream"]) for line in lines if line["event"] == "stream is up again"}

        await until(healed, lambda names: names >= REFUSED.keys(), within=30, what="word that the streams are up")
        outcome = await running.finish()
    for name, status in REFUSED.items():
        outcome.assert_complete(name)
        told = [line for line in outcome.told(name, "warning") if str(status) in line["why"]]
        assert len(told) == 1, told
        assert told[0]["state"] == "refused"
        assert f"no {name}" in told[0]["why"]
        tries = [row for row in outcome.connects[name] if row["status"] == status]
        assert len(tries) == outcome.count(REFUSALS, name) >= 3
        assert all(b["at"] - a["at"] >= 1.0 for a, b in pairwise(tries))
        assert outcome.count("oddsbridge_connects_total", name) == 2
    outcome.assert_complete("healthy")
    assert len(outcome.connects["healthy"]) == 1
    assert not outcome.told("healthy")
