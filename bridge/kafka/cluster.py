"""Questions to the cluster, and topics made: everything that goes through Kafka's admin protocol."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, TopicAuthorizationFailedError, for_code
from aiokafka.protocol.metadata import MetadataRequest

from bridge.errors import ClusterMismatch, KafkaFailure
from bridge.kafka.probe import trouble
from bridge.kafka.refusals import failure, forbidden, principal, told
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
        self._options = options
        self._replication_factor = replication_factor

    @asynccontextmanager
    async def _admin(self, doing: str) -> AsyncIterator[AIOKafkaAdminClient]:
        admin = AIOKafkaAdminClient(**self._options)
        try:
            async with asyncio.timeout(DEADLINE_S):
                await admin.start()
                yield admin
        except (KafkaError, OSError, TimeoutError) as error:
            raise await self._reason(admin, doing, error) from error
        finally:
            try:
                async with asyncio.timeout(2):
                    await admin.close()
            except (KafkaError, OSError, TimeoutError):
                pass

    async def _reason(self, admin: AIOKafkaAdminClient, doing: str, error: Exception) -> KafkaFailure:
        """Why it failed: aiokafka only logs what is wrong with a connection, so the way is tried once more by hand."""
        meaning = failure(error, doing, who=principal(self._options))
        if not meaning.heals:
            return meaning
        brokers = [(broker.host, broker.port) for broker in admin._client.cluster.brokers()]  # noqa: SLF001
        found = await trouble(self._options, brokers)
        if found is None:
            return KafkaFailure(f"{doing} failed: {told(error)}", reason="unreachable")
        server, cause = found
        meaning = failure(cause, f"connecting to {server}", who=principal(self._options))
        if not meaning.heals:
            return meaning
        return KafkaFailure(f"{doing} failed: {server} can't be used: {told(cause)}", reason="unreachable")

    async def topics(self, names: Iterable[str]) -> dict[str, Existing]:
        """Those of `names` that exist, with their partition counts and settings.

        Raises:
            KafkaFailure: the cluster can't be asked.
        """
        async with self._admin("reading topics") as admin:
            return await self._existing(admin, set(names))

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
            existing = await self._existing(admin, {topic.name for topic in topics})
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
            not_allowed = []
            for name, code, *rest in answer.topic_errors:
                if for_code(code) is TopicAuthorizationFailedError:
                    not_allowed.append(name)
                elif code and for_code(code) is not TopicAlreadyExistsError:
                    refused.append(f"{name}: {(rest and rest[0]) or for_code(code).__name__}")
            if not_allowed:
                raise forbidden(not_allowed, "Create", "making topics", principal(self._options))
            if refused:
                raise ClusterMismatch(
                    f"Kafka doesn't make the missing topics: {'; '.join(refused)}",
                    hint="make them yourself: `oddsbridge check --offline -c FILE` lists them",
                )
            while not await _led(admin, [topic.name for topic in missing]):  # noqa: ASYNC110 -- Kafka tells nobody
                await asyncio.sleep(0.05)
            return await self._existing(admin, {topic.name for topic in topics})

    async def _existing(self, admin: AIOKafkaAdminClient, names: set[str]) -> dict[str, Existing]:
        listed = set(await admin.list_topics())
        if names - listed:
            await self._none_hidden(admin, sorted(names - listed))
        found = sorted(names & listed)
        if not found:
            return {}
        counts = {t["topic"]: len(t["partitions"]) for t in await admin.describe_topics(found) if not t["error_code"]}
        settings: dict[str, dict[str, str]] = {}
        unreadable = []
        for answer in await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, name) for name in found]):
            for code, _, _, name, entries in answer.resources:
                settings[name] = {entry[0]: entry[1] for entry in entries}
                if for_code(code) is TopicAuthorizationFailedError:
                    unreadable.append(name)
        if unreadable:
            raise forbidden(unreadable, "DescribeConfigs", "reading the topics' settings", principal(self._options))
        return {name: Existing(counts[name], settings.get(name, {})) for name in found if name in counts}

    async def _none_hidden(self, admin: AIOKafkaAdminClient, names: list[str]) -> None:
        """A topic that may not be described isn't listed: asked for by name, Kafka tells it from one that is missing.

        Asked without the flag that would let a broker make it at once, with settings of its own.
        """
        request = MetadataRequest(names, allow_auto_topic_creation=False)
        topics = (await admin._send_request(request)).to_object()["topics"]  # noqa: SLF001
        hidden = [t["topic"] for t in topics if for_code(t["error_code"]) is TopicAuthorizationFailedError]
        if hidden:
            raise forbidden(hidden, "Write, which includes Describe,", "looking for topics", principal(self._options))


async def _led(admin: AIOKafkaAdminClient, names: list[str]) -> bool:
    """Whether every partition of some topics has a leader."""
    return all(
        not topic["error_code"] and all(partition["leader"] >= 0 for partition in topic["partitions"])
        for topic in await admin.describe_topics(names)
    )
