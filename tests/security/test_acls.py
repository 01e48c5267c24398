"""ACLs on: with the list that is documented everything works, and what is missing is named."""

import asyncio
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from aiokafka.errors import IllegalOperation

from bridge.cli.exits import Exit
from bridge.errors import Unpublishable
from bridge.kafka.acls import Acl, needed
from bridge.kafka.builder import Builder, shared
from bridge.kafka.cluster import Cluster
from bridge.kafka.producer import Producer
from bridge.kafka.topics import Topic
from bridge.kafka.writer import Round, Writer
from bridge.records import Held, Record
from bridge.simulator.control import SimulatorControl
from bridge.simulator.options import SimulatorOptions
from bridge.simulator.server import Simulator
from tests.security.scene import (
    PASSWORD,
    STREAMS,
    UNKNOWN,
    access,
    assert_all_arrived,
    configuration,
    received,
    settings_of,
    trouble,
)
from tests.support.bridge import Bridge, toml
from tests.support.secure_kafka import SecureKafka

pytestmark = pytest.mark.kafka

LEFT_OUT: dict[str, tuple[Callable[[Acl], bool], str]] = {
    "topic-write": (
        lambda acl: acl.resource_type == "topic" and acl.operation == "Write",
        "allow Write, which includes Describe, on the topics {unique}.bridge-events, {unique}.copilot-locked-odds",
    ),
    "topic-create": (lambda acl: acl.operation == "Create", "allow Create on the topics {unique}.bridge-events, "),
    "topic-settings": (
        lambda acl: acl.operation == "DescribeConfigs",
        "allow DescribeConfigs on the topics {unique}.bridge-events, ",
    ),
    "checkpoints-read": (lambda acl: acl.operation == "Read", "allow Read on the topic {unique}.checkpoints for"),
    "transactional-id": (
        lambda acl: acl.resource_type == "transactional-id",
        "allow Write on the transactional id {unique}.oddsbridge-0 for",
    ),
}


def test_every_acl_of_the_list_is_left_out_once(tmp_path: Path) -> None:
    config = toml("http://127.0.0.1:1", "127.0.0.1:2", "x", STREAMS)
    for acl in needed(settings_of(config, tmp_path)):
        assert sum(leaves_out(acl) for leaves_out, _ in LEFT_OUT.values()) == 1, acl


@pytest.mark.parametrize("missing", LEFT_OUT)
async def test_what_is_missing_is_named(locked: SecureKafka, unique: str, tmp_path: Path, missing: str) -> None:
    leaves_out, told = LEFT_OUT[missing]
    async with Simulator(SimulatorOptions(rate=20.0)) as simulator:
        config = configuration(locked, unique, simulator.base_url)
        await locked.let_in("bridge", PASSWORD)
        acls = needed(settings_of(config, tmp_path))
        await locked.allow("User:bridge", [acl for acl in acls if not leaves_out(acl)])
        async with Bridge(tmp_path, config) as bridge:
            await bridge.start(ready=False)
            said = await trouble(bridge)
            assert told.format(unique=unique) in said
            assert "User:bridge" in said
            assert PASSWORD not in bridge.text
            assert await bridge.wait() == Exit.CLUSTER


async def test_with_the_documented_list_everything_works(locked: SecureKafka, unique: str, tmp_path: Path) -> None:
    async with Simulator(SimulatorOptions(rate=500.0)) as simulator:
        config = configuration(locked, unique, simulator.base_url, log={"level": "debug"})
        await locked.let_in("bridge", PASSWORD)
        await locked.allow("User:bridge", needed(settings_of(config, tmp_path)))
        async with Bridge(tmp_path, config) as bridge, SimulatorControl(simulator.base_url) as control:
            await bridge.start()
            await received(bridge, 50)
            await control.emit(UNKNOWN, '{"entry_id": "@entry_id@", "data": {"id": "x"}}')
            await received(bridge, 100)
            pages = [await bridge.get(path) for path in ("/", "/readyz", "/metrics")]
            await assert_all_arrived(locked, unique, bridge, control)
            for text in [bridge.text, *pages]:
                assert text
                assert PASSWORD not in text
                assert "SaslAuthenticate" not in text


async def test_with_the_documented_list_a_bridge_that_heals_gaps_begins_again(
    locked: SecureKafka, unique: str, tmp_path: Path
) -> None:
    """The second start has states to read."""
    async with Simulator(SimulatorOptions(rate=200.0)) as simulator:
        config = configuration(locked, unique, simulator.base_url)
        config = config.replace('continuity = "announce"', 'continuity = "reconcile"')
        acls = needed(settings_of(config, tmp_path))
        await locked.let_in("bridge", PASSWORD)
        await locked.allow("User:bridge", acls)
        for _ in range(2):
            async with Bridge(tmp_path, config) as bridge:
                await bridge.start()
                await received(bridge, 20)
                assert await bridge.stop() == 0
        await locked.allow("User:bridge", [acl for acl in acls if not acl.name.endswith("odds-state")])
        async with Bridge(tmp_path, config) as bridge:
            await bridge.start(ready=False)
            assert await bridge.wait() == Exit.CLUSTER
            assert f"allow Read on the topic {unique}.odds-state for User:bridge" in bridge.text


async def test_a_permission_taken_away_blocks_and_given_back_goes_on(
    locked: SecureKafka, unique: str, tmp_path: Path
) -> None:
    async with Simulator(SimulatorOptions(rate=200.0)) as simulator:
        config = configuration(locked, unique, simulator.base_url)
        await locked.let_in("bridge", PASSWORD)
        acls = needed(settings_of(config, tmp_path))
        await locked.allow("User:bridge", acls)
        async with Bridge(tmp_path, config) as bridge, SimulatorControl(simulator.base_url) as control:
            await bridge.start()
            await received(bridge, 10)
            await locked.forbid("User:bridge", Acl("topic", f"{unique}.odds", "literal", "Write", ""))
            said = await trouble(bridge)
            assert f"allow Write on the topic {unique}.odds for User:bridge" in said
            await locked.allow("User:bridge", acls)
            await bridge.until_ready(within=60)
            await assert_all_arrived(locked, unique, bridge, control)


def batch(producer: Producer) -> Builder:
    made = producer.batch(1_000)
    made.add(b"key", b"value", int(time.time() * 1000), shared([]))
    return made


async def test_of_a_failed_transaction_the_forbidden_topic_is_named(locked: SecureKafka, unique: str) -> None:
    """The batches of the other topics fail too, and with an error that looks like another owner's fence."""
    await locked.let_in(unique, PASSWORD)
    one = access(locked.sasl_ssl, username=unique, password=PASSWORD, ca_file=locked.authority.certificate)
    options = one.options(0)
    acls = [Acl("topic", unique, "prefixed", op, "") for op in ("Write", "Create", "DescribeConfigs")]
    await locked.allow(f"User:{unique}", [*acls, Acl("transactional-id", unique, "prefixed", "Write", "")])
    names = [f"{unique}.allowed", f"{unique}.forbidden", f"{unique}.places"]
    topics = await Cluster(options).create([Topic(name, "", "", 1) for name in names])
    make = partial(Producer, options, transactional_id=unique, transaction_timeout_ms=10_000, compression=None)
    writer = Writer(make, topics=lambda: topics, checkpoints=names[2], shard=0, deadline_s=15)
    await writer.open(15)
    await locked.forbid(f"User:{unique}", Acl("topic", names[1], "literal", "Write", ""))
    records = [Record(name, b"key", b"value", []) for name in names[:2]]
    entry = Held("stream", "event", None, int(time.time() * 1000), records, 1, [])
    told = f"allow Write on the topic {names[1]} for User:{unique}"
    try:
        with pytest.raises(Unpublishable, match=told):
            await writer.write(Round(1, [entry], [(b"!claim", b"{}")]))
    finally:
        await writer.abandon()
    producer = make()
    await producer.start(15)
    try:
        await producer.begin()
        delivery = await producer.send(batch(producer), names[1], 0)
        await asyncio.wait([delivery])
        with pytest.raises(IllegalOperation) as caught:  # whoever is still sending learns no more than this
            await producer.send(batch(producer), names[0], 0)
        assert told in str(producer.failure(caught.value, "writing"))
    finally:
        await producer.abandon()
        delivery.exception()
