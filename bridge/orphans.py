"""Odds of a feed whose last stream was taken out of the configuration: locked, then taken out of the state.

Where a stream of the feed is left, that one does so: see `restore`.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from itertools import islice

from bridge.buffer import Buffer
from bridge.errors import KafkaFailure
from bridge.herald import RECORD_BYTES
from bridge.kafka.states import State
from bridge.logs import get_logger
from bridge.publisher import AT_ONCE
from bridge.records import Held, Record, order_text
from bridge.restore import RETRY_S, ReadStates

log = get_logger("oddsbridge")


class Orphans:
    """Buries what streams have left behind in topics of states that no stream writes to any more.

    Args:
        topics: These topics, and for each the event that locks its odds and that event's topic.
        departed: Asks which streams had a checkpoint here and aren't configured: nobody else's odds are touched. Raises
            KafkaFailure.
        read: Reads topics of states.
    """

    def __init__(
        self, topics: Mapping[str, tuple[str, str]], departed: Callable[[], Awaitable[set[str]]], read: ReadStates
    ) -> None:
        self._topics = topics
        self._departed = departed
        self._read = read

    async def bury(self, buffer: Buffer) -> None:
        """Offer, for each odd that was left behind, its tombstone, and a lock before it where it was open."""
        while True:
            try:
                left = await self._left()
                break
            except KafkaFailure as error:
                if not error.heals:
                    log.warning("odds of streams that are gone can't be looked for", why=str(error))
                    return
                await asyncio.sleep(RETRY_S)
        states = iter(left)
        while part := list(islice(states, AT_ONCE)):
            await buffer.room()
            buffer.offer(self._burial(part))
        if left:
            streams = sorted({state.stream for state in left})
            log.info("odds of streams that are gone are locked and taken out", odds=len(left), streams=streams)

    async def _left(self) -> list[State]:
        departed = await self._departed() if self._topics else set()
        left: dict[tuple[str, bytes], State] = {}

        def take(topic: str, key: bytes, state: State | None) -> None:
            if state is not None and state.stream in departed:
                left[topic, key] = state
            else:
                left.pop((topic, key), None)

        if departed:
            await self._read(self._topics, take, lambda _: None)
        return list(left.values())

    def _burial(self, states: Iterable[State]) -> Held:
        records = [record for state in states for record in self._records(state)]
        size = sum(len(record.value) + RECORD_BYTES for record in records)
        return Held.of_none(records, size, int(time.time() * 1000))

    def _records(self, state: State) -> Iterator[Record]:
        ms, seq, n = state.order
        event, topic = self._topics[state.topic]
        beside = [("stream", state.stream.encode()), ("origin", b"reconcile")]
        if not state.locked:
            n += 1
            order = ("order", order_text((ms, seq, n)).encode())
            prices = [header for header in state.headers if header[0] == "odds_format"]
            headers = [("event", event.encode()), *beside, order, *prices]
            yield Record(topic, state.key, state.odd, headers)
        order = ("order", order_text((ms, seq, n + 1)).encode())
        yield Record(state.topic, state.key, b"", [("event", b"tombstone"), *beside, order], is_tombstone=True)
