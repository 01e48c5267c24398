"""What a `read_committed` reader waits for: partitions whose last stable offset is behind their end."""

import asyncio

from confluent_kafka import IsolationLevel, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec  # type: ignore[attr-defined]

Ends = dict[tuple[str, int], int]


async def ends(servers: str, prefix: str, *, committed: bool) -> Ends:
    """The end of each partition of the prefix's topics, for readers of committed records or for all."""
    return await asyncio.to_thread(_ends, servers, prefix, committed)


async def held_back(servers: str, prefix: str) -> list[str]:
    """Partitions of the prefix's topics in which readers wait for an open transaction."""
    high = await ends(servers, prefix, committed=False)
    stable = await ends(servers, prefix, committed=True)
    return [f"{topic}-{partition}" for (topic, partition), end in high.items() if stable[topic, partition] < end]


def _ends(servers: str, prefix: str, committed: bool) -> Ends:
    admin = AdminClient({"bootstrap.servers": servers, "log_level": 4})
    topics = admin.list_topics(timeout=30).topics
    asked = {
        TopicPartition(name, partition): OffsetSpec.latest()  # type: ignore[no-untyped-call]
        for name, topic in topics.items()
        if name.startswith(prefix)
        for partition in topic.partitions
    }
    level = IsolationLevel.READ_COMMITTED if committed else IsolationLevel.READ_UNCOMMITTED
    answers = admin.list_offsets(asked, isolation_level=level, request_timeout=30)
    return {(spot.topic, spot.partition): answer.result().offset for spot, answer in answers.items()}
