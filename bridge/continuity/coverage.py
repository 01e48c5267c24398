"""Whether a stream's filters take an odd, by the odd's own bytes. Pure."""

from collections.abc import Iterable

import msgspec

from bridge.continuity.places import folded


class _Odd(msgspec.Struct):
    sport: str | None = None
    league: str | None = None
    league_id: str | None = None
    sportsbook: str | None = None
    sportsbook_id: str | None = None
    market: str | None = None
    market_id: str | None = None
    fixture_id: str | None = None


_odd = msgspec.json.Decoder(_Odd)


class Coverage:
    """What a stream takes; a filter that is None takes everything. Names and ids count alike, as upstream has them.

    `is_live` and `is_main` aren't in it: an odd moves between them.
    """

    def __init__(
        self,
        *,
        sport: str,
        sportsbook: Iterable[str] | None = None,
        league: Iterable[str] | None = None,
        market: Iterable[str] | None = None,
        fixture_id: Iterable[str] | None = None,
    ) -> None:
        self._sport = folded(sport)
        self._filters = [
            (("sportsbook", "sportsbook_id"), _set(sportsbook)),
            (("league", "league_id"), _set(league)),
            (("market", "market_id"), _set(market)),
            (("fixture_id",), _set(fixture_id)),
        ]

    def takes(self, odd: bytes) -> bool:
        """Whether the filters let the odd through; what it doesn't say of itself is no reason against it."""
        try:
            said = _odd.decode(odd)
        except (ValueError, RecursionError):
            return True
        if said.sport and folded(said.sport) != self._sport:
            return False
        for names, wanted in self._filters:
            told = {word for name in names if (word := folded(getattr(said, name) or ""))}
            if wanted is not None and told and not told & wanted:
                return False
        return True


def _set(values: Iterable[str] | None) -> frozenset[str] | None:
    return None if values is None else frozenset(map(folded, values))
