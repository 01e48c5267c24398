"""What one stream has published of each odd: nothing of it is lost or changed, however it is held."""

from dataclasses import dataclass, field

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.continuity import Board, Index, Known, Order, Place, Room

MS = 1_790_000_000_000
LARGE = 2**64 * 5  # ids have up to twenty digits


def odd(key: str, fixture: str = "F1", book: str = "Pinnacle", **more: object) -> bytes:
    return orjson.dumps({"id": key, "fixture_id": fixture, "sportsbook": book, "price": -110, **more})


def board(limit: int = 2**20) -> Board:
    return Board(Room(limit))


def index_of(known: Board) -> Index:
    found: Index = {}
    for _ in known.index(found):
        pass
    return found


PACKED = pytest.mark.parametrize("limit", [0, 2**20], ids=["packed", "as it came"])


# --- telling ------------------------------------------------------------------------------------------------------


@PACKED
def test_what_is_told_last_is_known(limit: int) -> None:
    known = board(limit)
    items = [(b"a", odd("a")), (b"b", odd("b", book="FanDuel"))]
    assert known.tell(items, (MS, 1, 0), locked=False, live_ms=MS + 40) is items
    assert known.get(b"a") == Known((MS, 1, 0), False, MS + 40, odd("a"), Place("F1", "Pinnacle"))
    assert known.tell([(b"a", odd("a", price=7))], (MS, 2, 0), locked=True, live_ms=MS + 50)
    assert known.get(b"a") == Known((MS, 2, 0), True, MS + 50, odd("a", price=7), Place("F1", "Pinnacle"))
    assert known.get(b"b") == Known((MS, 1, 0), False, MS + 40, odd("b", book="FanDuel"), Place("F1", "FanDuel"))
    assert known.top == (MS, 2, 0)
    assert len(known) == 2
    assert known.get(b"c") is None
    assert known.told(b"c") is None
    assert b"a" in known
    assert b"c" not in known


@PACKED
def test_what_is_behind_is_given_back_and_changes_nothing_but_when_the_stream_told(limit: int) -> None:
    known = board(limit)
    known.tell([(b"a", odd("a", price=2))], (MS, 10, 0), locked=True, live_ms=MS)
    late = [(b"b", odd("b")), (b"a", odd("a", price=1)), (b"c", odd("c"))]
    assert known.tell(late, (MS, 2, 0), locked=False, live_ms=MS + 900) == [late[0], late[2]]
    assert known.get(b"a") == Known((MS, 10, 0), True, MS + 900, odd("a", price=2), Place("F1", "Pinnacle"))
    assert known.tell([(b"a", odd("a", price=3))], (MS, 10, 0), locked=False, live_ms=MS), "the same order isn't behind"


@PACKED
def test_a_snapshot_leaves_the_time_of_the_last_entry(limit: int) -> None:
    known = board(limit)
    known.tell([(b"a", odd("a"))], (MS, 0, 0), locked=False, live_ms=MS + 40)
    items = [(b"a", odd("a", price=1)), (b"b", odd("b"))]
    assert known.tell(items, (MS, 0, 1), locked=False, live_ms=0) is items
    assert known.get(b"a") == Known((MS, 0, 1), False, MS + 40, odd("a", price=1), Place("F1", "Pinnacle"))
    told = known.told(b"b")
    assert told is not None
    assert told.live_ms == 0, "no entry ever told it"
    assert known.tell(items, (MS, 0, 0), locked=False, live_ms=0) == []


def test_the_same_odd_twice_in_an_entry_is_told_in_its_order() -> None:
    known = board()
    known.tell([(b"a", odd("a")), (b"a", odd("a", price=2))], (MS, 0, 0), locked=False, live_ms=MS)
    assert known.get(b"a") == Known((MS, 0, 0), False, MS, odd("a", price=2), Place("F1", "Pinnacle"))
    assert len(known) == 1


# --- places -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("raw", "place"),
    [
        (odd("a"), Place("F1", "Pinnacle")),
        (odd("a", book="São Bet"), Place("F1", "São Bet")),
        (b'{"sportsbook": "S\\u00e3o", "x":{"fixture_id":"F2"}}', Place("", "São")),
        (b'{"fixture_id":null,"sportsbook":7}', Place("", "")),
        (b'{"fixture_id":17,"sportsbook":"FanDuel"}', Place("", "FanDuel")),
        (b'{"fixture_id":"F1","sportsbook":"\xff"}', Place("F1", "")),
        (b"{}", Place("", "")),
        (b"[1]", Place("", "")),
        (b"", Place("", "")),
        (b'{"fixture_id":"F1"', Place("", "")),
        (b"[" * 100_000, Place("", "")),
    ],
)
def test_an_odd_belongs_where_its_bytes_say(raw: bytes, place: Place) -> None:
    known = board()
    known.tell([(b"a", raw)], (MS, 0, 0), locked=False, live_ms=MS)
    told = known.told(b"a")
    assert told is not None
    assert told.place == place


@PACKED
def test_the_index_has_every_odd_at_its_place(limit: int) -> None:
    known = board(limit)
    keys = [f"{n}" for n in range(10_000)]
    for start in range(0, len(keys), 10):
        items = [(k.encode(), odd(k, f"F{int(k) % 7}", f"B{int(k) % 3}")) for k in keys[start : start + 10]]
        known.tell(items, (MS, start, 0), locked=False, live_ms=MS)
    steps = sum(1 for _ in known.index({}))
    assert steps > 1, "the loop isn't held up"
    found = index_of(known)
    assert sorted(found) == sorted(known.fixtures()) == [f"F{n}" for n in range(7)]
    assert sorted(key for books in found.values() for at in books.values() for key in at) == sorted(
        key.encode() for key in keys
    )
    assert all(int(key) % 7 == int(f[1:]) for f, books in found.items() for at in books.values() for key in at)
    assert all(int(key) % 3 == int(b[1:]) for books in found.values() for b, at in books.items() for key in at)


@PACKED
def test_an_index_is_made_while_odds_come_and_go(limit: int) -> None:
    known = board(limit)
    for n in range(9_000):
        known.tell([(b"%d" % n, odd(f"{n}"))], (MS, n, 0), locked=False, live_ms=MS)
    found: Index = {}
    steps = known.index(found)
    next(steps)
    for n in range(4_500):
        known.drop(b"%d" % (n * 2))
    known.tell([(b"x", odd("x", "F2"))], (MS, 9_000, 0), locked=False, live_ms=MS)
    for _ in steps:
        pass
    keys = found["F1"]["Pinnacle"]
    assert len(keys) == len(set(keys))
    assert {b"%d" % n for n in range(1, 9_000, 2)} <= set(keys), "what was there all the time is in it"


@PACKED
def test_odds_move_to_where_a_snapshot_has_them(limit: int) -> None:
    known = board(limit)
    known.tell([(b"a", b'{"id":"a"}'), (b"b", odd("b"))], (MS, 3, 0), locked=True, live_ms=MS)
    known.move([b"a", b"unknown"], Place("F9", "FanDuel"))
    assert known.get(b"a") == Known((MS, 3, 0), True, MS, b'{"id":"a"}', Place("F9", "FanDuel"))
    assert known.fixtures() == {"F1", "F9"}
    known.tell([(b"a", b'{"id":"a","price":1}')], (MS, 4, 0), locked=False, live_ms=MS)
    assert index_of(known) == {"F9": {"FanDuel": [b"a"]}, "F1": {"Pinnacle": [b"b"]}}


@PACKED
def test_a_fixture_is_forgotten_with_its_last_odd(limit: int) -> None:
    known = board(limit)
    known.tell([(b"a", odd("a")), (b"b", odd("b", "F2"))], (MS, 0, 0), locked=False, live_ms=MS)
    known.drop(b"a")
    known.drop(b"a")
    assert known.fixtures() == {"F2"}
    assert len(known) == 1
    known.tell([(b"c", odd("c", "F3"))], (MS, 0, 0), locked=False, live_ms=MS)
    assert index_of(known) == {"F2": {"Pinnacle": [b"b"]}, "F3": {"Pinnacle": [b"c"]}}, "a number is given again"


# --- room ---------------------------------------------------------------------------------------------------------


def test_the_oldest_are_packed_and_the_room_is_shared() -> None:
    room = Room(200_000)
    first, second = Board(room), Board(room)
    raw = odd("x", pad="y" * 900)
    for n in range(1_000):
        board = first if n % 4 else second
        board.tell([(b"%d" % n, raw)], (MS, n, 0), locked=False, live_ms=MS)
        assert room.used <= room.limit_bytes
        assert room.used == first.held + second.held
    assert len(first) + len(second) == 1_000
    recent = [n for n in range(900, 1_000) if (b"%d" % n) in first._young or (b"%d" % n) in first._older]
    assert len(recent) > 50, "what was told lately is held as it came"
    assert all(b"%d" % n in first._packed for n in range(1, 300) if n % 4)


def test_a_board_that_is_quiet_gives_way_to_a_busy_one() -> None:
    room = Room(200_000)
    quiet, busy = Board(room), Board(room)
    raw = odd("x", pad="y" * 900)
    for n in range(1_000):
        quiet.tell([(b"%d" % n, raw)], (MS, n, 0), locked=False, live_ms=MS)
    for n in range(1_000):
        busy.tell([(b"%d" % (n % 80), raw)], (MS, n, 0), locked=False, live_ms=MS)
    assert not busy._packed


def test_a_board_that_is_cleared_gives_its_part_of_the_room_back() -> None:
    room = Room()
    known = Board(room)
    known.tell([(b"a", odd("a"))], (MS, 0, 0), locked=False, live_ms=MS)
    known.load(b"b", odd("b"), order=(MS, 1, 0), locked=False, live_ms=0)
    known.clear()
    assert (len(known), room.used, known.top, known.fixtures(), index_of(known)) == (0, 0, (0, 0, 0), set(), {})
    known.tell([(b"a", odd("a"))], (MS, 0, 0), locked=False, live_ms=MS)
    assert room.used == len(odd("a"))


def test_odds_of_one_place_take_little_memory() -> None:
    known = board()
    for n in range(100):
        raw = odd(f"12345-54321-24-7:pinnacle:total_points:over_{n}_5", name=f"Over {n}.5", pad="z" * 600)
        known.load(
            b"12345-54321-24-7:pinnacle:total_points:over_%d_5" % n,
            raw,
            order=(MS, n, 0),
            locked=n % 2 == 0,
            live_ms=MS,
        )
    assert sum(map(len, known._packed.values())) < 100 * 100


# --- everything, against a plain dictionary -----------------------------------------------------------------------


@dataclass
class Plain:
    """What a board has to be."""

    odds: dict[bytes, Known] = field(default_factory=dict)
    top: Order = (0, 0, 0)

    def tell(self, items: list[tuple[bytes, bytes]], order: Order, live_ms: int, *, locked: bool, place: Place) -> None:
        self.top = max(self.top, order)
        for key, raw in items:
            known = self.odds.get(key)
            seen = max(live_ms, known.live_ms if known else 0)
            if known is not None and known.order > order:
                self.odds[key] = known._replace(live_ms=seen)
                continue
            self.odds[key] = Known(order, locked, live_ms or seen, raw, known.place if known else place)


keys = st.sampled_from([b"a", b"b", b"c", b"game:book:market:\xc3\xa4", b"k" * 5_000])
places = st.builds(Place, st.sampled_from(["", "F1", "F2"]), st.sampled_from(["", "Pinnacle", "B" * 100]))
numbers = st.one_of(st.integers(0, 3), st.integers(MS, MS + 3), st.integers(0, LARGE))
orders = st.tuples(numbers, numbers, numbers)
times = st.one_of(st.just(0), numbers)
contents = st.one_of(
    st.binary(max_size=50),
    st.sampled_from([b"", b"{}", b'{"id":"a"}' + b" " * 9_000]),
    st.builds(lambda n: odd("x", pad="p" * n), st.integers(0, 6_000)),
)
steps = st.one_of(
    st.tuples(st.just("tell"), st.lists(st.tuples(keys, contents), max_size=4), orders, times, st.booleans()),
    st.tuples(st.just("load"), keys, contents, orders, times, st.booleans()),
    st.tuples(st.just("drop"), keys),
    st.tuples(st.just("move"), st.lists(keys, max_size=2), places),
    st.tuples(st.just("clear")),
)


@settings(max_examples=300, deadline=None)
@given(st.lists(steps, max_size=40), st.sampled_from([0, 1_000, 10_000, 100_000]))
def test_a_board_is_a_dictionary_whatever_is_told_and_however_small_its_room(
    story: list[tuple[object, ...]], limit: int
) -> None:
    room = Room(limit)
    known, plain = Board(room), Plain()
    for step in story:
        match step:
            case ("tell", list(items), tuple(order), int(live_ms), bool(locked)):
                behind = {k for k, _ in items if k in plain.odds and plain.odds[k].order > order}
                told = known.tell(items, order, locked=locked, live_ms=live_ms)
                assert told == [item for item in items if item[0] not in behind]
                for item in items:
                    plain.tell([item], order, live_ms, locked=locked, place=_place_of(item[1]))
                plain.top = max(plain.top, order)
            case ("load", bytes(key), bytes(raw), tuple(order), int(live_ms), bool(locked)):
                known.load(key, raw, order=order, locked=locked, live_ms=live_ms)
                before = plain.odds.get(key)
                plain.top = max(plain.top, order)
                if before is None or before.order <= order:
                    plain.odds[key] = Known(order, locked, live_ms, raw, before.place if before else _place_of(raw))
            case ("drop", bytes(key)):
                known.drop(key)
                plain.odds.pop(key, None)
            case ("move", list(moved), Place() as place):
                known.move(moved, place)
                plain.odds |= {k: plain.odds[k]._replace(place=place) for k in moved if k in plain.odds}
            case ("clear",):
                known.clear()
                plain = Plain()
        assert {key: known.get(key) for key in plain.odds} == plain.odds
        assert len(known) == len(plain.odds)
        assert known.top == plain.top
        assert known.fixtures() == {odd.place.fixture_id for odd in plain.odds.values()}
        young = [*known._young.values(), *known._older.values()]
        assert known.held == room.used == sum(len(raw) for _, raw, _ in young)
        assert room.used <= limit
    at: dict[str, dict[str, set[bytes]]] = {}
    for key, held in plain.odds.items():
        at.setdefault(held.place.fixture_id, {}).setdefault(held.place.sportsbook, set()).add(key)
    found = index_of(known)
    assert {f: {b: set(found[f][b]) for b in found[f]} for f in found} == at


def _place_of(raw: bytes) -> Place:
    try:
        fields = orjson.loads(raw)
    except ValueError:
        return Place("", "")
    if not isinstance(fields, dict):
        return Place("", "")
    where = (fields.get("fixture_id"), fields.get("sportsbook"))
    return Place(*(text if isinstance(text, str) else "" for text in where))
