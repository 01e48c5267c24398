"""Fixtures as upstream's REST side tells them, and what the stream would have told of a change. Pure."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec


class Told(msgspec.Struct):
    """A fixture as it stands in an answer. Nothing of it is taken for granted: any field may be missing or null."""

    id: Any = None
    game_id: Any = None
    sport: Any = None
    league: Any = None
    status: Any = None
    start_date: Any = None
    is_live: Any = None
    home_team_display: Any = None
    away_team_display: Any = None


@dataclass(frozen=True, slots=True)
class FixtureRow:
    """A fixture, in the stream's terms. Texts are "" where upstream doesn't tell.

    Attributes:
        id: The fixture's id; always a text, also where it is all digits.
        game_id: The first part of the ids of its odds.
        sport: The sport's id, `basketball`: the stream writes that.
        league: The league's name, `NBA`: the stream writes that.
        league_id: The league's id, `nba`.
        status: `unplayed`, `live`, `completed`, and more.
        start_date: ISO 8601, with `Z` or `+00:00`.
        home: How the home side is shown.
        away: How the away side is shown.
        is_live: Whether upstream says so; None where it doesn't tell. Of a fixture that is over it may lie.
    """

    id: str
    game_id: str
    sport: str
    league: str
    league_id: str
    status: str
    start_date: str
    home: str
    away: str
    is_live: bool | None


def fixture_row(told: Told) -> FixtureRow | None:
    """A fixture from an answer; None when it has no id, so that nothing can be said about it."""
    fixture_id = _text(told.id)
    if not fixture_id:
        return None
    sport_id, sport = _named(told.sport)
    league_id, league = _named(told.league)
    return FixtureRow(
        id=fixture_id,
        game_id=_text(told.game_id),
        sport=sport_id or sport,
        league=league or league_id,
        league_id=league_id,
        status=_text(told.status),
        start_date=_text(told.start_date),
        home=_text(told.home_team_display),
        away=_text(told.away_team_display),
        is_live=told.is_live if isinstance(told.is_live, bool) else None,
    )


def has_changed(before: FixtureRow, row: FixtureRow) -> bool:
    """Whether there is a new status or start to tell. The same instant in other words is no new start."""
    return _new_status(before, row) or _new_start(before, row)


def fixture_status(before: FixtureRow | None, row: FixtureRow, at: float) -> bytes:
    """The value of a `fixture-status` record that the stream didn't send, in the stream's shape.

    Args:
        before: What was known; None when nothing was: then only the status is told.
        row: What upstream says now.
        at: When it was learnt, in seconds of the epoch.
    """
    status = before is None or _new_status(before, row)
    start = before is not None and _new_start(before, row)
    return msgspec.json.encode(
        {
            "fixture": {
                "away_team_display": row.away,
                "game_id": row.game_id,
                "home_team_display": row.home,
                "id": row.id,
                "start_date": row.start_date,
            },
            "fixture_id": row.id,
            "game_id": row.game_id,
            "league": row.league,
            "new_start_date": row.start_date if start else None,
            "new_status": row.status if status else None,
            "old_start_date": before.start_date or None if before is not None and start else None,
            "old_status": before.status or None if before is not None and status else None,
            "sport": row.sport,
            "timestamp": round(at, 7),
        }
    )


def _new_status(before: FixtureRow, row: FixtureRow) -> bool:
    return bool(row.status) and row.status != before.status


def _new_start(before: FixtureRow, row: FixtureRow) -> bool:
    return bool(row.start_date) and _instant(row.start_date) != _instant(before.start_date)


def _instant(text: str) -> datetime | str:
    """The moment that a text names, or the text if it names none."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return text
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _named(value: Any) -> tuple[str, str]:
    """Id and name of a sport or a league, which may be told as an object or as a text."""
    if isinstance(value, dict):
        return _text(value.get("id")), _text(value.get("name"))
    return "", _text(value)
