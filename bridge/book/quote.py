"""A quote: one odd as the book knows it when it is asked, and whether it can be vouched for. Pure."""

from typing import Any, Literal

import msgspec

from bridge.book.fields import Fields, Number, number
from bridge.book.fixtures import Fixture
from bridge.book.prices import decimal
from bridge.book.standing import Standing
from bridge.book.standing import State as StreamState
from bridge.book.table import Odd

Feed = Literal["odds", "copilot"]
State = Literal["open", "locked", "settled"]

_STATES: tuple[State, State, State] = ("open", "locked", "settled")


class Quote(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One odd at the moment of asking; it doesn't change afterwards. Texts are "" where upstream gave none.

    Attributes:
        id: The odd's id.
        state: `open` (on offer), `locked` (suspended), or `settled` (copilot: the bet is decided).
        feed: `odds`, or `copilot`, whose odds have no sportsbook.
        stream: The stream that it came on.
        origin: `stream` for upstream's own record; else the bridge made it of a snapshot.
        order: Its place in order, `(ms, seq, n)`.
        fixture_id: The fixture.
        sportsbook: The sportsbook's name.
        market: The market's name.
        name: What is bet on, as a person reads it.
        selection: The team, the player, the result.
        selection_line: `over`, `under` and the like.
        points: The line, or None.
        price: As upstream writes it, in `odds_format`; None where there is none.
        odds_format: AMERICAN, DECIMAL, PROBABILITY, MALAY, HONG_KONG or INDONESIAN.
        decimal: The price in decimal odds, for comparing; None where it is no price.
        is_main: Whether it is the main line of its market at its book.
        is_live: Whether its fixture is being played.
        received_ms: When the bridge received it, epoch milliseconds.
        age_s: How long ago that was, seconds. A price that stands still grows old and is as good.
        standing: How its stream stands.
        why: Why it can't be vouched for; "" if it can.
        value: The odd's JSON, upstream's own bytes when `origin` is `stream`.
    """

    id: str
    state: State
    feed: Feed
    stream: str
    origin: str
    order: tuple[int, int, int]
    fixture_id: str
    sportsbook: str
    market: str
    name: str
    selection: str
    selection_line: str
    points: Number | None
    price: Number | None
    odds_format: str
    decimal: float | None
    is_main: bool
    is_live: bool
    received_ms: int
    age_s: float
    standing: StreamState
    why: str
    value: bytes

    @property
    def vouched(self) -> bool:
        """Whether nothing speaks against it: it is what upstream offers, as far as the bridge can know."""
        return not self.why

    def fields(self) -> dict[str, Any]:
        """All fields of the odd.

        Raises:
            ValueError: The odd isn't a JSON object.
        """
        return msgspec.json.decode(self.value, type=dict[str, Any])


def doubt(odd: Odd, fields: Fields, standing: Standing, fixture: Fixture | None, now_ms: float) -> str:
    """Why the price of an odd can't be vouched for; "" if it can."""
    received = odd.stamp.received_ms
    if standing.state == "gapped":
        if standing.doubt_before_ms is None or received <= standing.doubt_before_ms:
            return standing.why
    elif standing.state != "up":
        return standing.why
    if fixture is not None and fixture.over:
        return f"the fixture is {fixture.status}"
    return odd.stamp.stream.doubts_book(fields.book, received, now_ms)


def quote(odd: Odd, fields: Fields, standing: Standing, why: str, now_ms: float) -> Quote:
    """What the book tells of an odd."""
    stamp = odd.stamp
    price = number(fields.price)
    return Quote(
        id=odd.key.decode(errors="replace"),
        state=_STATES[odd.state],
        feed="copilot" if stamp.copilot else "odds",
        stream=stamp.stream.name,
        origin=stamp.origin,
        order=stamp.order,
        fixture_id=fields.fixture_id or "",
        sportsbook=fields.book,
        market=fields.market or fields.market_id or "",
        name=fields.name or "",
        selection=fields.selection or fields.normalized_selection or "",
        selection_line=fields.selection_line or "",
        points=number(fields.points),
        price=price,
        odds_format=stamp.odds_format,
        decimal=decimal(price, stamp.odds_format),
        is_main=fields.is_main is True,
        is_live=fields.is_live is True,
        received_ms=stamp.received_ms,
        age_s=max(0.0, now_ms - stamp.received_ms) / 1000,
        standing=standing.state,
        why=why,
        value=odd.value,
    )
