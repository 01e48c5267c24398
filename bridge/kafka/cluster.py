"""Questions to the cluster, and topics made: everything that goes through Kafka's admin protocol."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, for_code

from bridge.errors import ClusterMismatch, KafkaFailure
from bridge.kafka.topics import Existing, Topic

DEADLINE_S = 10.0
"""How long one conversation with the cluster may take."""


class Cluster:
    """The cluster behind the bootstrap servers.

    Args:
        options: What every Kafka client of the process is made with: servers, security, client id.
        replication_factor: For topics that are made; None takes min(3, brokers).
    """

    def __init__(self, options: Mapping[str, Any], *, replication_factor: int | None = None) -> None:
        self._options = dict(options)
        self._replication_factor = replication_factor

    @asynccontextmanager
    async def _admin(self, doing: str) -> AsyncIterator[AIOKafkaAdminClient]:
        admin = AIOKafkaAdminClient(**self._options)
        try:
            async with asyncio.timeout(DEADLINE_S):
                await admin.start()
                yield admin
        except (KafkaError, OSError, TimeoutError) as error:
            raise KafkaFailure(
                f"{doing} failed: {type(error).__name__} {error}".rstrip(), reason="unreachable"
            ) from error
        finally:
            try:
                async with asyncio.timeout(2):
                    await admin.close()
            except (KafkaError, OSError, TimeoutError):
                pass

    async def topics(self, names: Iterable[str]) -> dict[str, Existing]:
        """Those of `names` that exist, with their partition counts and settings.

        Raises:
            KafkaFailure: the cluster can't be asked.
        """
        async with self._admin("reading topics") as admin:
            return await _existing(admin, set(names))

    async def names(self) -> set[str]:
        """Every topic that this client may see.

        Raises:
            KafkaFailure: the cluster can't be asked.
        """
        async with self._admin("listing topics") as admin:
            return set(await admin.list_topics())

    async def create(self, topics: list[Topic]) -> dict[str, Existing]:
        """Make the topics that are missing, and return all of them as the cluster has them.

        Raises:
            KafkaFailure: the cluster can't be asked.
            ClusterMismatch: the cluster refuses to make one.
        """
        async with self._admin("making topics") as admin:
            existing = await _existing(admin, {topic.name for topic in topics})
            missing = [topic for topic in topics if topic.name not in existing]
            if not missing:
                return existing
            replication = self._replication_factor
            if replication is None:
                brokers = (await admin.describe_cluster())["brokers"]
                replication = min(3, max(1, len(brokers)))
            answer = await admin.create_topics(
                [NewTopic(t.name, t.partitions, replication, topic_configs=dict(t.policy)) for t in missing]
            )
            refused = []
            for name, code, *rest in answer.topic_errors:
                if code and for_code(code) is not TopicAlreadyExistsError:
                    refused.append(f"{name}: {(rest and rest[0]) or for_code(code).__name__}")
            if refused:
                raise ClusterMismatch(
                    f"Kafka doesn't make the missing topics: {'; '.join(refused)}",
                    hint="allow Create on them, or make them yourself: `oddsbridge check --offline -c FILE` lists them",
                )
            wanted = {topic.name for topic in topics}
            while wanted - existing.keys():  # a topic is there a moment after it is made
                existing = await _existing(admin, wanted)
                await asyncio.sleep(0.05)
            return existing


async def _existing(admin: AIOKafkaAdminClient, names: set[str]) -> dict[str, Existing]:
    listed = set(await admin.list_topics())
    found = sorted(names & listed)
    if not found:
        return {}
    counts = {t["topic"]: len(t["partitions"]) for t in await admin.describe_topics(found) if not t["error_code"]}
    settings: dict[str, dict[str, str]] = {}
    for answer in await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, name) for name in found]):
        for resource in answer.resources:
            settings[resource[3]] = {entry[0]: entry[1] for entry in resource[4]}
    return {name: Existing(counts[name], settings.get(name, {})) for name in found if name in counts}
