"""What a simulator can be told when it starts."""

from dataclasses import dataclass
from typing import Literal

Rate = float | Literal["max"]
"""Odds a second for each channel; 0 is pings only; "max" is as fast as the readers read."""


@dataclass(slots=True, kw_only=True)
class SimulatorOptions:
    """How a simulator starts; rates, replay, retry and pings can be changed later by the control endpoint."""

    host: str = "127.0.0.1"
    port: int = 0
    """0 takes a free one."""
    seed: int = 7
    """The same seed gives the same boards, and the same moves in the same order."""
    key: str = "demo-key"
    """The only API key that is let in."""
    sports: tuple[str, ...] | None = None
    """The sports that the key is licensed for; None is every sport that the simulator knows."""

    rate: Rate = 500.0
    """Odds a second for each odds and copilot channel."""
    results_rate: float | None = None
    """Results a second for each results channel; None is a twentieth of `rate` ("max" stays "max")."""
    idle_rate: float = 0.0
    """At "max", odds a second for a channel while nobody is connected to it; 0 waits for a reader."""
    limit: int | None = None
    """Entries that a channel emits in all (it finishes the step it is in), then only pings; None is no end."""
    pool_above: float = 5_000.0
    """Above this many odds a second, entries come from a pool that was rendered beforehand."""
    pool_odds: int = 8_000
    """Odds in that pool."""

    replay: Literal["full", "window", "none"] = "full"
    replay_by: Literal["id", "arrival"] = "id"
    """Replay entries with a higher id than the one given, or those emitted after it."""
    window_s: float = 30.0
    """How far back `replay="window"` reaches, in seconds."""
    retain_bytes: int = 256 * 2**20
    """Bodies that each channel keeps for replay and slow readers; older ones stay in the log as hashes."""
    complete: bool = True
    """Whether older ones stay in the log at all: it then grows for ever, by about 100 bytes an odd."""

    ping_s: float = 5.0
    retry_ms: int = 5_000
    connect_limit: int = 250
    """Stream connects in `connect_window_s` before 429; 0 is no limit."""
    connect_window_s: float = 15.0
    retry_after_s: int | None = None
    """`Retry-After` on that 429, in seconds; None sends none."""

    rest_limit: int = 2_500
    """REST requests in `rest_window_s` before 429; 0 is no limit."""
    rest_window_s: float = 15.0
    """The windows lie end to end and begin at multiples of it."""
    rest_retry_after: bool = True
    """Whether that 429 says in `Retry-After` when the window ends."""
    paging: Literal["has_more", "total_pages", "cursor"] = "has_more"
    """How a page says that there is another: as upstream does, as it did, or with a cursor beside `has_more`."""
    snapshot_by_league: bool = False
    """Whether `/fixtures/odds` answers without any id, as the vendor's guide says; observed is 400."""
    history_s: float = 30.0
    """How far back a stale snapshot reaches, in seconds."""

    fixtures: int = 6
    """Fixtures on the board for each league."""
    life: int = 300
    """Steps of a fixture, on average, until its status changes."""
    epoch_ms: int | None = None
    """A made-up clock for entry ids and timestamps, 7 ms an entry; None is the real time."""
