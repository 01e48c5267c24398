"""The board's odds and fixtures as upstream writes them, with its quirks.

Source of the shapes: the vendor's two pages, and what public clients saw (about 700 bytes an odd, any field missing,
empty or null, unknown fields, escapes). How an odd is written depends on nothing but the odd, so its bytes are the
same in every channel of one style, in its lock, and on the board.
"""

import json
from datetime import UTC, datetime
from hashlib import sha256

import orjson

from bridge.simulator.catalog import COPILOT, EXCHANGES, slug
from bridge.simulator.model import Change, Fixture, Odd, Style, Team
from bridge.simulator.prices import price

_ESCAPED, _SPARSE, _NULLS, _UNKNOWN, _ID_LAST = 1, 2, 4, 8, 16
_OPTIONAL = ("league_id", "market_id", "sportsbook_id", "team_id", "player_id", "grouping_key", "selection_points")


def written(odd: Odd, style: Style) -> tuple[bytes, bytes]:
    """An odd's JSON and its SHA-256, kept until the odd changes."""
    found = odd.written.get(style)
    if found is None:
        body = _dump(_copilot(odd) if odd.book == COPILOT else _odd(odd, style), odd.quirk)
        found = odd.written[style] = (body, sha256(body).digest())
    return found


def _dump(fields: dict[str, object], quirk: int) -> bytes:
    # One odd in eight is written by another serialiser: spaces, and \u escapes for what isn't ASCII.
    if quirk >> 8 & 7 == 0 and quirk & _ESCAPED:
        return json.dumps(fields).encode()
    return orjson.dumps(fields)


def _odd(odd: Odd, style: Style) -> dict[str, object]:
    fixture, quirk = odd.fixture, odd.quirk
    exchange = odd.book in EXCHANGES
    chance = odd.probability
    if exchange and not style.exclude_fees:
        chance = min(0.98, chance * 1.02)  # the fee makes the price worse
    fields: dict[str, object] = {
        "id": odd.id,
        "fixture_id": fixture.id,
        "game_id": fixture.game_id,
        "sport": fixture.sport,
        "league": fixture.league,
        "league_id": fixture.league_id,
        "sportsbook": odd.book,
        "sportsbook_id": slug(odd.book),
        "market": odd.market.name,
        "market_id": slug(odd.market.name),
        "name": odd.name,
        "selection": odd.selection,
        "normalized_selection": slug(odd.selection),
        "selection_line": odd.side or None,
        "selection_points": odd.points,
        "points": odd.points,
        "price": price(chance, style.odds_format),
        "timestamp": odd.timestamp,
        "is_main": odd.is_main,
        "is_live": fixture.is_live,
        "grouping_key": odd.grouping_key,
        "player_id": odd.player_id,
        "team_id": odd.team_id,
        "limits": None,
        "order_book": None,
        "source_ids": None,
        "deep_link": _deep_link(odd) if style.deep_link else None,
    }
    if exchange:
        size = 10 + odd.quirk % 990
        steps = (chance, chance * 0.98, chance * 0.95)
        fields["order_book"] = [
            [price(p, style.odds_format), round(size * (1 + n * 1.7), 2)] for n, p in enumerate(steps)
        ]
        fields["source_ids"] = {"market_id": f"{fixture.game_id}-{odd.quirk}", "token_id": _token(odd)}
        fields["limits"] = {"max": size * 25}
    elif odd.book == "Pinnacle":
        fields["limits"] = {"max_stake": 250 + odd.quirk % 40 * 50}
    if quirk & _NULLS and not exchange:
        fields["selection_line"] = odd.side
        fields["player_id"] = odd.player_id or None
        fields["team_id"] = odd.team_id or None
    return _quirks(fields, quirk)


def _quirks(fields: dict[str, object], quirk: int) -> dict[str, object]:
    if quirk & _SPARSE and quirk >> 5 & 3 == 0:
        for name in _OPTIONAL[quirk >> 7 & 3 :]:
            fields.pop(name, None)
        for name in [n for n, value in fields.items() if value is None and n != "points"]:
            del fields[name]
    if quirk & _UNKNOWN and quirk >> 11 & 3 == 0:
        # A field that nobody documented, before the odd's id and with an id of its own.
        fields = {"competitor": {"id": "not-the-odd", "rank": quirk % 30}, **fields}
    if quirk & _ID_LAST and quirk >> 11 & 3 == 1:
        fields["id"] = fields.pop("id")
    return fields


def _token(odd: Odd) -> str:
    return str(int.from_bytes(sha256(odd.id.encode()).digest(), "big") % (9 * 10**76) + 10**76)


def _deep_link(odd: Odd) -> dict[str, str]:
    url = f"https://sportsbook.example/{slug(odd.book)}/event/{odd.fixture.game_id}?outcome={odd.quirk}"
    return {"desktop": url, "ios": url, "android": url}


def _copilot(odd: Odd) -> dict[str, object]:
    fixture = odd.fixture
    return {
        "fixture_id": fixture.id,
        "game_id": fixture.game_id,
        "grouping_key": odd.grouping_key,
        "id": odd.id,
        "is_live": fixture.is_live,
        "is_main": odd.is_main,
        "league": fixture.league,
        "market": odd.market.name,
        "name": odd.name,
        "odd_id": odd.id.removeprefix("1:-1:"),
        "player_id": odd.player_id,
        "points": odd.points,
        "price": price(odd.probability, "AMERICAN"),
        "selection": odd.selection,
        "selection_line": odd.side,
        "sport": fixture.sport,
        "team_id": odd.team_id,
        "timestamp": int(odd.timestamp),
        "version_id": -1,
    }


def settled(odd: Odd, now: float) -> tuple[bytes, bytes]:
    """A copilot odd after its fixture is over, and its SHA-256."""
    fields = _copilot(odd)
    for name in ("grouping_key", "is_live", "is_main", "points", "price", "selection", "selection_line"):
        del fields[name]
    fields["settlement"] = ("Won", "Lost", "Refunded")[odd.quirk % 3]
    fields["settled_at"] = iso(now)
    body = _dump(fields, odd.quirk)
    return body, sha256(body).digest()


def iso(seconds: float, *, z: bool = False) -> str:
    """A time as upstream writes it: mixed, `+00:00` or `Z`."""
    text = datetime.fromtimestamp(int(seconds), UTC).isoformat()
    return text.replace("+00:00", "Z") if z else text


def status(change: Change, *, nested: bool) -> bytes:
    """The `data` element of a fixture-status event: a new status, or a new start."""
    fixture = change.fixture
    moved = change.old_start is not None
    fields: dict[str, object] = {
        "fixture": {
            "away_team_display": fixture.away.name,
            "game_id": fixture.game_id,
            "home_team_display": fixture.home.name,
            "id": fixture.id,
            "start_date": iso(fixture.start),
        },
        "fixture_id": fixture.id,
        "game_id": fixture.game_id,
        "league": fixture.league,
        "new_start_date": iso(fixture.start) if moved else None,
        "new_status": None if moved else fixture.status,
        "old_start_date": iso(change.old_start) if change.old_start is not None else None,
        "old_status": change.old,
        "sport": fixture.sport,
        "timestamp": round(change.now, 7),
    }
    if not moved and fixture.game_id[-1] in "02468":
        # The guide's own example of a status change has neither the fixture nor the game id.
        del fields["fixture"], fields["game_id"]
    return orjson.dumps({"data": fields} if nested else fields)


def results(fixture: Fixture) -> bytes:
    """The `data` element of a fixture-results event."""
    home, away = ({"total": sum(s), "periods": {f"period_{n}": p for n, p in enumerate(s, 1)}} for s in fixture.scores)
    both = {side: {name: pair[at] for name, pair in fixture.stats.items()} for at, side in enumerate(("home", "away"))}
    clock = f"{fixture.clock // 60}:{fixture.clock % 60:02d}"
    return orjson.dumps(
        {
            "fixture_id": fixture.id,
            "sport": fixture.sport,
            "league": fixture.league,
            # Seen upstream: still true on some completed fixtures; the status is what counts.
            "is_live": fixture.is_live or (fixture.status == "completed" and fixture.left % 2 == 0),
            "status": fixture.status,
            "score": {
                "fixture": {
                    "id": fixture.id,
                    "game_id": fixture.game_id,
                    "start_date": iso(fixture.start, z=True),
                    "status": fixture.status,
                    "home_competitors": [_competitor(fixture.home)],
                    "away_competitors": [_competitor(fixture.away)],
                },
                "scores": {"home": home, "away": away},
                "in_play": {"period": str(fixture.period), "clock": clock, "last_play": None},
                "events": [],
                "stats": both,
            },
            "player_results": [
                {
                    "player": {"id": player_id, "name": name, "position": ""},
                    "stats": [{"period": "all", "stats": stats}],
                }
                for player_id, name, stats in fixture.players
            ],
        }
    )


def _competitor(team: Team) -> dict[str, str]:
    return {"id": team.id, "name": team.name, "abbreviation": team.abbreviation}
