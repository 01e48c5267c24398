"""The fold: of each odd the record with the highest `order`, found again by its id or by fixture and market. Pure."""

from collections.abc import Iterator

from bridge.book.fields import place
from bridge.book.said import Order, Stamp

TOMBSTONES_MS = 3_600_000
"""How long a tombstone is remembered at least against records that are late, in the time of the records."""


class Group:
    """The odds of one market of one fixture."""

    __slots__ = ("fixture", "market", "odds")

    def __init__(self, fixture: str, market: str) -> None:
        self.fixture = fixture
        self.market = market
        self.odds: set[Odd] = set()


class Odd:
    """One odd's latest record: upstream's bytes, not taken apart."""

    __slots__ = ("group", "key", "stamp", "state", "value")

    def __init__(self, key: bytes, stamp: Stamp, state: int, value: bytes, group: Group) -> None:
        self.key = key
        self.stamp = stamp
        self.state = state
        self.value = value
        self.group = group


class Table:
    """All odds that are known."""

    def __init__(self) -> None:
        self._odds: dict[bytes, Odd] = {}
        self._fixtures: dict[str, dict[str, Group]] = {}
        # Tombstones of this span of time and of the one before it: forgetting them costs nothing.
        self._gone: dict[bytes, Order] = {}
        self._gone_before: dict[bytes, Order] = {}
        self._gone_since_ms = 0

    def put(self, key: bytes, stamp: Stamp, state: int, value: bytes) -> bool:
        """Take an odd's record; False if a later one is known. Of two with the same order the last one stays."""
        odd = self._odds.get(key)
        if odd is None:
            if not self._comes_back(key, stamp.order):
                return False
            group = self._group(*place(value))
            odd = self._odds[key] = Odd(key, stamp, state, value, group)
            group.odds.add(odd)
            return True
        if stamp.order < odd.stamp.order:
            return False
        odd.stamp = stamp
        odd.state = state
        odd.value = value
        fixture, market = place(value)
        group = odd.group
        if market != group.market or fixture != group.fixture:
            self._leave(odd)
            odd.group = self._group(fixture, market)
            odd.group.odds.add(odd)
        return True

    def bury(self, key: bytes, stamp: Stamp) -> bool:
        """Take a tombstone; False if a later record is known."""
        odd = self._odds.get(key)
        if odd is not None:
            if stamp.order < odd.stamp.order:
                return False
            self._remove(odd)
        elif not self._comes_back(key, stamp.order):
            return False
        if stamp.received_ms > self._gone_since_ms + TOMBSTONES_MS:
            self._gone_before, self._gone = self._gone, {}
            self._gone_since_ms = stamp.received_ms
        self._gone[key] = stamp.order
        return True

    def get(self, key: bytes) -> Odd | None:
        """An odd by its key."""
        return self._odds.get(key)

    def find(self, fixture: str | None, market: str | None) -> Iterator[Odd]:
        """The odds of a fixture, a market (in plain text), both, or all there are."""
        for groups in self._fixtures.values() if fixture is None else (self._fixtures.get(fixture, {}),):
            for group in groups.values() if market is None else filter(None, (groups.get(market),)):
                yield from group.odds

    def fixtures(self) -> list[str]:
        """The ids of all fixtures that have odds."""
        return list(self._fixtures)

    def drop(self, fixture: str) -> int:
        """Forget a fixture's odds; how many there were."""
        odds = list(self.find(fixture, None))
        for odd in odds:
            self._remove(odd)
        return len(odds)

    def __len__(self) -> int:
        return len(self._odds)

    def _comes_back(self, key: bytes, order: Order) -> bool:
        """Whether a record of an odd that isn't there is newer than the odd's tombstone, if there was one."""
        for gone in (self._gone, self._gone_before):
            buried = gone.get(key)
            if buried is not None:
                if order < buried:
                    return False
                del gone[key]
        return True

    def _group(self, fixture: str, market: str) -> Group:
        groups = self._fixtures.get(fixture)
        if groups is None:
            groups = self._fixtures[fixture] = {}
        group = groups.get(market)
        if group is None:
            group = groups[market] = Group(fixture, market)
        return group

    def _remove(self, odd: Odd) -> None:
        del self._odds[odd.key]
        self._leave(odd)

    def _leave(self, odd: Odd) -> None:
        group = odd.group
        group.odds.discard(odd)
        if not group.odds:
            groups = self._fixtures[group.fixture]
            del groups[group.market]
            if not groups:
                del self._fixtures[group.fixture]
