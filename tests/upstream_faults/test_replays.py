"""A replay is proven, not believed: what the metric says when upstream replays, and when it doesn't."""

from pathlib import Path

from bridge.demo.kafka import EmbeddedKafka
from tests.support.waiting import until
from tests.upstream_faults.scene import Scene, odds, other, scene

STREAMS = [odds("odds", "basketball"), other("results", "results", "football"), other("copilot", "copilot", "tennis")]
NAMES = [str(s["name"]) for s in STREAMS]


async def counts(running: Scene) -> dict[str, tuple[float, float, float]]:
    """None, proven and unproven, by stream."""
    metrics = await running.bridge.metrics()

    def count(stream: str, outcome: str) -> float:
        wanted = (f'stream="{stream}"', f'outcome="{outcome}"')
        samples = [n for name, n in metrics.items() if "replay_total" in name and all(w in name for w in wanted)]
        return samples[0] if samples else -1.0

    return {s: (count(s, "none"), count(s, "proven"), count(s, "unproven")) for s in NAMES}


async def until_counts(running: Scene, wanted: tuple[int, int, int], what: str) -> None:
    async def look() -> dict[str, tuple[float, float, float]]:
        return await counts(running)

    await until(look, lambda seen: all(value == wanted for value in seen.values()), within=45, what=what)


async def test_what_is_known_of_a_replay(kafka: EmbeddedKafka, unique: str, tmp_path: Path) -> None:
    async with scene(kafka, unique, tmp_path, STREAMS) as running:
        await running.until_flowing(5)
        await until_counts(running, (1, 0, 0), "nothing to prove at the first connect")
        await running.control.fault("tear", inside=True)
        await until_counts(running, (1, 1, 0), "a replay, proven while entries flow")
        await running.control.pause()
        await running.control.fault("eof")
        await until_counts(running, (1, 2, 0), "a replay, proven though nothing is new")
        await running.bridge.kill()
        await running.bridge.start()
        await until_counts(running, (0, 1, 0), "a replay, proven after a kill")
        await running.control.settings(replay="none")
        await running.control.fault("eof")
        await until_counts(running, (0, 1, 1), "no replay, and nothing new either")
        await running.control.resume()
        await running.control.fault("tear")
        await until_counts(running, (0, 1, 2), "no replay, and a higher id came first")
        await running.until_flowing(3)
        await running.control.settings(replay="full")
        await running.control.fault("eof")
        await until_counts(running, (0, 2, 2), "a replay again")
