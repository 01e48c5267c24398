"""What upstream offers now: the open odds of a stream's fixtures.

Upstream's snapshot has the odds that are open; an odd of a fixture that was told of and isn't there is suspended. So an
answer says as much by what it leaves out, and it matters which fixtures it speaks of: only those vouch.
"""

from collections.abc import AsyncGenerator, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import msgspec

from bridge.upstream.abreast import abreast, groups
from bridge.upstream.feeds import Stream
from bridge.upstream.fixtures import FixtureRow, Told, fixture_row
from bridge.upstream.listing import Listing
from bridge.upstream.rest import Rest

MAX_FIXTURES: Final = 5
"""Fixture ids in one question for odds; upstream refuses more."""

_NEVER: Final = "0001-"  # the year of `updated_at` where upstream has nothing, or doesn't tell it to this key
_PATHS: Final = {"odds": "/fixtures/odds", "copilot": "/copilot/fixtures/odds"}
_FILTERS: Final = {
    # Without `is_live`: upstream's own snapshot doesn't know it, and what it leaves out says something. See `_fitting`.
    "odds": ("sportsbook", "market", "is_main", "odds_format", "exclude_fees", "include_deep_link"),
    "copilot": ("market", "is_main"),
}


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer with open odds.

    Attributes:
        sent_ms: When it was asked for, after all waiting; our clock, in epoch milliseconds.
        books: The sportsbooks that were asked for, as the configuration writes them (name or id); for copilot ("",):
            its odds name none.
        asked: The fixtures that were asked for.
        fixtures: Those that it vouches for, each once, with upstream's own bytes of each open odd.
    """

    sent_ms: int
    books: tuple[str, ...]
    asked: tuple[str, ...]
    fixtures: list[tuple[FixtureRow, list[msgspec.Raw]]]


class _Offer(Told):
    odds: list[msgspec.Raw] | msgspec.UnsetType | None = msgspec.UNSET
    updated_at: Any = None


class _Odd(msgspec.Struct):
    is_live: Any = None


_odd = msgspec.json.Decoder(_Odd)


class Snapshot(Listing):
    """Asks what upstream offers now.

    Args:
        rest: Asks the questions.
        stream: The settings of a stream of the odds or the copilot feed.
    """

    def __init__(self, rest: Rest, stream: Stream) -> None:
        super().__init__(rest, stream)
        self._path = _PATHS[stream.feed]
        self._params = list(self.passed_on(*_FILTERS[stream.feed]))
        self._is_live: bool | None = getattr(stream, "is_live", None)
        self._books: tuple[str, ...] = ("",)
        if stream.feed == "odds":
            self._books = tuple(getattr(stream, "sportsbook", None) or ())

    def odds(self, ids: Iterable[str]) -> AsyncGenerator[Answer, None]:
        """The open odds of these fixtures, in answers as they come, in no order; an async generator.

        Close it (`contextlib.aclosing`) where it may be left early.

        Raises:
            UpstreamError: A question failed; the others have ended then, and what came before it holds.
        """
        return abreast(partial(self._offered, group) for group in groups(ids, MAX_FIXTURES))

    async def _offered(self, ids: tuple[str, ...]) -> Answer:
        params = [*self._params, *(("fixture_id", i) for i in ids)]
        sent, found = 0.0, dict[str, tuple[FixtureRow, list[msgspec.Raw]]]()
        # Never seen in more pages than one; but if it came so, the first one alone would tell half of a board.
        async for page in self._rest.timed_pages(self._path, params, type=_Offer):
            self.requests += 1
            sent = sent or page.sent
            for offer in page.items:
                row = fixture_row(offer)
                if row is None or row.id not in ids or offer.odds is msgspec.UNSET or _is_never(offer.updated_at):
                    continue
                odds = self._fitting(row, offer.odds or [])
                found.setdefault(row.id, (row, []))[1].extend(odds)
        return Answer(int(sent * 1000), self._books, ids, list(found.values()))

    def _fitting(self, row: FixtureRow, odds: list[msgspec.Raw]) -> list[msgspec.Raw]:
        """The odds on the stream's side of `is_live`.

        Of a fixture that went live a stream of pre-match odds has none any more. Were it left out of the answer, that
        would look like a fixture that upstream forgot, and its odds would stay open.
        """
        if self._is_live is None:
            return odds
        return [odd for odd in odds if _is_live(odd, row) in {None, self._is_live}]


def _is_live(odd: msgspec.Raw, row: FixtureRow) -> bool | None:
    """What the odd says, or else its fixture; None where neither does."""
    try:
        own = _odd.decode(odd).is_live
    except ValueError:  # no odd; whoever compares it says so
        return None
    return own if isinstance(own, bool) else row.is_live


def _is_never(updated_at: Any) -> bool:
    return isinstance(updated_at, str) and updated_at.startswith(_NEVER)
