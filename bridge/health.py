"""How each stream and each shard is, and whether the process does its work. Pure: no I/O, no asyncio.

Streams and shards write their state here, with a sentence that a person can use; `/readyz`, the status page and
the metrics read it. Times are seconds of a monotonic clock; what is shown are ages.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

WHY_LIMIT = 500
"""Characters kept of a reason: it may quote what upstream answered, and that may be a page."""


class State(StrEnum):
    """What a stream is doing."""

    STARTING = "starting"
    """Made; its shard's checkpoint is being read."""
    WAITING = "waiting"
    """For its turn in the connect budget, or until a hold after a 429 is over."""
    CONNECTING = "connecting"
    """The request is under way."""
    STREAMING = "streaming"
    """Connected, reading."""
    BACKING_OFF = "backing-off"
    """The last connection failed or ended; the next try comes after a delay."""
    REFUSED = "refused"
    """Upstream refused with a 4xx (400, 401, 403, 404, …); tries are minutes apart, and somebody has to mend it."""
    BLOCKED = "blocked"
    """Not reading, since what its shard holds for Kafka has reached its limit."""
    CRASHED = "crashed"
    """An exception that nobody foresaw; it starts again after a delay."""
    STOPPED = "stopped"
    """Ended, and not to be started again by this process."""


class ShardState(StrEnum):
    """What a shard is doing."""

    STARTING = "starting"
    """Claiming, and reading its checkpoints."""
    RUNNING = "running"
    """Writing, or ready to."""
    RECOVERING = "recovering"
    """Its producer was dropped; a new one is being made and the checkpoints compared."""
    BLOCKED = "blocked"
    """Kafka refuses for a reason that somebody has to mend."""
    LEFT = "left"
    """Another instance owns it."""
    STOPPED = "stopped"
    """Ended in order."""


BROKEN = frozenset({State.REFUSED, State.CRASHED, State.STOPPED})
"""States in which a stream isn't ready, however fresh its last event is.

`BLOCKED` isn't one: at full rate a buffer is full for moments. While it lasts nothing is heard, and that tells it.
"""


@dataclass(slots=True)
class StreamHealth:
    """How one stream is. The three fields that change with each event may be set directly."""

    clock: Callable[[], float]
    state: State = State.STARTING
    why: str = ""
    """One sentence for a person; "" when the state says all."""
    since: float = field(init=False)
    """When the state was entered."""
    connects: int = 0
    """Connections that were made and proved to be event streams."""
    last_connect: float | None = None
    last_event: float | None = None
    """When the last entry was received."""
    last_ping: float | None = None
    last_entry_id: object | None = None
    """The highest entry id received; kept as it is, and made text only when it is shown."""
    owes: str = ""
    """Why the topics may differ from what upstream offers, such as "gap"; "" if they were compared since."""
    owes_why: str = ""
    """Why they couldn't be compared yet; one sentence, or ""."""

    def __post_init__(self) -> None:
        self.since = self.clock()

    def to(self, state: State, why: str = "") -> None:
        """Enter a state, or renew the reason for it."""
        if state is not self.state:
            self.state = state
            self.since = self.clock()
        self.why = _clip(why)

    def connected(self, why: str = "") -> None:
        """Upstream accepted the connection: the stream is streaming."""
        self.connects += 1
        self.last_connect = self.clock()
        self.to(State.STREAMING, why)

    @property
    def reconciled(self) -> bool:
        """Whether the topics were compared with upstream since there was a reason to doubt them."""
        return self.owes in {"", "again", "demand"}

    def renewed(self) -> None:
        """The next connection has taken over, without a break."""
        self.connects += 1
        self.last_connect = self.clock()

    def heard(self) -> float | None:
        """When upstream was last heard by connect, entry or ping; None if never."""
        times = [t for t in (self.last_connect, self.last_event, self.last_ping) if t is not None]
        return max(times, default=None)

    def trouble(self, silence_s: float) -> str:
        """Why the stream isn't ready; "" when it is."""
        if self.state in BROKEN:
            return _join(self.state, self.why)
        heard = self.heard()
        if heard is None:
            return f"hasn't connected yet; {_join(self.state, self.why)}"
        silent = self.clock() - heard
        if silent > silence_s:
            return f"nothing heard for {silent:.0f} s; {_join(self.state, self.why)}"
        return ""


@dataclass(slots=True)
class ShardHealth:
    """How one shard is."""

    clock: Callable[[], float]
    state: ShardState = ShardState.STARTING
    why: str = ""
    since: float = field(init=False)

    def __post_init__(self) -> None:
        self.since = self.clock()

    def to(self, state: ShardState, why: str = "") -> None:
        """Enter a state, or renew the reason for it."""
        if state is not self.state:
            self.state = state
            self.since = self.clock()
        self.why = _clip(why)

    def trouble(self) -> str:
        """Why the shard isn't ready; "" when it is."""
        return "" if self.state is ShardState.RUNNING else _join(self.state, self.why)


class Health:
    """How all streams and shards of one process are.

    Args:
        silence_s: Seconds without connect, entry or ping after which a stream isn't ready. Longer than a planned
            change of connections takes, so that one doesn't turn the process unready.
        clock: Monotonic seconds.
    """

    def __init__(self, *, silence_s: float = 30.0, clock: Callable[[], float] = time.monotonic) -> None:
        self.silence_s = silence_s
        self.clock = clock
        self.started = clock()
        self.streams: dict[str, StreamHealth] = {}
        self.shards: dict[int, ShardHealth] = {}

    def stream(self, name: str) -> StreamHealth:
        """The health of the stream of this name; the same object each time."""
        if name not in self.streams:
            self.streams[name] = StreamHealth(self.clock)
        return self.streams[name]

    def shard(self, number: int) -> ShardHealth:
        """The health of the shard of this number; the same object each time."""
        if number not in self.shards:
            self.shards[number] = ShardHealth(self.clock)
        return self.shards[number]

    def troubles(self) -> list[str]:
        """A sentence for each thing that keeps the process from being ready, shards first."""
        if not self.shards or not self.streams:
            return ["nothing runs yet"]
        shards = [(f"shard {n}", shard.trouble()) for n, shard in sorted(self.shards.items())]
        streams = [(f"stream {name}", stream.trouble(self.silence_s)) for name, stream in self.streams.items()]
        return [f"{who}: {trouble}" for who, trouble in (*shards, *streams) if trouble]

    def ready(self) -> bool:
        """Whether every shard runs, and every stream has connected, isn't broken and was heard lately."""
        return not self.troubles()

    def report(self) -> dict[str, Any]:
        """All of it as plain values for JSON; times are ages in seconds, rounded to the millisecond."""
        now = self.clock()
        troubles = self.troubles()
        return {
            "ready": not troubles,
            "why": troubles,
            "shards": {
                str(n): {"state": str(shard.state), "why": shard.why, "state_age_s": _age(now, shard.since)}
                for n, shard in sorted(self.shards.items())
            },
            "streams": {
                name: {
                    "state": str(stream.state),
                    "why": stream.why,
                    "ready": not stream.trouble(self.silence_s),
                    "state_age_s": _age(now, stream.since),
                    "last_event_age_s": _age(now, stream.last_event),
                    "last_ping_age_s": _age(now, stream.last_ping),
                    "last_entry_id": None if stream.last_entry_id is None else str(stream.last_entry_id),
                    "connects": stream.connects,
                    "reconciled": stream.reconciled,
                    "unreconciled": "" if stream.reconciled else _join(stream.owes, stream.owes_why),
                }
                for name, stream in self.streams.items()
            },
        }


def _age(now: float, then: float | None) -> float | None:
    return None if then is None else round(max(now - then, 0.0), 3)


def _clip(text: str) -> str:
    return text if len(text) <= WHY_LIMIT else text[: WHY_LIMIT - 1] + "…"


def _join(state: str, why: str) -> str:
    return f"{state}: {why}" if why else str(state)
