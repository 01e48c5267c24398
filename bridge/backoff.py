"""How long to wait before the next connect. Pure: numbers in, numbers out.

Four things decide: failures in a row (1 s doubling to 60 s, as the vendor asks), upstream's `retry:` as a floor,
a refusal (which asking again doesn't mend), and a rate limit.
"""

import math
import random
from collections.abc import Callable

FIRST_S = 1.0
"""The first step, in seconds. Source: the vendor's guide, "back off 1 to 60 s"."""

CAP_S = 60.0
"""The largest step, in seconds. Source: the same."""

STABLE_AFTER_S = 30.0
"""A connection has proved stable once it delivered for this many seconds: six pings, twice the silence that counts as
dead. A count that resets at each connect would never back off from a server that accepts and drops."""

MAX_FLOOR_S = 300.0
"""The longest `retry:` that is honoured, in seconds: a broken one must not stop a stream for good."""

REFUSED_S = (180.0, 300.0)
"""The wait after a refusal (400, 401, 403, 404), drawn between the two, in seconds: rarely enough not to hammer,
often enough that a key or a licence that was mended is noticed without a restart."""

RATE_LIMIT_HOLD_S = 15.0
"""The shortest stop of all connects after a 429, in seconds. Source: the vendor's guide."""

MAX_RETRY_AFTER_S = 3600.0
"""The longest `Retry-After` that is honoured, in seconds, for the same reason as MAX_FLOOR_S."""


class Backoff:
    """Delays of one stream's connects.

    Args:
        first: The first step in seconds.
        cap: The largest step in seconds.
        rng: A source of numbers from 0 to under 1.
    """

    def __init__(self, first: float = FIRST_S, cap: float = CAP_S, rng: Callable[[], float] = random.random) -> None:
        self._first = first
        self._cap = cap
        self._rng = rng
        self._step = first

    def failed(self, floor_s: float = 0.0) -> float:
        """Seconds to wait after one more failure; a clean end of the stream is a failure to stay connected as well.

        The delay lies between half the step and the whole, so that streams that fell together don't return together.

        Args:
            floor_s: What upstream's `retry:` asked for, in seconds; the delay is never under it (up to MAX_FLOOR_S).
        """
        step = self._step
        self._step = min(self._cap, step * 2)
        return max(min(floor_s, MAX_FLOOR_S), step * (0.5 + 0.5 * self._rng()))

    def stable(self) -> None:
        """Begin at the first step again: the connection has lasted STABLE_AFTER_S."""
        self._step = self._first


def refused_delay(rng: Callable[[], float] = random.random) -> float:
    """Seconds to wait after a refusal, between the two of REFUSED_S."""
    low, high = REFUSED_S
    return low + (high - low) * rng()


def rate_limited_delay(retry_after: float | None) -> float:
    """Seconds that every connect waits after a 429: `Retry-After`, but at least RATE_LIMIT_HOLD_S.

    Args:
        retry_after: The seconds that upstream asked for, if it did.
    """
    if retry_after is None or math.isnan(retry_after):
        return RATE_LIMIT_HOLD_S
    return min(max(RATE_LIMIT_HOLD_S, retry_after), MAX_RETRY_AFTER_S)
