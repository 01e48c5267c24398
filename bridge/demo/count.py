"""The count: a fresh reader's records of what upstream delivered against the simulator's log."""

import contextlib
from collections.abc import AsyncGenerator, Callable

from bridge.demo import consumer
from bridge.demo.audit import Audit, Seen, Verdict
from bridge.simulator.control import SimulatorControl

STREAM = "stream"
"""The header `origin` of what upstream delivered."""

Read = Callable[[str, str], AsyncGenerator[Seen, None]]
"""Gives every record of the topics of a prefix, from a bootstrap address."""


async def count(
    control: SimulatorControl, servers: str, prefix: str, *, read: Read = consumer.read
) -> tuple[Verdict, dict[str, Seen]]:
    """Compare what the simulator logged with what a fresh reader finds in the topics.

    What the bridge made up of a snapshot was never on the stream, so it isn't counted.

    Args:
        control: The simulator's.
        servers: Where Kafka is.
        prefix: What the topics' names begin with.
        read: The reader.

    Returns:
        The verdict, and the last record of each event that upstream delivered.

    Raises:
        KafkaFailure: The topics can't be read to their end.
    """
    audit = Audit(await control.logs())
    last: dict[str, Seen] = {}
    async with contextlib.aclosing(read(servers, prefix)) as records:
        async for record in records:
            if record.headers.get("origin") == STREAM:
                audit.see(record)
                last[record.headers.get("event", "")] = record
    return audit.verdict(), last
