"""Pure rules: what a configuration asks of Kafka. The topics, and which shard has which stream."""

from collections.abc import Mapping

from bridge.config import Settings, Topics, topic_names
from bridge.kafka.partitioner import partition_for
from bridge.kafka.topics import CHECKPOINTS, DATA, STATE, Topic

_DATA_ROLES = (
    "odds",
    "locked_odds",
    "copilot_odds",
    "copilot_locked_odds",
    "copilot_settled_odds",
    "fixture_status",
    "fixture_results",
)
_STATE_ROLES = ("odds_state", "copilot_odds_state")


def topic_sets(settings: Settings) -> dict[str, Topics]:
    """The topics' names for each prefix in use, the default one first."""
    prefixes = [settings.kafka.topic_prefix, *(stream.topic_prefix for stream in settings.streams)]
    return {prefix: topic_names(settings, prefix) for prefix in dict.fromkeys(p for p in prefixes if p is not None)}


def topics_of(settings: Settings) -> list[Topic]:
    """Every topic that the configuration needs; a name that serves two roles stands once."""
    kafka = settings.kafka
    plan: dict[str, Topic] = {}

    def add(name: str, role: str, prefix: str, partitions: int, policy: Mapping[str, str]) -> None:
        plan.setdefault(name, Topic(name, role.replace("_", "-"), prefix, partitions, policy))

    for prefix, names in topic_sets(settings).items():
        for role in _DATA_ROLES:
            add(getattr(names, role), role, prefix, kafka.partitions, DATA)
        for role in _STATE_ROLES:
            add(getattr(names, role), role, prefix, kafka.partitions, STATE)
    own = topic_names(settings)
    add(own.checkpoints, "checkpoints", own.prefix, kafka.shards, CHECKPOINTS)
    add(own.bridge_events, "bridge_events", own.prefix, kafka.shards, DATA)
    add(own.dead_letters, "dead_letters", own.prefix, kafka.shards, DATA)
    return list(plan.values())


def locks(settings: Settings) -> dict[str, tuple[str, str]]:
    """For each topic of states of the prefixes in use, the event that locks an odd, and that event's topic."""
    found: dict[str, tuple[str, str]] = {}
    for names in topic_sets(settings).values():
        found[names.odds_state] = ("locked-odds", names.locked_odds)
        found[names.copilot_odds_state] = ("copilot-locked-odds", names.copilot_locked_odds)
    return found


def event_topics(names: Topics) -> dict[str, str]:
    """The topic of each event that is known, by upstream's name of the event."""
    return {role.replace("_", "-"): getattr(names, role) for role in _DATA_ROLES}


def shard_of(stream: str, shards: int) -> int:
    """The shard of a stream: the partition that its checkpoint has by Kafka's default partitioner."""
    return partition_for(stream.encode(), shards)
