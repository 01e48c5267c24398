"""Every attempt to connect, and the limit on them; never the key."""

import time
from collections import deque
from dataclasses import asdict, dataclass, field

from aiohttp import web

from bridge.simulator.options import SimulatorOptions

_HEADERS = ("accept", "accept-encoding", "user-agent", "cache-control", "last-event-id")


@dataclass(slots=True)
class Connect:
    """One attempt."""

    at: float
    """Epoch seconds."""
    path: str
    status: int = 0
    """What was answered; 0 while a slow answer is under way."""
    feed: str | None = None
    sport: str | None = None
    channel: str | None = None
    connection: int | None = None
    last_entry_id: str | None = None
    replayed: int = 0
    """Entries that were replayed on it."""
    key_in: str | None = None
    """Where a key was given: header, query, both or nowhere."""
    headers: dict[str, str] = field(default_factory=dict)

    def row(self) -> dict[str, object]:
        """For JSON."""
        return asdict(self)


class Connects:
    """The list of attempts, and the rate limit that counts them.

    Args:
        options: The simulator's, read each time.
    """

    def __init__(self, options: SimulatorOptions) -> None:
        self._options = options
        self._recent: deque[float] = deque()
        self.all: list[Connect] = []

    def add(self, request: web.Request) -> Connect:
        """Note an attempt."""
        header, query = "X-Api-Key" in request.headers, "key" in request.query
        made = Connect(
            at=time.time(),
            path=request.path,
            last_entry_id=request.query.get("last_entry_id"),
            key_in="both" if header and query else "header" if header else "query" if query else None,
            headers={name: request.headers[name] for name in _HEADERS if name in request.headers},
        )
        self.all.append(made)
        return made

    def over_limit(self) -> bool:
        """Count one stream connect; true if it is one too many. Refused ones count too."""
        now, limit = time.monotonic(), self._options.connect_limit
        while self._recent and self._recent[0] <= now - self._options.connect_window_s:
            self._recent.popleft()
        self._recent.append(now)
        return 0 < limit < len(self._recent)
