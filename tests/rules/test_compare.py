"""What a snapshot changes: which odds differ whatever their bytes, and what is published of them."""

import json

import pytest

from bridge.continuity import Change, Difference, Place, standing
from bridge.simulator import shapes
from tests.support.compared import KEY, MS, STREAM, Fields, Row, board_of, changed_fields, dump, look, only, said

# --- what differs -------------------------------------------------------------------------------------------------

SAME: list[tuple[Fields, Fields]] = [
    ({"price": -110}, {"price": -110.0}),
    ({"price": -110.0}, {"price": -110}),
    ({"price": 0.5}, {"price": 5e-1}),
    ({"points": 4.0}, {"points": 4}),
    ({"points": None}, {"points": ""}),
    ({"points": ""}, {"points": None}),
    ({"points": ...}, {"points": None}),
    ({"points": 4.5}, {"points": ...}),
    ({"limits": {"max": 250}}, {"limits": {"max_stake": 250.0}}),
    ({"limits": {"max_stake": 250}}, {"limits": {"max": 250, "min": 1}}),
    ({"limits": {"max": 250}}, {"limits": ...}),
    ({"limits": {"max": None}}, {"limits": ""}),
    ({"limits": {}}, {"limits": None}),
    ({"limits": ...}, {"limits": {"max": None, "max_stake": None}}),
    ({"order_book": [[-110, 5.0], [-115, 2]]}, {"order_book": [[-110.0, 5], [-115, 2.0]]}),
    ({"order_book": []}, {"order_book": None}),
    ({"order_book": ...}, {"order_book": ""}),
    ({"order_book": [[1, 2]]}, {"order_book": ...}),
    ({"is_main": True}, {"is_main": ...}),
    ({"timestamp": 1}, {"timestamp": 2}),
    ({"name": "Over 4.5"}, {"name": "over 4½", "market": "Totals", "id_of_another": 1}),
    ({"price": None}, {"price": None}),
]
DIFFERENT: list[tuple[Fields, Fields]] = [
    ({"price": -110}, {"price": -111}),
    ({"price": -110}, {"price": None}),
    ({"price": ...}, {"price": -110}),
    ({"price": "-110"}, {"price": -110}),
    ({"points": 4.5}, {"points": None}),
    ({"points": None}, {"points": 0}),
    ({"points": ...}, {"points": 4.5}),
    ({"is_main": True}, {"is_main": False}),
    ({"is_main": ...}, {"is_main": False}),
    ({"limits": None}, {"limits": {"max": 5}}),
    ({"limits": {"max": 5}}, {"limits": None}),
    ({"limits": {"max": 5}}, {"limits": {"max_stake": 6}}),
    ({"limits": {"max": None, "max_stake": 5}}, {"limits": {"max": 6}}),
    ({"order_book": [[1, 2]]}, {"order_book": [[1, 3]]}),
    ({"order_book": [[1, 2]]}, {"order_book": []}),
    ({"is_live": ...}, {}),
]


@pytest.mark.parametrize(("known", "offered"), SAME)
def test_the_same_odd_in_other_bytes_is_the_same(known: Fields, offered: Fields) -> None:
    difference = only(look(board_of(changed_fields(STREAM, known)), dump(changed_fields(STREAM | known, offered))))
    assert difference == Difference(Place("F1", "DraftKings"), same=1, open=1)


@pytest.mark.parametrize(("known", "offered"), DIFFERENT)
def test_what_says_something_else_is_changed_once(known: Fields, offered: Fields) -> None:
    board, answer = board_of(changed_fields(STREAM, known)), dump(changed_fields(STREAM | known, offered))
    difference = only(look(board, answer))
    assert [change.key for change in difference.changed] == [KEY]
    assert (difference.same, difference.open, difference.new, difference.locked) == (0, 1, [], [])
    board.tell(standing(board, difference.changed), (MS, 0, 1), locked=False, live_ms=0)
    assert only(look(board, answer)).same == 1


def test_no_odd_of_the_simulator_differs_only_by_its_bytes() -> None:
    odds = [STREAM | {"id": f"{n}", "points": n / 2, "price": float(n), "limits": {"max_stake": n}} for n in range(400)]
    assert only(look(board_of(*odds), *odds)).same == 400


@pytest.mark.parametrize(
    ("own", "around", "now"), [(None, True, True), (False, True, None), (True, None, True), (None, None, None)]
)
def test_the_fixture_says_is_live_where_the_odd_does_not(
    own: bool | None, around: bool | None, now: bool | None
) -> None:
    answer = dump(
        {name: value for name, value in STREAM.items() if name != "is_live"} | ({} if own is None else {"is_live": own})
    )
    difference = only(look(board_of(STREAM), answer, row=Row(is_live=around)))
    assert [said(change.value)["is_live"] for change in difference.changed] == ([] if now is None else [now])


# --- what is published --------------------------------------------------------------------------------------------


def test_a_changed_odd_is_the_last_bytes_with_what_differs() -> None:
    raw = (
        b'{"id":"%b", "fixture_id":"F1","sportsbook":"DraftKings","price" : -110,"is_main":true,"points":4.50,'
        b'"x":"\\u00e9","timestamp":17,"limits":{"max":5.0}}'
    ) % KEY
    answer = (
        b'{"timestamp":18.25,"limits":{"max":6},"id":"%b","points":4.5,"price":-1.2e2,"is_main":true,"name":"n",'
        b'"market":"m","sportsbook":"DraftKings"}'
    ) % KEY
    difference = only(look(board_of(raw), answer, row=Row(is_live=None)))
    assert difference.changed == [
        Change(
            KEY,
            raw.replace(b"-110", b"-1.2e2").replace(b":17,", b":18.25,").replace(b'{"max":5.0}', b'{"max":6}'),
            (MS, 0, 0),
        )
    ]


@pytest.mark.parametrize("timestamp", [None, ...])
def test_a_snapshot_without_a_time_leaves_the_time(timestamp: object) -> None:
    difference = only(look(board_of(STREAM), dump(changed_fields(STREAM, {"price": 5, "timestamp": timestamp}))))
    assert said(difference.changed[0].value) == STREAM | {"price": 5}


def test_an_odd_that_is_offered_again_is_unlocked() -> None:
    difference = only(look(board_of(STREAM, locked=True), STREAM))
    assert [change.key for change in difference.unlocked] == [KEY]
    assert said(difference.unlocked[0].value) == STREAM
    assert difference == Difference(Place("F1", "DraftKings"), unlocked=difference.unlocked)


def test_a_new_odd_has_what_the_fixture_says_under_the_names_of_the_stream() -> None:
    answer = shapes.odd(STREAM)
    difference = only(look(board_of(), answer))
    assert [(change.key, change.seen) for change in difference.new] == [(KEY, None)]
    assert said(difference.new[0].value) == json.loads(answer) | {
        name: STREAM[name]
        for name in ("fixture_id", "game_id", "sport", "league", "league_id", "sportsbook_id", "is_live")
    }


def test_what_a_new_odd_says_itself_stays() -> None:
    odd = {
        "id": "a",
        "sportsbook": "Bet 365 (NJ)",
        "fixture_id": "its own",
        "league": "",
        "sport": None,
        "is_live": True,
    }
    value = only(look(board_of(), dump(odd), row=Row(game_id="", league_id=""))).new[0].value
    assert said(value) == odd | {"league": "NBA", "sport": "basketball", "sportsbook_id": "bet_365__nj_"}


def test_an_open_odd_that_is_not_offered_is_locked_with_its_last_bytes() -> None:
    board = board_of(STREAM)
    difference = only(look(board))
    assert difference == Difference(Place("F1", "DraftKings"), locked=[Change(KEY, None, (MS, 0, 0))], open=1)
    assert standing(board, difference.locked) == [(KEY, dump(STREAM))]


def test_a_locked_odd_that_is_not_offered_is_as_it_was() -> None:
    assert only(look(board_of(STREAM, locked=True))) == Difference(Place("F1", "DraftKings"), same=1)


def test_a_change_that_is_overtaken_by_an_entry_is_not_published() -> None:
    other = STREAM | {"id": "other"}
    board = board_of(STREAM, other)
    locked = only(look(board)).locked
    new = only(look(board, STREAM | {"id": "new"})).new
    board.tell(
        [(KEY, dump(STREAM | {"price": 1})), (b"new", dump(STREAM))], (MS + 70_000, 0, 0), locked=False, live_ms=MS
    )
    assert standing(board, [*locked, *new]) == [(b"other", dump(other))]
    board.drop(b"other")
    assert standing(board, [*locked, *new]) == []
