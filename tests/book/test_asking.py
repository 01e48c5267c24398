"""Asking the book: active odds, the best price, the main line, the age."""

import pytest
from aiokafka.structs import ConsumerRecord
from hypothesis import given
from hypothesis import strategies as st

from bridge.book import OddsBook, Quote, decimal
from tests.book.made import NOW_MS, NOW_S, Clock, alive, board, book, odd, status, told


def ids(quotes: list[Quote]) -> set[str]:
    return {quote.id for quote in quotes}


# --- active -------------------------------------------------------------------------------------------------------

BOARD = [
    told(odd("dk-heat", sportsbook="DraftKings", market="1st Half Moneyline")),
    told(odd("br-heat", sportsbook="Bet Rivers", market="1st Half Moneyline")),
    told(odd("br-over", sportsbook="Bet Rivers", market="Total Points", name="Over 224.5", points=224.5)),
    told(odd("br-other", sportsbook="Bet Rivers", fixture_id="F2")),
    told(odd("br-locked", sportsbook="Bet Rivers"), event="locked-odds"),
    told(odd("1:-1:heat", sportsbook=None), event="copilot-odds", odds_format=None, stream="pilot"),
    told(odd("1:-1:settled", sportsbook=None), event="copilot-settled-odds", odds_format=None, stream="pilot"),
]


@pytest.mark.parametrize(
    ("fixture_id", "market", "sportsbook", "found"),
    [
        (None, None, None, {"dk-heat", "br-heat", "br-over", "br-other", "1:-1:heat"}),
        ("F1", None, None, {"dk-heat", "br-heat", "br-over", "1:-1:heat"}),
        ("F1", "1st Half Moneyline", None, {"dk-heat", "br-heat"}),
        ("F1", "1st_half_moneyline", "bet_rivers", {"br-heat"}),
        ("F1", None, "BET RIVERS", {"br-heat", "br-over"}),
        (None, None, "Bet Rivers", {"br-heat", "br-over", "br-other"}),
        (None, "Moneyline", None, {"br-other", "1:-1:heat"}),
        ("F3", None, None, set()),
        ("F1", "Moneyline ", "", {"1:-1:heat"}),
    ],
)
def test_active_odds_by_fixture_market_and_sportsbook(
    fixture_id: str | None, market: str | None, sportsbook: str | None, found: set[str]
) -> None:
    assert ids(book(*BOARD).active(fixture_id, market, sportsbook)) == found


def test_the_two_feeds_are_told_apart() -> None:
    made = book(*BOARD)
    assert ids(made.active("F1", feed="copilot")) == {"1:-1:heat"}
    assert ids(made.active("F1", feed="odds")) == {"dk-heat", "br-heat", "br-over"}
    assert made.main("F1", "Moneyline") == []
    assert ids(made.main("F1", "Moneyline", feed="copilot")) == {"1:-1:heat"}
    assert ids(made.best("F1", "Moneyline", feed="copilot", vouched_only=False)) == {"1:-1:heat"}


def test_a_sportsbook_without_a_name_is_known_by_its_id() -> None:
    made = book(told(odd(sportsbook=None, sportsbook_id="pinnacle", market="", market_id="moneyline")))
    assert [quote.sportsbook for quote in made.active("F1", "Moneyline", "Pinnacle")] == ["pinnacle"]


def test_a_quote_has_the_odds_fields() -> None:
    fields = odd(price=-110, points=-3.5, selection_line="home", is_live=True, limits={"max": 5})
    found = book(told(fields, (7, 3, 0)), clock=Clock(NOW_S + 2.5)).odd(str(fields["id"]))
    assert found
    assert found.fields() == fields
    assert found.order == (7, 3, 0)
    assert found.age_s == pytest.approx(2.5)
    assert (found.price, found.points, found.odds_format) == (-110, -3.5, "AMERICAN")
    assert found.decimal == decimal(-110, "AMERICAN")
    assert (found.name, found.selection, found.selection_line) == ("Miami Heat", "Miami Heat", "home")
    assert (found.is_main, found.is_live, found.received_ms, found.stream) == (True, True, NOW_MS, "nba")
    assert (found.origin, found.state, found.feed) == ("stream", "open", "odds")


def test_the_age_is_that_of_the_latest_record_and_never_negative() -> None:
    clock = Clock()
    made = book(told(odd(), (1, 0, 0), received_ms=NOW_MS - 60_000), clock=clock)
    (quote,) = made.active()
    assert quote.age_s == 60
    made.feed(told(odd(), (2, 0, 0), received_ms=NOW_MS + 1_000))
    (quote,) = made.active()
    assert quote.age_s == 0
    clock.now_s += 4
    (quote,) = made.active()
    assert quote.age_s == 3


# --- the main line ------------------------------------------------------------------------------------------------


def test_the_main_line_moves_without_any_lock() -> None:
    def line(points: float, order: int, *, main: object) -> ConsumerRecord:
        name = f"Over {points}"
        fields = odd(name, market="Total Points", name=name, points=points, is_main=main)
        return told(fields, (order, 0, 0))

    made = book(
        line(224.5, 1, main=True), line(225.5, 1, main=False), line(226.5, 1, main=None), line(223.5, 1, main="")
    )
    assert [quote.points for quote in made.main("F1", "Total Points")] == [224.5]
    made.feed(line(224.5, 2, main=False))
    made.feed(line(225.5, 2, main=True))
    assert [quote.points for quote in made.main("F1", "Total Points")] == [225.5]
    assert made.main("F1", "Total Points", "DraftKings") == []


# --- the best price -----------------------------------------------------------------------------------------------


def priced(odd_id: str, price: object, odds_format: str | None = "AMERICAN", **fields: object) -> ConsumerRecord:
    return told(odd(odd_id, price, **fields), odds_format=odds_format)


@pytest.mark.parametrize(
    ("odds_format", "prices", "best"),
    [
        ("AMERICAN", [-110, -105, 100, 105], 105),
        ("AMERICAN", [-110, -105, -200], -105),
        ("DECIMAL", [1.91, 2.05, 1.2], 2.05),
        ("PROBABILITY", [0.55, 0.48, 0.6], 0.48),
        ("HONG_KONG", [0.91, 1.05, 0.2], 1.05),
        ("MALAY", [0.91, 1.0, 0.2], 1.0),
        ("MALAY", [0.91, -0.9, -0.5, 1.0], -0.5),
        ("INDONESIAN", [-1.1, -1.05, 1.0, 1.05], 1.05),
        (None, [-110, -105], -105),
    ],
)
def test_the_best_price_is_right_in_each_format(odds_format: str | None, prices: list[float], best: float) -> None:
    records = [priced(f"odd-{n}", price, odds_format) for n, price in enumerate(prices)]
    for made in (book(*records), book(*reversed(records))):
        (quote,) = made.best("F1", "Moneyline", vouched_only=False)
        assert quote.price == best


def test_formats_are_compared_with_each_other() -> None:
    same = {
        "AMERICAN": 150,
        "DECIMAL": 2.52,
        "PROBABILITY": 0.399,
        "MALAY": -0.66,
        "HONG_KONG": 1.49,
        "INDONESIAN": 1.48,
    }
    made = book(*(priced(odds_format, price, odds_format) for odds_format, price in same.items()))
    (quote,) = made.best("F1", "Moneyline", vouched_only=False)
    assert (quote.odds_format, quote.decimal) == ("DECIMAL", 2.52)
    made.feed(priced("better", 0.39, "PROBABILITY"))
    (quote,) = made.best("F1", "Moneyline", vouched_only=False)
    assert quote.id == "better"
    assert quote.decimal == pytest.approx(2.5641, abs=1e-4)


@pytest.mark.parametrize(
    "odds_format", ["AMERICAN", "PROBABILITY", "DECIMAL", "MALAY", "HONG_KONG", "INDONESIAN", "NEW"]
)
def test_no_price_is_never_the_best(odds_format: str) -> None:
    nothing = [0, 0.0, None, "", "150", True]
    made = book(*(priced(f"odd-{n}", price, odds_format) for n, price in enumerate(nothing)))
    assert len(made) == len(nothing)
    assert made.best("F1", "Moneyline", vouched_only=False) == []


def test_locked_and_settled_odds_are_never_the_best() -> None:
    made = book(
        told(odd("a", 500), event="locked-odds"), told(odd("b", 400), event="copilot-settled-odds"), told(odd("c"))
    )
    assert ids(made.best("F1", "Moneyline", vouched_only=False)) == {"c"}


def test_each_outcome_has_its_own_best_main_lines_first() -> None:
    total = {"market": "Total Points"}
    made = book(
        priced(
            "p-over-4", -110, name="Over 4.5", points=4.5, selection="", selection_line="over", is_main=False, **total
        ),
        priced(
            "d-over-4", 100, name="Over 4.5", points=4.5, selection="", selection_line="over", is_main=False, **total
        ),
        priced("p-over", -110, name="Over 5.5", points=5.5, selection="", selection_line="over", **total),
        priced("d-over", -115, name="OVER 5.5", points=5.50, selection="", selection_line="over", **total),
        priced("p-under", -120, name="Under 5.5", points=5.5, selection="", selection_line="under", **total),
        priced("d-under", -105, name="Under 5.5", points=5.5, selection="", selection_line="under", **total),
    )

    def best(selection: str | None = None, points: float | None = None) -> list[str]:
        found = made.best("F1", "Total Points", selection=selection, points=points, vouched_only=False)
        return [quote.id for quote in found]

    assert best() == ["p-over", "d-under", "d-over-4"]
    assert best(points=4.5) == ["d-over-4"]
    assert best("Over") == ["p-over", "d-over-4"]
    assert best("under 5.5") == ["d-under"]
    assert best("Under", 4.5) == []


def test_one_side_of_a_handicap_is_not_the_other() -> None:
    spread = {"market": "Point Spread", "name": ""}  # the names are missing: selection and points are left
    made = book(
        priced("minus", 200, points=-3.5, selection="Heat", **spread),
        priced("plus", -200, points=3.5, selection="Heat", **spread),
        priced("none", -300, points=None, selection="Heat", **spread),
    )
    assert ids(made.best("F1", "Point Spread", vouched_only=False)) == {"minus", "plus", "none"}
    assert ids(made.best("F1", "Point Spread", points=3.5, vouched_only=False)) == {"plus"}


def test_of_equal_prices_the_first_id_is_taken() -> None:
    records = [priced("b", 100), priced("a", 100), priced("c", 2.0, "DECIMAL")]
    for made in (book(*records), book(*reversed(records))):
        assert ids(made.best("F1", "Moneyline", vouched_only=False)) == {"a"}


@pytest.mark.parametrize("new_status", ["completed", "cancelled"])
def test_a_fixture_that_is_over_is_flagged_and_not_the_best(new_status: str) -> None:
    made = book(told(odd()), alive(), status("F1", (1, 0, 0), "live"))
    assert made.best("F1", "Moneyline")
    made.feed(status("F1", (2, 0, 0), new_status))
    assert made.best("F1", "Moneyline") == []
    (quote,) = made.active("F1")
    assert (quote.vouched, quote.why) == (False, f"the fixture is {new_status}")


# --- against a slow book ------------------------------------------------------------------------------------------

prices = st.sampled_from([-110, 105, 0, None, 2.5, 1.9, 0.52, 0.4, -0.5])
formats = st.sampled_from(["AMERICAN", "DECIMAL", "PROBABILITY", "MALAY", "HONG_KONG", "INDONESIAN"])
books = st.sampled_from(["Pinnacle", "DraftKings"])
rows = st.tuples(
    st.integers(0, 8),
    prices,
    formats,
    books,
    st.sampled_from(["F1", "F2"]),
    st.sampled_from(["Heat", "Celtics"]),
    st.booleans(),
)


@given(st.lists(rows, max_size=20), st.booleans())
def test_the_best_is_what_a_slow_search_finds(
    told_rows: list[tuple[int, object, str, str, str, str, bool]], vouched_only: bool
) -> None:
    made: OddsBook = book(alive())
    for n, (number, price, odds_format, sportsbook, fixture_id, name, locked) in enumerate(told_rows):
        fields = odd(f"odd-{number}", price, fixture_id=fixture_id, sportsbook=sportsbook, name=name)
        event = "locked-odds" if locked else "odds"
        made.feed(told(fields, (n, 0, 0), event=event, odds_format=odds_format))
    known = board(made, [f"odd-{number}" for number in range(9)])
    for fixture_id in ("F1", "F2"):
        expected = {
            name: max(
                quote.decimal
                for quote in known.values()
                if quote.decimal and (quote.fixture_id, quote.name, quote.state) == (fixture_id, name, "open")
            )
            for name in {
                quote.name
                for quote in known.values()
                if quote.decimal and (quote.fixture_id, quote.state) == (fixture_id, "open")
            }
        }
        found = made.best(fixture_id, "Moneyline", vouched_only=vouched_only)
        assert {quote.name: quote.decimal for quote in found} == expected
