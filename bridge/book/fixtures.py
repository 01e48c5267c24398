"""Each fixture's status and start, as `fixture-status` tells them. Pure."""

from collections import OrderedDict
from dataclasses import dataclass, replace

import msgspec

Order = tuple[int, int, int]

OVER = frozenset({"completed", "cancelled"})
"""Statuses after which a price is nobody's."""

KEPT = 50_000
"""Fixtures that are remembered: about a month of a busy bridge. The one told longest ago is forgotten first."""


@dataclass(frozen=True, slots=True)
class Fixture:
    """A fixture, as far as fixture-status has told.

    Attributes:
        id: Its id.
        status: Such as `unplayed`, `live`, `completed`; "" if none was told.
        start: When it starts, ISO 8601 as upstream writes it; "" if it wasn't told.
    """

    id: str
    status: str = ""
    start: str = ""

    @property
    def over(self) -> bool:
        """Whether it is completed or cancelled."""
        return self.status in OVER


@dataclass(slots=True)
class _Known:
    fixture: Fixture
    status_order: Order
    start_order: Order


class _Inner(msgspec.Struct, gc=False):
    start_date: str | None = None


class _Status(msgspec.Struct, gc=False):
    new_status: str | None = None
    new_start_date: str | None = None
    fixture: _Inner | str | None = None


_status = msgspec.json.Decoder(_Status).decode
_NEVER: Order = (-1, -1, -1)


class Fixtures:
    """A fold by `order` of status and start, each by itself: a record with a new start may have no status."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, _Known] = OrderedDict()

    def tell(self, fixture_id: str, order: Order, value: bytes) -> bool:
        """Take a record of `fixture-status`; whether it told anything new.

        Raises:
            ValueError: The value isn't one.
        """
        said = _status(value)
        known = self._known.pop(fixture_id, None) or _Known(Fixture(fixture_id), _NEVER, _NEVER)
        self._known[fixture_id] = known
        inner = said.fixture.start_date if isinstance(said.fixture, _Inner) else None
        start = said.new_start_date or inner
        before = known.fixture
        if said.new_status and order >= known.status_order:
            known.status_order = order
            known.fixture = replace(known.fixture, status=said.new_status)
        if start and order >= known.start_order:
            known.start_order = order
            known.fixture = replace(known.fixture, start=start)
        if len(self._known) > KEPT:
            self._known.popitem(last=False)
        return known.fixture != before

    def get(self, fixture_id: str) -> Fixture | None:
        """What is known of it."""
        known = self._known.get(fixture_id)
        return known.fixture if known else None

    def drop(self, fixture_id: str) -> None:
        """Forget it."""
        self._known.pop(fixture_id, None)
