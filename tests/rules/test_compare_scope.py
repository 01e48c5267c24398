"""Which odds a snapshot may touch: those that no entry told lately, those of the places that it speaks of."""

import json

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.continuity import LIVE_MARGIN_MS, Board, Change, Difference, Index, Place, Room, compare, standing
from tests.support.compared import KEY, LATER, MS, STREAM, Row, board_of, changed_fields, dump, look, only, said

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
