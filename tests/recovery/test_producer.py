"""What a producer leaves behind when it failed, and the one constant of aiokafka's that the bridge sets."""

import asyncio
import gc
import importlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any

import aiokafka.producer.sender
import psutil
import pytest
from aiokafka.errors import ConcurrentTransactions
from aiokafka.producer.sender import AddPartitionsToTxnHandler
from aiokafka.structs import TopicPartition

import bridge.kafka
from bridge.demo.kafka import EmbeddedKafka
from bridge.entries import EntryId
from bridge.errors import CommitUnknown, KafkaFailure
from bridge.kafka.producer import Producer
from bridge.kafka.topics import Existing
from bridge.kafka.writer import Round, Writer
from bridge.records import Held, Record
from tests.support.topics import make
from tests.support.waiting import until

TIMES = 5


def producer(servers: str, transactional_id: str) -> Producer:
    return Producer(
        {"bootstrap_servers": servers, "client_id": transactional_id},
        transactional_id=transactional_id,
        transaction_timeout_ms=10_000,
        compression="zstd",
    )


def writer(servers: str, name: str, deadline_s: float, topic: str = "") -> Writer:
    """A writer whose topics are all one; the transactional id's name if no other is given."""
    topic = topic or name
    return Writer(
        lambda: producer(servers, name),
        topics=lambda: {topic: Existing(3, {})},
        checkpoints=topic,
        shard=0,
        deadline_s=deadline_s,
    )


def round_of(name: str, serial: int, entries: int = 50) -> Round:
    """Enough for several batches to stand in line for the same partition."""
    held = [
        Held("s", "odds", EntryId(n, 0), 1_000, [Record(name, b"%d" % n, b"x" * 40_000, [])], 40_000, [])
        for n in range(entries)
    ]
    return Round(serial, held, [(b"s", b"{}")])


@asynccontextmanager
async def nothing_left() -> AsyncIterator[None]:
    """The same tasks and connections after as before, and no future whose exception nobody looked at."""
    loop = asyncio.get_running_loop()
    told: list[dict[str, Any]] = []
    loop.set_exception_handler(lambda _, context: told.append(context))
    tasks, connections = asyncio.all_tasks(), connected()
    yield

    async def more() -> set[Any]:
        return (asyncio.all_tasks() - tasks) | (connected() - connections)

    await until(more, lambda left: not left, within=5, what="nothing left")  # what is cancelled needs a turn to end
    gc.collect()
    assert told == []


def connected() -> set[Any]:
    return {c.laddr for c in psutil.Process().net_connections("tcp") if c.status == psutil.CONN_ESTABLISHED}


@asynccontextmanager
async def silent() -> AsyncIterator[str]:
    """A server that takes connections and never says a word."""
    open_ones: list[asyncio.StreamWriter] = []
    server = await asyncio.start_server(lambda _, answer: open_ones.append(answer), "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    try:
        yield f"{host}:{port}"
    finally:
        server.close()
        for answer in open_ones:
            answer.transport.abort()


async def test_starts_that_fail_leave_nothing_behind_where_nobody_listens(unique: str) -> None:
    async with nothing_left():
        for _ in range(TIMES):
            with pytest.raises(KafkaFailure):
                await producer("127.0.0.1:1", unique).start(0.2)


async def test_starts_that_fail_leave_nothing_behind_where_nobody_answers(unique: str) -> None:
    async with silent() as servers, nothing_left():
        for _ in range(TIMES):
            with pytest.raises(KafkaFailure):
                await producer(servers, unique).start(0.2)


@pytest.mark.kafka
async def test_a_start_that_is_cancelled_leaves_nothing_behind(own: EmbeddedKafka, unique: str) -> None:
    own.pause()
    try:
        async with nothing_left():
            for _ in range(TIMES):
                task = asyncio.create_task(producer(own.bootstrap_servers, unique).start(60))
                await until(_connecting(connected()), bool, within=10, what="it has connected")
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
                assert task.cancelled()
    finally:
        own.resume()


def _connecting(before: set[Any]) -> Callable[[], Any]:
    async def connecting() -> set[Any]:
        return connected() - before

    return connecting


@pytest.mark.kafka
async def test_a_writer_that_is_abandoned_while_the_broker_stands_still_leaves_nothing_behind(
    own: EmbeddedKafka, unique: str
) -> None:
    await make(own.bootstrap_servers, unique, 3, {})
    async with nothing_left():
        for n in range(TIMES):
            abandoned = writer(own.bootstrap_servers, unique, 0.3)
            await abandoned.open(30)
            own.pause()
            try:
                with pytest.raises(CommitUnknown):
                    await abandoned.write(round_of(unique, n))
                await abandoned.abandon()
            finally:
                own.resume()


@pytest.mark.kafka
async def test_a_writer_that_is_abandoned_while_the_broker_is_gone_leaves_nothing_behind(
    own: EmbeddedKafka, unique: str
) -> None:
    await make(own.bootstrap_servers, unique, 3, {})
    open_ones = [writer(own.bootstrap_servers, f"{unique}-{n}", 1.0, topic=unique) for n in range(TIMES)]
    async with nothing_left():
        for n, abandoned in enumerate(open_ones):
            await abandoned.open(30)
            await abandoned.write(round_of(unique, n))
        await asyncio.to_thread(own.kill)
        try:
            for n, abandoned in enumerate(open_ones):
                with pytest.raises(CommitUnknown):
                    await abandoned.write(round_of(unique, n))
                await abandoned.abandon()
        finally:
            await asyncio.to_thread(own.restart)


@pytest.mark.kafka
async def test_a_writer_that_was_fenced_leaves_nothing_behind(own: EmbeddedKafka, unique: str) -> None:
    await make(own.bootstrap_servers, unique, 3, {})
    async with nothing_left():
        for n in range(TIMES):
            first, second = (writer(own.bootstrap_servers, unique, 20) for _ in range(2))
            await first.open(30)
            await first.write(round_of(unique, n))
            await second.open(30)
            with pytest.raises(CommitUnknown) as fenced:
                await first.write(round_of(unique, n))
            assert fenced.value.reason == "fenced"
            await first.abandon()
            await second.write(round_of(unique, n))
            await second.close()
            del fenced


def test_aiokafka_waits_between_transactions_as_long_as_the_bridge_says() -> None:
    transactions = SimpleNamespace(txn_partitions=set())
    sender = SimpleNamespace(_txn_manager=transactions, _retry_backoff=0.1)
    handler = AddPartitionsToTxnHandler(sender, [TopicPartition("odds", 0)])
    answer = SimpleNamespace(errors=[("odds", [(0, ConcurrentTransactions.errno)])])
    assert handler.handle_response(answer) == bridge.kafka.TRANSACTION_BACK_OFF_S
    assert bridge.kafka.TRANSACTION_BACK_OFF_S < 0.02, "that is what aiokafka waits by itself"


def test_the_import_fails_when_the_constant_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(aiokafka.producer.sender, "BACKOFF_OVERRIDE")
    with pytest.raises(ImportError, match="BACKOFF_OVERRIDE is gone"):
        importlib.reload(bridge.kafka)
