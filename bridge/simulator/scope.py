"""What a stream request asks for, and the refusals that upstream answers with."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import get_args

import orjson
from multidict import MultiMapping

from bridge.simulator.catalog import BOOKS, COPILOT, SPORTS, slug
from bridge.simulator.model import Change, Odd, Style, View
from bridge.simulator.prices import FORMATS, OddsFormat

FEEDS = ("odds", "results", "copilot")


class Refusal(Exception):
    """A request that upstream answers with an error."""

    def __init__(self, status: int, body: bytes, content_type: str = "application/json") -> None:
        super().__init__(status, body)
        self.status = status
        self.body = body
        self.content_type = content_type


def refuse(status: int, error: str) -> Refusal:
    """A refusal in upstream's usual shape."""
    return Refusal(status, orjson.dumps({"error": error}))


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """A distinct set of filters of one feed and sport: what makes a channel."""

    feed: str
    sport: str
    books: tuple[str, ...]
    """Names of the catalog."""
    leagues: frozenset[str] | None
    fixtures: frozenset[str] | None
    markets: frozenset[str] | None
    is_main: bool | None
    is_live: bool | None
    style: Style
    fixture_updates: bool

    @property
    def view(self) -> View:
        """The part of the board that this channel moves."""
        books = (COPILOT,) if self.feed == "copilot" else self.books
        return View(books, self.leagues, self.fixtures, self.markets, self.is_live, self.feed == "results")

    def params(self) -> dict[str, object]:
        """The filters that are set, under upstream's names."""
        found: dict[str, object] = {
            "sportsbook": list(self.books) if self.feed == "odds" else None,
            "league": sorted(self.leagues) if self.leagues is not None else None,
            "fixture_id": sorted(self.fixtures) if self.fixtures is not None else None,
            "market": sorted(self.markets) if self.markets is not None else None,
            "is_main": self.is_main,
            "is_live": self.is_live,
            "odds_format": self.style.odds_format if self.feed == "odds" else None,
            "exclude_fees": self.style.exclude_fees or None,
            "include_deep_link": self.style.deep_link or None,
            "include_fixture_updates": self.fixture_updates or None,
        }
        return {name: value for name, value in found.items() if value is not None}

    def channel_id(self) -> str:
        """A short name that is the same for the same filters in every run."""
        digest = hashlib.sha256(orjson.dumps(self.params(), option=orjson.OPT_SORT_KEYS)).hexdigest()
        return f"{self.feed}-{self.sport}-{digest[:6]}"

    def covers(self, change: Change) -> bool:
        """Whether the change's fixture is inside."""
        fixture = change.fixture
        return (self.leagues is None or fixture.league_id in self.leagues) and (
            self.fixtures is None or fixture.id in self.fixtures
        )

    def shows(self, odd: Odd) -> bool:
        """Whether an odd of a covered fixture is inside."""
        return (
            (odd.book == COPILOT if self.feed == "copilot" else odd.book in self.books)
            and (self.markets is None or slug(odd.market.name) in self.markets)
            and (self.is_main is None or odd.is_main == self.is_main)
            and (self.is_live is None or odd.fixture.is_live == self.is_live)
        )


def parse(feed: str, sport: str, query: MultiMapping[str], sports: Sequence[str]) -> Scope:
    """Read a request as upstream does.

    Args:
        feed: odds, results or copilot.
        sport: From the path.
        query: The parameters; arrays repeat the name. Unknown ones are ignored.
        sports: Those that the key is licensed for.

    Raises:
        Refusal: With upstream's own words where they are known.
    """
    if sport not in sports or sport not in SPORTS:
        raise refuse(400, f"{sport} is not enabled for your API key")
    books: tuple[str, ...] = ()
    if feed == "odds":
        asked = [value for value in query.getall("sportsbook", []) if value]
        if not asked:
            raise Refusal(400, b"sportsbook is required", "text/plain")
        if len(asked) > 5:
            raise refuse(400, "maximum 5 sportsbooks allowed")
        # A book that nobody knows is ignored without a word, as is one that doesn't cover the sport.
        known = {BOOKS[slug(name)] for name in asked if slug(name) in BOOKS}
        books = tuple(book for book in SPORTS[sport].books if book in known)
    odds = feed == "odds"
    return Scope(
        feed=feed,
        sport=sport,
        books=books,
        leagues=slugs(query, "league"),
        fixtures=frozenset(query.getall("fixture_id", [])) or None,
        markets=slugs(query, "market") if feed != "results" else None,
        is_main=flag(query, "is_main") if feed != "results" else None,
        is_live=flag(query, "is_live") if feed != "results" else None,
        style=Style(
            odds_format(query) if odds else "AMERICAN",
            bool(odds and flag(query, "include_deep_link")),
            bool(odds and flag(query, "exclude_fees")),
        ),
        fixture_updates=feed != "results" and bool(flag(query, "include_fixture_updates")),
    )


def slugs(query: MultiMapping[str], name: str) -> frozenset[str] | None:
    """An array of names or ids as ids; None if there are none."""
    return frozenset(slug(value) for value in query.getall(name, []) if value) or None


def flag(query: MultiMapping[str], name: str) -> bool | None:
    """A flag; None if it isn't set.

    Raises:
        Refusal: It is neither true nor false.
    """
    value = query.get(name, "").lower()
    if value not in {"", "true", "false"}:
        raise refuse(400, f"{name} must be true or false")
    return None if not value else value == "true"


def odds_format(query: MultiMapping[str]) -> OddsFormat:
    """The format of prices that is asked for.

    Raises:
        Refusal: There is no such format.
    """
    value = query.get("odds_format", "").upper() or "AMERICAN"
    for known in get_args(OddsFormat):
        if value == known:
            return known  # type: ignore[no-any-return]
    raise refuse(400, f"odds_format must be one of {', '.join(FORMATS)}")
