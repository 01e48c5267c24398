"""Pure: what a principal must be allowed to do for the bridge to work, and the commands that allow it.

Kafka's authorizer lets whoever may Write also Describe, so Describe isn't asked for by itself.
"""

import shlex
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from bridge.config import Settings, topic_names
from bridge.kafka.plan import topic_sets, topics_of

Pattern = Literal["literal", "prefixed"]
ResourceType = Literal["topic", "transactional-id", "group", "cluster"]
Operation = Literal["Write", "Read", "Create", "Describe", "DescribeConfigs", "AlterConfigs", "Alter"]

WRITE = "publishes there"
CREATE = "makes topics that are missing; not needed where you make them yourself, apart from topics of unknown events"
DESCRIBE_CONFIGS = "reads cleanup.policy and max.message.bytes before it writes"
READ = "reads where each stream is"
READ_STATES = 'reads what it published last, to heal gaps; not needed with `upstream.continuity = "announce"`'
TRANSACTIONS = "writes in transactions, a transactional id for each shard"


@dataclass(frozen=True, slots=True)
class Acl:
    """One permission, in the words of `kafka-acls.sh`.

    Attributes:
        resource_type: What kind of thing it is about.
        name: The thing's name, or what the names begin with.
        pattern: Which of the two `name` is.
        operation: What is allowed.
        why: What the bridge does with it.
    """

    resource_type: ResourceType
    name: str
    pattern: Pattern
    operation: Operation
    why: str

    def covers(self, resource_type: str, name: str, operation: str) -> bool:
        """Whether this permission, by itself, allows an operation."""
        same = self.resource_type == resource_type and operation in {self.operation, *_IMPLIED.get(self.operation, ())}
        return same and (name == self.name if self.pattern == "literal" else name.startswith(self.name))


_IMPLIED = {
    "Read": ("Describe",),
    "Write": ("Describe",),
    "Alter": ("Describe",),
    "AlterConfigs": ("DescribeConfigs",),
}


def needed(settings: Settings) -> list[Acl]:
    """Every permission that `oddsbridge run` needs with these settings, and none that it doesn't."""
    acls: list[Acl] = []
    for name, pattern in _topic_patterns(settings):
        acls += [
            Acl("topic", name, pattern, "Write", WRITE),
            Acl("topic", name, pattern, "Create", CREATE),
            Acl("topic", name, pattern, "DescribeConfigs", DESCRIBE_CONFIGS),
        ]
    acls.append(Acl("topic", topic_names(settings).checkpoints, "literal", "Read", READ))
    acls += [Acl("topic", name, "literal", "Read", READ_STATES) for name in _states_read(settings)]
    if settings.kafka.delivery == "exactly-once":
        ids = settings.kafka.transactional_id(0).removesuffix("0")
        acls.append(Acl("transactional-id", ids, "prefixed", "Write", TRANSACTIONS))
    return acls


def _states_read(settings: Settings) -> list[str]:
    """The topics of the latest odds that a start reads: of each stream whose gaps are healed."""
    if settings.upstream.continuity != "reconcile":
        return []
    found = dict[str, None]()
    for stream in settings.streams:
        names = topic_names(settings, stream.topic_prefix)
        if stream.feed != "results":
            found[names.copilot_odds_state if stream.feed == "copilot" else names.odds_state] = None
    return list(found)


def _topic_patterns(settings: Settings) -> list[tuple[str, Pattern]]:
    """One pattern for each topic prefix, and one for each topic that has a name of its own."""
    prefixes = [prefix for prefix in topic_sets(settings) if prefix]
    widest = [p for p in prefixes if not any(p != other and p.startswith(other) for other in prefixes)]
    # Without a prefix one ACL would allow all topics of the cluster; then each is named.
    events = [names.unknown_events for prefix, names in topic_sets(settings).items() if not prefix]
    patterns: list[tuple[str, Pattern]] = [(prefix, "prefixed") for prefix in [*widest, *events]]
    others = [topic.name for topic in topics_of(settings) if not topic.name.startswith(tuple(widest))]
    return [*patterns, *((name, "literal") for name in others)]


def principal(settings: Settings) -> str:
    """Who the ACLs are for, as far as the settings tell it; in angle brackets where they don't."""
    security = settings.kafka.security
    if security.uses_sasl:
        return f"User:{security.username}" if security.username else "User:<the token's subject>"
    return "User:<the certificate's subject>" if security.certificate_file else "User:ANONYMOUS"


def commands(acls: Iterable[Acl], principal: str, servers: str) -> list[str]:
    """The `kafka-acls.sh` commands that allow all of it, one for each resource.

    Args:
        acls: What to allow.
        principal: Whom, with `User:` before it.
        servers: The bootstrap servers that the commands talk to.
    """
    operations: dict[tuple[str, str, str], list[str]] = {}
    for acl in acls:
        operations.setdefault((acl.resource_type, acl.name, acl.pattern), []).append(acl.operation)
    return [
        shlex.join(
            [
                *("kafka-acls.sh", "--bootstrap-server", servers, "--command-config", "admin.properties"),
                *("--add", "--allow-principal", principal),
                *(word for operation in allowed for word in ("--operation", operation)),
                *(f"--{kind}", name, "--resource-pattern-type", pattern),
            ]
        )
        for (kind, name, pattern), allowed in operations.items()
    ]
