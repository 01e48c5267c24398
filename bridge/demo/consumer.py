"""What any consumer of the topics may be: aiokafka, `read_committed`, and nothing of the bridge's own reading.

`read` reads to the end, `Along` reads along.

Run as a script it prints a topic's records as they come::

    python -m bridge.demo.consumer 127.0.0.1:9092 opticodds.odds
"""

import asyncio
import contextlib
import sys
import time
from collections.abc import AsyncGenerator, AsyncIterator, Collection, Iterable
from typing import Any, Self

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from bridge.demo.audit import Seen
from bridge.errors import KafkaFailure

OWN = ("checkpoints", "bridge-events", "dead-letters", "odds-state", "copilot-odds-state")
"""Topics without entries of upstream's in them."""

_WAIT_MS = 200


async def read(servers: str, prefix: str, *, silence_s: float = 20.0) -> AsyncGenerator[Seen, None]:
    """Every record of upstream's entries, from offset 0 to where the topics end now, by a reader made for it.

    Args:
        servers: Where Kafka is.
        prefix: What the topics' names begin with.
        silence_s: Seconds without a record after which it gives up: an open transaction holds up all readers.

    Raises:
        KafkaFailure: The topics can't be read to their end.
    """
    async with _consumer(servers, "read_committed") as consumer:
        parts = await _parts(servers, prefix)
        ends = await _ends(servers, parts)
        _assign(consumer, parts)
        open_parts = {part for part in parts if ends[part] > 0}
        heard = time.monotonic()
        while open_parts:
            batches = await consumer.getmany(*open_parts, timeout_ms=_WAIT_MS)
            for part, records in batches.items():
                heard = time.monotonic()
                for record in records:
                    if record.offset < ends[part]:
                        yield _seen(record)
            # The position moves on over transactions' markers too, which take offsets but are no records.
            open_parts = {part for part in open_parts if await consumer.position(part) < ends[part]}
            if open_parts and time.monotonic() - heard > silence_s:
                told = ", ".join(sorted(f"{part.topic}[{part.partition}]" for part in open_parts))
                raise KafkaFailure(
                    f"a read_committed reader got nothing more for {silence_s:g} s before the end of {told}",
                    hint="a transaction is open there",
                )


class Along:
    """A `read_committed` reader that runs along, from offset 0 of every topic of a prefix.

    An async context manager; the topics have to be there. What it does with the records is `take`'s. What stops it is
    raised by `check`.

    Args:
        servers: Where Kafka is.
        prefix: What the topics' names begin with.
        besides: Topics that aren't read, without the prefix.
    """

    def __init__(self, servers: str, prefix: str, *, besides: Collection[str]) -> None:
        self._servers = servers
        self._prefix = prefix
        self._besides = besides
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._run())
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    def check(self) -> None:
        """Raise what ended it, if something did."""
        if self._task is not None and self._task.done():
            self._task.result()

    def take(self, records: Iterable[Any]) -> None:
        """Take the next records of a partition, aiokafka's own."""
        raise NotImplementedError

    async def _run(self) -> None:
        async with _consumer(self._servers, "read_committed") as consumer:
            _assign(consumer, await _parts(self._servers, self._prefix, self._besides))
            while True:
                for records in (await consumer.getmany(timeout_ms=_WAIT_MS)).values():
                    self.take(records)


@contextlib.asynccontextmanager
async def _consumer(servers: str, isolation: str) -> AsyncIterator[AIOKafkaConsumer]:
    consumer = AIOKafkaConsumer(
        bootstrap_servers=servers,
        isolation_level=isolation,
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        fetch_max_wait_ms=_WAIT_MS,
    )
    try:
        await consumer.start()
        yield consumer
    except (KafkaError, OSError) as error:
        raise KafkaFailure(f"Kafka at {servers} can't be read: {error}") from error
    finally:
        await consumer.stop()


async def _parts(servers: str, prefix: str, besides: Collection[str] = OWN) -> list[TopicPartition]:
    admin = AIOKafkaAdminClient(bootstrap_servers=servers)
    try:
        await admin.start()
        names = [n for n in await admin.list_topics() if n.startswith(prefix) and n.removeprefix(prefix) not in besides]
        topics = await admin.describe_topics(sorted(names)) if names else []
    except (KafkaError, OSError) as error:
        raise KafkaFailure(f"Kafka at {servers} doesn't tell its topics: {error}") from error
    finally:
        await admin.close()
    return [TopicPartition(t["topic"], n) for t in topics for n in range(len(t["partitions"]))]


async def _ends(servers: str, parts: list[TopicPartition]) -> dict[TopicPartition, int]:
    """Where the topics end, transactions that are still open included: that only read_uncommitted tells."""
    async with _consumer(servers, "read_uncommitted") as consumer:
        ends: dict[TopicPartition, int] = await consumer.end_offsets(parts)
        return ends


def _assign(consumer: AIOKafkaConsumer, parts: list[TopicPartition]) -> None:
    if not parts:
        raise KafkaFailure("there are no topics to read")
    consumer.assign(parts)
    for part in parts:
        consumer.seek(part, 0)


def _seen(record: Any) -> Seen:
    return Seen(
        record.topic,
        record.partition,
        record.offset,
        record.timestamp,
        (record.key or b"").decode(),
        record.value or b"",
        {name: value.decode() for name, value in record.headers},
    )


async def _print(servers: str, *topics: str) -> None:
    async with _consumer(servers, "read_committed") as consumer:
        consumer.subscribe(topics)
        async for record in consumer:
            seen = _seen(record)
            headers = " ".join(f"{name}={value}" for name, value in seen.headers.items())
            sys.stdout.write(f"{seen.topic} {seen.key}\n  {headers}\n  {seen.value.decode(errors='replace')}\n")
            sys.stdout.flush()


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_print(*sys.argv[1:]))
