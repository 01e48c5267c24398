"""A small upstream with a board, a stream that loses entries, and a bridge made of the real rules."""

import json
from dataclasses import dataclass, field
from typing import NamedTuple

from bridge.continuity import (
    Board,
    Change,
    Continuity,
    Difference,
    Index,
    Locks,
    Order,
    Position,
    Room,
    Verdict,
    Withheld,
    compare,
    standing,
)
from bridge.entries import EntryId
from bridge.records import order
from bridge.simulator import shapes
from tests.support.compared import Fields, Row

START_MS = 1_790_000_000_000
STALE_MS = 10_000
"""A snapshot is this old at most."""

Item = tuple[bytes, bytes]


class Sent(NamedTuple):
    """An entry as upstream sent it; `at` counts upstream's moments."""

    at: int
    id: EntryId | None
    locked: bool
    items: list[Item]


class Moment(NamedTuple):
    """Upstream's board at one moment: its open odds, and which fixtures are live."""

    ms: int
    open: dict[str, Fields]
    live: dict[str, bool]

    def says(self, key: str) -> Fields:
        """What is compared of an open odd, as plain values."""
        fields = self.open[key]
        return facts(fields | {"is_live": self.live[fixture_of(key)]})


class Answer(NamedTuple):
    """What a snapshot said, and of which of upstream's moments."""

    sent_ms: int
    at: int
    moment: Moment


def fixture_of(key: str) -> str:
    """The fixture in whose game an odd is."""
    return {"10-10": "F1", "20-20": "mlb:F2"}[key.partition(":")[0]]


def facts(fields: Fields) -> Fields:
    """What is compared, written plainly; shares no code with the bridge."""
    limits = fields.get("limits") or {}
    return {
        "price": float(fields["price"]),
        "points": float(points) if (points := fields.get("points")) not in {None, ""} else None,
        "is_main": fields["is_main"],
        "is_live": fields["is_live"],
        "limits": limits.get("max", limits.get("max_stake")),
        "order_book": [[float(n) for n in row] for row in fields.get("order_book") or []],
    }


class Upstream:
    """A board of two fixtures at two books, and the entries that tell of it. Time moves when it is told to."""

    def __init__(self, *, copilot: bool) -> None:
        self.ms = START_MS
        self.books = ("",) if copilot else ("draftkings", "Novig")
        self.queue: list[Sent] = []
        """Entries that are sent and didn't arrive."""
        self.live = {"F1": False, "mlb:F2": True}
        self.odds: list[Fields] = []
        self.is_open: set[str] = set()
        for game, fixture in (("10-10", "F1"), ("20-20", "mlb:F2")):
            for book in ("copilot",) if copilot else ("DraftKings", "Novig"):
                self.odds += [_odd(game, fixture, book, n, copilot=copilot) for n in range(3)]
        self.moments: list[Moment] = []
        self._seq = 0
        self.note()

    def note(self) -> None:
        """Remember how the board is now."""
        shown = {odd["id"]: dict(odd) for odd in self.odds if odd["id"] in self.is_open}
        self.moments.append(Moment(self.ms, shown, dict(self.live)))

    def send(self, odds: list[Fields], *, locked: bool, has_id: bool) -> None:
        """Tell odds on the stream, as they are now."""
        self._seq += 1
        self.note()
        items = [
            (odd["id"].encode(), json.dumps(self._as_streamed(odd), ensure_ascii=odd["points"] != 1.5).encode())
            for odd in odds
        ]
        self.queue.append(Sent(len(self.moments) - 1, EntryId(self.ms, self._seq) if has_id else None, locked, items))

    def answer(self, stale_ms: int, skew_ms: int) -> Answer:
        """A snapshot that is so old, asked for at this moment; our clock is off by `skew_ms`."""
        at = max((n for n, m in enumerate(self.moments) if m.ms <= self.ms - stale_ms), default=0)
        return Answer(self.ms + skew_ms, at if stale_ms else len(self.moments) - 1, self.moments[at])

    def _as_streamed(self, odd: Fields) -> Fields:
        fields = odd | {"is_live": self.live[fixture_of(odd["id"])]}
        # Any field may be missing: one odd doesn't say its fixture, another not its book.
        lacks = {0.5: "fixture_id", 1.5: "sportsbook"}.get(odd["points"], "")
        return {name: value for name, value in fields.items() if name != lacks}


def _odd(game: str, fixture: str, book: str, n: int, *, copilot: bool) -> Fields:
    fields: Fields = {
        "id": f"{game}:{book.lower()}:total:over_{n}",
        "fixture_id": fixture,
        "game_id": game,
        "sportsbook": book,
        "market": "Total",
        "name": f"Über {n}.5",
        "points": n + 0.5,
        "price": -110,
        "timestamp": START_MS / 1000,
        "is_main": n == 1,
        "limits": {"max_stake": 100} if n else None,
        "order_book": [],
    }
    if copilot:
        del fields["sportsbook"]
    return fields


class Published(NamedTuple):
    """A record, and of which of upstream's moments it is; `made` by the bridge or not."""

    order: Order
    key: bytes
    locked: bool
    value: bytes
    made: bool


@dataclass
class Bridge:
    """Continuity, board and comparison as the bridge joins them."""

    skew_ms: int
    room: Room
    published: list[Published] = field(default_factory=list)
    continuity: Continuity = field(default_factory=lambda: Continuity(Position()))
    heard: dict[bytes, int] = field(default_factory=dict)
    """The latest of upstream's moments that the stream told of each odd."""

    def __post_init__(self) -> None:
        self.board = Board(self.room)

    def take(self, entry: Sent, ms: int) -> None:
        """An entry came, at upstream's time `ms`."""
        event = "locked-odds" if entry.locked else "odds"
        if self.continuity.judge(event, entry.id) is Verdict.DUPLICATE:
            return
        place = self._order(entry.id)
        self.published += [Published(place, key, entry.locked, value, made=False) for key, value in entry.items]
        self.board.tell(entry.items, place, locked=entry.locked, live_ms=ms + self.skew_ms)
        self.continuity.remember(event, entry.id)
        for key, _ in entry.items:
            self.heard[key] = max(entry.at, self.heard.get(key, -1))

    def compare(self, answer: Answer, books: tuple[str, ...]) -> list[Difference]:
        """What an answer changes."""
        index: Index = {}
        for _ in self.board.index(index):
            pass
        moment = answer.moment
        found: list[Difference] = []
        for game, fixture in (("10-10", "F1"), ("20-20", "mlb:F2")):
            odds = [shapes.odd(fields) for key, fields in moment.open.items() if fixture_of(key) == fixture]
            row = Row(fixture, game, is_live=moment.live[fixture])
            found += compare(self.board, index, row, odds, books=books, sent_ms=answer.sent_ms)
        for difference in found:
            self.board.move(difference.strayed, difference.place)
        return found

    def make_up(self, changes: list[Change], answer: Answer, *, locked: bool) -> None:
        """Publish what an answer changes, and look that it may."""
        items = standing(self.board, changes)
        for key, value in items:
            is_open = key.decode() in answer.moment.open
            assert locked != is_open, "what is made up is what upstream said"
            if is_open:
                said = json.loads(value)
                assert said["id"].encode() == key
                assert facts(said) == answer.moment.says(key.decode()), "what is made up is what upstream said"
            else:
                assert value == self.latest()[key].value, "a lock shows the last that was known"
            assert self.heard.get(key, -1) <= answer.at, "an entry that is newer than the snapshot stays"
        if items:
            place = self._order(None)
            self.published += [Published(place, key, locked, value, made=True) for key, value in items]
            assert self.board.tell(items, place, locked=locked, live_ms=0) is items, "what is made up is above all"
            self.continuity.remember("odds", None)

    def restart(self) -> None:
        """All memory is gone but for the topics and the checkpoint."""
        self.continuity = Continuity(Position.decode(self.continuity.position.encode()))
        self.board.clear()
        for key, last in self.latest().items():
            self.board.load(key, last.value, order=last.order, locked=last.locked, live_ms=0)

    def latest(self) -> dict[bytes, Published]:
        """What a reader has who keeps of each odd the record of the highest order."""
        found: dict[bytes, Published] = {}
        for record in self.published:
            if record.key not in found or record.order >= found[record.key].order:
                found[record.key] = record
        return found

    def _order(self, entry_id: EntryId | None) -> Order:
        position, top = self.continuity.position, self.board.top
        highest = position.highest or EntryId(0, 0)
        if entry_id is None and top[:2] > highest:
            return order(None, EntryId(*top[:2]), max(position.counter, top[2]) + 1)
        return order(entry_id, highest, position.counter + 1)


@dataclass
class Pass:
    """One look at a snapshot: what it changes, and the locks that it would publish."""

    answer: Answer
    found: list[Difference]
    locks: Locks = field(default_factory=Locks)

    def publish(self, bridge: Bridge) -> list[Withheld]:
        """Publish it, now or later; the locks that wait for a second look."""
        for difference in self.found:
            for changes in (difference.new, difference.changed, difference.unlocked):
                bridge.make_up(changes, self.answer, locked=False)
            self.locks.add(difference)
        passed, withheld = self.locks.judged()
        bridge.make_up(passed, self.answer, locked=True)
        return withheld
