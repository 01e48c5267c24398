"""One look at upstream's snapshot: what was asked of it, and what it found."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from bridge.continuity import Withheld


class Cause(StrEnum):
    """Why the topics are compared with upstream's snapshot."""

    HYDRATE = "hydrate"
    """A first start: nothing was published yet."""
    GAP = "gap"
    FILTER = "filter"
    """The configuration asks upstream for something else than before."""
    DEMAND = "demand"
    """A person wants it."""
    AUDIT = "audit"
    AGAIN = "again"
    """The second look that follows the first: a snapshot may be some seconds old."""


KINDS = ("new", "changed", "locked", "unlocked", "gone", "same")
"""What may be found of an odd or a fixture."""


@dataclass(slots=True)
class Look:
    """What a look found.

    Attributes:
        counts: How many odds or fixtures were new, changed, locked, unlocked, gone or the same.
        differing: The keys of what differed, in an audit, where nothing was published yet.
        unsure: Fixtures to look at again: something of them differs, and it isn't known which is newer.
        sure_at: From when on it can be known, in epoch seconds.
        withheld: Locks of more than half of a book, until a second look bears them out.
        suspicious: (sportsbook, locks, open odds) of those that it didn't bear out.
    """

    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(KINDS, 0))
    differing: set[bytes] = field(default_factory=set)
    unsure: set[str] = field(default_factory=set)
    sure_at: float = 0.0
    withheld: list[Withheld] = field(default_factory=list)
    suspicious: list[tuple[str, int, int]] = field(default_factory=list)

    @property
    def published(self) -> int:
        """How much of it was a difference."""
        return sum(n for kind, n in self.counts.items() if kind != "same")

    def add(self, other: "Look") -> None:
        """Count what another look found."""
        for kind, n in other.counts.items():
            self.counts[kind] += n if kind != "same" else 0


class Comparison(Protocol):
    """Compares what a feed published with upstream's snapshot."""

    @property
    def requests(self) -> int:
        """Requests made so far."""

    async def look(self, cause: Cause, *, before: Look | None = None, only: frozenset[str] | None = None) -> Look:
        """Ask for the snapshot, and publish what differs.

        Args:
            cause: Why. An audit's first look publishes nothing.
            before: The look that this one follows, or None.
            only: The fixtures to ask for; None: all.

        Raises:
            UpstreamError: the snapshot can't be had, or names nothing of what is known.
        """

    async def tidy(self, over_before: float) -> int:
        """Forget what was known of fixtures that were over at a time (epoch seconds); returns how many odds."""
