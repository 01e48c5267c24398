from collections.abc import Callable

import pytest

from bridge.config import PARAMETERS, StreamSettings, warnings
from bridge.entries import EntryId
from bridge.upstream import feeds

from .conftest import BASE, NBA, Files

OnlyError = Callable[..., str]
VALUES = {
    "sportsbook": ["DraftKings"],
    "league": ["NBA", "WNBA"],
    "fixture_id": ["20250101"],
    "market": ["Moneyline"],
    "is_main": True,
    "is_live": False,
    "odds_format": "DECIMAL",
    "exclude_fees": True,
    "last_entry_id": "1730079534820-2",
    "include_fixture_updates": False,
    "include_deep_link": True,
}


def _toml(name: str) -> str:
    value = VALUES[name]
    text = str(value).lower() if isinstance(value, bool) else str(value).replace("'", '"')
    return f'{name} = "{text}"\n' if isinstance(value, str) else f"{name} = {text}\n"


def _stream(feed: str, *lines: str) -> str:
    return f'{BASE}[[streams]]\nname = "x"\nfeed = "{feed}"\nsport = "basketball"\n' + "".join(lines)


@pytest.mark.parametrize("feed", ["odds", "results", "copilot"])
def test_each_parameter_of_a_feed_is_taken_and_arrives_in_the_query(files: Files, feed: str) -> None:
    (stream,) = files.load(_stream(feed, *map(_toml, PARAMETERS[feed]))).streams
    assert stream.parameters() == {name: VALUES[name] for name in PARAMETERS[feed]}
    sent = feeds.query(stream, None)
    for name in PARAMETERS[feed]:
        value = VALUES[name]
        wanted = value if isinstance(value, list) else [str(value).lower() if isinstance(value, bool) else value]
        assert [text for key, text in sent if key == name] == wanted


def test_the_table_is_the_documented_one() -> None:
    assert len(PARAMETERS["odds"]) == 11
    assert set(PARAMETERS["results"]) == {"league", "fixture_id"}
    assert set(PARAMETERS["copilot"]) == {
        "market", "league", "fixture_id", "is_main", "is_live", "include_fixture_updates"
    }  # fmt: skip
    assert set(VALUES) == set(PARAMETERS["odds"])
    assert set(VALUES) < set(StreamSettings.model_fields)


@pytest.mark.parametrize(
    ("feed", "name", "having"),
    [
        ("results", "sportsbook", "odds has it"),
        ("results", "is_live", "odds and copilot have it"),
        ("copilot", "odds_format", "odds has it"),
        ("copilot", "exclude_fees", "odds has it"),
        ("results", "include_fixture_updates", "odds and copilot have it"),
    ],
)
def test_a_parameter_that_the_feed_lacks(only_error: OnlyError, feed: str, name: str, having: str) -> None:
    line = only_error(_stream(feed, _toml(name)))
    assert line.startswith(f'FILE:7: streams[0] "x": {name} = ')
    assert line.endswith(f": isn't a parameter of the {feed} feed — remove it; {having}")


def test_last_entry_id_says_where_a_first_start_begins(files: Files) -> None:
    (stream,) = files.load(_stream("odds", _toml("sportsbook"), _toml("last_entry_id"))).streams
    assert ("last_entry_id", "1730079534820-2") in feeds.query(stream, None)
    sent = feeds.query(stream, EntryId(5, 0))
    assert [text for name, text in sent if name == "last_entry_id"] == ["5-0"], "a checkpoint counts before it"


def test_a_last_entry_id_that_is_none_is_an_error(only_error: OnlyError) -> None:
    line = only_error(_stream("odds", _toml("sportsbook"), 'last_entry_id = "yesterday"\n'))
    assert line.endswith('last_entry_id = "yesterday": isn\'t an entry id — write it as <ms>-<seq>, as upstream does')


def test_a_key_in_a_stream_is_not_shown(only_error: OnlyError) -> None:
    line = only_error(_stream("results", 'key = "s3cret"\n'))
    assert "ODDSBRIDGE_UPSTREAM__API_KEY" in line
    assert "s3cret" not in line


@pytest.mark.parametrize(
    ("written", "right"),
    [
        ("sportsbooks", "sportsbook"),
        ("leagues", "league"),
        ("fixture", "fixture_id"),
        ("isLive", "is_live"),
        ("nam", "name"),
    ],
)
def test_an_unknown_name_brings_the_nearest(only_error: OnlyError, written: str, right: str) -> None:
    line = only_error(_stream("odds", _toml("sportsbook"), f'{written} = "s3cret"\n'))
    assert line == f'FILE:8: streams[0] "x": {written}: is unknown — did you mean {right}?'


def test_a_name_near_to_another_feeds_parameter(only_error: OnlyError) -> None:
    line = only_error(_stream("results", "sportsboks = 1\n"))
    assert line.endswith("sportsboks: is unknown — remove it; sportsbook isn't a parameter of the results feed either")


def test_no_sportsbook_and_six(only_error: OnlyError) -> None:
    assert only_error(_stream("odds")) == (
        'FILE:3: streams[0] "x": sportsbook: the odds feed needs 1 to 5 sportsbooks — '
        'add for example sportsbook = ["DraftKings"]'
    )
    assert "needs 1 to 5 sportsbooks" in only_error(_stream("odds", "sportsbook = []\n"))
    assert only_error(_stream("odds", 'sportsbook = ["a", "b", "c", "d", "e", "f"]\n')) == (
        'FILE:7: streams[0] "x": sportsbook = ["a", "b", "c", "d", "e", "f"]: names 6 sportsbooks; upstream takes at '
        "most 5 a stream — split the stream in two with different sportsbooks"
    )


def test_five_sportsbooks_are_right(files: Files) -> None:
    (stream,) = files.load(_stream("odds", 'sportsbook = ["a", "b", "c", "d", "e"]\n')).streams
    assert stream.sportsbook == ["a", "b", "c", "d", "e"]


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ('league = "NBA"', 'league = "NBA": must be a list — write ["NBA"]'),
        ("league = 3", "league = 3: must be a list"),
        ("league = [3]", "league[0] = 3: must be text"),
        ('league = ["NBA", ""]', 'league[1] = "": must not be empty'),
        ('league = ["NBA", " "]', 'league[1] = " ": must not be empty'),
        ('league = ["NBA "]', "begins or ends with a space — write 'NBA'"),
        ('league = ["N\\nBA"]', "holds a control character"),
        ('league = ["NBA", "nba"]', "names 'nba' twice (once as 'NBA') — list it once"),
        ('league = ["NBA", "NBA"]', "names 'NBA' twice — list it once"),
        ("is_live = 1", "is_live = 1: must be true or false"),
        ('is_live = "yes"', 'is_live = "yes": must be true or false'),
        ('name = "Nba"', 'name = "Nba": isn\'t a legal stream name'),
        ('name = ""', "isn't a legal stream name"),
        (f'name = "{"a" * 101}"', "isn't a legal stream name"),
        ('sport = "basket/ball"', "isn't a sport as upstream writes it"),
        ('sport = ".."', "isn't a sport as upstream writes it"),
        ('topic_prefix = "a/"', "isn't a legal topic prefix"),
        (
            'feed = "odd"',
            'feed = "odd": isn\'t one of the values that this can have — write one of odds, results, copilot',
        ),
    ],
)
def test_values_of_the_wrong_kind(files: Files, line: str, problem: str) -> None:
    name = line.split(" ", 1)[0]
    kept = [kept for kept in NBA.splitlines() if not kept.startswith(f"{name} ")]
    (told,) = files.errors("\n".join([BASE, *kept, line]))
    assert problem in told


def test_an_unknown_odds_format_lists_the_known(only_error: OnlyError) -> None:
    line = only_error(_stream("odds", _toml("sportsbook"), 'odds_format = "decimal"\n'))
    assert line.endswith("write one of AMERICAN, DECIMAL, PROBABILITY, MALAY, HONG_KONG, INDONESIAN")


def test_defaults_depend_on_the_feed() -> None:
    odds = StreamSettings(name="x", feed="odds", sport="s", sportsbook=["a"])
    copilot = StreamSettings(name="x", feed="copilot", sport="s")
    results = StreamSettings(name="x", feed="results", sport="s")
    assert (odds.odds_format, odds.include_fixture_updates) == ("AMERICAN", True)
    assert (copilot.odds_format, copilot.include_fixture_updates) == (None, True)
    assert (results.odds_format, results.include_fixture_updates) == (None, None)


def test_warnings_name_the_stream_and_the_reason(files: Files) -> None:
    leagues = ", ".join(f'"L{n}"' for n in range(11))
    text = (
        NBA.replace('league = ["NBA"]', f"league = [{leagues}]") + "is_main = true\ninclude_fixture_updates = false\n"
    )
    many, is_main, updates = warnings(files.load(BASE + text))
    assert many.startswith('streams[0] "nba": 11 leagues on one connection; upstream recommends 10 at most.')
    assert is_main.startswith('streams[0] "nba": is_main = true')
    assert "no locked-odds" in is_main
    assert "nobody learns that a fixture is over" in updates


def test_a_plain_configuration_has_no_warnings(files: Files) -> None:
    assert warnings(files.load(BASE + NBA)) == []


def test_warnings_of_the_process(files: Files) -> None:
    head = "[upstream]\nsilence_s = 5\n" + BASE + "transaction_timeout_ms = 60001\n"
    silence, timeout = warnings(files.load(head + NBA))
    assert "upstream.silence_s = 5" in silence
    assert "kafka.transaction_timeout_ms = 60001" in timeout
