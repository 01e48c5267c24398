"""REST rows as upstream writes them: the stream's content in other shapes and bytes.

Source: what public clients and probes of the live service saw. An odd of a snapshot has no fields that the fixture
around it has; the order of keys, spaces, escapes, the form of numbers and of times differ from the stream's.
"""

import json
from collections.abc import Iterable
from typing import Any
from zlib import crc32

import orjson

from bridge.simulator.catalog import EXCHANGES, SPORTS, League, Sport, slug
from bridge.simulator.model import Fixture, Team
from bridge.simulator.render import iso, results

NEVER = "0001-01-01T00:00:00Z"
"""`updated_at` where there was nothing, as copilot's snapshot says it to a key that isn't licensed for it."""

_AROUND = frozenset(
    {"fixture_id", "game_id", "sport", "league", "league_id", "sportsbook_id", "is_live", "selection_points"}
)  # the fixture has them, or nobody
_FIRST = ("id", "sportsbook", "market", "market_id", "name", "price", "points", "selection", "normalized_selection")


def odd(fields: dict[str, Any]) -> bytes:
    """An odd of a snapshot, from the fields that the stream gives it. The same odd is always written the same way."""
    kind = crc32(fields["id"].encode())
    shown = {name: value for name, value in fields.items() if name not in _AROUND}
    if isinstance(shown.get("limits"), dict):
        shown["limits"] = {"max": next(iter(shown["limits"].values()), None)}
    for name in ("player_id", "team_id"):
        if name in shown and kind & 3:
            shown[name] = shown[name] or None
    # Numbers come from another serialiser: -110.0 for -110, 4 for 4.0.
    if kind >> 2 & 3 == 0:
        shown["price"] = float(shown["price"])
    points = shown.get("points")
    if isinstance(points, float) and points.is_integer() and kind >> 4 & 1:
        shown["points"] = int(points)
    if kind >> 5 & 1:
        order = [*(name for name in _FIRST if name in shown), *sorted(set(shown) - set(_FIRST))]
        shown = {name: shown[name] for name in order}
    else:
        shown = dict(reversed(shown.items()))
    return json.dumps(shown).encode() if kind >> 6 & 7 == 0 else orjson.dumps(shown)


def fixture_odds(fixture: Fixture, odds: Iterable[bytes], *, updated: str | None = None) -> bytes:
    """A fixture of a snapshot with its odds; `updated` is for copilot's."""
    fields: dict[str, object] = {
        "id": fixture.id,
        "numerical_id": _number(fixture.id),
        "game_id": fixture.game_id,
        "start_date": _time(fixture),
        **_competitors(fixture),
        "status": fixture.status,
        "is_live": fixture.is_live,
        **_season(fixture),
        "sport": _sport(SPORTS[fixture.sport]),
        "league": _named(fixture.league),
        "tournament": None,
    }
    if updated is not None:
        fields["updated_at"] = updated
    return orjson.dumps(fields)[:-1] + b',"odds":[' + b",".join(odds) + b"]}"


def fixture_row(fixture: Fixture, updated: float) -> bytes:
    """A fixture of a list."""
    home, away = (sum(side) for side in fixture.scores)
    played = fixture.status in {"live", "completed"}
    return orjson.dumps(
        {
            "id": fixture.id,
            "numerical_id": _number(fixture.id),
            "sport": _sport(SPORTS[fixture.sport]),
            "league": _named(fixture.league),
            "tournament": None,
            "tournament_stage": None,
            "game_id": fixture.game_id,
            "start_date": _time(fixture),
            "updated_at": iso(updated, z=True),
            "status": fixture.status,
            "is_live": fixture.is_live,
            "has_odds": True,
            **_competitors(fixture),
            **_season(fixture),
            "broadcast": "" if _number(fixture.id) & 1 else None,
            "result": {"scores": {"home": {"total": home}, "away": {"total": away}}} if played else None,
            "lineups": None,
        }
    )


def result_row(fixture: Fixture, checked: float) -> bytes:
    """A fixture of `/fixtures/results`: the stream's `score` with the sport and the league beside it."""
    score = orjson.loads(results(fixture))["score"]
    score["fixture"]["is_live"] = fixture.is_live
    return orjson.dumps(
        {
            "sport": _sport(SPORTS[fixture.sport]),
            "league": _named(fixture.league),
            **score,
            "last_checked_at": iso(checked, z=True),
        }
    )


def sport_row(sport: Sport) -> bytes:
    """A row of `/sports`."""
    return orjson.dumps({**_sport(sport), "main_markets": [_named(sport.markets[0].name)]})


def league_row(sport: Sport, league: League) -> bytes:
    """A row of `/leagues`."""
    region = league.name.partition(" - ")[0].upper() if " - " in league.name else "UNITED_STATES"
    return orjson.dumps({**_named(league.name), "sport": _sport(sport), "region": region, "gender": None})


def book_row(book: str) -> bytes:
    """A row of `/sportsbooks`."""
    logo = f"https://cdn.example/sportsbook-logos/{slug(book)}.jpg"
    onshore = book in EXCHANGES or book in {"DraftKings", "FanDuel", "BetMGM"}
    return orjson.dumps({"id": slug(book), "name": book, "logo": logo, "is_onshore": onshore, "is_active": True})


def polled_row(league: str, fixture: str | None, books: Iterable[str], now: float) -> bytes:
    """A row of `/sportsbooks/last-polled`; the times are whole seconds of the epoch."""
    polled = [{"id": slug(b), "name": b, "timestamp": int(now) - crc32(b.encode()) % 8} for b in books]
    return orjson.dumps({"league": _named(league), "fixture_id": fixture, "sportsbooks": polled})


def _sport(sport: Sport) -> dict[str, object]:
    return {"id": sport.name, "name": sport.name.title(), "numerical_id": list(SPORTS).index(sport.name) + 1}


def _named(name: str) -> dict[str, object]:
    return {"id": slug(name), "name": name, "numerical_id": _number(name) % 2000}


def _number(text: str) -> int:
    return crc32(text.encode()) % 1_000_000


def _time(fixture: Fixture) -> str:
    return iso(fixture.start, z=_number(fixture.id) % 2 == 0)


def _competitors(fixture: Fixture) -> dict[str, object]:
    return {
        "home_competitors": [_competitor(fixture.home)],
        "away_competitors": [_competitor(fixture.away)],
        "home_team_display": fixture.home.name,
        "away_team_display": fixture.away.name,
    }


def _competitor(team: Team) -> dict[str, object]:
    number = _number(team.name)
    return {
        "id": team.id,
        "numerical_id": number,
        "base_id": number,
        "name": team.name,
        "abbreviation": team.abbreviation,
        "logo": f"https://cdn.example/team-logos/{number}.png",
    }


def _season(fixture: Fixture) -> dict[str, object]:
    return {
        "season_type": "Regular Season",
        "season_year": iso(fixture.start)[:4],
        "season_week": None,
        "venue_name": None,
        "venue_location": None,
        "venue_neutral": False,
    }
