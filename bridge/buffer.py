"""What a shard holds: entries from the moment they are offered until it is known that they are committed."""

import asyncio
from collections import deque
from itertools import islice

from bridge.records import Held


class Buffer:
    """Entries in the order in which they were offered, bounded in bytes.

    The bound is soft by one read of each stream: a stream offers all that one read brought, then waits for room.

    Args:
        limit: Bytes that may be held before whoever offers has to wait.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.size = 0
        """Bytes that are held."""
        self._held: deque[Held] = deque()
        self._filled = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()

    def __len__(self) -> int:
        return len(self._held)

    def offer(self, held: Held) -> None:
        """Hold an entry. Whoever offers calls `room` before reading on."""
        self._held.append(held)
        self.size += held.size
        if self.size >= self.limit:
            self._room.clear()
        self._filled.set()

    @property
    def full(self) -> bool:
        """Whether whoever offers has to wait."""
        return not self._room.is_set()

    async def room(self) -> None:
        """Wait until less than the limit is held."""
        await self._room.wait()

    def wake(self) -> None:
        """Let whoever waits for entries look again."""
        self._filled.set()

    async def filled(self, timeout_s: float) -> None:
        """Wait until something is held, or somebody calls `wake`, or `timeout_s` seconds have passed."""
        if not self._held:
            try:
                async with asyncio.timeout(timeout_s):
                    await self._filled.wait()
            except TimeoutError:
                return
        self._filled.clear()

    def first(self, size: int) -> list[Held]:
        """The oldest entries, up to about `size` bytes and at least one; they stay held."""
        taken: list[Held] = []
        for held in self._held:
            taken.append(held)
            size -= held.size
            if size <= 0:
                break
        return taken

    def let_go(self, count: int) -> None:
        """The oldest `count` entries are committed."""
        for held in list(islice(self._held, count)):
            self._held.popleft()
            self.size -= held.size
        if self.size < self.limit:
            self._room.set()

    def clear(self) -> None:
        """Let everything go: somebody else has written in the meantime."""
        self.let_go(len(self._held))
