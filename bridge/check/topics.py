"""Pure: what of a cluster's topics differs from the plan, how bad that is, and what may be changed about it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from bridge.check.findings import Finding, Level, Section
from bridge.kafka.topics import Topic, together

WHY_NO_COUNTS = (
    "Partition counts are never changed. With more partitions, the next record of an odd would go to another "
    "partition than the ones before: readers would no longer get them in order, and a state topic would keep two "
    "records of it. Kafka can't take partitions away. For another count, begin under a new topic_prefix."
)
WHY_NO_SHARDS = (
    "The partition count of the checkpoints topic is never changed: a stream's partition there is its shard, and with "
    "another count it would look for its checkpoint where there is none, and begin anew, with a gap."
)

SMALL_BATCH = 256 * 1024
"""Bytes. The bridge's full batch; a topic that takes less costs speed, and large records become dead letters."""

TINY_BATCH = 4 * 1024
"""Bytes. Under it a checkpoint may not fit."""

_TUNED = "compact"


@dataclass(frozen=True, slots=True)
class Found:
    """A topic as the cluster has it.

    Attributes:
        partitions: How many it has.
        replication: The fewest replicas of any of its partitions.
        leaderless: How many of its partitions have no leader.
        settings: What it is set to, defaults included; None when this client may not read that.
    """

    partitions: int
    replication: int
    leaderless: int = 0
    settings: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Difference:
    """One way in which a topic isn't as planned.

    Attributes:
        topic: Which.
        setting: What: "partitions", "replication", "leader", or the name of a topic setting.
        planned: What the plan says.
        actual: What the cluster says.
        level: How bad it is; OK when it doesn't matter.
        text: The same, for a person.
        fix: What mends it.
        alterable: Whether `topics --alter` mends it.
    """

    topic: str
    setting: str
    planned: str
    actual: str
    level: Level
    text: str
    fix: str = ""
    alterable: bool = False


def differences(
    plan: Sequence[Topic], found: Mapping[str, Found], *, shards: int, replication: int, compression: str
) -> list[Difference]:
    """Every difference between the plan and the topics that are there.

    Args:
        plan: The topics that the configuration needs.
        found: Those of them that the cluster has.
        shards: `kafka.shards`.
        replication: How many replicas topics are made with here.
        compression: `kafka.compression`.
    """
    differing = _of_families(plan, found)
    at_odds = {one.topic for one in differing}
    at_odds |= {topic.name for family in together(list(plan)) for topic in family if at_odds & _names(family)}
    for topic in plan:
        there = found.get(topic.name)
        if there is None:
            continue
        if topic.name not in at_odds:  # advice about one count would contradict what is said of all of them
            differing += _of_counts(topic, there, shards)
        differing += _of_replicas(topic, there, replication)
        if there.settings is not None:
            differing += _of_policy(topic, there.settings)
            differing += _of_limits(topic, there, there.settings, compression)
    return differing


def to_make(plan: Sequence[Topic], found: Mapping[str, Found]) -> list[Topic]:
    """The topics that are missing; one that belongs to others with as many partitions as those have.

    None of a family whose members disagree: whatever was made would be wrong with some of them.
    """
    counts: dict[str, set[int]] = {}
    for family in together(list(plan)):
        have = {found[topic.name].partitions for topic in family if topic.name in found}
        counts |= {topic.name: have for topic in family}
    missing = [topic for topic in plan if topic.name not in found and len(counts.get(topic.name, ())) <= 1]
    return [replace(topic, partitions=next(iter(counts.get(topic.name) or {topic.partitions}))) for topic in missing]


def alterations(differing: Sequence[Difference]) -> dict[str, dict[str, str]]:
    """What `topics --alter` sets, by topic."""
    wanted: dict[str, dict[str, str]] = {}
    for difference in differing:
        if difference.alterable:
            wanted.setdefault(difference.topic, {})[difference.setting] = difference.planned
    return wanted


def judge(
    plan: Sequence[Topic], found: Mapping[str, Found], differing: Sequence[Difference], *, alter: str
) -> list[Finding]:
    """The findings of `check` about the topics that are there.

    Args:
        plan: The topics that the configuration needs.
        found: Those of them that the cluster has.
        differing: What `differences` said.
        alter: The command that mends what is alterable.
    """
    findings = []
    for topic in plan:
        there = found.get(topic.name)
        told = [one for one in differing if one.topic == topic.name and one.level is not Level.OK]
        if there is not None and not told:
            findings.append(Finding(Section.TOPICS, "topic", topic.name, Level.OK, _as_planned(topic, there)))
        findings += [
            Finding(Section.TOPICS, one.setting, topic.name, one.level, one.text, alter if one.alterable else one.fix)
            for one in told
        ]
    return findings


def _as_planned(topic: Topic, there: Found) -> str:
    text = f"{topic.name}: {there.partitions} partition{'s' * (there.partitions != 1)}"
    text += f", {there.replication} replica{'s' * (there.replication != 1)}"
    if there.settings is not None:
        text += f", {there.settings.get('cleanup.policy', '?')}"
        text += f", batches to {there.settings.get('max.message.bytes', '?')} bytes"
    return text


def _of_families(plan: Sequence[Topic], found: Mapping[str, Found]) -> list[Difference]:
    """Topics that must have one partition count, and don't. Missing ones are made with as many as the others have."""
    differing = []
    for family in together(list(plan)):
        there = {topic.name: found[topic.name].partitions for topic in family if topic.name in found}
        counts = set(there.values())
        if len(counts) > 1:
            most = max(counts)
            told = ", ".join(f"{name} has {count}" for name, count in there.items())
            name = next(name for name, count in there.items() if count < most)
            text = f"an odd must be in the same partition of each of these topics, and {told} partitions"
            fix = "make those anew that are wrong, or let the streams begin under a new topic_prefix: keys would move"
            differing.append(Difference(name, "partitions", str(most), str(there[name]), Level.WRONG, text, fix))
    return differing


def _names(topics: Sequence[Topic]) -> set[str]:
    return {topic.name for topic in topics}


def _of_counts(topic: Topic, there: Found, shards: int) -> list[Difference]:
    planned, actual = str(topic.partitions), str(there.partitions)
    if planned == actual:
        return []
    if topic.role == "checkpoints":
        text = f"{topic.name} has {actual} partitions, and kafka.shards is {shards}: a stream's shard is its partition"
        fix = f"set kafka.shards = {actual}"
        return [Difference(topic.name, "partitions", planned, actual, Level.WRONG, text, fix)]
    text = f"{topic.name} has {actual} partitions, and {planned} are planned; it stays as it is"
    if topic.role in {"bridge-events", "dead-letters"}:
        return [Difference(topic.name, "partitions", planned, actual, Level.OK, text)]
    fix = f"set kafka.partitions = {actual}, so that topics that are still to be made get as many"
    return [Difference(topic.name, "partitions", planned, actual, Level.WARNING, text, fix)]


def _of_replicas(topic: Topic, there: Found, replication: int) -> list[Difference]:
    differing = []
    if there.leaderless:
        text = f"{topic.name}: {there.leaderless} of {there.partitions} partitions have no leader"
        fix = "bring back the brokers that have them"
        actual = str(there.leaderless)
        differing.append(Difference(topic.name, "leader", "0", actual, Level.WRONG, text, fix))
    if there.replication < replication:
        text = f"{topic.name} has {there.replication} of {replication} replicas: losing a broker may lose it"
        fix = "add replicas: kafka-reassign-partitions.sh"
        planned, actual = str(replication), str(there.replication)
        differing.append(Difference(topic.name, "replication", planned, actual, Level.WARNING, text, fix))
    return differing


def _of_policy(topic: Topic, settings: Mapping[str, str]) -> list[Difference]:
    compacted = topic.policy["cleanup.policy"] == _TUNED
    differing = []
    for name, planned in topic.policy.items():
        actual = settings.get(name)
        if actual is None or actual == planned:
            continue
        text = f"{topic.name} has {name}={actual}, planned is {planned}"
        level = Level.WARNING
        fix = ""
        if name == "cleanup.policy" and compacted:
            lost = _TUNED not in actual.split(",")
            level = Level.WRONG if lost else Level.WARNING
            text += ": it would lose what is kept in it" if lost else ": it forgets what nobody writes for a while"
        elif name == "cleanup.policy":
            text += ": it keeps the last record of a key and loses those before"
            fix = "if you didn't mean it: " + command(topic.name, name, planned) + " (records past retention.ms go)"
        differing.append(Difference(topic.name, name, planned, actual, level, text, fix, alterable=compacted))
    return differing


def _of_limits(topic: Topic, there: Found, settings: Mapping[str, str], compression: str) -> list[Difference]:
    differing = []
    limit, insync = int(settings.get("max.message.bytes", SMALL_BATCH)), int(settings.get("min.insync.replicas", 1))
    if limit < SMALL_BATCH:
        wrong = limit < TINY_BATCH and topic.role == "checkpoints"
        text = f"{topic.name} takes batches of {limit} bytes at most: " + (
            "a checkpoint may not fit" if wrong else "slower, and a record larger than that becomes a dead letter"
        )
        fix = command(topic.name, "max.message.bytes", "1048588")
        level = Level.WRONG if wrong else Level.WARNING
        differing.append(Difference(topic.name, "max.message.bytes", f"≥ {SMALL_BATCH}", str(limit), level, text, fix))
    if insync > there.replication:
        text = f"{topic.name} has min.insync.replicas={insync} and {there.replication} replicas: nothing can be written"
        fix = command(topic.name, "min.insync.replicas", str(max(1, there.replication - 1)))
        planned = f"≤ {there.replication}"
        differing.append(Difference(topic.name, "min.insync.replicas", planned, str(insync), Level.WRONG, text, fix))
    codec = settings.get("compression.type", "producer")
    if codec not in {"producer", compression, "uncompressed" if compression == "none" else compression}:
        text = f"{topic.name} has compression.type={codec}: the brokers compress anew what comes as {compression}"
        fix = f"set kafka.compression to match, or {command(topic.name, 'compression.type', 'producer')}"
        differing.append(Difference(topic.name, "compression.type", "producer", codec, Level.WARNING, text, fix))
    return differing


def command(topic: str, setting: str, value: str) -> str:
    """The command of Kafka's own that sets a topic's setting; `SERVERS` stands for the bootstrap servers."""
    return (
        "kafka-configs.sh --bootstrap-server SERVERS --alter --entity-type topics "
        f"--entity-name {topic} --add-config {setting}={value}"
    )
