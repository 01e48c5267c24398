"""ACLs on: with the list that is documented everything works, and what is missing is named."""

import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import pytest
from pydantic import SecretStr

from bridge.config import KafkaSettings, SecuritySettings, Settings, load
from bridge.errors import Unpublishable
from bridge.kafka.acls import Acl, needed
from bridge.kafka.cluster import Cluster
from bridge.kafka.connection import Access
from bridge.kafka.producer import Producer
from bridge.kafka.topics import Topic
from bridge.kafka.writer import Round, Writer
from bridge.records import Held, Record
from bridge.simulator.control import SimulatorControl
from bridge.simulator.options import SimulatorOptions
from bridge.simulator.server import Simulator
from tests.support.bridge import KEY, Bridge, toml
from tests.support.oracle import assert_ordered, assert_same, emitted, published
from tests.support.reader import read
from tests.support.secure_kafka import SecureKafka, section
from tests.support.waiting import until

pytestmark = pytest.mark.kafka

STREAMS: list[Mapping[str, object]] = [
    {"name": "nba", "feed": "odds", "sport": "basketball", "sportsbook": ["DraftKings"]}
]
UNKNOWN = "never-seen"
PASSWORD = "a very-secret=pass,word"


def settings_of(config: str, folder: Path, environment: Mapping[str, str] | None = None) -> Settings:
    file = folder / "settings.toml"
    file.write_text(config)
    return load(file, {"ODDSBRIDGE_UPSTREAM__API_KEY": KEY, **(environment or {})})


def configuration(locked: SecureKafka, unique: str, base_url: str, **sections: Mapping[str, object]) -> str:
    config = toml(base_url, locked.sasl_ssl, unique, STREAMS, kafka={"shards": 1}, **sections)
    return config + section(username="bridge", password=PASSWORD, ca_file=locked.authority.certificate)


async def trouble(bridge: Bridge) -> str:
    """What the bridge says when it can't go on: at its end, or on /readyz while it is blocked."""

    async def said() -> str:
        assert bridge.process is not None
        if bridge.process.returncode is not None:
            return bridge.text.splitlines()[-1]
        return next((why for why in (await bridge.ready()).get("why", []) if "blocked" in why), "")

    return await until(said, bool, within=40, what="a word about what is missing")


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


async def received(bridge: Bridge, entries: float, within: float = 40) -> None:
    await until(lambda: bridge.sum("oddsbridge_entries_total"), lambda n: n >= entries, within=within, what="entries")


async def assert_all_arrived(locked: SecureKafka, unique: str, bridge: Bridge, control: SimulatorControl) -> None:
    """Stop upstream and then the bridge, and compare."""
    await control.pause()
    logs = await control.logs()
    await received(bridge, sum(len(log) for log in logs.values()), within=60)
    assert await bridge.stop() == 0
    records = await read(locked.broker.bootstrap_servers, f"{unique}.")
    known = [record for record in records if record.headers["event"] != UNKNOWN]
    wanted = {name: [entry for entry in log if entry.event != UNKNOWN] for name, log in logs.items()}
    assert_same(emitted(wanted), published(known))
    assert_ordered(known)
    unknown = [record.topic for record in records if record.headers["event"] == UNKNOWN]
    assert unknown == [f"{unique}.event.{UNKNOWN}"] * sum(e.event == UNKNOWN for log in logs.values() for e in log)


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


async def test_of_a_failed_transaction_the_forbidden_topic_is_named(locked: SecureKafka, unique: str) -> None:
    """The batches of the other topics fail too, and with an error that looks like another owner's fence."""
    await locked.let_in(unique, PASSWORD)
    security = SecuritySettings(username=unique, password=SecretStr(PASSWORD), ca_file=locked.authority.certificate)
    kafka = KafkaSettings(bootstrap_servers=locked.sasl_ssl, topic_prefix=f"{unique}.", security=security)
    options = Access(kafka, "test").options(0)
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
    try:
        with pytest.raises(Unpublishable, match=f"allow Write on the topic {names[1]} for User:{unique}"):
            await writer.write(Round(1, [entry], [(b"!claim", b"{}")]))
    finally:
        await writer.abandon()
