"""A log of very many transactions: after compaction a start reads a handful of records."""

import asyncio
import time
from collections.abc import Callable

import pytest

from bridge.continuity import Position
from bridge.demo.kafka import EmbeddedKafka
from bridge.entries import EntryId
from bridge.kafka.checkpoints import CLAIM_KEY, Checkpoint, Claim, read
from bridge.kafka.producer import Producer
from bridge.kafka.topics import CHECKPOINTS, Existing
from bridge.kafka.writer import Round, Writer
from tests.support.reader import read as records_of
from tests.support.topics import make
from tests.support.waiting import until

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(300)]

Tell = Callable[[str], None]

TRANSACTIONS, WRITERS = 20_000, 16
"""Transactions in one partition, by how many writers with ids of their own: one alone would take two minutes."""
RECORDS, BYTES = 100, 128 * 1024
"""What may be left of them; their markers alone are more than a megabyte."""
SOON = {
    "segment.bytes": str(2**20),
    "segment.ms": "2000",
    "max.compaction.lag.ms": "2000",
    "delete.retention.ms": "500",
}
"""The bridge's own settings, in seconds where they are minutes."""


async def test_after_compaction_a_start_reads_few_records(own: EmbeddedKafka, unique: str, tell: Tell) -> None:
    await make(own.bootstrap_servers, unique, 1, {**CHECKPOINTS, **SOON})
    options = {"bootstrap_servers": own.bootstrap_servers, "client_id": unique}
    began = time.monotonic()
    await asyncio.gather(*(_fill(options, unique, n) for n in range(WRITERS)))
    made = time.monotonic() - began
    folder = own.folder / "data" / f"{unique}-0"
    last = _writer(options, unique, WRITERS)
    await last.open(30)

    async def left() -> tuple[int, int]:
        # A segment is closed by what comes after it; an idle owner's claims are what comes.
        await last.write(Round(1, tail=[(CLAIM_KEY, Claim("last", 1, "here", 1, 1).encode())]))
        size = sum(file.stat().st_size for file in folder.glob("*.log"))
        return len(await records_of(own.bootstrap_servers, unique, topics=[""])), size

    # The size tells of the transactions' markers, which no reader is shown but each has to fetch.
    few, small = await until(left, lambda n: n[0] < RECORDS and n[1] < BYTES, within=150, what="all is compacted")
    await last.close()
    began = time.monotonic()
    stored = await read(options, unique, 0, deadline_s=30, wait=True)
    tell(
        f"{TRANSACTIONS} transactions in {made:.0f} s; after compaction {few} records, "
        f"{small / 1024:.0f} KiB, read by a start in {time.monotonic() - began:.2f} s"
    )
    assert stored.claim is not None
    assert stored.claim.instance == "last"
    assert {name: (c.instance, c.serial) for name, c in stored.checkpoints.items()} == {
        f"stream-{n}": (f"writer-{n}", TRANSACTIONS // WRITERS) for n in range(WRITERS)
    }
    for checkpoint in stored.checkpoints.values():
        assert checkpoint.position.highest == EntryId(1_700_000_000_000 + 7 * TRANSACTIONS // WRITERS, 0)


def _writer(options: dict[str, str], topic: str, n: int) -> Writer:
    def producer() -> Producer:
        return Producer(options, transactional_id=f"{topic}-{n}", transaction_timeout_ms=60_000, compression="zstd")

    topics = {topic: Existing(1, {})}
    return Writer(producer, topics=lambda: topics, checkpoints=topic, shard=0, deadline_s=60)


async def _fill(options: dict[str, str], topic: str, n: int) -> None:
    """One writer's share: in each transaction the checkpoint of one stream."""
    writer = _writer(options, topic, n)
    await writer.open(60)
    position = Position()
    for serial in range(1, TRANSACTIONS // WRITERS + 1):
        position.add("odds", EntryId(1_700_000_000_000 + 7 * serial, 0))
        value = Checkpoint(position, f"writer-{n}", serial, 1).encode(f"stream-{n}")
        await writer.write(Round(serial, tail=[(f"stream-{n}".encode(), value)]))
    await writer.close()
