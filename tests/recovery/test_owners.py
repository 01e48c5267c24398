"""Two processes of one id by mistake, and a process that stood still for longer than its transaction may last."""

import asyncio
import signal
from collections.abc import Callable, Mapping
from itertools import groupby
from pathlib import Path

import orjson
import pytest

from bridge.demo.kafka import EmbeddedKafka
from bridge.simulator.options import SimulatorOptions
from bridge.simulator.server import Simulator
from tests.support.bridge import Bridge, toml
from tests.support.offsets import held_back
from tests.support.oracle import assert_ordered, assert_same, emitted, published
from tests.support.reader import read
from tests.support.upstream import all_read, assert_one_connect
from tests.support.waiting import until

pytestmark = pytest.mark.kafka

Tell = Callable[[str], None]

STREAMS: list[Mapping[str, object]] = [  # on three of the four shards, and none on the first
    {"name": "nba", "feed": "odds", "sport": "basketball", "sportsbook": ["DraftKings", "FanDuel"]},
    {"name": "scores", "feed": "results", "sport": "basketball"},
    {"name": "pilot", "feed": "copilot", "sport": "basketball"},
]
LEFT = 4


async def owners(servers: str, prefix: str) -> dict[int, list[str]]:
    """Of each shard the instances that claimed it, in the order of their claims, each run of claims once."""
    claims: dict[int, list[str]] = {}
    for record in sorted(await read(servers, prefix, topics=["checkpoints"]), key=lambda r: r.offset):
        if record.key == "!claim":
            claims.setdefault(record.partition, []).append(orjson.loads(record.value)["instance"])
    return {shard: [instance for instance, _ in groupby(found)] for shard, found in claims.items()}


def instance(bridge: Bridge) -> str:
    return str(next(line["instance"] for line in bridge.lines() if line["event"] == "oddsbridge starts"))


async def one_that_leaves(bridges: list[Bridge]) -> tuple[Bridge, Bridge]:
    """The one that stays, and the one that left, when it has."""
    waits = {asyncio.create_task(bridge.wait(within=60)): bridge for bridge in bridges}
    done, pending = await asyncio.wait(waits, timeout=30, return_when=asyncio.FIRST_COMPLETED)
    for wait in pending:
        wait.cancel()
    await asyncio.gather(*pending, return_exceptions=True)
    assert len(done) == 1, "within 30 s nobody left" if not done else "both left"
    left = waits[done.pop()]
    assert left.process is not None
    assert left.process.returncode == LEFT, left.text[-2_000:]
    stays = next(bridge for bridge in bridges if bridge is not left)
    return stays, left


async def goes_on(stays: Bridge) -> None:
    before = await stays.sum("oddsbridge_records_total")
    await stays.until_ready()
    await until(
        lambda: stays.sum("oddsbridge_records_total"), lambda n: n > before + 500, within=30, what="records flow"
    )


def sentence(left: Bridge, stays: Bridge) -> str:
    """What the one that left says, for people."""
    said = [line for line in left.text.splitlines() if line.startswith("oddsbridge: ")]
    assert len(said) == 1, left.text[-2_000:]
    assert instance(stays) in said[0]
    assert "now belongs to" in said[0]
    assert "kafka.group" in said[0]
    assert "Traceback" not in left.text
    return said[0]


@pytest.mark.parametrize("at_once", [False, True], ids=["one-after-the-other", "both-at-once"])
async def test_of_two_processes_by_mistake_one_stays_and_one_leaves(
    own: EmbeddedKafka, unique: str, tmp_path: Path, tell: Tell, *, at_once: bool
) -> None:
    async with Simulator(SimulatorOptions(rate=600.0)) as simulator:
        config = toml(simulator.base_url, own.bootstrap_servers, unique, STREAMS)
        async with Bridge(tmp_path, config, name="a") as a, Bridge(tmp_path, config, name="b") as b:
            if at_once:
                async with Bridge(tmp_path, config, name="first") as first:
                    await first.start()  # what is read before a stream's first commit can't be asked for again
                    await goes_on(first)
                await asyncio.gather(a.start(ready=False), b.start(ready=False))
            else:
                await a.start()
                await goes_on(a)
                await b.start(ready=False)
            clock = asyncio.get_running_loop().time
            began = clock()
            stays, left = await one_that_leaves([a, b])
            tell(f"two processes, {'both at once' if at_once else 'one after the other'}: {clock() - began:.1f} s")
            tell(f"  {sentence(left, stays)}")
            await goes_on(stays)
            claims = await owners(own.bootstrap_servers, f"{unique}.")
            assert 0 in claims, "whoever has the first shard has them all"
            assert set(claims) <= {0, 1, 2, 3}
            for shard, instances in claims.items():
                assert instances[-1] == instance(stays), (shard, instances)
                # At once, the one that loses the first shard may take another before it sees that; it is taken back.
                back = len(instances) - len(set(instances))
                assert back <= (2 if at_once and shard else 0), f"ping-pong on shard {shard}: {instances}"
            await all_read(simulator.control, stays)
            assert await stays.stop() == 0
            assert await owners(own.bootstrap_servers, f"{unique}.") == claims
        logs = await simulator.control.logs()
    records = await read(own.bootstrap_servers, f"{unique}.")
    assert_same(emitted(logs), published(records))
    assert_ordered(records)


async def test_a_process_that_stood_still_beyond_its_time_out_goes_on_by_itself(
    own: EmbeddedKafka, unique: str, tmp_path: Path, tell: Tell
) -> None:
    async with Simulator(SimulatorOptions(rate=2_000.0, replay="none", ping_s=0.5)) as simulator:
        config = toml(
            simulator.base_url,
            own.bootstrap_servers,
            unique,
            STREAMS,
            kafka={"transaction_timeout_ms": 1_500},
            upstream={"silence_s": 2.5},
        )
        async with Bridge(tmp_path, config) as bridge:
            await bridge.start()
            still = 0
            while not still:
                await goes_on(bridge)
                bridge.signal(signal.SIGSTOP)
                still = len(await held_back(own.bootstrap_servers, f"{unique}."))
                if not still:  # it was stopped between two transactions
                    bridge.signal(signal.SIGCONT)
            loop = asyncio.get_running_loop()
            began = loop.time()
            await until(
                lambda: held_back(own.bootstrap_servers, f"{unique}."),
                lambda held: not held,
                within=30,
                what="the broker ended the transaction",
            )
            ended = loop.time() - began
            # Longer than upstream may be silent: what came meanwhile is in the socket.
            await asyncio.sleep(max(0.0, 3.0 - ended))
            bridge.signal(signal.SIGCONT)
            await goes_on(bridge)
            fenced = await bridge.sum("oddsbridge_recoveries_total", 'reason="fenced"')
            recoveries = await bridge.sum("oddsbridge_recoveries_total")
            tell(
                f"SIGSTOP with {still} partitions in an open transaction: ended by the broker after {ended:.1f} s; "
                f"{recoveries:.0f} recoveries, {fenced:.0f} of them fenced"
            )
            assert recoveries >= 1
            await all_read(simulator.control, bridge)
            await assert_one_connect(simulator.control, bridge)
            assert await bridge.stop() == 0
        logs = await simulator.control.logs()
    records = await read(own.bootstrap_servers, f"{unique}.")
    assert_same(emitted(logs), published(records))
    assert_ordered(records)
