"""Pure rules: the topics that a configuration needs, and what of a cluster's topics differs from them."""

from collections.abc import Mapping
from dataclasses import dataclass, field

_MIB = 2**20

DATA: Mapping[str, str] = {"cleanup.policy": "delete"}
STATE: Mapping[str, str] = {
    "cleanup.policy": "compact",
    "segment.bytes": str(128 * _MIB),
    "min.cleanable.dirty.ratio": "0.1",
    "delete.retention.ms": str(24 * 3_600_000),  # readers need its tombstones
}
CHECKPOINTS: Mapping[str, str] = {
    # A start reads this topic whole. Markers of transactions outlive compaction for delete.retention.ms.
    "cleanup.policy": "compact",
    "segment.bytes": str(16 * _MIB),
    "segment.ms": "600000",
    "min.cleanable.dirty.ratio": "0.01",
    "max.compaction.lag.ms": "600000",
    "delete.retention.ms": "60000",
}


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic as the bridge needs it.

    Attributes:
        name: Its name.
        role: What it is for, e.g. "odds" or "checkpoints".
        prefix: The topic prefix whose set of topics it belongs to.
        partitions: How many it is made with.
        policy: Its settings when it is made.
    """

    name: str
    role: str
    prefix: str
    partitions: int
    policy: Mapping[str, str] = field(default_factory=lambda: DATA)


@dataclass(frozen=True, slots=True)
class Existing:
    """A topic as the cluster has it.

    Attributes:
        partitions: How many it has.
        settings: Its settings, defaults included.
    """

    partitions: int
    settings: Mapping[str, str]

    @property
    def max_message_bytes(self) -> int:
        """The largest batch that it takes, in bytes."""
        return int(self.settings.get("max.message.bytes", 1_048_588))


def mismatches(plan: list[Topic], cluster: Mapping[str, Existing], shards: int) -> list[str]:
    """What of the topics that exist would make the bridge wrong; each with the command that mends it."""
    found: list[str] = []
    for topic in plan:
        existing = cluster.get(topic.name)
        if existing is None:
            continue
        policy = existing.settings.get("cleanup.policy", "delete")
        if topic.policy["cleanup.policy"] == "compact" and "compact" not in policy:
            found.append(
                f"topic {topic.name} ({topic.role}) has cleanup.policy={policy} and would lose what is kept in it; "
                "mend it: kafka-configs.sh --bootstrap-server … --alter --entity-type topics "
                f"--entity-name {topic.name} --add-config cleanup.policy=compact"
            )
        if topic.role == "checkpoints" and existing.partitions != shards:
            found.append(
                f"topic {topic.name} has {existing.partitions} partitions, and kafka.shards is {shards}: "
                f"a stream's shard is its partition there; mend it: set kafka.shards = {existing.partitions}"
            )
    return found + _unequal(plan, cluster)


def _unequal(plan: list[Topic], cluster: Mapping[str, Existing]) -> list[str]:
    """Groups of topics that must have one partition count, and don't."""
    found = []
    for group in together(plan):
        counts = {t.name: cluster[t.name].partitions for t in group if t.name in cluster}
        if len(set(counts.values())) > 1:
            most = max(counts.values())
            told = ", ".join(f"{name} has {count}" for name, count in counts.items())
            commands = "; ".join(
                f"kafka-topics.sh --bootstrap-server … --alter --topic {name} --partitions {most}"
                for name, count in counts.items()
                if count < most
            )
            found.append(
                f"an odd must be in the same partition of each of these topics, and {told}; "
                f"mend it while they are empty: {commands} (otherwise make them anew: keys would move)"
            )
    return found


def together(plan: list[Topic]) -> list[list[Topic]]:
    """The topics that must have equal partition counts: an odd's log, its locks and its state."""
    families: dict[tuple[str, bool], list[Topic]] = {}
    for topic in plan:
        if "odds" in topic.role:
            families.setdefault((topic.prefix, topic.role.startswith("copilot")), []).append(topic)
    return list(families.values())
