"""Ids that stand in the id line only: in the copilot feed they count differently from the bodies'."""

from pathlib import Path

from bridge.demo.kafka import EmbeddedKafka
from tests.upstream_faults.scene import other, scene


async def test_an_early_id_of_a_line_is_no_place_to_resume_from(
    kafka: EmbeddedKafka, unique: str, tmp_path: Path
) -> None:
    async with scene(kafka, unique, tmp_path, [other("pilot", "copilot", "tennis")]) as running:
        await running.fault("pilot", "unknown")  # its body has no entry_id
        await running.until_flowing(10)
        await running.fault("pilot", "tear", inside=True)
        await running.until_count(2, "oddsbridge_connects_total", "pilot")
        await running.until_flowing(5)
        outcome = await running.finish()
    assert outcome.connects["pilot"][-1]["replayed"] > 0
    outcome.assert_complete("pilot")
