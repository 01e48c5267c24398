"""What one stream has last published of each odd: it is what a snapshot is compared with."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple
from weakref import WeakSet

from bridge.continuity.packing import Order, Stamp, odd_of, pack, place_of, stamp_of
from bridge.continuity.places import Place, Places, place_in

ROOM_BYTES = 48 * 2**20
"""Bytes of odds that a process holds as they came; the others are packed."""

_STRIDE = 64 * 2**10  # bytes that are packed at a time, in about a millisecond
_STEP = 4_096  # odds that go into an index at a time, in about a millisecond

Index = dict[str, dict[str, list[bytes]]]
"""Fixture id → sportsbook → the ids of its odds."""


class Told(NamedTuple):
    """When an odd was last told.

    Attributes:
        order: The order of the record that told it.
        locked: Whether it is locked.
        live_ms: When the last entry of the stream came that told it, epoch milliseconds; 0 if only snapshots did.
        place: Where it belongs.
    """

    order: Order
    locked: bool
    live_ms: int
    place: Place


class Known(NamedTuple):
    """What was last told of an odd: see `Told`, and its bytes."""

    order: Order
    locked: bool
    live_ms: int
    odd: bytes
    place: Place


class Room:
    """How many bytes of odds all boards of a process may hold as they came.

    Args:
        limit_bytes: When they are more, the board that holds most of them packs its oldest.
    """

    def __init__(self, limit_bytes: int = ROOM_BYTES) -> None:
        self.limit_bytes = limit_bytes
        self.used = 0
        """Bytes that are held as they came."""
        self.boards: WeakSet[Board] = WeakSet()

    def make(self) -> None:
        """Have odds packed until all is well below the limit."""
        goal = max(self.limit_bytes - _STRIDE, 0)
        while self.used > goal:
            board = max(self.boards, key=lambda board: board.held, default=None)
            if board is None or not board.pack_oldest(min(self.used - goal, _STRIDE)):
                return


_Young = tuple[Stamp, bytes, int]  # the stamp that all odds of an entry share; the odd; its place's number


class Board:
    """The odds that one stream has published, each as it was told last.

    An odd that was told lately is held as it came. It gets older with its generation: two are held, and the older one
    is what is packed.

    Args:
        room: What all boards of the process share.
    """

    def __init__(self, room: Room) -> None:
        self.top: Order = (0, 0, 0)
        """The highest order that was ever told or loaded."""
        self.held = 0
        """Bytes of odds that are held as they came."""
        self._room = room
        self._young: dict[bytes, _Young] = {}
        self._older: dict[bytes, _Young] = {}
        self._aging: Iterator[bytes] = iter(())  # what of the older generation is yet to be packed
        self._packed: dict[bytes, bytes] = {}
        self._places = Places()
        room.boards.add(self)

    def tell(
        self, items: list[tuple[bytes, bytes]], order: Order, *, locked: bool, live_ms: int
    ) -> list[tuple[bytes, bytes]]:
        """Odds are published.

        Args:
            items: Their ids and bytes.
            order: The order of their records.
            locked: Whether they are locked.
            live_ms: When the entry came, epoch milliseconds; 0 if it is a snapshot that tells them. Each odd then keeps
                the time at which an entry last told it; one that is behind tells it too.

        Returns:
            The items that aren't behind what was known of them; the very same list if none is.
        """
        if not live_ms:
            return self._tell_each(items, order, locked=locked)
        young = self._young
        stamp = (order, locked, live_ms)
        grown = 0
        behind: set[bytes] = set()
        for key, odd in items:
            known = young.get(key)
            if known is not None:
                if known[0][0] > order:
                    behind.add(key)
                    young[key] = (_seen(known[0], live_ms), known[1], known[2])
                else:
                    young[key] = (stamp, odd, known[2])
                    grown += len(odd) - len(known[1])
            elif not self._wake(key, odd, stamp):
                behind.add(key)
        self.top = max(self.top, order)
        self._grow(grown)
        return items if not behind else [item for item in items if item[0] not in behind]

    def load(self, key: bytes, odd: bytes, *, order: Order, locked: bool, live_ms: int) -> None:
        """An odd was published before this process began; it is packed at once.

        Args:
            key: Its id.
            odd: Its bytes.
            order: The order of the record that told it. What is known already is kept where it has a higher one.
            locked: Whether it is locked.
            live_ms: When the entry came that told it, epoch milliseconds; 0 where that was a snapshot, or isn't known.
        """
        self.top = max(self.top, order)
        known = self.told(key)
        if known is None:
            number = self._places.enter(place_in(odd), odd)
        elif known.order > order:
            return
        else:
            number = self._take(key)
        self._pack(key, ((order, locked, live_ms), odd, number))

    def get(self, key: bytes) -> Known | None:
        """What was last told of an odd; None if nothing was."""
        told = self.told(key)
        return Known(told.order, told.locked, told.live_ms, self._odd(key), told.place) if told is not None else None

    def told(self, key: bytes) -> Told | None:
        """When an odd was last told, without its bytes: nothing is unpacked. None if nothing was told of it."""
        young = self._young.get(key) or self._older.get(key)
        if young is not None:
            return Told(*young[0], self._places[young[2]])
        packed = self._packed.get(key)
        return Told(*stamp_of(packed), self._places[place_of(packed)]) if packed is not None else None

    def drop(self, key: bytes) -> None:
        """Forget an odd; nothing happens if it isn't known."""
        if key in self:
            self._places.leave(self._take(key))

    def move(self, keys: Iterable[bytes], place: Place) -> None:
        """Odds belong elsewhere than their bytes say: a snapshot has them there. Unknown ones are passed over."""
        for key in keys:
            known = self.get(key)
            if known is None or known.place == place:
                continue
            number = self._places.enter(place, known.odd)
            self._places.leave(self._take(key))
            self._pack(key, ((known.order, known.locked, known.live_ms), known.odd, number))

    def clear(self) -> None:
        """Forget everything, and give back the board's part of the room."""
        self._young, self._older, self._packed, self._places = {}, {}, {}, Places()
        self._aging = iter(())
        self.top = (0, 0, 0)
        self._grow(-self.held)

    def __len__(self) -> int:
        return len(self._young) + len(self._older) + len(self._packed)

    def __contains__(self, key: bytes) -> bool:
        return key in self._young or key in self._older or key in self._packed

    def fixtures(self) -> set[str]:
        """The ids of the fixtures that have odds; "" is among them if an odd has none."""
        return {place.fixture_id for place in self._places}

    def index(self, into: Index) -> Iterator[None]:
        """Find every odd by its place, a few thousand at each step so that others can run in between.

        What is told, dropped or moved meanwhile may be in it or not.
        """
        keys = [*self._young, *self._older, *self._packed]
        lists: dict[int, list[bytes]] = {}
        for start in range(0, len(keys), _STEP):
            for key in keys[start : start + _STEP]:
                number = self._number(key)
                if number is None:
                    continue
                found = lists.get(number)
                if found is None:
                    place = self._places[number]
                    found = into.setdefault(place.fixture_id, {}).setdefault(place.sportsbook, [])
                    lists[number] = found
                found.append(key)
            yield

    def pack_oldest(self, size: int) -> bool:
        """Pack those told longest ago, `size` bytes of them; false if there is none."""
        goal = max(self.held - size, 0)
        began = self.held
        while self.held > goal:
            key = next(self._aging, None)
            if key is None:
                if not self._young:
                    break
                self._older, self._young = self._young, {}
                self._aging = iter(list(self._older))
            elif (old := self._older.pop(key, None)) is not None:
                self._pack(key, old)
                self._count(-len(old[1]))
        return self.held < began

    # --- within ---------------------------------------------------------------------------------------------------

    def _tell_each(self, items: list[tuple[bytes, bytes]], order: Order, *, locked: bool) -> list[tuple[bytes, bytes]]:
        told = []
        for key, odd in items:
            known = self.told(key)
            if known is not None and known.order > order:
                continue
            number = self._take(key) if known is not None else self._places.enter(place_in(odd), odd)
            self._young[key] = ((order, locked, known.live_ms if known is not None else 0), odd, number)
            self._count(len(odd))
            told.append((key, odd))
        self.top = max(self.top, order)
        self._grow(0)
        return told if len(told) < len(items) else items

    def _wake(self, key: bytes, odd: bytes, stamp: Stamp) -> bool:
        """Tell an odd that isn't among the young ones; false if it is behind what is known."""
        told = self.told(key)
        is_behind = told is not None and told.order > stamp[0]
        if told is not None and is_behind:
            stamp, odd = _seen((told.order, told.locked, told.live_ms), stamp[2]), self._odd(key)
        number = self._take(key) if told is not None else self._places.enter(place_in(odd), odd)
        self._young[key] = (stamp, odd, number)
        self._count(len(odd))
        return not is_behind

    def _take(self, key: bytes) -> int:
        """Take a known odd out, without leaving its place; the place's number."""
        young = self._young.pop(key, None) or self._older.pop(key, None)
        if young is None:
            return place_of(self._packed.pop(key))
        self._count(-len(young[1]))
        return young[2]

    def _odd(self, key: bytes) -> bytes:
        young = self._young.get(key) or self._older.get(key)
        if young is not None:
            return young[1]
        packed = self._packed[key]
        return odd_of(packed, key, self._places.template(place_of(packed)))

    def _number(self, key: bytes) -> int | None:
        young = self._young.get(key) or self._older.get(key)
        if young is not None:
            return young[2]
        packed = self._packed.get(key)
        return place_of(packed) if packed is not None else None

    def _pack(self, key: bytes, young: _Young) -> None:
        stamp, odd, number = young
        self._packed[key] = pack(number, stamp, odd, key, self._places.template(number))

    def _count(self, size: int) -> None:
        self.held += size
        self._room.used += size

    def _grow(self, size: int) -> None:
        self._count(size)
        if self._room.used > self._room.limit_bytes:
            self._room.make()


def _seen(stamp: Stamp, live_ms: int) -> Stamp:
    """An entry told an odd, even if it was behind what is known."""
    order, locked, before_ms = stamp
    return order, locked, max(before_ms, live_ms)
