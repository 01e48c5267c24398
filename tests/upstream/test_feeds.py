"""Paths, queries and the table of parameters."""

from dataclasses import dataclass, field

import pytest

from bridge.entries import EntryId
from bridge.upstream.feeds import PARAMETERS, configurable, query, url_path


@dataclass
class _Stream:
    feed: str
    sport: str = "basketball"
    sportsbook: list[str] = field(default_factory=list)
    league: list[str] | None = None
    is_live: bool | None = None
    odds_format: str | None = None
    include_fixture_updates: bool | None = None
    key: str = "secret"


@pytest.mark.parametrize(
    ("feed", "path"),
    [
        ("odds", "/stream/odds/basketball"),
        ("results", "/stream/results/basketball"),
        ("copilot", "/stream/copilot/basketball/odds"),
    ],
)
def test_paths(feed: str, path: str) -> None:
    assert url_path(_Stream(feed)) == path


def test_a_sport_stays_one_segment_of_the_path() -> None:
    assert url_path(_Stream("odds", "a/b?c#d é%")) == "/stream/odds/a%2Fb%3Fc%23d%20%C3%A9%25"


def test_the_parameters_are_the_documented_ones() -> None:
    assert len(PARAMETERS["odds"]) == 11
    assert "last_entry_id" in configurable("odds"), "where a first start begins"
    assert configurable("results") == ["league", "fixture_id"]
    assert sorted(configurable("copilot")) == [
        "fixture_id",
        "include_fixture_updates",
        "is_live",
        "is_main",
        "league",
        "market",
    ]


def test_a_full_query() -> None:
    stream = _Stream("odds", sportsbook=["DraftKings", "Bet 365"], league=["NBA"], is_live=False, odds_format="DECIMAL")
    assert query(stream, EntryId(17, 2)) == [
        ("sportsbook", "DraftKings"),
        ("sportsbook", "Bet 365"),
        ("league", "NBA"),
        ("is_live", "false"),
        ("odds_format", "DECIMAL"),
        ("last_entry_id", "17-2"),
        ("include_fixture_updates", "true"),
    ]


@pytest.mark.parametrize("feed", PARAMETERS)
def test_only_what_is_set_is_sent_and_never_what_the_feed_doesnt_have(feed: str) -> None:
    stream = _Stream(feed, sportsbook=["A"], league=[], odds_format="DECIMAL")
    names = [name for name, _ in query(stream, None)]
    assert set(names) <= set(PARAMETERS[feed])
    assert "league" not in names
    assert "last_entry_id" not in names
    assert ("sportsbook" in names) == (feed == "odds")


@pytest.mark.parametrize(("setting", "sent"), [(None, "true"), (True, "true"), (False, "false")])
def test_fixture_updates_are_asked_for_unless_switched_off(setting: bool | None, sent: str) -> None:
    assert query(_Stream("copilot", include_fixture_updates=setting), None) == [("include_fixture_updates", sent)]
    assert query(_Stream("results", include_fixture_updates=setting), None) == []
