"""What each REST endpoint answers; the faults that change what an answer says are given to it."""

from collections.abc import Callable, Collection, Iterator
from typing import Any, NamedTuple
from zlib import crc32

from multidict import MultiMapping

from bridge.simulator.catalog import BOOKS, COPILOT, SPORTS, slug
from bridge.simulator.faults import Fault
from bridge.simulator.model import Fixture, Style
from bridge.simulator.moment import OVER, Moment
from bridge.simulator.options import SimulatorOptions
from bridge.simulator.pages import Asked, in_order, page
from bridge.simulator.pages import asked as page_asked
from bridge.simulator.render import iso
from bridge.simulator.rest_query import (
    MOST_FIXTURES,
    MOST_RESULTS,
    at_most,
    books,
    fixture_filter,
    odd_filter,
    plays,
    sports,
    style,
    values,
)
from bridge.simulator.scope import flag, refuse, slugs
from bridge.simulator.shapes import (
    NEVER,
    book_row,
    fixture_odds,
    fixture_row,
    league_row,
    polled_row,
    result_row,
    sport_row,
)
from bridge.simulator.shapes import odd as odd_of

Query = MultiMapping[str]

_LISTED_BY = ("sport", "league", "id", "team_id")


class Bent(NamedTuple):
    """How the faults bend an answer."""

    half_board: Fault | None = None
    unlicensed: bool = False
    shift: Callable[[Asked], int] = lambda _: 0
    """By how many rows a page begins late."""


class Reply(NamedTuple):
    """Rows, and what stands beside the data."""

    rows: list[bytes]
    more: dict[str, object] = {}  # noqa: RUF012  (nobody writes to it)


Answer = Callable[[Query, Moment, SimulatorOptions, Bent], Reply]


def _sports(_: Query, __: Moment, ___: SimulatorOptions, ____: Bent) -> Reply:
    return Reply([sport_row(sport) for sport in SPORTS.values()])


def _leagues(query: Query, _: Moment, __: SimulatorOptions, ___: Bent) -> Reply:
    asked = slugs(query, "sport")
    found = [(s, league) for s in SPORTS.values() if asked is None or s.name in asked for league in s.leagues]
    return Reply([league_row(sport, league) for sport, league in found])


def _books(_: Query, __: Moment, ___: SimulatorOptions, ____: Bent) -> Reply:
    return Reply([book_row(BOOKS[book]) for book in sorted(BOOKS)])


def _polled(query: Query, moment: Moment, _: SimulatorOptions, __: Bent) -> Reply:
    leagues, ids = slugs(query, "league"), values(query, "fixture_id")
    if leagues is None and not ids:
        raise refuse(400, "either league or at least 1 fixture_id must be provided")
    at_most(query, MOST_FIXTURES, "fixture_id")
    asked = books(query, required=False)
    limited = "sportsbook" in query

    def row(sport: str, league: str, fixture: str | None) -> bytes:
        polled = [book for book in SPORTS[sport].books if not limited or book in asked]
        return polled_row(league, fixture, polled, moment.at)

    if ids:
        return Reply([row(f.sport, f.league, f.id) for f in moment.find(ids)])
    every = ((s, league.name) for s in moment.sports for league in SPORTS[s].leagues)
    return Reply([row(sport, league, None) for sport, league in every if slug(league) in (leagues or ())])


def _fixtures(query: Query, moment: Moment, options: SimulatorOptions, bent: Bent) -> Reply:
    return _listed(query, moment, options, bent, lambda _: True)


def _active(query: Query, moment: Moment, options: SimulatorOptions, bent: Bent) -> Reply:
    return _listed(query, moment, options, bent, lambda fixture: fixture.status not in OVER)


def _listed(
    query: Query, moment: Moment, options: SimulatorOptions, bent: Bent, kept: Callable[[Fixture], bool]
) -> Reply:
    if not any(values(query, name) for name in _LISTED_BY):
        names = "sport, league, id, numerical_id, team_id, or tournament_id"
        raise refuse(400, f"you must provide at least one of {names} to filter by")
    wanted, shows, asked = sports(query, moment.sports), fixture_filter(query), page_asked(query)
    if wanted is None and (leagues := slugs(query, "league")) is not None:
        wanted = frozenset(s for s in moment.sports if any(slug(lg.name) in leagues for lg in SPORTS[s].leagues))
    rows = in_order([f for f in moment.fixtures(wanted) if kept(f) and shows(f)])
    shown, more = page(rows, asked, options.paging, bent.shift(asked))
    return Reply([fixture_row(f, moment.at) for f in shown], more)


def _odds(query: Query, moment: Moment, options: SimulatorOptions, bent: Bent) -> Reply:
    asked = books(query, required=True)
    at_most(query, MOST_FIXTURES, "fixture_id")
    found = _asked_fixtures(query, moment, by_league=options.snapshot_by_league)
    odds = _Odds(moment, asked, style(query), query, bent.half_board)
    return Reply([fixture_odds(f, odds.of(f)) for f in found])


def _copilot(query: Query, moment: Moment, _: SimulatorOptions, bent: Bent) -> Reply:
    at_most(query, MOST_FIXTURES, "fixture_id", "player_id", "team_id")
    found = _asked_fixtures(query, moment, by_league=False)
    if bent.unlicensed:
        return Reply([fixture_odds(f, (), updated=NEVER) for f in found])
    odds, updated = _Odds(moment, [COPILOT], Style(), query, bent.half_board), iso(moment.at, z=True)
    return Reply([fixture_odds(f, odds.of(f), updated=updated) for f in found])


def _asked_fixtures(query: Query, moment: Moment, *, by_league: bool) -> list[Fixture]:
    """The fixtures of a snapshot: by their ids, their teams or their players, then narrowed."""
    ids, teams, players = (values(query, name) for name in ("fixture_id", "team_id", "player_id"))
    wanted, leagues, is_live = sports(query, moment.sports), slugs(query, "league"), flag(query, "is_live")
    if ids:
        found = moment.find(ids)
    elif teams or players or (by_league and (wanted or leagues)):
        found = [f for f in moment.fixtures(wanted) if f.status not in OVER]
    else:
        raise refuse(400, "you must provide at least one of fixture_id, player_id, or team_id")
    return [
        f
        for f in found
        if (wanted is None or f.sport in wanted)
        and (leagues is None or f.league_id in leagues)
        and (is_live is None or f.is_live == is_live)
        and (not teams or plays(f, teams))
        and (not players or any(player_id in players for player_id, _, _ in f.players))
    ]


class _Odds:
    """The odds of a snapshot."""

    def __init__(self, moment: Moment, asked: Collection[str], written: Style, query: Query, gap: Fault | None) -> None:
        self._moment = moment
        self._books = asked
        self._style = written
        self._is_main = flag(query, "is_main")
        self._shows = odd_filter(query)
        self._drops = _dropped(gap, asked)

    def of(self, fixture: Fixture) -> Iterator[bytes]:
        """Those of a fixture, written."""
        for book in self._books:
            for fields in self._moment.odds(fixture, book, self._style, self._shows):
                if self._is_main in {None, fields["is_main"]} and not self._drops(book, fields):
                    yield odd_of(fields)


def _dropped(fault: Fault | None, asked: Collection[str]) -> Callable[[str, dict[str, Any]], bool]:
    """Which odds a half-missing board doesn't have."""
    if fault is None:
        return lambda _, __: False
    named = BOOKS.get(slug(fault.sportsbook)) if fault.sportsbook is not None else next(iter(asked), None)
    if fault.sportsbook is None and (fault.p is not None or COPILOT in asked):
        share = 0.5 if fault.p is None else fault.p
        return lambda _, fields: crc32(fields["id"].encode()) % 1000 < share * 1000
    return lambda book, _: book == named


def _results(query: Query, moment: Moment, _: SimulatorOptions, __: Bent) -> Reply:
    ids, teams = values(query, "fixture_id"), values(query, "team_id")
    if not ids and not teams:
        raise refuse(400, "either fixture_id or team_id must be provided")
    at_most(query, MOST_RESULTS, "fixture_id")
    found = moment.find(ids) if ids else [f for f in moment.fixtures() if plays(f, teams)]
    cancelled = bool(flag(query, "include_cancelled"))
    return Reply([result_row(f, moment.at) for f in found if cancelled or f.status != "cancelled"])


class Endpoint(NamedTuple):
    """An endpoint: the feed that a fault names it by, and what it answers."""

    feed: str | None
    answer: Answer


ENDPOINTS = {
    "/sports": Endpoint(None, _sports),
    "/leagues": Endpoint(None, _leagues),
    "/sportsbooks": Endpoint(None, _books),
    "/sportsbooks/last-polled": Endpoint(None, _polled),
    "/fixtures": Endpoint(None, _fixtures),
    "/fixtures/active": Endpoint(None, _active),
    "/fixtures/odds": Endpoint("odds", _odds),
    "/fixtures/results": Endpoint("results", _results),
    "/copilot/fixtures/odds": Endpoint("copilot", _copilot),
}
"""By path below the base path."""


def sports_of(query: Query, moment: Moment) -> set[str]:
    """The sports that a request is about, as far as it says."""
    found = {s for s in slugs(query, "sport") or () if s in SPORTS}
    leagues = slugs(query, "league") or frozenset()
    found |= {s.name for s in SPORTS.values() if any(slug(league.name) in leagues for league in s.leagues)}
    ids = [*values(query, "fixture_id"), *values(query, "id")]
    found |= {f.sport for f in moment.find(ids)} if ids else set()
    teams, players = values(query, "team_id"), values(query, "player_id")
    if teams or players:
        every = moment.fixtures()
        found |= {f.sport for f in every if plays(f, teams) or any(i in players for i, _, _ in f.players)}
    return found
