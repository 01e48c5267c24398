"""A fixture with an odd, a board that knows it, and a look at a snapshot of them."""

import json
from dataclasses import dataclass
from typing import Any

from bridge.continuity import Board, Difference, Index, Room, compare
from bridge.simulator import shapes

MS = 1_790_000_000_000
LATER = MS + 60_000
"""A question sent so long after everything that nothing is in doubt."""

Fields = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Row:
    """A fixture of an answer."""

    id: str = "F1"
    game_id: str = "11111-22222-24-1"
    sport: str = "basketball"
    league: str = "NBA"
    league_id: str = "nba"
    is_live: bool | None = False


ROW = Row()
STREAM: Fields = {
    "id": "11111-22222-24-1:draftkings:total_points:over_4_5",
    "fixture_id": "F1",
    "game_id": "11111-22222-24-1",
    "sport": "basketball",
    "league": "NBA",
    "league_id": "nba",
    "sportsbook": "DraftKings",
    "sportsbook_id": "draftkings",
    "market": "Total Points",
    "name": "Over 4.5",
    "points": 4.5,
    "price": -110,
    "timestamp": MS / 1000 - 500.25,
    "is_main": True,
    "is_live": False,
    "limits": None,
    "order_book": None,
    "unheard_of": {"price": [1, "}"]},
}
KEY = STREAM["id"].encode()


def dump(fields: Fields) -> bytes:
    return json.dumps(fields).encode()


def board_of(*odds: Fields | bytes, locked: bool = False, live_ms: int = MS + 40, ms: int = MS) -> Board:
    board = Board(Room())
    for odd in odds:
        raw = odd if isinstance(odd, bytes) else dump(odd)
        key = odd["id"].encode() if isinstance(odd, dict) else KEY
        board.tell([(key, raw)], (ms, 0, 0), locked=locked, live_ms=live_ms)
    return board


def look(
    board: Board,
    *odds: Fields | bytes,
    row: Row = ROW,
    books: tuple[str, ...] = ("DraftKings",),
    sent_ms: int = LATER,
) -> list[Difference]:
    index: Index = {}
    for _ in board.index(index):
        pass
    raws = [odd if isinstance(odd, bytes) else shapes.odd(odd) for odd in odds]
    return list(compare(board, index, row, raws, books=books, sent_ms=sent_ms))


def only(found: list[Difference]) -> Difference:
    assert len(found) == 1
    return found[0]


def said(value: bytes | None) -> Fields:
    assert value is not None
    fields = json.loads(value)
    assert isinstance(fields, dict)
    return fields


def changed_fields(known: Fields, offered: Fields) -> Fields:
    return {name: value for name, value in (known | offered).items() if value is not ...}
