"""What REST requests ask for, and the refusals that upstream answers with."""

from collections.abc import Callable, Collection
from datetime import UTC, datetime
from typing import get_args

from multidict import MultiMapping

from bridge.simulator.catalog import BOOKS, SPORTS, slug
from bridge.simulator.model import Fixture, Odd, Status, Style
from bridge.simulator.scope import flag, odds_format, refuse, slugs

MOST_BOOKS = 5
MOST_FIXTURES = 5
MOST_RESULTS = 25


def values(query: MultiMapping[str], name: str) -> list[str]:
    """An array, without what is empty."""
    return [value for value in query.getall(name, []) if value]


def sports(query: MultiMapping[str], licensed: Collection[str]) -> frozenset[str] | None:
    """The sports that are asked for, by name or id; None is all.

    Raises:
        Refusal: The key isn't licensed for one, or there is no such sport.
    """
    found = slugs(query, "sport")
    for sport in sorted(found or ()):
        if sport not in SPORTS or sport not in licensed:
            raise refuse(400, f"{sport} is not enabled for your API key")
    return found


def books(query: MultiMapping[str], *, required: bool) -> list[str]:
    """The sportsbooks that are asked for; those that nobody knows are left out without a word.

    Raises:
        Refusal: None where one is required, or more than five.
    """
    asked = values(query, "sportsbook")
    if not asked and required:
        raise refuse(400, "sportsbook is required")
    if len(asked) > MOST_BOOKS:
        raise refuse(400, f"maximum {MOST_BOOKS} sportsbooks allowed")
    return list(dict.fromkeys(BOOKS[slug(name)] for name in asked if slug(name) in BOOKS))


def at_most(query: MultiMapping[str], most: int, *names: str) -> None:
    """Refuse too many ids.

    Raises:
        Refusal: There are.
    """
    if sum(len(values(query, name)) for name in names) > most:
        what = f"{names[0]}s" if len(names) == 1 else "ids"
        raise refuse(400, f"maximum {most} {what} allowed")


def style(query: MultiMapping[str]) -> Style:
    """How odds are to be written.

    Raises:
        Refusal: There is no such format or flag.
    """
    return Style(odds_format(query), bool(flag(query, "include_deep_link")), bool(flag(query, "exclude_fees")))


def fixture_filter(query: MultiMapping[str]) -> Callable[[Fixture], bool]:
    """Which fixtures a list shows, besides the sport.

    Raises:
        Refusal: A parameter can't be read.
    """
    leagues, is_live = slugs(query, "league"), flag(query, "is_live")
    ids, teams, statuses = values(query, "id"), values(query, "team_id"), values(query, "status")
    names = {BOOKS.get(slug(name)) for name in values(query, "sportsbook")}
    before, after = _time(query, "start_date_before"), _time(query, "start_date_after")
    for status in statuses:
        if status not in get_args(Status):
            raise refuse(400, f"invalid status: {status}")

    def shows(fixture: Fixture) -> bool:
        return (
            (leagues is None or fixture.league_id in leagues)
            and (is_live is None or fixture.is_live == is_live)
            and (not ids or fixture.id in ids)
            and (not teams or plays(fixture, teams))
            and (not statuses or fixture.status in statuses)
            and (not names or any(name in fixture.odds for name in names))
            and (before is None or fixture.start < before)
            and (after is None or fixture.start > after)
        )

    return shows


def plays(fixture: Fixture, teams: Collection[str]) -> bool:
    """Whether one of these teams plays in it."""
    return fixture.home.id in teams or fixture.away.id in teams


def odd_filter(query: MultiMapping[str]) -> Callable[[Odd], bool]:
    """Which odds a snapshot shows, as far as they can be told without looking at what is written."""
    markets, players = slugs(query, "market"), values(query, "player_id")

    def shows(odd: Odd) -> bool:
        return (markets is None or slug(odd.market.name) in markets) and (not players or odd.player_id in players)

    return shows


def _time(query: MultiMapping[str], name: str) -> float | None:
    text = query.get(name, "")
    if not text:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise refuse(400, f"invalid {name}: {text}") from None
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
