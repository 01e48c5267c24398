import json
from collections.abc import Callable

import pytest

from bridge.config import load
from bridge.config.environment import variables

from .conftest import BASE, KEY, NBA, Files

OnlyError = Callable[..., str]


def test_variables_override_the_file(files: Files) -> None:
    settings = files.load(
        BASE + "shards = 3\n" + NBA,
        {
            **KEY,
            "ODDSBRIDGE_KAFKA__BOOTSTRAP_SERVERS": "kafka:9092",
            "ODDSBRIDGE_KAFKA__TOPICS__ODDS": "prices",
            "ODDSBRIDGE_KAFKA__TOPIC_PREFIX": "",
            "ODDSBRIDGE_KAFKA__REPLICATION_FACTOR": "2",
            "ODDSBRIDGE_UPSTREAM__SILENCE_S": "20.5",
            "oddsbridge_log__level": "debug",
            "PATH": "/bin",
        },
    )
    assert settings.kafka.bootstrap_servers == "kafka:9092"
    assert settings.kafka.topics.odds == "prices"
    assert settings.kafka.topic_prefix == ""
    assert settings.kafka.replication_factor == 2
    assert settings.kafka.shards == 3
    assert settings.upstream.silence_s == 20.5
    assert settings.log.level == "debug"


def test_the_environment_alone_is_enough() -> None:
    stream = {"name": "nba", "feed": "odds", "sport": "basketball", "sportsbook": ["DraftKings"], "is_live": True}
    settings = load(
        None, {**KEY, "ODDSBRIDGE_KAFKA__BOOTSTRAP_SERVERS": "k:1", "ODDSBRIDGE_STREAMS": json.dumps([stream])}
    )
    assert settings.streams[0].name == "nba"
    assert settings.streams[0].is_live is True


def test_a_section_may_be_json_and_its_settings_come_on_top(files: Files) -> None:
    settings = files.load(
        BASE + "partitions = 7\n" + NBA, {**KEY, "ODDSBRIDGE_KAFKA": '{"shards": 9}', "ODDSBRIDGE_KAFKA__GROUP": "g"}
    )
    assert (settings.kafka.shards, settings.kafka.group, settings.kafka.partitions) == (9, "g", 7)


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("ODDSBRIDGE_UPSTREAM__API_KEYY", "did you mean ODDSBRIDGE_UPSTREAM__API_KEY?"),
        ("ODDSBRIDGE_KAFKA_SHARDS", "did you mean ODDSBRIDGE_KAFKA__SHARDS?"),
        ("ODDSBRIDGE_API_KEY", "did you mean ODDSBRIDGE_UPSTREAM__API_KEY?"),
        ("ODDSBRIDGE_STREAMS__0__NAME", "set ODDSBRIDGE_STREAMS to all streams as JSON, or write them in the file"),
        ("ODDSBRIDGE_XYZ", "unset it; docs/configuration.md lists the variables"),
    ],
)
def test_a_variable_that_matches_no_setting(only_error: OnlyError, name: str, hint: str) -> None:
    line = only_error(BASE + NBA, {**KEY, name: "s3cret-key"})
    assert line == f"environment: {name}: matches no setting — {hint}"


@pytest.mark.parametrize(
    "name",
    [
        "ODDSBRIDGE_CONFIG",
        "ODDSBRIDGE_PORT",
        "ODDSBRIDGE_PORT_9464_TCP",
        "ODDSBRIDGE_PORT_9464_TCP_ADDR",
        "ODDSBRIDGE_SERVICE_HOST",
        "ODDSBRIDGE_SERVICE_PORT",
        "ODDSBRIDGE_SERVICE_PORT_METRICS",
        "ODDSBRIDGE_METRICS_SERVICE_HOST",
    ],
)
def test_variables_that_others_set_are_passed_over(files: Files, name: str) -> None:
    assert files.load(BASE + NBA, {**KEY, name: "tcp://10.0.0.1:9464"}).streams[0].name == "nba"


def test_no_setting_looks_like_a_variable_of_kubernetes(files: Files) -> None:
    # Each one with a value that it can't have is told of, so none is passed over.
    plain = {name: loc for loc, name in variables() if len(loc) > 1 and loc[-1] not in {"topics", "api_key_file"}}
    for name, loc in plain.items():
        text = files.errors(BASE + NBA, {**KEY, name: "\n"})
        assert any(line.startswith(f"environment: {name}") for line in text), loc


@pytest.mark.parametrize(
    ("name", "value", "line"),
    [
        ("ODDSBRIDGE_KAFKA__SHARDS", "0", 'ODDSBRIDGE_KAFKA__SHARDS = "0": is out of range: it must be at least 1'),
        ("ODDSBRIDGE_KAFKA__SHARDS", "", 'ODDSBRIDGE_KAFKA__SHARDS = "": must be a whole number — write digits only'),
        ("ODDSBRIDGE_UPSTREAM__API_KEY", "", "ODDSBRIDGE_UPSTREAM__API_KEY: the key is empty — give the key by ODDSBRIDGE_UPSTREAM__API_KEY or api_key_file"),  # noqa: E501
        ("ODDSBRIDGE_LOG", "s3cret", "ODDSBRIDGE_LOG: must be an object in JSON — mend the JSON, or set its settings one by one: ODDSBRIDGE_LOG__…"),  # noqa: E501
        ("ODDSBRIDGE_STREAMS", "{}", "ODDSBRIDGE_STREAMS: must be a list of streams in JSON — mend the JSON"),
        ("ODDSBRIDGE_STREAMS", '[{"name": "X", "feed": "results", "sport": "s"}]', "ODDSBRIDGE_STREAMS: streams[0] \"X\": name = \"X\": isn't a legal stream name — use 1 to 100 of a-z, 0-9, '.', '_' and '-', beginning with a letter or digit"),  # noqa: E501
    ],
)  # fmt: skip
def test_the_variable_is_the_place_of_an_error(only_error: OnlyError, name: str, value: str, line: str) -> None:
    assert only_error(BASE + NBA, {**KEY, name: value}) == f"environment: {line}"
