"""The list of ACLs: pure, and the same in the documentation and on a broker's command line."""

import argparse
import shlex
from pathlib import Path

import pytest

from bridge.config import Settings
from bridge.kafka.acls import Acl, commands, needed, principal
from bridge.kafka.plan import topics_of

DOCS = Path(__file__).parents[2] / "docs" / "security.md"


def settings(*streams: dict[str, object], **kafka: object) -> Settings:
    given = streams or ({},)
    return Settings.model_validate(
        {
            "kafka": {"bootstrap_servers": "kafka:9093", **kafka},
            "streams": [
                {"name": f"s{n}", "feed": "results", "sport": f"sport{n}", **stream} for n, stream in enumerate(given)
            ],
        }
    )


def patterns(found: list[Acl]) -> set[tuple[str, str, str]]:
    return {(acl.resource_type, acl.name, acl.pattern) for acl in found}


def test_a_prefix_is_one_pattern() -> None:
    found = needed(settings())
    assert patterns(found) == {
        ("topic", "opticodds.", "prefixed"),
        ("topic", "opticodds.checkpoints", "literal"),
        ("transactional-id", "opticodds.oddsbridge-", "prefixed"),
    }
    assert [acl.operation for acl in found] == ["Write", "Create", "DescribeConfigs", "Read", "Write"]
    assert all(acl.why for acl in found)


def test_without_a_prefix_no_pattern_takes_the_whole_cluster() -> None:
    one = settings(topic_prefix="", group="g")
    found = needed(one)
    assert all(acl.name for acl in found)
    assert ("topic", "event.", "prefixed") in patterns(found)
    assert {acl.name for acl in found if acl.pattern == "prefixed"} == {"event.", "g-"}
    assert {topic.name for topic in topics_of(one)} <= {acl.name for acl in found if acl.pattern == "literal"}


def test_names_and_prefixes_of_ones_own() -> None:
    one = settings(
        {"topic_prefix": "opticodds.wta."},
        {"topic_prefix": "trading."},
        topics={"odds": "prices", "checkpoints": "places"},
        transactional_id_prefix="tx-",
    )
    assert patterns(needed(one)) == {
        ("topic", "opticodds.", "prefixed"),  # and with it opticodds.wta.
        ("topic", "trading.", "prefixed"),
        ("topic", "prices", "literal"),
        ("topic", "places", "literal"),
        ("transactional-id", "tx-oddsbridge-", "prefixed"),
    }
    assert [acl.operation for acl in needed(one) if acl.name == "places"] == [
        "Write",
        "Create",
        "DescribeConfigs",
        "Read",
    ]


@pytest.mark.parametrize(
    ("kafka", "streams"),
    [
        ({}, ({},)),
        ({"topic_prefix": ""}, ({},)),
        ({"topics": {"odds": "a", "odds_state": "b"}}, ({"topic_prefix": "x."}, {"topic_prefix": ""})),
    ],
)
def test_every_topic_and_id_is_covered(kafka: dict[str, object], streams: tuple[dict[str, object], ...]) -> None:
    one = settings(*streams, **kafka)
    found = needed(one)
    for topic in topics_of(one):
        for operation in ("Write", "Create", "DescribeConfigs", "Describe"):
            assert any(acl.covers("topic", topic.name, operation) for acl in found), (topic.name, operation)
    for shard in range(one.kafka.shards):
        assert any(acl.covers("transactional-id", one.kafka.transactional_id(shard), "Write") for acl in found)
    assert not any(acl.covers("topic", "somebody-elses", "Write") for acl in found)
    assert not any(acl.covers("topic", "opticodds.odds", "Read") for acl in found)


BOTH_FEEDS: tuple[dict[str, object], ...] = ({"feed": "odds", "sportsbook": ["A"]}, {"feed": "copilot"})


def test_states_are_read_where_gaps_are_healed() -> None:
    def read(one: Settings) -> list[str]:
        return [acl.name for acl in needed(one) if acl.operation == "Read"]

    mended = settings(*BOTH_FEEDS)
    assert read(mended) == ["opticodds.checkpoints", "opticodds.odds-state", "opticodds.copilot-odds-state"]
    assert read(settings(BOTH_FEEDS[0], topics={"odds_state": "s"})) == ["opticodds.checkpoints", "s"]
    told = mended.model_copy(update={"upstream": mended.upstream.model_copy(update={"continuity": "announce"})})
    assert read(told) == read(settings()) == ["opticodds.checkpoints"]


def test_without_transactions_no_id_is_needed() -> None:
    assert {acl.resource_type for acl in needed(settings(delivery="at-least-once"))} == {"topic"}


@pytest.mark.parametrize(
    ("security", "who"),
    [
        ({}, "User:ANONYMOUS"),
        ({"username": "odds bridge", "password": "p"}, "User:odds bridge"),
        ({"certificate_file": "x"}, "User:<the certificate's subject>"),
        ({"token_url": "https://x/", "client_id": "c", "client_secret": "s"}, "User:<the token's subject>"),
    ],
)
def test_who_it_is_for(security: dict[str, object], who: str) -> None:
    one = settings(security=security)
    assert principal(one) == who
    assert f"--allow-principal {shlex.quote(who)} " in commands(needed(one), principal(one), "kafka:9093")[0]


def test_the_commands_say_what_the_list_says() -> None:
    """Read back as kafka-acls.sh reads its options."""
    parser = argparse.ArgumentParser(exit_on_error=False)
    parser.add_argument("--add", action="store_true", required=True)
    for name in ("bootstrap-server", "command-config", "allow-principal", "topic", "transactional-id"):
        parser.add_argument(f"--{name}")
    parser.add_argument("--resource-pattern-type", required=True)
    parser.add_argument("--operation", action="append")
    found = needed(settings(topics={"odds": "prices"}))
    said = []
    for command in commands(found, "User:x", "a:1,b:2"):
        program, *words = shlex.split(command)
        options = parser.parse_args(words)
        assert (program, options.bootstrap_server, options.allow_principal) == ("kafka-acls.sh", "a:1,b:2", "User:x")
        kind, name = ("topic", options.topic) if options.topic else ("transactional-id", options.transactional_id)
        said += [(kind, name, options.resource_pattern_type, operation) for operation in options.operation]
    assert sorted(said) == sorted((acl.resource_type, acl.name, acl.pattern, acl.operation) for acl in found)


def test_the_documentation_has_the_list_and_the_commands() -> None:
    text = DOCS.read_text(encoding="utf-8")
    found = needed(settings(*BOTH_FEEDS))
    for acl in found:
        assert f"| {acl.resource_type} | `{acl.name}` | {acl.pattern} | {acl.operation} | {acl.why} |" in text
    for command in commands(found, "User:oddsbridge", "kafka:9093"):
        assert command in text.replace(" \\\n  ", " ")
