"""Pure: the pool as OpticOdds' REST side shows it, so that a snapshot says what the stream said."""

import json
from collections.abc import Iterable, Mapping, Sequence
from functools import cache

from benchmarks.pool import BOOKS, SPORT, Fields, Template, fixture_id, league_name

_AROUND = {"fixture_id", "game_id", "sport", "league", "league_id", "sportsbook_id", "is_live", "selection_points"}
"""What an odd of a snapshot hasn't, because the fixture around it has."""
_START = "2026-11-27T20:00:00Z"

Query = Mapping[str, Sequence[str]]


class Board:
    """Answers REST questions from a pool.

    Args:
        pool: Where the odds come from; each of them stands as it was sent first, and locked ones aren't there.
    """

    def __init__(self, pool: Sequence[Template]) -> None:
        self._odds: dict[int, list[tuple[str, bytes]]] = {}
        for template in pool:
            rows = self._odds.setdefault(template.league, [])
            for odd in template.rows:
                shown = {name: value for name, value in odd.items() if name not in _AROUND}
                rows.append((str(odd["sportsbook"]), json.dumps(shown, ensure_ascii=False).encode()))

    @property
    def odds(self) -> int:
        """How many odds are open."""
        return sum(len(rows) for rows in self._odds.values())

    def answer(self, path: str, query: Query) -> bytes | None:
        """The body for a path below the base URL; None if there is no such path."""
        if path == "/fixtures/odds":
            return self._snapshot(query)
        if path in {"/fixtures/active", "/fixtures"}:
            return self._fixtures(query)
        rows = {
            "/leagues": [_named(league_name(n)) for n in sorted(self._odds)],
            "/sports": [_named(SPORT)],
            "/sportsbooks": [{**_named(book), "is_active": True} for book in BOOKS],
            "/fixtures/results": [],
            "/sportsbooks/last-polled": [],
        }.get(path)
        return None if rows is None else _listed(json.dumps(row).encode() for row in rows)

    def _fixtures(self, query: Query) -> bytes:
        wanted, ids = set(query.get("league", ())), set(query.get("id", ()))
        found = [
            n
            for n in sorted(self._odds)
            if (not wanted or league_name(n) in wanted or _slug(league_name(n)) in wanted)
            and (not ids or fixture_id(n) in ids)
        ]
        number, limit = int(query.get("page", ["1"])[0]), min(100, int(query.get("limit", ["100"])[0]))
        page = found[(number - 1) * limit : number * limit]
        return json.dumps(
            {
                "data": [fixture(n) for n in page],
                "page": number,
                "total_pages": -(-len(found) // limit),
                "has_more": number * limit < len(found),
            }
        ).encode()

    def _snapshot(self, query: Query) -> bytes:
        wanted = set(query.get("fixture_id", ()))
        books = {_slug(book) for book in query.get("sportsbook", ())}
        parts = []
        for n, rows in self._odds.items():
            if fixture_id(n) in wanted:
                odds = b",".join(row for book, row in rows if not books or _slug(book) in books)
                parts.append(json.dumps(fixture(n)).encode()[:-1] + b',"odds":[' + odds + b"]}")
        return _listed(parts)


@cache
def fixture(league: int) -> Fields:
    """A league's fixture, without its odds."""
    return {
        "id": fixture_id(league),
        "game_id": f"{19757 + league}-38532-26-48",
        "start_date": _START,
        "home_team_display": "Home",
        "away_team_display": "Away",
        "status": "live",
        "is_live": True,
        "has_odds": True,
        "sport": _named(SPORT),
        "league": _named(league_name(league)),
    }


def _named(name: str) -> Fields:
    return {"id": _slug(name), "name": name}


def _slug(name: str) -> str:
    return name.lower().replace(" ", "_")


def _listed(rows: Iterable[bytes]) -> bytes:
    return b'{"data":[' + b",".join(rows) + b"]}"
