"""Fixtures from answers of every shape, and the status that is made of them."""

import json
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from bridge.entries import decode
from bridge.sse import Event
from bridge.upstream.fixtures import FixtureRow, Told, fixture_row, fixture_status, has_changed

ROW = FixtureRow(
    id="000123456789",
    game_id="88067-26534-2024-35",
    sport="tennis",
    league="ATP",
    league_id="atp",
    status="unplayed",
    start_date="2024-08-28T20:20:00+00:00",
    home="Miomir Kecmanović",
    away="Lorenzo Musetti",
    is_live=False,
)


def told(**fields: Any) -> FixtureRow | None:
    return fixture_row(msgspec.json.decode(json.dumps(fields), type=Told))


def test_a_whole_fixture() -> None:
    found = told(
        id="000123456789",
        numerical_id=4,
        game_id="88067-26534-2024-35",
        sport={"id": "tennis", "name": "Tennis", "numerical_id": 25},
        league={"id": "atp", "name": "ATP"},
        status="unplayed",
        is_live=False,
        start_date="2024-08-28T20:20:00+00:00",
        home_team_display="Miomir Kecmanović",
        away_team_display="Lorenzo Musetti",
        home_competitors=[{"id": "X"}],
    )
    assert found == ROW


def test_what_is_missing_null_or_of_another_type_is_not_known() -> None:
    for fields in ({}, {"game_id": None, "sport": None, "league": None, "is_live": None}, {"status": 4, "is_live": 1}):
        found = told(id="A", **fields)
        assert found == FixtureRow("A", "", "", "", "", "", "", "", "", None)
    assert told(id="A", sport="tennis", league="ATP") == replace(
        FixtureRow("A", "", "", "", "", "", "", "", "", None), sport="tennis", league="ATP"
    )


@pytest.mark.parametrize("fixture_id", [None, "", 123456789, ["A"]])
def test_without_an_id_that_is_a_text_it_is_no_fixture(fixture_id: Any) -> None:
    assert told(id=fixture_id, status="live") is None


def test_a_new_status() -> None:
    row = replace(ROW, status="cancelled")
    assert has_changed(ROW, row)
    assert json.loads(fixture_status(ROW, row, 1724761586.21723341)) == {
        "fixture": {
            "away_team_display": "Lorenzo Musetti",
            "game_id": "88067-26534-2024-35",
            "home_team_display": "Miomir Kecmanović",
            "id": "000123456789",
            "start_date": "2024-08-28T20:20:00+00:00",
        },
        "fixture_id": "000123456789",
        "game_id": "88067-26534-2024-35",
        "league": "ATP",
        "new_start_date": None,
        "new_status": "cancelled",
        "old_start_date": None,
        "old_status": "unplayed",
        "sport": "tennis",
        "timestamp": 1724761586.2172334,
    }


def test_a_new_start_and_both() -> None:
    later = replace(ROW, start_date="2024-08-28T20:30:00Z")
    changes = ("old_status", "new_status", "old_start_date", "new_start_date")
    for row, wanted in (
        (later, (None, None, ROW.start_date, later.start_date)),
        (replace(later, status="delayed"), ("unplayed", "delayed", ROW.start_date, later.start_date)),
    ):
        assert has_changed(ROW, row)
        value = json.loads(fixture_status(ROW, row, 1.0))
        assert tuple(value[name] for name in changes) == wanted
        assert value["fixture"]["start_date"] == later.start_date


@pytest.mark.parametrize(
    "same",
    [
        {"start_date": "2024-08-28T20:20:00Z"},
        {"start_date": "2024-08-28T16:20:00-04:00"},
        {"start_date": ""},
        {"status": ""},
        {"home": "", "is_live": True},
    ],
)
def test_what_says_the_same_or_nothing_is_no_change(same: dict[str, Any]) -> None:
    assert not has_changed(ROW, replace(ROW, **same))


def test_of_a_fixture_that_was_not_known_the_status_is_told() -> None:
    value = json.loads(fixture_status(None, ROW, 1.0))
    assert (value["old_status"], value["new_status"]) == (None, "unplayed")
    assert (value["old_start_date"], value["new_start_date"]) == (None, None)
    unknown = json.loads(fixture_status(replace(ROW, status="", start_date=""), ROW, 1.0))
    assert (unknown["old_status"], unknown["old_start_date"]) == (None, None)
    assert (unknown["new_status"], unknown["new_start_date"]) == ("unplayed", ROW.start_date)


def test_the_bridge_reads_its_own_status_as_it_reads_the_streams() -> None:
    value = fixture_status(ROW, replace(ROW, status="live"), 1.0)
    entry = decode(Event("fixture-status", "", None, b'{"data":' + value + b"}"))
    assert entry.items == [(b"000123456789", value)]
