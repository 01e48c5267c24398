"""The connect budget: at most 250 stream connects in 15 s for one key, shared by all streams of the process."""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable

LIMIT = 250
"""Stream connects that upstream allows one key in a window. Source: the vendor's guide."""

WINDOW_S = 15.0
"""The length of that window, in seconds."""

_MARGIN = 1.1
"""Places are dealt out a tenth slower than allowed: upstream counts arrivals, and the way there may bunch them."""


class ConnectBudget:
    """Deals out places for connects, first come, first served.

    The places are spread evenly (66 ms apart by default), so that a start of many streams is staggered; a lone
    reconnect doesn't wait.

    Args:
        limit: The most connects in any window.
        window_s: The length of the window in seconds.
        clock: A clock in seconds that never goes back.
        sleep: Waits so many seconds of that clock.
    """

    def __init__(
        self,
        limit: int = LIMIT,
        window_s: float = WINDOW_S,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self._limit = limit
        self._window_s = window_s
        self._spacing_s = window_s / limit * _MARGIN
        self._clock = clock
        self._sleep = sleep
        self._taken: deque[float] = deque()
        self._held_until = 0.0
        self._turn = asyncio.Lock()  # hands itself on in the order of asking, also when a waiter is cancelled

    async def acquire(self) -> None:
        """Wait for a place and take it. A cancelled wait takes none."""
        async with self._turn:
            # Asked again after each sleep: a 429 may have come meanwhile.
            while (wait := self._wait_s()) > 0:
                await self._sleep(wait)
            self._taken.append(self._clock())

    def hold(self, seconds: float) -> None:
        """Let nobody connect for so many seconds from now; a longer hold that is on stays."""
        self._held_until = max(self._held_until, self._clock() + seconds)

    def held_s(self) -> float:
        """Seconds until the hold ends, 0 if there is none."""
        return max(0.0, self._held_until - self._clock())

    def used(self) -> int:
        """Connects in the last window."""
        begin = self._clock() - self._window_s
        while self._taken and self._taken[0] <= begin:
            self._taken.popleft()
        return len(self._taken)

    def _wait_s(self) -> float:
        """Seconds until the next place, as far as it is known now."""
        wait = self.held_s()
        if self.used():
            now = self._clock()
            wait = max(wait, self._taken[-1] + self._spacing_s - now)
            if len(self._taken) >= self._limit:
                wait = max(wait, self._taken[0] + self._window_s - now)
        return wait
