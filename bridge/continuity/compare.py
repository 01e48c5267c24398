"""What a snapshot changes: compares what upstream offers with what was last published. No clock of its own.

The stream is ahead of the snapshot, which may be ten seconds old. So an odd that an entry told a moment ago is left
alone, unless upstream's own clock proves that the answer is newer; a second look decides then.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

import msgspec

from bridge.continuity.board import Board, Index, Known, Told
from bridge.continuity.facts import differing, facts_of
from bridge.continuity.made import in_full, merged
from bridge.continuity.offers import Around, Book, books_of
from bridge.continuity.packing import Order
from bridge.continuity.places import Place, folded

LIVE_MARGIN_MS = 10_000
"""A snapshot is this old at most, by our clock: what an entry told later isn't touched by it."""

_NEWER_MS = 1_000  # by upstream's clock: something in the answer moved so long after the entry that told the odd
_CLOCK_MS = 10**12  # ids below are counters, not times


class Change(NamedTuple):
    """What is to be published of an odd.

    Attributes:
        key: Its id.
        value: Its bytes; None: those that were last told.
        seen: The order that it was known with when this was found; None for a new one.
    """

    key: bytes
    value: bytes | None
    seen: Order | None


@dataclass(slots=True)
class Difference:
    """What an answer changes at one sportsbook of one fixture.

    Attributes:
        place: The fixture, and the sportsbook as upstream writes it.
        new: Odds that weren't known.
        changed: Open ones that say something else now.
        unlocked: Locked ones that are offered again.
        locked: Open ones that aren't offered any more.
        same: How many are as they were.
        contested: Those that differ, but were told too lately to be sure. A second look decides.
        strayed: Those offered here that are known as belonging elsewhere: the board is to move them to `place`.
        nameless: How many had no id, and were passed over.
        open: How many known open odds were compared.
    """

    place: Place
    new: list[Change] = field(default_factory=list)
    changed: list[Change] = field(default_factory=list)
    unlocked: list[Change] = field(default_factory=list)
    locked: list[Change] = field(default_factory=list)
    same: int = 0
    contested: list[bytes] = field(default_factory=list)
    strayed: list[bytes] = field(default_factory=list)
    nameless: int = 0
    open: int = 0


def compare(
    board: Board,
    index: Index,
    fixture: Around,
    odds: Iterable[bytes | msgspec.Raw],
    *,
    books: Iterable[str],
    sent_ms: int,
) -> Iterator[Difference]:
    """Compare one fixture of a successful answer with the board. Never raises, whatever the bytes of an odd.

    Args:
        board: What was last published.
        index: The board's, made when the pass began. What it lacks, the board is asked for.
        fixture: The fixture, which the answer named.
        odds: What it offers: all of the open odds.
        books: The sportsbooks that were asked for, by name or id; "" among them, or none at all, means every one.
        sent_ms: When the question was sent, by our clock, epoch milliseconds.

    Yields:
        What it changes at each sportsbook; between two of them others may run.
    """
    found = books_of(fixture, odds, index, asked=books, latest_ms=sent_ms + LIVE_MARGIN_MS)
    offered = {key for book in found.values() for key in book.offers}
    for book in found.values():
        book.known = [key for key in book.known if key not in offered]  # nor at another book of the fixture
        comparison = _Comparison(board, fixture, book, sent_ms)
        comparison.offered()
        comparison.missing()
        yield comparison.difference


def standing(board: Board, changes: Iterable[Change]) -> list[tuple[bytes, bytes]]:
    """The ids and bytes of those changes whose odds nobody has told since they were found; each odd once.

    What is published of a snapshot gets an order above all others. So this is asked last, and nothing may come between
    it and the publishing: else it would hide an entry that came meanwhile.
    """
    found: dict[bytes, bytes] = {}
    for key, value, seen in changes:
        told = board.told(key)
        if (told.order if told is not None else None) != seen:
            continue
        if value is not None:
            found[key] = value
        elif (known := board.get(key)) is not None:
            found[key] = known.odd
    return list(found.items())


class _Comparison:
    """One sportsbook of one fixture."""

    def __init__(self, board: Board, fixture: Around, book: Book, sent_ms: int) -> None:
        self._board = board
        self._fixture = fixture
        self._book = book
        self._here = (fixture.id, folded(book.name))
        self._sent_ms = sent_ms
        self.difference = Difference(Place(fixture.id, book.name), nameless=book.nameless)

    def offered(self) -> None:
        """Compare what is offered."""
        to = self.difference
        for key, offer in self._book.offers.items():
            known = self._board.get(key)
            if known is None:
                to.new.append(Change(key, in_full(offer, self._fixture), None))
                continue
            if (known.place.fixture_id, folded(known.place.sportsbook)) != self._here:
                to.strayed.append(key)
            to.open += not known.locked
            names = differing(facts_of(known.odd), offer.facts)
            if not names and not known.locked:
                to.same += 1
            elif not self._is_sure(known):
                to.contested.append(key)
            else:
                change = Change(key, merged(known.odd, offer, names, self._fixture), known.order)
                (to.unlocked if known.locked else to.changed).append(change)

    def missing(self) -> None:
        """What is known here and isn't offered is suspended."""
        to = self.difference
        for key in self._book.known:
            told = self._board.told(key)
            if told is None or self._is_elsewhere(told.place):  # dropped or moved since the index was made
                continue
            to.open += not told.locked
            if told.locked:
                to.same += 1
            elif self._is_sure(told):
                to.locked.append(Change(key, None, told.order))
            else:
                to.contested.append(key)

    def _is_elsewhere(self, place: Place) -> bool:
        fixture_id, book = self._here
        return place.fixture_id not in {"", fixture_id} or folded(place.sportsbook) not in {"", book}

    def _is_sure(self, told: Told | Known) -> bool:
        """Whether the answer is newer than what was told.

        By our clock it is when the entry came long enough before the question. By upstream's it is when it has an odd
        that moved after the entry was made; that needs an entry with an id of its own that is a time.
        """
        if told.live_ms < self._sent_ms - LIVE_MARGIN_MS:
            return True
        ms, _, n = told.order
        return n == 0 and ms > _CLOCK_MS and self._book.newest_ms > ms + _NEWER_MS
