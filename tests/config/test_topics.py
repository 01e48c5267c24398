import pytest

from bridge.config import Settings, topic_names

from .conftest import BASE, NBA, Files


def _load(files: Files, kafka: str = "", stream: str = "") -> Settings:
    return files.load(BASE + kafka + NBA + stream)


def test_default_names(files: Files) -> None:
    names = topic_names(_load(files))
    assert (names.odds, names.locked_odds, names.odds_state) == (
        "opticodds.odds", "opticodds.locked-odds", "opticodds.odds-state"
    )  # fmt: skip
    assert (names.copilot_odds, names.copilot_locked_odds, names.copilot_settled_odds, names.copilot_odds_state) == (
        "opticodds.copilot-odds",
        "opticodds.copilot-locked-odds",
        "opticodds.copilot-settled-odds",
        "opticodds.copilot-odds-state",
    )
    assert (names.fixture_status, names.fixture_results) == ("opticodds.fixture-status", "opticodds.fixture-results")
    assert (names.checkpoints, names.bridge_events, names.dead_letters) == (
        "opticodds.checkpoints", "opticodds.bridge-events", "opticodds.dead-letters"
    )  # fmt: skip
    assert names.unknown_events == "opticodds.event."


def test_the_prefix_may_be_empty(files: Files) -> None:
    names = topic_names(_load(files, 'topic_prefix = ""\n'))
    assert (names.odds, names.unknown_events) == ("odds", "event.")


def test_a_streams_prefix_moves_the_data_and_not_the_bridges_own(files: Files) -> None:
    settings = _load(files, '[kafka.topics]\nodds = "prices"\ncheckpoints = "positions"\n', 'topic_prefix = "b."\n')
    names = topic_names(settings, settings.streams[0].topic_prefix)
    assert (names.prefix, names.odds, names.fixture_status, names.unknown_events) == (
        "b.", "b.odds", "b.fixture-status", "b.event."
    )  # fmt: skip
    assert (names.checkpoints, names.dead_letters) == ("positions", "opticodds.dead-letters")
    assert topic_names(settings).odds == "prices"
    assert topic_names(settings, "opticodds.").odds == "prices"


@pytest.mark.parametrize(
    "topics",
    [
        'odds = "all"\nlocked_odds = "all"\n',
        'locked_odds = "opticodds.odds"\n',
        'copilot_odds = "c"\ncopilot_locked_odds = "c"\ncopilot_settled_odds = "c"\n',
    ],
)
def test_names_that_may_be_one(files: Files, topics: str) -> None:
    _load(files, "[kafka.topics]\n" + topics)
    names = topic_names(_load(files, "[kafka.topics]\n" + topics))
    assert names.odds == names.locked_odds or names.copilot_odds == names.copilot_settled_odds


@pytest.mark.parametrize(
    ("topics", "problem"),
    [
        ('odds = "opticodds.odds-state"', 'odds under the prefix "opticodds." has this name already'),
        ('odds = "a"\ncopilot_odds = "a"', 'odds under the prefix "opticodds." has this name already'),
        ('checkpoints = "a"\ndead_letters = "a"', 'checkpoints under the prefix "opticodds." has this name already'),
        ('odds = "a.b"\nodds_state = "a_b"', 'odds under the prefix "opticodds." has this name already'),
        ('odds = "opticodds.event.x"', 'names that begin with "opticodds.event." are reserved for unknown events'),
        ('odds = ".."', "Kafka forbids '.' and '..'"),
        ('odds = ""', "must not be empty"),
        ('odds = "a/b"', "use only letters, digits, '.', '_' and '-'"),
        ('odds = "__consumer_offsets"', "is a topic of Kafka's own"),
        (f'odds = "{"x" * 250}"', "is 250 characters long; a topic's name has at most 249"),
    ],
)
def test_names_that_may_not_be(files: Files, topics: str, problem: str) -> None:
    lines = files.errors(BASE + "[kafka.topics]\n" + topics + "\n" + NBA)
    assert len(lines) == 1
    assert problem in lines[0]
    assert lines[0].startswith(("FILE:4: kafka.topics.", "FILE:5: kafka.topics.", "FILE:1: kafka.topic_prefix"))


def test_a_prefix_that_makes_names_too_long_is_told_once(files: Files) -> None:
    (line,) = files.errors(BASE + f'topic_prefix = "{"p" * 240}"\n' + NBA)
    assert "kafka.topic_prefix" in line
    assert "a topic's name has at most 249" in line


def test_a_streams_prefix_must_not_reach_into_anothers_topics(files: Files) -> None:
    (line,) = files.errors(BASE + '[kafka.topics]\nodds = "b.odds"\n' + NBA + 'topic_prefix = "b."\n')
    assert line.startswith(
        'FILE:11: streams[0] "nba": topic_prefix = "b.": for the topic "b.odds": odds under the prefix'
    )
    (line,) = files.errors(BASE + NBA + 'topic_prefix = "opticodds.event."\n')
    assert "are reserved for unknown events" in line
    (line,) = files.errors(BASE + NBA + 'topic_prefix = "opticodds_"\n')
    assert "has this name already" in line
