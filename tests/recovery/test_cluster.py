"""A cluster that isn't as the bridge needs it stops the start, and the message has what mends it."""

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from bridge.demo.kafka import EmbeddedKafka
from bridge.simulator.options import SimulatorOptions
from bridge.simulator.server import Simulator
from tests.support.bridge import Bridge, toml
from tests.support.topics import alter, make, put, widen

pytestmark = pytest.mark.kafka

CLUSTER = 3
NBA = {"name": "nba", "feed": "odds", "sport": "basketball", "sportsbook": ["DraftKings"]}

Do = Callable[[str, str], Awaitable[None]]


async def deleted(servers: str, prefix: str) -> None:
    await make(servers, f"{prefix}checkpoints", 4, {"cleanup.policy": "delete"})


async def compact(servers: str, prefix: str) -> None:
    await alter(servers, f"{prefix}checkpoints", cleanup_policy="compact")


async def narrow_locks(servers: str, prefix: str) -> None:
    await make(servers, f"{prefix}locked-odds", 2, {})
    await make(servers, f"{prefix}odds", 3, {})


async def widen_locks(servers: str, prefix: str) -> None:
    await widen(servers, f"{prefix}locked-odds", 3)


async def narrow_state(servers: str, prefix: str) -> None:
    await make(servers, f"{prefix}odds-state", 1, {"cleanup.policy": "compact"})
    await make(servers, f"{prefix}odds", 3, {})


async def widen_state(servers: str, prefix: str) -> None:
    await widen(servers, f"{prefix}odds-state", 3)


async def two_shards(servers: str, prefix: str) -> None:
    await make(servers, f"{prefix}checkpoints", 2, {"cleanup.policy": "compact"})


async def newer(servers: str, prefix: str) -> None:
    await make(servers, f"{prefix}checkpoints", 4, {"cleanup.policy": "compact"})
    await put(servers, f"{prefix}checkpoints", 1, "nba", b'{"v":2,"something":"new"}')


async def foreign(servers: str, prefix: str) -> None:
    await make(servers, f"{prefix}checkpoints", 4, {"cleanup.policy": "compact"})
    await put(servers, f"{prefix}checkpoints", 1, "nba", b"not a checkpoint")


@pytest.mark.parametrize(
    ("wrong", "mend", "told"),
    [
        (deleted, compact, ["--alter --entity-type topics --entity-name {}checkpoints", "cleanup.policy=compact"]),
        (narrow_locks, widen_locks, ["kafka-topics.sh", "--alter --topic {}locked-odds --partitions 3"]),
        (narrow_state, widen_state, ["kafka-topics.sh", "--alter --topic {}odds-state --partitions 3"]),
        (two_shards, None, ["{}checkpoints has 2 partitions", "set kafka.shards = 2"]),
        (newer, None, ["'nba' has version 2", "run the version that wrote it, or a newer one"]),
        (foreign, None, ["the checkpoint 'nba' can't be read", "give the bridge one of its own"]),
    ],
    ids=["not-compacted", "locks-narrower", "state-narrower", "shards-differ", "newer-checkpoint", "not-a-checkpoint"],
)
async def test_what_is_wrong_with_the_cluster_stops_the_start(
    own: EmbeddedKafka, unique: str, tmp_path: Path, *, wrong: Do, mend: Do | None, told: list[str]
) -> None:
    prefix = f"{unique}."
    await wrong(own.bootstrap_servers, prefix)
    async with Simulator(SimulatorOptions(rate=50.0)) as simulator:
        config = toml(simulator.base_url, own.bootstrap_servers, unique, [NBA])
        async with Bridge(tmp_path, config) as bridge:
            await bridge.start(ready=False)
            assert await bridge.wait(within=60) == CLUSTER
            said = [line for line in bridge.text.splitlines() if line.startswith("oddsbridge: ")]
            for part in told:
                assert part.format(prefix) in said[0], bridge.text
            assert "Traceback" not in bridge.text
            assert not await simulator.control.connects(), "upstream was asked although nothing could be published"
            if mend is not None:
                await mend(own.bootstrap_servers, prefix)
                await bridge.start()
                assert await bridge.stop() == 0
