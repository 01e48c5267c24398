"""The half-board safeguard: when most of a book's odds are gone at once, it may be the answer that is wrong."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from bridge.continuity.compare import Change, Difference
from bridge.continuity.places import folded


class Withheld(NamedTuple):
    """The locks of one sportsbook that wait for a second look.

    Attributes:
        sportsbook: As upstream writes it.
        open: How many of its open odds the pass compared.
        locked: Those that would be locked: more than half.
        fixtures: Their fixtures, which are to be asked for again.
    """

    sportsbook: str
    open: int
    locked: list[Change]
    fixtures: set[str]


class Confirmed(NamedTuple):
    """What a second look says of locks that were withheld.

    Attributes:
        locked: Those that it finds too.
        suspicious: Whether it doesn't agree that more than half are gone.
        locks: How many locks it finds.
        open: How many open odds it compared.
    """

    locked: list[Change]
    suspicious: bool
    locks: int
    open: int


@dataclass(slots=True)
class _Book:
    name: str
    open: int = 0
    locked: list[Change] = field(default_factory=list)
    fixtures: set[str] = field(default_factory=set)

    whole: int = 0

    @property
    def is_half_gone(self) -> bool:
        return 2 * len(self.locked) > max(self.open, self.whole)


class Locks:
    """What a whole pass, or a second look, would lock at each sportsbook.

    Args:
        whole: How many open odds the whole pass compared, by sportsbook, when this one asks for some fixtures again:
            all markets of one game are often suspended at once.
    """

    def __init__(self, whole: Mapping[str, int] | None = None) -> None:
        self._whole = whole or {}
        self._books: dict[str, _Book] = {}

    @property
    def open(self) -> dict[str, int]:
        """How many open odds were compared, by sportsbook."""
        return {name: book.open for name, book in self._books.items()}

    def add(self, difference: Difference) -> None:
        """One of the pass's differences."""
        place = difference.place
        name = folded(place.sportsbook)
        book = self._books.setdefault(name, _Book(place.sportsbook, whole=self._whole.get(name, 0)))
        book.open += difference.open
        book.locked += difference.locked
        if difference.locked:
            book.fixtures.add(place.fixture_id)

    def judged(self) -> tuple[list[Change], list[Withheld]]:
        """The locks that may be published, and those that wait for a second look."""
        passed: list[Change] = []
        withheld = []
        for book in self._books.values():
            if book.is_half_gone:
                withheld.append(Withheld(book.name, book.open, book.locked, book.fixtures))
            else:
                passed += book.locked
        return passed, withheld

    def confirm(self, withheld: Withheld) -> Confirmed:
        """What this second look says of locks that the first one withheld.

        Whatever both lack is gone: two answers agree on it. Where the second doesn't find more than half gone, the
        first was wrong about the others.
        """
        book = self._books.get(folded(withheld.sportsbook), _Book(withheld.sportsbook))
        first = {change.key for change in withheld.locked}
        agreed = [change for change in book.locked if change.key in first]
        return Confirmed(agreed, not book.is_half_gone, len(book.locked), book.open)
