"""A reader that runs along, and what it knows of what came: how much, how new, how soon after a kill."""

import time
from collections import Counter
from collections.abc import Iterable
from typing import Any

from bridge.demo.consumer import OWN, Along

LOCKS = (b"locked-odds", b"copilot-locked-odds")
"""Events that lock odds."""


class Follower(Along):
    """Follows the logs: how many records came, the newest entry, the first after a moment.

    Args:
        servers: Where Kafka is.
        prefix: What the topics' names begin with.
    """

    def __init__(self, servers: str, prefix: str) -> None:
        super().__init__(servers, prefix, besides=OWN)
        self._after_ms = 0
        self.by_origin: Counter[str] = Counter()
        """Records that came, by the header `origin`."""
        self.by_stream: Counter[str] = Counter()
        """The same by stream."""
        self.locked: dict[str, float] = {}
        """By stream, monotonic seconds at which its last record came that locks odds."""
        self.newest_ms: int | None = None
        """Epoch milliseconds at which the bridge received what it received last of these."""
        self.newest: tuple[int, int] | None = None
        """The highest entry id among them."""
        self.first_after: float | None = None
        """Monotonic seconds at which the first entry came that the bridge received after `watch_from`."""

    def watch_from(self) -> None:
        """From now on look for an entry that the bridge receives from now on: the record's timestamp says so."""
        self._after_ms = int(time.time() * 1000) + 1
        self.first_after = None

    def take(self, records: Iterable[Any]) -> None:
        """Take the next records of a partition."""
        now = time.monotonic()
        for record in records:
            headers = dict(record.headers)
            origin, stream = headers.get("origin", b"").decode(), headers.get("stream", b"").decode()
            self.by_origin[origin] += 1
            self.by_stream[stream] += 1
            self.newest_ms = max(self.newest_ms or 0, record.timestamp)
            if headers.get("event") in LOCKS:
                self.locked[stream] = now
            if origin == "stream" and self.first_after is None and record.timestamp >= self._after_ms:
                self.first_after = now
            if entry_id := headers.get("entry_id"):
                ms, _, seq = entry_id.partition(b"-")
                self.newest = max(self.newest or (0, 0), (int(ms), int(seq)))
