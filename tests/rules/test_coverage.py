"""Whether a stream's filters take an odd."""

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.continuity import Coverage

ODD = {
    "id": "1",
    "fixture_id": "F1",
    "sport": "basketball",
    "league": "NBA",
    "league_id": "nba",
    "sportsbook": "Caesars Sportsbook",
    "sportsbook_id": "caesars",
    "market": "Point Spread",
    "market_id": "point_spread",
}

JSON = st.recursive(st.none() | st.integers(-9, 9) | st.text('é9,"', max_size=4), st.lists).map(orjson.dumps)


def odd(**fields: object) -> bytes:
    return orjson.dumps(ODD | fields)


@pytest.mark.parametrize(
    ("filters", "takes"),
    [
        ({}, True),
        ({"sportsbook": ["Caesars Sportsbook"]}, True),
        ({"sportsbook": ["caesars"]}, True),
        ({"sportsbook": ["caesars_sportsbook"]}, True),
        ({"sportsbook": ["Novig", "CAESARS"]}, True),
        ({"sportsbook": ["Novig"]}, False),
        ({"sportsbook": []}, False),
        ({"league": ["nba"]}, True),
        ({"league": ["NBA", "NFL"]}, True),
        ({"league": ["NFL"]}, False),
        ({"market": ["point_spread"]}, True),
        ({"market": ["Point Spread"]}, True),
        ({"market": ["Moneyline"]}, False),
        ({"fixture_id": ["F1"]}, True),
        ({"fixture_id": ["F2"]}, False),
        ({"sportsbook": ["caesars"], "league": ["NFL"]}, False),
    ],
)
def test_every_filter_has_to_take_it_by_name_or_by_id(filters: dict[str, list[str]], takes: bool) -> None:
    assert Coverage(sport="basketball", **filters).takes(odd()) is takes


def test_another_sport_isnt_taken_however_it_is_written() -> None:
    assert Coverage(sport="Basketball").takes(odd())
    assert not Coverage(sport="baseball").takes(odd())
    assert Coverage(sport="table_tennis").takes(odd(sport="Table Tennis"))


@pytest.mark.parametrize("missing", [None, ""])
def test_what_an_odd_doesnt_say_is_no_reason_against_it(missing: str | None) -> None:
    coverage = Coverage(sport="basketball", sportsbook=["Novig"], league=["NFL"], market=["Total"], fixture_id=["F9"])
    assert coverage.takes(orjson.dumps({"id": "1"}))
    assert coverage.takes(orjson.dumps(dict.fromkeys(ODD, missing) | {"id": "1"}))


def test_letters_that_arent_ascii_count() -> None:
    assert Coverage(sport="soccer", league=["Süper Lig"]).takes(orjson.dumps({"league": "SÜPER LIG"}))
    assert not Coverage(sport="soccer", league=["Süper Lig"]).takes(orjson.dumps({"league": "Super Lig"}))


@given(st.one_of(st.binary(max_size=40), JSON))
def test_what_cant_be_read_is_taken(odd: bytes) -> None:
    """Nobody may say that it is foreign."""
    assert Coverage(sport="basketball", sportsbook=["Novig"]).takes(odd)
