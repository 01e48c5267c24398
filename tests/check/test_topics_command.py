"""`oddsbridge topics`, and what `check` says of the same topics: each difference once there and once mended."""

import pytest

from bridge.demo.kafka import EmbeddedKafka
from tests.check.command import Command, Output
from tests.check.fake import FakeOpticOdds
from tests.support import topics
from tests.support.offsets import ends
from tests.support.waiting import until

POLICY = {
    "cleanup.policy": "compact",
    "segment.bytes": "16777216",
    "segment.ms": "600000",
    "min.cleanable.dirty.ratio": "0.01",
    "max.compaction.lag.ms": "600000",
    "delete.retention.ms": "60000",
}


@pytest.fixture
def configured(kafka: EmbeddedKafka, unique: str, upstream: FakeOpticOdds, command: Command) -> Command:
    command.configure(kafka.bootstrap_servers, unique, upstream)
    return command


def states(output: Output) -> set[str]:
    return {row["state"] for row in output.topics.values()}


async def test_missing_ones_are_made_as_planned(kafka: EmbeddedKafka, unique: str, configured: Command) -> None:
    before = await configured.topics()
    assert (before.code, states(before)) == (3, {"missing"})
    assert await topics.names(kafka.bootstrap_servers, unique) == set()
    made = await configured.topics("--create")
    assert (made.code, states(made)) == (0, {"as planned"})
    assert all(row["made"] for row in made.topics.values())
    assert await topics.names(kafka.bootstrap_servers, unique) == set(made.topics)
    assert made.topics[f"{unique}.checkpoints"]["partitions"] == 4
    assert made.topics[f"{unique}.odds"]["partitions"] == 3
    after = await configured.topics("--create", "--alter")
    assert (after.code, states(after)) == (0, {"as planned"})
    assert not any(row["made"] or row["altered"] for row in after.topics.values())
    printed = await configured("topics")
    assert printed.out.splitlines()[-1] == f"✓ all {len(made.topics)} topics are as planned"
    assert [f"{unique}.odds", "as planned", "3", "1", "delete", "odds"] in [
        line.split("\t") for line in printed.out.splitlines()
    ]


async def test_it_needs_no_key(configured: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ODDSBRIDGE_UPSTREAM__API_KEY")
    assert (await configured.topics("--create")).code == 0


async def test_checkpoints_that_are_not_compacted_are_mended_by_alter(
    kafka: EmbeddedKafka, unique: str, configured: Command
) -> None:
    name = f"{unique}.checkpoints"
    await topics.make(kafka.bootstrap_servers, name, 4, {"retention.ms": "1234567", "segment.ms": "600000"})
    await configured.topics("--create")

    output = await configured.check()
    assert output.code == 3
    policy = output.one("cleanup.policy", name)
    assert policy["level"] == "wrong"
    assert policy["fix"] == f"oddsbridge topics -c {configured.file} --alter"
    assert output.one("segment.bytes", name)["level"] == "warning"
    assert not output.of("segment.ms")

    seen = await configured.topics()
    assert (seen.code, seen.topics[name]["state"]) == (3, "different")
    mended = await configured.topics("--alter")
    assert (mended.code, mended.topics[name]["state"]) == (0, "as planned")
    assert mended.topics[name]["altered"] == {key: value for key, value in POLICY.items() if key != "segment.ms"}
    assert (await configured.check()).code == 0
    # What the plan doesn't name stays as somebody set it.
    from confluent_kafka.admin import (  # type: ignore[attr-defined]  # noqa: PLC0415
        AdminClient,
        ConfigResource,
        ResourceType,
    )

    resource = ConfigResource(ResourceType.TOPIC, name)
    admin = AdminClient({"bootstrap.servers": kafka.bootstrap_servers})
    assert admin.describe_configs([resource])[resource].result(30)["retention.ms"].value == "1234567"


async def test_a_data_topic_that_is_compacted_is_told_and_left_alone(
    kafka: EmbeddedKafka, unique: str, configured: Command
) -> None:
    await topics.make(kafka.bootstrap_servers, f"{unique}.odds", 3, {"cleanup.policy": "compact"})
    await configured.topics("--create")
    output = await configured.topics("--alter")
    (difference,) = output.topics[f"{unique}.odds"]["differences"]
    assert (output.code, difference["setting"], difference["alterable"]) == (3, "cleanup.policy", False)
    check = await configured.check()
    assert check.code == 0
    told = check.one("cleanup.policy", f"{unique}.odds")
    assert told["level"] == "warning"
    assert f"kafka-configs.sh --bootstrap-server {kafka.bootstrap_servers} --alter" in told["fix"]


async def test_partition_counts_are_explained_and_never_changed(
    kafka: EmbeddedKafka, unique: str, configured: Command
) -> None:
    servers = kafka.bootstrap_servers
    await configured.topics("--create")
    await topics.widen(servers, f"{unique}.odds", 5)
    await topics.widen(servers, f"{unique}.checkpoints", 6)

    async def seen() -> Output:
        return await configured.check()

    output = await until(seen, lambda o: len(o.of("partitions")) == 2, within=20, what="the new counts")
    assert output.code == 3
    told = {finding["about"]: finding for finding in output.of("partitions")}
    assert set(told) == {f"{unique}.locked-odds", f"{unique}.checkpoints"}
    assert f"{unique}.odds has 5" in told[f"{unique}.locked-odds"]["text"]
    assert told[f"{unique}.checkpoints"]["fix"] == "set kafka.shards = 6"

    printed = await configured("topics", "--create", "--alter")
    assert printed.code == 3
    assert "Partition counts are never changed." in printed.out
    assert "The partition count of the checkpoints topic is never changed" in printed.out
    counts = {name for name, _ in await ends(servers, unique, committed=False)}
    rows = (await configured.topics()).topics
    assert counts == set(rows)
    assert (rows[f"{unique}.odds"]["partitions"], rows[f"{unique}.locked-odds"]["partitions"]) == (5, 3)
    assert rows[f"{unique}.checkpoints"]["partitions"] == 6


async def test_a_missing_member_of_a_family_is_made_with_as_many_partitions(
    kafka: EmbeddedKafka, unique: str, configured: Command
) -> None:
    await topics.make(kafka.bootstrap_servers, f"{unique}.odds", 5, {})
    before = await configured.check()
    assert before.code == 0, "run makes them like their kin, and works"
    (foreseen,) = before.of("partitions")
    assert (foreseen["level"], foreseen["about"]) == ("warning", f"{unique}.odds")
    assert foreseen["fix"].startswith("set kafka.partitions = 5")
    made = await configured.topics("--create")
    assert {made.topics[f"{unique}.{name}"]["partitions"] for name in ("odds", "locked-odds", "odds-state")} == {5}
    assert made.topics[f"{unique}.copilot-odds"]["partitions"] == 3
    after = await configured.check()
    assert after.code == 0
    assert {finding["level"] for finding in after.of("partitions")} == {"warning"}


async def test_other_topics_under_the_prefix_are_told_apart(
    kafka: EmbeddedKafka, unique: str, configured: Command
) -> None:
    await topics.make(kafka.bootstrap_servers, f"{unique}.mine", 1, {})
    await topics.make(kafka.bootstrap_servers, f"{unique}.event.futures", 1, {})
    output = await configured.topics("--create")
    assert output.code == 0
    rows = output.topics
    assert (rows[f"{unique}.mine"]["state"], rows[f"{unique}.event.futures"]["state"]) == ("extra", "event")
    assert all(name.startswith(unique) for name in rows)


@pytest.mark.parametrize(
    ("setting", "value", "level"),
    [
        ("max.message.bytes", "100000", "warning"),
        ("max.message.bytes", "2000", "wrong"),
        ("min.insync.replicas", "2", "wrong"),
        ("compression.type", "gzip", "warning"),
    ],
)
async def test_limits_that_hurt(
    kafka: EmbeddedKafka, configured: Command, *, unique: str, setting: str, value: str, level: str
) -> None:
    name = f"{unique}.checkpoints"
    await topics.make(kafka.bootstrap_servers, name, 4, {**POLICY, setting: value})
    output = await configured.check()
    finding = output.one(setting, name)
    assert (finding["level"], output.code) == (level, 3 if level == "wrong" else 0)
    assert finding["fix"]


async def test_more_replicas_than_brokers(
    kafka: EmbeddedKafka, unique: str, upstream: FakeOpticOdds, command: Command
) -> None:
    command.configure(kafka.bootstrap_servers, unique, upstream, replication_factor=3)
    output = await command.check()
    assert output.code == 3
    assert output.one("replication")["fix"].startswith("set kafka.replication_factor = 1")
    missing = output.one("missing")
    assert missing["level"] == "wrong"
    assert "would not make" in missing["text"]
    assert f"{unique}.odds" in missing["text"]
    made = await command.topics("--create")
    assert (made.code, states(made)) == (3, {"missing"})
    assert "eplication" in made.out
    command.configure(kafka.bootstrap_servers, unique, upstream, replication_factor=1)
    assert (await command.check()).one("replication")["level"] == "ok"


async def test_a_checkpoint_of_a_newer_version_is_told(kafka: EmbeddedKafka, unique: str, configured: Command) -> None:
    await configured.topics("--create")
    assert (await configured.check()).one("checkpoints", "1")["level"] == "ok"
    await topics.put(kafka.bootstrap_servers, f"{unique}.checkpoints", 1, "nba", b'{"v":99}')
    output = await configured.check()
    assert output.code == 3
    assert "version 99" in output.one("checkpoints", "1")["text"]


async def test_at_least_once_asks_for_no_transactions(
    kafka: EmbeddedKafka, unique: str, upstream: FakeOpticOdds, command: Command
) -> None:
    command.configure(kafka.bootstrap_servers, unique, upstream, delivery="at-least-once")
    output = await command.check()
    assert output.code == 0
    assert output.one("idempotence")["level"] == "ok"
    assert not output.of("transactions")
    assert not output.of("timeout")


async def test_a_cluster_that_cannot_be_asked_ends_with_1(unique: str, command: Command) -> None:
    command.configure("127.0.0.1:1", unique)
    output = await command("topics")
    assert (output.code, output.out) == (1, "")
    assert output.err.startswith("oddsbridge: 127.0.0.1:1: nobody listens there — ")
