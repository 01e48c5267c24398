"""The plan against the topics that a cluster has, and what may be done about the difference."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bridge.check.conversation import Conversation
from bridge.check.facts import Facts
from bridge.check.findings import Level
from bridge.check.reach import reach, servers_of, told
from bridge.check.topics import Difference, Found, differences
from bridge.check.transactions import name_of
from bridge.config import Settings
from bridge.errors import KafkaFailure, Unpublishable
from bridge.kafka.cluster import Cluster
from bridge.kafka.plan import topic_sets, topics_of
from bridge.kafka.refusals import failure
from bridge.kafka.topics import Topic


@dataclass(frozen=True, slots=True)
class Inventory:
    """What there is.

    Attributes:
        plan: The topics that the configuration needs.
        found: Those of them that the cluster has.
        differing: How they differ from the plan.
        hidden: Those that this client may not see, so that nobody knows.
        unread: Those whose settings this client may not read.
        extra: Topics that begin with a prefix of the configuration and aren't in the plan.
        events: The same, but of events that the bridge didn't know: the bridge made them.
    """

    plan: Sequence[Topic]
    found: Mapping[str, Found]
    differing: Sequence[Difference]
    hidden: Sequence[str]
    unread: Sequence[str]
    extra: Sequence[str]
    events: Sequence[str]

    @property
    def missing(self) -> list[str]:
        """Topics that aren't there."""
        return [t.name for t in self.plan if t.name not in self.found and t.name not in self.hidden]

    @property
    def as_planned(self) -> bool:
        """Whether there is nothing to mend, as far as this client may see."""
        return not (self.missing or self.hidden or self.unread) and all(d.level is Level.OK for d in self.differing)


async def take(settings: Settings, options: Mapping[str, Any]) -> Inventory:
    """Look at the cluster.

    Raises:
        KafkaFailure: It can't be asked.
        Unpublishable: It doesn't let the bridge in.
    """
    kafka, plan = settings.kafka, topics_of(settings)
    outcomes = await reach(options, servers_of(kafka.bootstrap_servers))
    good = [server for server, error in outcomes.items() if error is None]
    if not good:
        server, error = next((server, error) for server, error in outcomes.items() if error is not None)
        text, fix = told(error)
        if failure(error, "connecting").heals:
            raise KafkaFailure(f"{server}: {text}", hint=fix, reason="unreachable")
        raise Unpublishable(f"{server}: {text}", hint=fix, reason="refused")
    planned = [topic.name for topic in plan]
    async with Conversation({**options, "bootstrap_servers": ",".join(good)}) as cluster:
        brokers = cluster.brokers()
        every, layouts, described = await asyncio.gather(
            cluster.layouts(None), cluster.layouts(planned), cluster.settings(planned)
        )
    facts = Facts(layouts, described)
    found = facts.found(plan)
    replication = kafka.replication_factor or min(3, max(1, len(brokers)))
    prefixes = tuple(prefix for prefix in topic_sets(settings) if prefix)
    of_events = tuple(names.unknown_events for names in topic_sets(settings).values())
    others = [name for name in sorted(every) if name not in planned and not name.startswith("__")]
    return Inventory(
        plan,
        found,
        differences(plan, found, shards=kafka.shards, replication=replication, compression=kafka.compression),
        hidden=[name for name in planned if facts.hidden(name)],
        unread=[name for name, there in found.items() if there.settings is None],
        extra=[name for name in others if name.startswith(prefixes) and not name.startswith(of_events)],
        events=[name for name in others if name.startswith(of_events)],
    )


async def make(settings: Settings, options: Mapping[str, Any], topics: Sequence[Topic]) -> str:
    """Make topics; returns why some could not be made, "" when all were."""
    try:
        await Cluster(options, replication_factor=settings.kafka.replication_factor).create(list(topics))
    except KafkaFailure as error:
        return str(error)
    return ""


async def alter(options: Mapping[str, Any], settings: dict[str, dict[str, str]]) -> dict[str, str]:
    """Change settings of topics, and no others of theirs; returns by topic why it could not be done."""
    try:
        async with Conversation(options) as cluster:
            answers = await cluster.set_settings(settings)
    except KafkaFailure as error:
        return dict.fromkeys(settings, str(error))
    return {name: f"{name_of(code)} {words}".rstrip() for name, (code, words) in answers.items() if code}
