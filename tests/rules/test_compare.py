"""What a snapshot changes: which odds differ whatever their bytes, which may be touched, and what is published."""

import json
from dataclasses import dataclass
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.continuity import LIVE_MARGIN_MS, Board, Change, Difference, Index, Place, Room, compare, standing
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


def changed_fields(known: Fields, offered: Fields) -> Fields:
    return {name: value for name, value in (known | offered).items() if value is not ...}


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


# --- which may be touched -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("live_ms", "sure"),
    [(0, True), (LATER - LIVE_MARGIN_MS - 1, True), (LATER - LIVE_MARGIN_MS, False), (LATER + 9, False)],
)
@pytest.mark.parametrize("locked", [False, True])
@pytest.mark.parametrize("offered", [False, True])
def test_an_entry_of_the_last_ten_seconds_wins(live_ms: int, sure: bool, locked: bool, offered: bool) -> None:
    board = Board(Room())
    board.load(KEY, dump(STREAM), order=(MS, 0, 0), locked=locked, live_ms=live_ms)
    difference = only(look(board, *([STREAM | {"price": 5, "timestamp": 1}] if offered else []), sent_ms=LATER))
    told = [change.key for change in (*difference.changed, *difference.unlocked, *difference.locked)]
    differs = offered or not locked
    assert (told, difference.contested) == (([KEY], []) if sure else ([], [KEY])) if differs else ([], [])
    assert difference.open == (not locked)
    assert difference.same == (not differs)


def test_an_odd_that_is_unsure_and_the_same_is_the_same() -> None:
    assert only(look(board_of(STREAM, live_ms=LATER), STREAM)).same == 1


@pytest.mark.parametrize(
    ("moved_ms", "order", "book", "sure"),
    [
        (MS + 1_001, (MS, 0, 0), "DraftKings", True),
        (MS + 1_000, (MS, 0, 0), "DraftKings", False),
        (MS + 5_000, (MS, 0, 1), "DraftKings", False),  # the order is made up: it isn't when the odd was told
        (MS + 5_000, (700, 0, 0), "DraftKings", False),  # a counter, not a time
        (MS + 5_000, (MS, 0, 0), "FanDuel", False),  # another book's odds prove nothing of this one's
        (MS + 86_400_000, (MS, 0, 0), "DraftKings", False),  # a time to come proves nothing
    ],
)
def test_upstreams_clock_proves_that_an_answer_is_newer(
    moved_ms: int, order: tuple[int, int, int], book: str, sure: bool
) -> None:
    board = Board(Room())
    sent_ms = MS + 6_000
    board.tell([(KEY, dump(STREAM))], order, locked=False, live_ms=sent_ms)
    witness = STREAM | {"id": "witness", "sportsbook": book, "timestamp": moved_ms / 1000}
    found = {d.place.sportsbook: d for d in look(board, witness, STREAM | {"price": 5}, sent_ms=sent_ms)}
    assert [change.key for change in found["DraftKings"].changed] == ([KEY] if sure else [])
    assert found["DraftKings"].contested == ([] if sure else [KEY])


@pytest.mark.parametrize("timestamp", [None, "", "1790000005", True, -1, 10**400, 1e300, [1], {"a": 1}])
def test_a_timestamp_that_is_none_proves_nothing(timestamp: object) -> None:
    witness = dump(STREAM | {"id": "witness", "timestamp": timestamp})
    difference = only(look(board_of(STREAM, live_ms=LATER), witness))
    assert difference.contested == [KEY]


# --- where odds belong --------------------------------------------------------------------------------------------


def test_only_what_was_asked_for_is_compared() -> None:
    fanduel = STREAM | {"id": "b", "sportsbook": "FanDuel"}
    elsewhere = STREAM | {"id": "c", "fixture_id": "F2"}
    found = look(board_of(STREAM, fanduel, elsewhere))
    assert [(d.place, [c.key for c in d.locked]) for d in found] == [(Place("F1", "DraftKings"), [KEY])]


@pytest.mark.parametrize("asked", ["draftkings", "draft_kings", "DRAFT KINGS", "Draft-Kings"])
def test_a_book_may_be_asked_for_by_its_id(asked: str) -> None:
    assert len(only(look(board_of(STREAM), books=(asked,))).locked) == 1


def test_a_book_that_is_offered_was_asked_for() -> None:
    odds = [STREAM | {"id": f"{n}"} for n in range(3)]
    assert [c.key for c in only(look(board_of(*odds), odds[0], books=("dk",))).locked] == [b"1", b"2"]


@pytest.mark.parametrize("books", [(), ("",)])
def test_without_books_everything_is_compared(books: tuple[str, ...]) -> None:
    copilot = {name: value for name, value in STREAM.items() if not name.startswith("sportsbook")}
    found = look(board_of(copilot | {"id": "a"}, copilot | {"id": "b"}), copilot | {"id": "a"}, books=books)
    assert only(found) == Difference(Place("F1", ""), same=1, open=2, locked=[Change(b"b", None, (MS, 0, 0))])


def test_an_odd_that_is_offered_elsewhere_is_moved_and_not_locked() -> None:
    board = board_of(STREAM | {"fixture_id": "F2", "sportsbook": "FanDuel"})
    difference = only(look(board, STREAM))
    assert (difference.strayed, difference.same, difference.new) == ([KEY], 1, [])
    index: Index = {}
    for _ in board.index(index):
        pass
    board.move(difference.strayed, difference.place)
    assert only(look(board, STREAM)) == Difference(Place("F1", "DraftKings"), same=1, open=1)
    other = list(compare(board, index, Row("F2"), [], books=("FanDuel",), sent_ms=LATER))
    assert [d.locked for d in other] == [[]], "an old index doesn't lock it where it was"


def test_an_odd_that_is_offered_at_two_books_is_not_locked() -> None:
    board = board_of(STREAM)
    found = look(board, STREAM | {"sportsbook": "FanDuel"}, books=("DraftKings", "FanDuel"))
    assert [d.locked for d in found] == [[], []]


@pytest.mark.parametrize("without", [("fixture_id",), ("sportsbook",), ("fixture_id", "sportsbook")])
def test_an_odd_that_does_not_say_where_it_belongs_is_locked_by_its_id(without: tuple[str, ...]) -> None:
    odd = {name: value for name, value in STREAM.items() if name not in without}
    other = odd | {"id": "99999-22222-24-1:fanduel:total_points:over_4_5"}
    assert [change.key for change in only(look(board_of(odd, other))).locked] == [KEY]


def test_an_odd_without_an_id_is_counted_and_passed_over() -> None:
    nameless = [changed_fields(STREAM, {"id": value}) for value in (..., None, "", 7)]
    difference = only(look(board_of(STREAM), *map(dump, nameless), dump(STREAM)))
    assert (difference.nameless, difference.same, difference.new) == (4, 1, [])


def test_a_known_odd_that_cannot_be_read_becomes_the_snapshots() -> None:
    for raw in (b"", b"[]", b"\xff", b'{"id":', b'{"price":' + b"[" * 9_999):
        board = board_of(raw)
        board.move([KEY], Place("F1", "DraftKings"))
        difference = only(look(board, STREAM))
        assert [said(change.value)["price"] for change in difference.changed] == [-110], raw
        assert said(difference.changed[0].value)["fixture_id"] == "F1"


def test_a_field_that_cannot_be_read_is_the_only_one() -> None:
    raw = dump(STREAM).replace(b"4.5,", b"1e999,", 1)
    assert said(only(look(board_of(raw), STREAM)).changed[0].value) == STREAM
    offered = dump(STREAM | {"points": 77}).replace(b"77,", b"1e999,")
    assert only(look(board_of(STREAM), offered)).same == 1, "what can't be read says nothing"


# --- whatever the bytes -------------------------------------------------------------------------------------------

values = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=3),
    st.sampled_from([{}, {"max": ""}, {"max": [1]}, [[1, 2]], "DraftKings", "F1", KEY.decode(), 10**400]),
)
odds = st.one_of(
    st.binary(max_size=30),
    st.dictionaries(st.sampled_from([*STREAM, "x"]), values).map(lambda some: json.dumps(STREAM | some).encode()),
    st.dictionaries(st.sampled_from([*STREAM, "x"]), values).map(lambda some: json.dumps(some).encode()),
    st.sampled_from([dump(STREAM).replace(b"4.5", b"1e999"), dump(STREAM)[:-9], b'{"order_book":' + b"[" * 2_000]),
)


@settings(max_examples=300, deadline=None)
@given(
    st.lists(odds, max_size=4),
    st.lists(odds, max_size=4),
    st.booleans(),
    st.integers(0, LATER),
    st.sampled_from([True, False, None]),
)
def test_nothing_makes_it_raise(
    known: list[bytes], offered: list[bytes], locked: bool, live_ms: int, is_live: bool | None
) -> None:
    board = Board(Room(100))
    for n, raw in enumerate(known):
        board.tell([(KEY if n == 0 else b"%d" % n, raw)], (MS, n, 0), locked=locked, live_ms=live_ms)
    board.move([KEY], Place("F1", "DraftKings"))
    for difference in look(board, *offered, row=Row(is_live=is_live)):
        made = [*difference.new, *difference.changed, *difference.unlocked]
        for key, value in standing(board, made):
            assert msgspec.json.decode(value, type=dict[str, msgspec.Raw]), "what is made up can be read"
            assert key
