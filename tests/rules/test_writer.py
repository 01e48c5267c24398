"""A round as one transaction, with a producer that only notes what it is told."""

import asyncio
from typing import cast

import pytest
from aiokafka.errors import (
    KafkaConnectionError,
    MessageSizeTooLargeError,
    ProducerFenced,
    TopicAuthorizationFailedError,
)
from hypothesis import given
from hypothesis import strategies as st

from bridge.errors import CommitUnknown, KafkaFailure, RecordsRefused, Unpublishable
from bridge.kafka.builder import Builder, Shared
from bridge.kafka.partitioner import partition_for
from bridge.kafka.producer import Producer
from bridge.kafka.refusals import failure
from bridge.kafka.topics import Existing
from bridge.kafka.writer import Round, Writer
from bridge.records import Held, Part, Record

TOPICS = {"p.odds": Existing(3, {"max.message.bytes": "4000"}), "p.checkpoints": Existing(4, {})}
SHARD = 2
NEVER_S = 3_600.0


class Noted:
    """A batch whose records can be looked at."""

    def __init__(self, builder: Builder) -> None:
        self._builder = builder
        self.records: list[tuple[bytes, bytes, int]] = []

    def add(self, key: bytes, value: bytes, timestamp_ms: int, common: Shared) -> bool:
        added = self._builder.add(key, value, timestamp_ms, common)
        if added:
            self.records.append((key, value, timestamp_ms))
        return added

    def record_count(self) -> int:
        return len(self.records)


class Noting:
    """A producer that notes what it is told; a delivery is done when the test says so, or at once."""

    transactional = True

    def __init__(self) -> None:
        self.said: list[str] = []
        self.sent: list[tuple[str, int, list[tuple[bytes, bytes, int]]]] = []
        self.fails: dict[int, Exception] = {}
        self.open: asyncio.Future[None] | None = None

    async def start(self, _: float) -> None:
        self.said.append("start")

    async def abandon(self) -> None:
        self.said.append("abandon")

    def failure(self, error: BaseException, doing: str) -> KafkaFailure:
        return failure(error, doing)

    async def begin(self) -> None:
        self.said.append("begin")

    async def commit(self) -> None:
        self.said.append("commit")

    def batch(self, limit: int) -> Builder:
        return cast("Builder", Noted(Builder(limit, None, transactional=True)))

    async def send(self, batch: Builder, topic: str, partition: int) -> "asyncio.Future[None]":
        self.said.append(f"send {topic}")
        delivery: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        error = self.fails.get(len(self.sent))
        self.sent.append((topic, partition, cast("Noted", batch).records))
        if error is not None:
            delivery.set_exception(error)
        elif self.open is not None:
            return self.open
        else:
            delivery.set_result(None)
        return delivery


def writer(noting: Noting) -> Writer:
    return Writer(
        lambda: cast("Producer", noting),
        topics=lambda: TOPICS,
        checkpoints="p.checkpoints",
        shard=SHARD,
        deadline_s=NEVER_S,
    )


def held(n: int, *odds: tuple[str, int]) -> Held:
    records = [Record("p.odds", odd.encode(), b"%d" % n + b"." * size, [("event", b"odds")]) for odd, size in odds]
    return Held("nba", "odds", None, 1_000 + n, records, 1, [])


def a_round(*entries: Held) -> Round:
    return Round(5, list(entries), [(b"nba", b"checkpoint")])


async def opened(noting: Noting) -> Writer:
    made = writer(noting)
    await made.open(1.0)
    return made


odds = st.lists(st.tuples(st.sampled_from(["a", "b", "c", "d", "e"]), st.integers(0, 1_500)), max_size=6)


@given(st.lists(odds, max_size=12))
def test_each_odds_records_go_out_in_order_and_the_checkpoint_in_the_same_transaction(
    rounds: list[list[tuple[str, int]]],
) -> None:
    entries = [held(n, *of) for n, of in enumerate(rounds)]
    for entry in entries[::2]:  # as a stream offers them; the others as they are after a refusal
        items = [(record.key, record.value) for record in entry.records]
        entry.parts, entry.records = [Part("p.odds", entry.headers, items)], []
    noting = Noting()

    async def run() -> None:
        await (await opened(noting)).write(a_round(*entries))

    asyncio.run(run())
    assert noting.said[1] == "begin"
    assert noting.said[-1] == "commit"
    assert noting.said.count("begin") == noting.said.count("commit") == 1
    sent = [(topic, partition, record) for topic, partition, records in noting.sent for record in records]
    expected: dict[bytes, list[tuple[bytes, int]]] = {}
    for entry in entries:
        entry.single_out()
        for record in entry.records:
            expected.setdefault(record.key, []).append((record.value, entry.received_ms))
    found: dict[bytes, list[tuple[bytes, int]]] = {}
    for topic, partition, (key, value, timestamp) in sent:
        if topic == "p.odds":
            assert partition == partition_for(key, 3)
            found.setdefault(key, []).append((value, timestamp))
    assert found == expected
    own = [(partition, key, value) for topic, partition, (key, value, _) in sent if topic == "p.checkpoints"]
    assert own == [(SHARD, b"nba", b"checkpoint")]


async def test_it_commits_only_when_everything_is_delivered() -> None:
    noting = Noting()
    noting.open = asyncio.get_running_loop().create_future()
    made = await opened(noting)
    writing = asyncio.create_task(made.write(a_round(held(1, ("a", 5)))))
    for _ in range(20):
        await asyncio.sleep(0)
    assert noting.said == ["start", "begin", "send p.odds", "send p.checkpoints"]
    noting.open.set_result(None)
    await writing
    assert noting.said[-1] == "commit"


@pytest.mark.parametrize("batch", [0, 1])
@pytest.mark.parametrize(
    ("error", "told"),
    [
        (KafkaConnectionError("lost"), CommitUnknown),
        (ProducerFenced(), CommitUnknown),
        (MessageSizeTooLargeError(), RecordsRefused),
        (TopicAuthorizationFailedError(), Unpublishable),
    ],
)
async def test_a_batch_that_fails_is_never_committed(batch: int, error: Exception, told: type[Exception]) -> None:
    noting = Noting()
    noting.fails = {batch: error}
    made = await opened(noting)
    with pytest.raises(told):
        await made.write(a_round(held(1, ("a", 5))))
    assert "commit" not in noting.said


async def test_a_refusal_names_the_batches_and_outweighs_what_it_made_fail() -> None:
    noting = Noting()
    noting.fails = {0: KafkaConnectionError("because of the other"), 1: MessageSizeTooLargeError()}
    made = await opened(noting)
    entries = [held(n, ("a", 1_500)) for n in range(6)]
    with pytest.raises(RecordsRefused) as raised:
        await made.write(a_round(*entries))
    (refused,) = raised.value.refused
    assert [record.value for record in refused.records] == [value for _, value, _ in noting.sent[1][2]]


async def test_a_writer_that_isnt_open_writes_nothing() -> None:
    with pytest.raises(CommitUnknown):
        await writer(Noting()).write(a_round())
