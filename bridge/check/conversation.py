"""A conversation with a Kafka cluster: questions that change nothing, and the one that changes topics' settings.

What a client may do is asked of the broker itself: it tells the operations on a topic, refuses to pretend to make one,
and refuses to end a transaction of an id that isn't allowed before it notices that there is no such transaction.
"""

import asyncio
import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Final, Self

from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError
from aiokafka.protocol.admin import CreateTopicsRequest, DescribeConfigsRequest
from aiokafka.protocol.api import Request
from aiokafka.protocol.coordination import FindCoordinatorRequest
from aiokafka.protocol.transaction import EndTxnRequest, InitProducerIdRequest

from bridge.check.protocol import UNTOLD, Metadata, SetTopicConfigs
from bridge.kafka.refusals import failure
from bridge.kafka.topics import Topic

ANSWER_S: Final = 8.0
"""Seconds that one question may take."""

TRANSIENT: Final = frozenset({14, 15, 16, 51})
"""Codes of a coordinator that is just being found or made: asking again helps."""

_RETRY_S: Final = 0.1
_NOBODY: Final = -1  # no producer has this id, so no transaction is ever ended with it
_TOPIC, _BROKER = 2, 4
_TRANSACTION = 1
_PRODUCE = 0
_FAILURES: Final = (KafkaError, OSError, TimeoutError, NotImplementedError, AssertionError, ValueError)


@dataclass(frozen=True, slots=True)
class Broker:
    """A broker as the cluster advertises it."""

    id: int
    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Layout:
    """A topic as the cluster's metadata has it.

    Attributes:
        error: Why there is no more: 0 when there is.
        replicas: Of each partition, how many it has.
        leaderless: How many partitions have no leader.
        operations: A bit for each operation that this client may do; None when the broker doesn't tell.
    """

    error: int
    replicas: Sequence[int]
    leaderless: int
    operations: int | None


@dataclass(frozen=True, slots=True)
class Described:
    """The answer to a question about settings: an error's code, or 0 and the settings."""

    error: int
    settings: Mapping[str, str] = field(default_factory=dict)


class Conversation:
    """One client's conversation; an async context manager.

    Args:
        options: What every Kafka client of the process is made with.

    Raises:
        KafkaFailure: From every method, when the cluster can't be asked.
    """

    def __init__(self, options: Mapping[str, Any]) -> None:
        self._client = AIOKafkaClient(**options, request_timeout_ms=int(ANSWER_S * 1000))
        self._reached: list[int] = []

    async def __aenter__(self) -> Self:
        try:
            async with asyncio.timeout(ANSWER_S):
                await self._client.bootstrap()
        except _FAILURES as error:
            await self._close()
            raise failure(error, "asking the cluster") from error
        except asyncio.CancelledError:
            await self._close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._close()

    async def _close(self) -> None:
        try:
            async with asyncio.timeout(2):
                await self._client.close()
        except (KafkaError, OSError, TimeoutError):
            pass

    async def _ask(self, request: Request[Any], doing: str, node: int | None = None) -> Any:
        try:
            async with asyncio.timeout(ANSWER_S):
                return await self._client.send(self._any() if node is None else node, request)
        except _FAILURES as error:
            raise failure(error, doing) from error

    def _any(self) -> int | None:
        """A broker to ask what any of them can answer."""
        if self._reached:
            return random.choice(self._reached)  # noqa: S311 — no secret hangs on it
        node: int | None = self._client.get_random_node()
        return node

    def brokers(self) -> list[Broker]:
        """The brokers, as they advertise themselves; known since the first answer."""
        return sorted(
            (Broker(one.nodeId, one.host, one.port) for one in self._client.cluster.brokers()),
            key=lambda broker: broker.id,
        )

    def use(self, brokers: Iterable[Broker]) -> None:
        """Ask only these from now on, where it doesn't matter which."""
        self._reached = [broker.id for broker in brokers]

    @property
    def _controller(self) -> int | None:
        """Who makes and alters topics; any broker hands that on to it where it isn't known."""
        controller = self._client.cluster.controller
        return None if controller is None else int(controller.nodeId)

    async def layouts(self, names: Iterable[str] | None) -> dict[str, Layout]:
        """Topics by their name; those that aren't there or may not be seen with an error. None asks for all."""
        answer = await self._ask(Metadata(None if names is None else sorted(names)), "asking for the topics")
        found = {}
        for topic in answer.to_object()["topics"]:
            partitions = topic["partitions"]
            operations = topic.get("authorized_operations", UNTOLD)
            found[topic["topic"]] = Layout(
                topic["error_code"],
                [len(partition["replicas"]) for partition in partitions],
                sum(partition["leader"] < 0 for partition in partitions),
                None if operations == UNTOLD else operations,
            )
        return found

    async def settings(self, topics: Iterable[str]) -> dict[str, Described]:
        """What the topics are set to, defaults included."""
        asked = [(_TOPIC, name, None) for name in sorted(topics)]
        if not asked:
            return {}
        answer = await self._ask(DescribeConfigsRequest(asked), "asking for the topics' settings")
        return {resource[3]: _described(resource) for resource in answer.resources}

    async def broker_settings(self, broker: int) -> Described:
        """What a broker is set to; the error's code when that may not be asked."""
        request = DescribeConfigsRequest([(_BROKER, str(broker), None)])
        answer = await self._ask(request, "asking for a broker's settings", broker)
        return next((_described(resource) for resource in answer.resources), Described(-1))

    async def would_make(self, topics: Iterable[Topic], replication_factor: int) -> dict[str, tuple[int, str]]:
        """What the cluster would say if it were asked to make topics: a code and its words by name. Makes none."""
        asked: Any = [(t.name, t.partitions, replication_factor, [], list(t.policy.items())) for t in topics]
        if not asked:
            return {}
        request = CreateTopicsRequest(asked, int(ANSWER_S * 1000), validate_only=True)
        answer = await self._ask(request, "asking whether topics could be made", self._controller)
        return {name: (code, (words and words[0]) or "") for name, code, *words in answer.topic_errors}

    async def init_producer(self, transactional_id: str | None, timeout_ms: int, within_s: float) -> int:
        """The code that a producer gets which begins under an id: 0 when transactions are possible with it.

        It writes nothing to any topic of ours; but it fences whoever uses the id, so it is never a shard's.
        """
        return await self._of_coordinator(
            transactional_id,
            InitProducerIdRequest(transactional_id, timeout_ms),  # no id: idempotence alone
            within_s,
        )

    async def end_of_nothing(self, transactional_id: str, within_s: float) -> int:
        """The code for ending a transaction of a producer that can't exist.

        Whether the id is allowed is looked at before anything else, and nothing else can be right: nothing changes.
        """
        request = EndTxnRequest(transactional_id, _NOBODY, 0, transaction_result=False)
        return await self._of_coordinator(transactional_id, request, within_s)

    async def _of_coordinator(self, transactional_id: str | None, request: Request[Any], within_s: float) -> int:
        """Ask the coordinator of a transactional id; the last code, when it stays transient for so many seconds."""
        loop = asyncio.get_running_loop()
        until = loop.time() + within_s
        while True:
            node, code = None, 0
            if transactional_id is not None:
                find = FindCoordinatorRequest(transactional_id, _TRANSACTION)
                found = await self._ask(find, "asking for the transaction coordinator")
                node, code = found.coordinator_id, found.error_code
            if not code:
                code = (await self._ask(request, "asking the transaction coordinator", node)).error_code
            if code not in TRANSIENT or loop.time() > until:
                return int(code)
            await asyncio.sleep(_RETRY_S)

    async def set_settings(self, settings: dict[str, dict[str, str]]) -> dict[str, tuple[int, str]]:
        """Set settings of topics, and leave their others as they are; a code and its words by topic."""
        answer = await self._ask(SetTopicConfigs(settings), "changing the topics' settings", self._controller)
        return {resource[3]: (resource[0], resource[1] or "") for resource in answer.resources}

    def speaks(self, api: int) -> int | None:
        """The newest version that the brokers take of an API; None when they don't have it, or it isn't known."""
        for connection in self._client._conns.values():  # noqa: SLF001 — aiokafka has asked, and tells nobody
            versions: dict[int, tuple[int, int]] = connection._versions  # noqa: SLF001
            if versions:
                return versions[api][1] if api in versions else None
        return None

    @property
    def takes_zstd(self) -> bool:
        """Whether the brokers take batches compressed with zstd: those since Kafka 2.1 do."""
        return (self.speaks(_PRODUCE) or 0) >= 7


def _described(resource: Any) -> Described:
    return Described(resource[0], {entry[0]: entry[1] for entry in resource[4]} if not resource[0] else {})
