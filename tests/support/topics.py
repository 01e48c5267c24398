"""Topics as somebody else makes and alters them: by librdkafka's admin client."""

import asyncio
from collections.abc import Mapping

from confluent_kafka import Producer
from confluent_kafka.admin import (  # type: ignore[attr-defined]
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewPartitions,
    NewTopic,
    ResourceType,
)


def _admin(servers: str) -> AdminClient:
    return AdminClient({"bootstrap.servers": servers, "log_level": 4})


async def make(servers: str, name: str, partitions: int, config: Mapping[str, str]) -> None:
    """Make a topic."""

    def made() -> None:
        admin = _admin(servers)
        for answer in admin.create_topics([NewTopic(name, partitions, 1, config=dict(config))]).values():
            answer.result(30)

    await asyncio.to_thread(made)


async def alter(servers: str, name: str, **config: str) -> None:
    """Set some of a topic's settings; `_` stands for a dot."""
    entries = [
        ConfigEntry(key.replace("_", "."), value, incremental_operation=AlterConfigOpType.SET)
        for key, value in config.items()
    ]

    def altered() -> None:
        resource = ConfigResource(ResourceType.TOPIC, name, incremental_configs=entries)
        admin = _admin(servers)
        for answer in admin.incremental_alter_configs([resource]).values():
            answer.result(30)

    await asyncio.to_thread(altered)


async def widen(servers: str, name: str, partitions: int) -> None:
    """Give a topic more partitions."""

    def widened() -> None:
        admin = _admin(servers)
        for answer in admin.create_partitions([NewPartitions(name, partitions)]).values():
            answer.result(30)

    await asyncio.to_thread(widened)


async def names(servers: str, prefix: str) -> set[str]:
    """The prefix's topics."""
    topics = await asyncio.to_thread(lambda: _admin(servers).list_topics(timeout=30).topics)
    return {name for name in topics if name.startswith(prefix)}


async def put(servers: str, topic: str, partition: int, key: str, value: bytes) -> None:
    """Write one record, in no transaction."""

    def written() -> None:
        producer = Producer({"bootstrap.servers": servers, "linger.ms": 0, "log_level": 4})
        producer.produce(topic, value, key=key.encode(), partition=partition)
        assert producer.flush(30) == 0

    await asyncio.to_thread(written)
