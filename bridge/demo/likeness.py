"""Pure rules: does the board that a consumer folds from the topics equal upstream's?"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from bridge.book import OddsBook

SHOWN = 5
"""How many odds that differ are named one by one, of each board."""

Facts = tuple[Any, ...]
"""Price, points, is_main, is_live: what somebody bets on."""

Board = Mapping[str, Facts]
"""The odds on offer, by their id."""


@dataclass(frozen=True, slots=True)
class Likeness:
    """How boards that were folded from the topics compare with upstream's.

    Attributes:
        upstream: What upstream offers.
        folded: By where each comes from, the boards.
    """

    upstream: Board
    folded: Mapping[str, Board]

    @property
    def equal(self) -> bool:
        """Whether all boards are the same; empty ones prove nothing."""
        return bool(self.upstream) and all(board == self.upstream for board in self.folded.values())

    def __str__(self) -> str:
        wanted = self.upstream.items()
        same = sum(all(board.get(key) == facts for board in self.folded.values()) for key, facts in wanted)
        more = len({key for board in self.folded.values() for key in board} - self.upstream.keys())
        return f"topics {'equal' if self.equal else 'do not equal'} upstream: {same:,} of {len(wanted):,} odds" + (
            f", and {more:,} that upstream doesn't offer" if more else ""
        )

    def complaints(self) -> Iterator[str]:
        """What differs, a line for each odd, `SHOWN` of a board at most."""
        for source, board in self.folded.items():
            differing = [key for key in {**self.upstream, **board} if board.get(key) != self.upstream.get(key)]
            for key in differing[:SHOWN]:
                yield f"{source}: {key}: upstream has {self.upstream.get(key)}, the topics have {board.get(key)}"
            if len(differing) > SHOWN:
                yield f"{source}: … and {len(differing) - SHOWN:,} more"
        if not self.upstream:
            yield "upstream offers nothing, so nothing is shown"


def folded(book: OddsBook) -> Board:
    """The odds on offer, as a consumer's book has them."""
    return {quote.id: (quote.price, quote.points, quote.is_main, quote.is_live) for quote in book.active()}


def offered(odds: Iterable[tuple[str, tuple[bool, bytes]]], streams: Sequence[Mapping[str, Any]]) -> Board:
    """The odds on offer upstream, as far as streams carry them.

    Args:
        odds: By id, whether each is locked, and upstream's bytes: of the sports of the streams.
        streams: Their tables in the configuration.
    """
    found: dict[str, Facts] = {}
    for key, (locked, raw) in odds:
        odd = {} if locked else orjson.loads(raw)
        if odd and any(_carries(stream, odd) for stream in streams):
            found[key] = (odd["price"], None if odd["points"] == "" else odd["points"], odd["is_main"], odd["is_live"])
    return found


def _carries(stream: Mapping[str, Any], odd: Mapping[str, Any]) -> bool:
    if stream["feed"] != ("odds" if "sportsbook" in odd else "copilot"):
        return False
    books, leagues = stream.get("sportsbook"), stream.get("league")
    return (
        stream["sport"] == odd["sport"]
        and (books is None or odd.get("sportsbook") in books)
        and (leagues is None or odd["league"] in leagues)
    )
