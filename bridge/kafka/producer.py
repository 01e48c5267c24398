"""One transactional producer's life, with aiokafka's traps kept in this room.

What aiokafka does and what is done about it here: a commit succeeds although a batch in it failed, so every
delivery is awaited first; `start` and `stop` hang while no broker answers, so both have a deadline; a producer
that failed leaves tasks behind, so it is taken apart by hand. After any failure a producer is of no more use.
"""

import asyncio
import contextlib
from collections.abc import Mapping
from typing import Any, Final

from aiokafka import AIOKafkaProducer
from aiokafka.errors import (
    ClusterAuthorizationFailedError,
    IncompatibleBrokerVersion,
    KafkaError,
    MessageSizeTooLargeError,
    ProducerClosed,
    RecordListTooLargeError,
    TransactionalIdAuthorizationFailed,
    UnsupportedVersionError,
)

from bridge.errors import KafkaFailure
from bridge.kafka import InvalidRecordError
from bridge.kafka.builder import Builder
from bridge.kafka.refusals import AUTHORIZATION, failure, principal

BATCH_BYTES: Final = 256 * 1024
"""The size of a full batch. aiokafka keeps one request in flight a broker, so its own 16 KiB are too small."""

_CLOSE_S: Final = 2.0

RECORD_FAULTS: Final = (MessageSizeTooLargeError, RecordListTooLargeError, InvalidRecordError)
"""What a broker says of a batch when the fault is in a record."""

_NOT_IDEMPOTENT: Final = (ClusterAuthorizationFailedError, UnsupportedVersionError, IncompatibleBrokerVersion)


class Producer:
    """A producer that is started, used until its first failure, and dropped.

    Args:
        options: What every Kafka client of the process is made with.
        transactional_id: The shard's; the newest producer with it fences those before. None is for brokers without
            transactions: `begin` and `commit` do nothing then.
        transaction_timeout_ms: After this the broker aborts what is open.
        compression: A codec's name, or None.
    """

    def __init__(
        self,
        options: Mapping[str, Any],
        *,
        transactional_id: str | None,
        transaction_timeout_ms: int,
        compression: str | None,
    ) -> None:
        self.transactional = transactional_id is not None
        self._compression = compression
        self._principal = principal(options)
        self._settings = {
            **options,
            "transactional_id": transactional_id,
            "transaction_timeout_ms": transaction_timeout_ms,
            "request_timeout_ms": transaction_timeout_ms,
            "compression_type": compression,
            "max_batch_size": BATCH_BYTES,
            "acks": "all",
            "retry_backoff_ms": 50,
        }
        self._inner = AIOKafkaProducer(**self._settings, enable_idempotence=True)

    async def start(self, deadline_s: float) -> None:
        """Connect and take the transactional id, which aborts what an earlier owner left open.

        Raises:
            KafkaFailure: it wasn't possible within `deadline_s` seconds. The producer is taken apart.
        """
        try:
            async with asyncio.timeout(deadline_s):
                try:
                    await self._inner.start()
                except _NOT_IDEMPOTENT:
                    if self.transactional:
                        raise
                    await self.abandon()
                    self._inner = AIOKafkaProducer(**self._settings, enable_idempotence=False)
                    await self._inner.start()
        except (KafkaError, OSError, TimeoutError) as error:
            await self.abandon()
            raise self.failure(error, "starting the producer") from error
        except asyncio.CancelledError:
            await self.abandon()
            raise

    def failure(self, error: BaseException, doing: str) -> KafkaFailure:
        """What an error of this producer means for the shard; see `refusals.failure`."""
        error = self._forbidden() or error
        if isinstance(error, TransactionalIdAuthorizationFailed):  # it doesn't always say which
            error = TransactionalIdAuthorizationFailed(self._settings["transactional_id"])
        return failure(error, doing, who=self._principal)

    def _forbidden(self) -> BaseException | None:
        """The missing permission that ended the open transaction; all that comes after fails with another error."""
        transactions = self._inner._txn_manager  # noqa: SLF001
        waiter = transactions._transaction_waiter if transactions is not None else None  # noqa: SLF001
        if waiter is None or not waiter.done() or waiter.cancelled():
            return None
        error: BaseException | None = waiter.exception()
        return error if isinstance(error, AUTHORIZATION) else None

    def batch(self, limit: int) -> Builder:
        """An empty batch that takes at most `limit` bytes before compression, but always one record."""
        return Builder(limit, self._compression, transactional=self.transactional)

    async def begin(self) -> None:
        """Begin a transaction."""
        if self.transactional:
            await self._inner.begin_transaction()

    async def send(self, batch: Builder, topic: str, partition: int) -> "asyncio.Future[Any]":
        """Queue a batch; waits while one is queued for that partition. The future is its delivery."""
        batch.close()
        delivery: asyncio.Future[Any] = await self._inner.send_batch(batch, topic, partition=partition)
        return delivery

    async def commit(self) -> None:
        """Commit. A cancelled commit goes on in aiokafka, so its outcome is unknown."""
        if self.transactional:
            await self._inner.commit_transaction()

    async def stop(self) -> None:
        """Close an idle producer; never hangs."""
        with contextlib.suppress(KafkaError, OSError, TimeoutError):
            async with asyncio.timeout(_CLOSE_S):
                await self._inner.stop()
                return
        await self.abandon()

    async def abandon(self) -> None:
        """Take a producer apart that failed: fail what is queued, cut its connections, end its tasks.

        The order matters: a sender that still has a connection would go on sending.
        """
        inner = self._inner
        inner._closed = True  # noqa: SLF001 -- __del__ would warn of a producer that was never closed
        accumulator, sender, transactions = inner._message_accumulator, inner._sender, inner._txn_manager  # noqa: SLF001
        accumulator._closed = True  # noqa: SLF001
        batches = [*accumulator._pending_batches, *(b for queue in accumulator._batches.values() for b in queue)]  # noqa: SLF001
        accumulator._pending_batches.update(batches)  # noqa: SLF001 -- where a batch takes itself out when it has failed
        accumulator.reenqueue = _forget  # a request that fails now would put back what is no longer pending
        accumulator.fail_all(ProducerClosed())
        for batch in batches:  # asyncio would report what nobody looked at
            waiter = batch._drain_waiter  # noqa: SLF001
            if waiter.done() and not waiter.cancelled():
                waiter.exception()
        inner.client._get_conn = _no_connection  # noqa: SLF001
        with contextlib.suppress(KafkaError, OSError, TimeoutError):
            async with asyncio.timeout(_CLOSE_S):
                await inner.client.close()
        _no_metadata(inner.client)
        task = sender.sender_task
        if task is not None:
            task.cancel()
            await asyncio.wait([task], timeout=_CLOSE_S)
            if task.done() and not task.cancelled():
                task.exception()
        waiter = transactions._transaction_waiter if transactions is not None else None  # noqa: SLF001
        if waiter is not None and waiter.done() and not waiter.cancelled():
            waiter.exception()


async def _no_connection(*_: object, **__: object) -> None:
    """In the place of a client's way to connect: a closed one would connect again as soon as a broker is back."""


def _no_metadata(client: Any) -> None:
    """End the waiting for a closed client's metadata: the sender's tasks would wait, and so stay, for ever."""
    waited_for = client._md_update_fut  # noqa: SLF001
    if waited_for is not None and not waited_for.done():
        waited_for.set_result(False)
    gone = asyncio.get_running_loop().create_future()
    gone.set_exception(ProducerClosed())
    gone.exception()
    client._md_update_fut = gone  # noqa: SLF001 -- whoever waits from now on


def _forget(batch: object) -> None:
    """In the place of putting a batch back for another try."""
