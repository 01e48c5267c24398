"""The topics as the cluster has them, for all shards of a process: made at start, looked up before a transaction."""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import replace

from bridge.errors import ClusterMismatch, Unpublishable
from bridge.kafka.cluster import Cluster
from bridge.kafka.topics import DATA, Existing, Topic, mismatches, together
from bridge.records import UNKNOWN_TOPICS


class Catalogue:
    """What is known of the cluster's topics.

    Args:
        cluster: Where to ask.
        plan: The topics that the configuration needs.
        shards: How many shards the configuration has.
        unknown_prefixes: What the topics of events begin with that nobody has seen before.
        partitions: How many partitions such a topic gets.
    """

    def __init__(
        self, cluster: Cluster, plan: list[Topic], *, shards: int, unknown_prefixes: Iterable[str], partitions: int
    ) -> None:
        self.topics: dict[str, Existing] = {}
        self._cluster = cluster
        self._plan = plan
        self._shards = shards
        self._unknown_prefixes = tuple(sorted(set(unknown_prefixes)))
        self._partitions = partitions
        self._making = asyncio.Lock()

    async def prepare(self) -> None:
        """Make the topics that are missing, and check the others.

        Raises:
            KafkaFailure: the cluster can't be asked.
            ClusterMismatch: a topic isn't as the bridge needs it, or can't be made.
        """
        planned = {topic.name for topic in self._plan}
        found = await self._cluster.topics(planned)
        self._check(found)
        topics = await self._cluster.create(_like_their_kin(self._plan, found))
        self._check(topics)
        unknown = [n for n in await self._cluster.names() - planned if n.startswith(self._unknown_prefixes)]
        self.topics = topics | await self._cluster.topics(unknown)

    def _check(self, found: dict[str, Existing]) -> None:
        wrong = mismatches(self._plan, found, self._shards)
        if wrong:
            raise ClusterMismatch("\n".join(wrong))

    async def refresh(self) -> None:
        """Read the topics' settings again, after a refusal or a loss.

        Raises:
            KafkaFailure: the cluster can't be asked.
            Unpublishable: a topic is gone.
        """
        topics = await self._cluster.topics(self.topics)
        gone = sorted(self.topics.keys() - topics.keys())
        if gone:
            raise Unpublishable(
                f"gone from the cluster: {', '.join(gone)}",
                hint="make them again (a restart does), or allow Describe on them",
                reason="topic-gone",
            )
        self._check(topics)
        self.topics = topics

    async def ensure(self, name: str) -> bool:
        """Make the topic of an unknown event, unless there are `UNKNOWN_TOPICS` of them already.

        Returns:
            Whether it is there.

        Raises:
            KafkaFailure: the cluster can't be asked, or refuses.
        """
        async with self._making:
            if name in self.topics:
                return True
            if sum(topic.startswith(self._unknown_prefixes) for topic in self.topics) >= UNKNOWN_TOPICS:
                return False
            made = await self._cluster.create([Topic(name, "event", "", self._partitions, DATA)])
            self.topics = self.topics | made
            return True


def _like_their_kin(plan: list[Topic], found: Mapping[str, Existing]) -> list[Topic]:
    """The plan, with as many partitions for a missing topic as those have that it must equal."""
    counts = {
        topic.name: found[other.name].partitions
        for group in together(plan)
        for other in group
        if other.name in found
        for topic in group
    }
    return [replace(topic, partitions=counts.get(topic.name, topic.partitions)) for topic in plan]
