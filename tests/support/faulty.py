"""The bridge with commits that fail on purpose: `python -m tests.support.faulty run -c FILE`.

The environment's FAULTS is JSON: `faults`, the names of what happens to one transaction with entries after another;
`timeout_ms`, after which the broker ends an open transaction; `blind`, for a cluster that doesn't tell topics' limits.
Each fault that has happened is a line in the log.
"""

import asyncio
import json
import os
import sys
from typing import Any, NoReturn

from aiokafka.errors import KafkaConnectionError

from bridge import assembly, shard
from bridge.cli import main
from bridge.kafka import topics
from bridge.kafka.builder import Builder
from bridge.kafka.producer import Producer
from bridge.logs import get_logger
from tests.support.offsets import ends
from tests.support.waiting import until

FAULTS = {
    "lost": "it commits, and the answer is lost",
    "late": "it commits, and the answer never comes",
    "unsent": "it fails before anything is sent",
    "hangs": "it hangs, and nothing was sent",
    "fenced": "it waits until the broker has ended the transaction",
    "delivery": "a batch isn't delivered",
}

log = get_logger("oddsbridge.faulty")


class Faulty(Producer):
    """A producer whose transactions fail by the plan, those with entries in them."""

    faults: list[str]
    timeout_ms: int

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._inner._txn_manager.transaction_timeout_ms = self.timeout_ms
        self._servers = ",".join(f"{host}:{port}" for host, port, *_ in self._inner.client.hosts)
        self._sent: list[tuple[str, int]] = []
        self._broken = False  # one batch of a transaction isn't delivered

    @property
    def _with_entries(self) -> bool:
        return any(not topic.endswith(("checkpoints", "bridge-events")) for topic, _ in self._sent)

    def _next(self) -> str:
        if not self._with_entries or not self.faults:
            return ""
        fault = self.faults.pop(0)
        log.info("fault", kind=fault, left=len(self.faults))
        return fault

    async def begin(self) -> None:
        self._sent.clear()
        self._broken = False
        await super().begin()

    async def send(self, batch: Builder, topic: str, partition: int) -> "asyncio.Future[Any]":
        self._sent.append((topic, partition))
        if self.faults[:1] == ["delivery"] and self._with_entries and not self._broken:
            self._broken = True
            self._next()
            failed: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
            failed.set_exception(KafkaConnectionError("this batch is not delivered"))
            return failed
        return await super().send(batch, topic, partition)

    async def commit(self) -> None:
        fault = self._next()
        if fault == "unsent":
            raise KafkaConnectionError("nothing was sent")
        if fault == "hangs":
            await _for_ever()
        if fault == "fenced":
            await self._ended_by_broker()
        await super().commit()
        if fault == "lost":
            raise KafkaConnectionError("the answer is lost")
        if fault == "late":
            await _for_ever()

    async def _ended_by_broker(self) -> None:
        """Wait until the abort marker stands in the partition that the transaction wrote to last."""
        topic, partition = self._sent[-1]
        before = (await ends(self._servers, topic, committed=False))[topic, partition]

        async def stable() -> int:
            return (await ends(self._servers, topic, committed=True))[topic, partition]

        await until(stable, lambda end: end > before, within=60, what="the abort marker")


async def _for_ever() -> NoReturn:
    await asyncio.Event().wait()
    raise AssertionError


if __name__ == "__main__":
    plan = json.loads(os.environ["FAULTS"])
    Faulty.faults, Faulty.timeout_ms = plan["faults"], plan["timeout_ms"]
    assembly.Producer = Faulty  # type: ignore[attr-defined]
    if plan.get("blind"):
        topics.Existing.max_message_bytes = property(lambda _: 1_048_588)  # type: ignore[assignment,method-assign]
    shard._RETRY_S = (0.0, 0.1, 0.3, 0.3, 0.3)  # a long row of faults need not wait as long as an outage
    sys.exit(main())
