from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.config import StreamSettings
from bridge.config.overlap import SEPARATING, disagreements, overlaps

from .conftest import BASE, NBA, Files

ODDS: dict[str, Any] = {"feed": "odds", "sport": "basketball", "sportsbook": ["DraftKings"]}


def _streams(*settings: dict[str, Any]) -> dict[int, StreamSettings]:
    return {n: StreamSettings.model_validate({"name": f"s{n}", **one}) for n, one in enumerate(settings)}


def _overlap(*settings: dict[str, Any]) -> bool:
    return bool(overlaps(_streams(*settings), "opticodds."))


@pytest.mark.parametrize(
    ("other", "overlapping"),
    [
        ({}, True),
        ({"sport": "baseball"}, False),
        ({"sport": "Basketball"}, True),
        ({"sportsbook": ["FanDuel"]}, False),
        ({"sportsbook": ["FanDuel", "draft_kings"]}, True),
        ({"league": ["WNBA"]}, False),
        ({"league": ["WNBA", "nba"]}, True),
        ({"market": ["Spread"]}, True),  # the first has every market
        ({"fixture_id": ["A"]}, True),
        ({"topic_prefix": "other."}, False),
        ({"topic_prefix": "opticodds."}, True),
        ({"is_live": True}, True),
        ({"is_main": False}, True),
    ],
)
def test_what_separates_odds_streams(other: dict[str, Any], *, overlapping: bool) -> None:
    assert _overlap({**ODDS, "league": ["NBA"]}, {**ODDS, **other}) is overlapping


def test_live_and_pre_match_do_not_separate() -> None:
    assert _overlap({**ODDS, "is_live": True}, {**ODDS, "is_live": False})


def test_feeds_do_not_overlap_each_other() -> None:
    feeds = [ODDS, {"feed": "copilot", "sport": "basketball"}, {"feed": "results", "sport": "basketball"}]
    assert not _overlap(*feeds)
    for feed in feeds[1:]:
        assert _overlap(feed, feed)
        assert not _overlap({**feed, "league": ["NBA"]}, {**feed, "league": ["WNBA"]})
        assert not _overlap({**feed, "fixture_id": ["1"]}, {**feed, "fixture_id": ["2"]})


_FILTER = st.none() | st.lists(st.sampled_from(["a", "b", "c"]), min_size=1, unique=True)


@given(
    st.fixed_dictionaries(dict.fromkeys(SEPARATING, _FILTER)), st.fixed_dictionaries(dict.fromkeys(SEPARATING, _FILTER))
)
def test_streams_overlap_exactly_when_some_odd_passes_both(one: dict[str, Any], other: dict[str, Any]) -> None:
    for stream in (one, other):
        stream["sportsbook"] = stream["sportsbook"] or ["a", "b", "c"]
    everything = {"a", "b", "c"}
    both = all(set(one[name] or everything) & set(other[name] or everything) for name in SEPARATING)
    base = {"feed": "odds", "sport": "s"}
    assert _overlap(base | one, base | other) is both


def test_the_error_names_both_what_they_share_and_the_fix(files: Files) -> None:
    other = NBA.replace('"nba"', '"more"').replace('["DraftKings"]', '["FanDuel", "DraftKings"]')
    (line,) = files.errors(BASE + NBA + other)
    assert line == (
        'FILE:9: streams[1] "more": overlaps streams[0] "nba": both carry odds of basketball, sportsbook DraftKings, '
        'league NBA, every market, every fixture to the same topics — give "nba" and "more" different values of '
        "sportsbook or league or market or fixture_id, or one of them a topic_prefix of its own"
    )


def test_a_topic_prefix_of_its_own_mends_it(files: Files) -> None:
    other = NBA.replace('"nba"', '"more"') + 'topic_prefix = "more."\n'
    assert len(files.load(BASE + NBA + other).streams) == 2


def test_all_pairs_are_found_across_the_file() -> None:
    streams = _streams(ODDS, {**ODDS, "sport": "tennis"}, ODDS, ODDS)
    assert [(one, other) for one, other, *_ in overlaps(streams, "")] == [(0, 2), (0, 3), (2, 3)]


def test_streams_of_one_prefix_agree_on_how_prices_are_written(files: Files) -> None:
    other = NBA.replace('"nba"', '"more"').replace("DraftKings", "FanDuel")
    lines = files.errors(BASE + NBA + other + 'odds_format = "DECIMAL"\nexclude_fees = true\n')
    assert lines == [
        'FILE:15: streams[1] "more": odds_format = "DECIMAL": streams[0] "nba" has odds_format = "AMERICAN", and both '
        'write to the same topics — let "nba" and "more" agree on odds_format, or give one of them a topic_prefix of '
        "its own",
        'FILE:16: streams[1] "more": exclude_fees = true: streams[0] "nba" has exclude_fees = false, and both '
        'write to the same topics — let "nba" and "more" agree on exclude_fees, or give one of them a topic_prefix of '
        "its own",
    ]


def test_streams_of_other_prefixes_and_feeds_need_not_agree() -> None:
    streams = _streams(
        ODDS,
        {**ODDS, "sportsbook": ["b"], "odds_format": "DECIMAL", "topic_prefix": "decimal."},
        {**ODDS, "sportsbook": ["c"], "exclude_fees": False},  # upstream's default, like the first
        {"feed": "copilot", "sport": "basketball"},
    )
    assert disagreements(streams, "opticodds.") == []


def test_equal_names_name_both_places(files: Files) -> None:
    (line,) = files.errors(BASE + NBA + NBA.replace("DraftKings", "FanDuel"))
    assert line == (
        'FILE:10: streams[1] "nba": name = "nba": streams[0] has this name already — give each stream a name of its own'
    )
