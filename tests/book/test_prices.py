"""Prices of all formats as decimal odds, against known values."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.book import decimal
from bridge.simulator.prices import FORMATS, OddsFormat, price

# decimal, American, probability, Malay, Hong Kong, Indonesian: the rows of the tables that bookmakers print
TABLE: list[tuple[float, float, float, float, float, float]] = [
    (1.20, -500, 0.8333333, 0.20, 0.20, -5.00),
    (1.25, -400, 0.80, 0.25, 0.25, -4.00),
    (1.50, -200, 0.6666667, 0.50, 0.50, -2.00),
    (1.80, -125, 0.5555556, 0.80, 0.80, -1.25),
    (2.00, 100, 0.50, 1.00, 1.00, 1.00),
    (2.00, -100, 0.50, -1.00, 1.00, -1.00),
    (2.50, 150, 0.40, -0.6666667, 1.50, 1.50),
    (3.00, 200, 0.3333333, -0.50, 2.00, 2.00),
    (5.00, 400, 0.20, -0.25, 4.00, 4.00),
    (11.0, 1000, 0.0909091, -0.10, 10.0, 10.0),
    (101.0, 10000, 0.00990099, -0.01, 100.0, 100.0),
]
NAMES = ("DECIMAL", "AMERICAN", "PROBABILITY", "MALAY", "HONG_KONG", "INDONESIAN")


@pytest.mark.parametrize("column", range(6), ids=NAMES)
@pytest.mark.parametrize("row", TABLE, ids=lambda row: f"{row[0]:g} ({row[1]:g})")
def test_a_row_of_the_table_is_one_price(row: tuple[float, ...], column: int) -> None:
    assert decimal(row[column], NAMES[column]) == pytest.approx(row[0], rel=1e-6)


@pytest.mark.parametrize(
    ("american", "expected"), [(-110, 1.909090909), (-105, 1.952380952), (110, 2.1), (-196, 1.5102)]
)
def test_the_usual_american_prices(american: int, expected: float) -> None:
    assert decimal(american, "AMERICAN") == pytest.approx(expected, rel=1e-5)
    assert decimal(float(american), "AMERICAN") == decimal(american, "AMERICAN")


@pytest.mark.parametrize("odds_format", NAMES)
@pytest.mark.parametrize(
    "nothing", [None, "", 0, 0.0, -0.0, math.nan, math.inf, -math.inf, True, "150", [], 10**400, -(10**400)]
)
def test_what_is_no_price_has_no_decimal(nothing: object, odds_format: str) -> None:
    assert decimal(nothing, odds_format) is None


@pytest.mark.parametrize(
    ("impossible", "odds_format"),
    [
        (99.9, "AMERICAN"),
        (-99, "AMERICAN"),
        (1, "DECIMAL"),
        (0.5, "DECIMAL"),
        (-2.5, "DECIMAL"),
        (1.0, "PROBABILITY"),
        (52.4, "PROBABILITY"),
        (-0.5, "PROBABILITY"),
        (5e-324, "PROBABILITY"),  # the price would not be a finite number
        (1.01, "MALAY"),
        (-1.01, "MALAY"),
        (-0.5, "HONG_KONG"),
        (0.99, "INDONESIAN"),
        (-0.99, "INDONESIAN"),
        (2.0, "FRACTIONAL"),
        (2.0, ""),
    ],
)
def test_what_the_format_does_not_have_has_no_decimal(impossible: float, odds_format: str) -> None:
    assert decimal(impossible, odds_format) is None


@given(st.floats(0.03, 0.97), st.sampled_from(FORMATS))
def test_a_probability_written_in_any_format_comes_back(probability: float, odds_format: OddsFormat) -> None:
    """The simulator's prices are written by other code, and rounded as books do."""
    assert decimal(price(probability, odds_format), odds_format) == pytest.approx(1 / probability, rel=0.02)


@given(st.floats(0.03, 0.97), st.floats(0.03, 0.97), st.sampled_from(FORMATS), st.sampled_from(FORMATS))
def test_the_less_likely_is_the_better_price_in_any_two_formats(
    one: float, other: float, one_format: OddsFormat, other_format: OddsFormat
) -> None:
    if abs(one - other) < 0.02:
        other = one + 0.03 if one < 0.5 else one - 0.03
    first, second = decimal(price(one, one_format), one_format), decimal(price(other, other_format), other_format)
    assert first is not None
    assert second is not None
    assert (first > second) == (one < other)


@given(st.floats() | st.integers(), st.sampled_from(NAMES))
def test_a_decimal_is_finite_and_above_1(anything: float, odds_format: str) -> None:
    made = decimal(anything, odds_format)
    assert made is None or (made > 1 and math.isfinite(made))
