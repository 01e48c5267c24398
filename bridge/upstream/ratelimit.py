"""Upstream's rate limit on REST requests, as its answers tell of it: who waits for it, and how long."""

import asyncio
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Final

from bridge.backoff import RATE_LIMIT_HOLD_S
from bridge.errors import RateLimited
from bridge.upstream.answers import retry_after_s

MAX_RESET_S: Final = 60.0
"""The longest wait, in seconds, that `x-ratelimit-reset` can ask for: its window is 15 s."""

_LEAST_HOLD_S: Final = 1.0  # after a 429, whatever it says: a loop without a wait would be an attack


class RateLimit:
    """Holds requests back while the limit is used up; all of a client's share it.

    Args:
        under_way: Requests that may be under way at the same time: what is left may be for them already.
    """

    def __init__(self, under_way: int) -> None:
        self._under_way = under_way
        self._held_until = 0.0  # of the monotonic clock

    def held_s(self) -> float:
        """Seconds until requests may go on; 0 if they may."""
        return max(0.0, self._held_until - time.monotonic())

    async def released(self, patience_s: float) -> float:
        """Wait until requests may go on; returns the seconds of patience that are left.

        Raises:
            RateLimited: It would take longer than `patience_s`.
        """
        while (wait_s := self.held_s()) > 0:
            if wait_s > patience_s:
                raise RateLimited(
                    f"upstream's rate limit is used up for another {wait_s:.0f} s", reason="429", retry_after=wait_s
                )
            patience_s -= wait_s
            await asyncio.sleep(wait_s)
        return patience_s

    def heard(self, status: int, headers: Mapping[str, str]) -> None:
        """Take note of an answer.

        Args:
            status: Its HTTP status.
            headers: Its headers, by any case.
        """
        wait_s = _until_reset_s(headers)
        if status == 429:
            asked = retry_after_s(headers)
            wait_s = max(_LEAST_HOLD_S, asked if asked is not None else wait_s or RATE_LIMIT_HOLD_S)
        else:
            left = _number(headers, "x-ratelimit-remaining")
            if left is None or left >= self._under_way:
                return
        self._held_until = max(self._held_until, time.monotonic() + wait_s)


def _until_reset_s(headers: Mapping[str, str]) -> float:
    """Seconds until upstream counts anew, by its own clock if it tells it; 0 when it doesn't say."""
    reset = _number(headers, "x-ratelimit-reset")
    if reset is None:
        return 0.0
    now = _date_s(headers)
    return min(max(0.0, reset - (time.time() if now is None else now)), MAX_RESET_S)


def _number(headers: Mapping[str, str], name: str) -> int | None:
    value = headers.get(name, "").strip()
    return int(value) if value.isascii() and value.isdigit() and len(value) < 16 else None


def _date_s(headers: Mapping[str, str]) -> float | None:
    try:
        return parsedate_to_datetime(headers.get("Date", "")).timestamp()
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
