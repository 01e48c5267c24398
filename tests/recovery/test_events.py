"""Events that nobody has seen before, and topics that share a name."""

from collections import Counter
from pathlib import Path

import orjson
import pytest

from bridge.demo.kafka import EmbeddedKafka
from bridge.records import UNKNOWN_TOPICS
from bridge.simulator.options import SimulatorOptions
from bridge.simulator.server import Simulator
from tests.support.bridge import Bridge, toml
from tests.support.oracle import assert_ordered, assert_same, emitted, published
from tests.support.reader import read
from tests.support.topics import names
from tests.support.upstream import all_read
from tests.support.waiting import until

pytestmark = pytest.mark.kafka

NBA = {"name": "nba", "feed": "odds", "sport": "basketball", "sportsbook": ["DraftKings", "FanDuel"]}
ODD_NAMES = ["heart/beat ü!", "odds:future", "x" * 400, "..", "checkpoints"]
"""Names that would be no legal topic, and one that would be a topic of the bridge's own."""


async def test_each_unknown_event_gets_a_topic_up_to_a_bound_and_then_is_a_dead_letter(
    own: EmbeddedKafka, unique: str, tmp_path: Path
) -> None:
    first = [*ODD_NAMES, *(f"new-{n}" for n in range(UNKNOWN_TOPICS - len(ODD_NAMES)))]
    late = ["one-too-many", "two-too-many"]
    async with Simulator(SimulatorOptions(rate=200.0)) as simulator:
        control = simulator.control
        config = toml(simulator.base_url, own.bootstrap_servers, unique, [NBA], kafka={"partitions": 1})
        async with Bridge(tmp_path, config) as bridge:
            await bridge.start()
            for event in [*first, *late, *first[:3]]:
                await control.emit(event, f'{{"entry_id":"@entry_id@","data":{{"for":"{event[:20]}"}}}}')

            async def dead() -> float:
                return await bridge.sum("oddsbridge_dead_letters_total", 'reason="no-topic"')

            await until(dead, lambda n: n == len(late), within=60, what="dead letters")
            await all_read(control, bridge)
            assert await bridge.sum("oddsbridge_recoveries_total") == 0, "a topic was missing inside a transaction"
            assert await bridge.stop() == 0
            # The bound holds over a restart, and the topics that are there are used again.
            await bridge.start(ready=False)
            await control.emit("three-too-many", '{"entry_id":"@entry_id@"}')
            await control.emit(first[-1], '{"entry_id":"@entry_id@"}')
            late.append("three-too-many")
            await until(dead, lambda n: n == 1, within=60, what="one more dead letter")
            await all_read(control, bridge)
            assert await bridge.stop() == 0
        logs = await control.logs()
    prefix = f"{unique}.event."
    made = await names(own.bootstrap_servers, prefix)
    assert len(made) == UNKNOWN_TOPICS
    assert {f"{prefix}heart_beat___", f"{prefix}odds_future", f"{prefix}..", f"{prefix}checkpoints"} <= made
    assert max(len(name) for name in made) == 249

    unknown = set(first) | set(late)
    records = await read(own.bootstrap_servers, f"{unique}.")
    fresh = [r for r in records if r.headers["event"] in unknown]
    expected = emitted(logs)
    arrived = Counter((event, entry_id, digest) for event, entry_id, _, digest in published(fresh))
    assert arrived == Counter((e, i, d) for e, i, _, d in expected.elements() if e in set(first))
    assert arrived.total() == len(first) + 4
    assert {r.key for r in fresh} == {"nba"}
    assert all(r.topic.startswith(prefix) for r in fresh)
    letters = [orjson.loads(r.value) for r in await read(own.bootstrap_servers, f"{unique}.", topics=["dead-letters"])]
    assert sorted(letter["event"] for letter in letters) == sorted(late)
    assert {letter["reason"] for letter in letters} == {"no-topic"}
    assert all(letter["payload"].startswith('{"entry_id":"') for letter in letters)

    known = [r for r in records if r.headers["event"] not in unknown]
    assert_same(Counter({fact: n for fact, n in expected.items() if fact[0] not in unknown}), published(known))
    assert_ordered(records)


async def test_odds_and_their_locks_on_one_topic_are_one_log(own: EmbeddedKafka, unique: str, tmp_path: Path) -> None:
    one = {f"ODDSBRIDGE_KAFKA__TOPICS__{role}": f"{unique}.log" for role in ("ODDS", "LOCKED_ODDS")}
    async with Simulator(SimulatorOptions(rate=2_000.0, limit=300)) as simulator:
        config = toml(simulator.base_url, own.bootstrap_servers, unique, [NBA])
        async with Bridge(tmp_path, config, environment=one) as bridge:
            await bridge.start()
            await until(
                simulator.control.channels, lambda rows: all(row["ended"] for row in rows), within=60, what="the end"
            )
            await all_read(simulator.control, bridge)
            assert await bridge.stop() == 0
        logs = await simulator.control.logs()
    records = await read(own.bootstrap_servers, f"{unique}.")
    assert_same(emitted(logs), published(records))
    assert_ordered(records)
    on_it = {r.headers["event"] for r in records if r.topic == f"{unique}.log"}
    assert on_it == {"odds", "locked-odds"}
    assert not await names(own.bootstrap_servers, f"{unique}.odds") - {f"{unique}.odds-state"}
    assert not await names(own.bootstrap_servers, f"{unique}.locked-odds")
