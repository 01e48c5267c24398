"""Every REST request, and the limit on them; never the key."""

import time
from collections import deque
from dataclasses import asdict, dataclass

from aiohttp import web

from bridge.simulator.options import SimulatorOptions

_KEPT = 100_000  # requests that are remembered


@dataclass(slots=True)
class Request:
    """One request."""

    at: float
    """Epoch seconds."""
    path: str
    """Below the base path."""
    params: list[tuple[str, str]]
    """The query without the key."""
    key_in: str | None
    """Where a key was given: header, query, both or nowhere."""
    status: int = 0
    """What was answered; 0 while the answer is under way, 499 when the client left before it."""
    ms: float = 0.0
    """How long the answer took, in milliseconds."""
    faults: tuple[str, ...] = ()
    """Kinds of faults that had a part in it."""

    def row(self) -> dict[str, object]:
        """For JSON."""
        return asdict(self)


class Requests:
    """The list of requests, and the pool that they draw from.

    Args:
        options: The simulator's, read each time.
    """

    def __init__(self, options: SimulatorOptions) -> None:
        self._options = options
        self._window = 0
        self._spent = 0
        self.all: deque[Request] = deque(maxlen=_KEPT)

    def add(self, request: web.Request, path: str) -> Request:
        """Note a request."""
        header, query = "X-Api-Key" in request.headers, "key" in request.query
        made = Request(
            at=time.time(),
            path=path,
            params=[(name, value) for name, value in request.query.items() if name != "key"],
            key_in="both" if header and query else "header" if header else "query" if query else None,
        )
        self.all.append(made)
        return made

    def spend(self) -> tuple[bool, dict[str, str], int]:
        """Count one request; refused ones count too.

        Returns:
            Whether it is one too many, upstream's headers about the pool, and the seconds until the pool is full again.
        """
        limit, length = self._options.rest_limit, max(0.001, self._options.rest_window_s)
        now = time.time()
        window = int(now // length)
        if window != self._window:
            self._window, self._spent = window, 0
        self._spent += 1
        reset = -(-(window + 1) * length // 1)
        headers = {
            "x-ratelimit-limit": str(limit),
            "x-ratelimit-remaining": str(max(0, limit - self._spent)),
            "x-ratelimit-reset": str(int(reset)),
        }
        return 0 < limit < self._spent, headers if limit else {}, max(1, int(-(-(reset - now) // 1)))
