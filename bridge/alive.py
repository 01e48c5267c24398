"""Says of a shard's streams how they are, every few seconds: who hears nothing knows that the bridge is dead."""

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Protocol

from bridge.announce import ALIVE_EVERY_S
from bridge.buffer import Buffer
from bridge.records import Held, Record


class Lives(Protocol):
    """A stream that can say how it is."""

    def alive(self) -> Record:
        """The record that says so."""


async def say_alive(streams: Sequence[Lives], buffer: Buffer, running: Callable[[], bool]) -> None:
    """Offer one entry for all streams, every `ALIVE_EVERY_S` seconds, until cancelled.

    Args:
        streams: The streams.
        buffer: Where it is offered.
        running: Whether anything can be committed: while nothing can, what is held must not grow.
    """
    while streams:
        await asyncio.sleep(ALIVE_EVERY_S)
        if buffer.full or not running():
            continue
        records = [stream.alive() for stream in streams]
        size = sum(len(record.value) for record in records)
        buffer.offer(Held.of_none(records, size, int(time.time() * 1000)))
