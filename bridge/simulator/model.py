"""What stands on a board: fixtures and their odds, and what can happen to them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from bridge.simulator.catalog import Market
from bridge.simulator.prices import OddsFormat

Status = Literal["unplayed", "live", "completed", "cancelled", "delayed"]
What = Literal["odds", "locked", "settled", "status", "results"]


class Style(NamedTuple):
    """How a channel wants its odds written."""

    odds_format: OddsFormat = "AMERICAN"
    deep_link: bool = False
    exclude_fees: bool = False


@dataclass(slots=True, eq=False)
class Team:
    """A competitor."""

    name: str
    id: str
    abbreviation: str


@dataclass(slots=True, eq=False)
class Odd:
    """One selection at one book (or of the copilot feed)."""

    id: str
    fixture: "Fixture"
    book: str
    market: Market
    name: str
    selection: str
    side: str
    """`selection_line`: over, under or nothing."""
    points: float | None
    grouping_key: str
    player_id: str
    team_id: str
    probability: float
    is_main: bool
    posted: bool
    """False for a line that the book hasn't offered yet."""
    quirk: int
    """Bits: how upstream writes this odd differently from the others (see render)."""
    timestamp: float
    locked: bool = False
    written: dict[Style, tuple[bytes, bytes]] = field(default_factory=dict)
    """Bytes and their SHA-256, until the odd changes."""

    @property
    def open(self) -> bool:
        """Whether the book takes bets on it."""
        return self.posted and not self.locked


@dataclass(slots=True, eq=False)
class Fixture:
    """One game, match or election."""

    id: str
    game_id: str
    sport: str
    league: str
    league_id: str
    home: Team
    away: Team
    start: float
    """Epoch seconds."""
    status: Status
    left: int
    """Steps until its status changes."""
    odds: dict[str, list[Odd]] = field(default_factory=dict)
    """By book."""
    period: int = 1
    clock: int = 0
    """Seconds left in the period."""
    scores: tuple[list[int], list[int]] = field(default_factory=lambda: ([0], [0]))
    """Points by period, home and away."""
    stats: dict[str, tuple[int, int]] = field(default_factory=dict)
    players: list[tuple[str, str, dict[str, int]]] = field(default_factory=list)
    """Id, name and stats of each."""

    @property
    def is_live(self) -> bool:
        """Whether it is being played."""
        return self.status == "live"


class Change(NamedTuple):
    """What one step did; the bytes are to be rendered before the next step."""

    what: What
    fixture: Fixture
    odds: Sequence[Odd] = ()
    old: Status | None = None
    """The status before, when it changed."""
    old_start: float | None = None
    """The start before, when it changed."""
    now: float = 0.0
    """Epoch seconds."""


class View(NamedTuple):
    """The part of a board that a step is to move: None is all."""

    books: tuple[str, ...]
    leagues: frozenset[str] | None = None
    fixtures: frozenset[str] | None = None
    markets: frozenset[str] | None = None
    is_live: bool | None = None
    results: bool = False
