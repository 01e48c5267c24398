"""An event of 200 MB, as one line and as many: memory stays flat, the event is a dead letter, the stream goes on."""

import json
from pathlib import Path

import pytest

from bridge.demo.kafka import EmbeddedKafka
from bridge.simulator.injections import oversized
from tests.upstream_faults.scene import odds, other, scene

SIZE = 200 * 2**20
MOST = 64 * 2**20
MANY = 20_000
STREAMS = [odds("large", "basketball"), odds("neighbour", "football"), other("healthy", "copilot", "tennis")]


def peak_bytes(pid: int) -> int:
    """The most memory that a process has ever had in use (VmHWM)."""
    status = Path(f"/proc/{pid}/status")
    if not status.exists():
        pytest.skip("needs /proc")
    line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024


@pytest.mark.timeout(240)
async def test_an_event_of_200_mb(kafka: EmbeddedKafka, unique: str, tmp_path: Path) -> None:
    async with scene(kafka, unique, tmp_path, STREAMS) as running:
        await running.until_flowing(10)
        before = peak_bytes(running.bridge.pid)
        for n, lines in enumerate((1, MANY), 1):
            await running.fault("large", "oversized", bytes=SIZE, lines=lines)
            await running.until_count(n, "oddsbridge_dead_letters_total", "large", 'reason="too-large"', within=90)
            grown = peak_bytes(running.bridge.pid) - before
            print(f"{lines} lines: {before / 2**20:.0f} MiB, {grown / 2**20:+.1f} MiB")  # noqa: T201
            assert grown <= MOST, f"{lines} lines: {grown / 2**20:.0f} MiB more than {before / 2**20:.0f} MiB"
        await running.until_flowing(5)
        outcome = await running.finish()
    entries = [entry for entry in outcome.logs["large"] if "oversized" in entry.flags]
    letters = [json.loads(record.value) for record in outcome.dead_letters]
    for n, (lines, entry, letter) in enumerate(zip((1, MANY), entries, letters, strict=True)):
        size = sum(map(len, oversized("odds", SIZE, lines, n)._make((entry.entry_id or "").encode())))
        assert size >= SIZE
        wanted = ("too-large", "large", "odds", size, True)
        assert (letter["reason"], letter["stream"], letter["event"], letter["size"], letter["truncated"]) == wanted
        assert letter["entry_id"] == entry.entry_id
    for stream in ("large", "neighbour", "healthy"):
        outcome.assert_complete(stream)
        assert outcome.count("oddsbridge_connects_total", stream) == 1
        assert outcome.count("oddsbridge_disconnects_total", stream) == 0
