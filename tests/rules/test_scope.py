"""When a changed configuration asks for all of a stream to be compared anew."""

from typing import Any

from bridge.assembly import scope
from bridge.config import StreamSettings
from bridge.config.sections import KafkaSettings
from bridge.config.topics import Topics, resolve


def stream(**fields: Any) -> StreamSettings:
    return StreamSettings(**{"name": "nba", "feed": "odds", "sport": "basketball", "sportsbook": ["Novig"], **fields})


def topics(prefix: str = "opticodds.", **named: str) -> Topics:
    return resolve(KafkaSettings.model_validate({"bootstrap_servers": "localhost:9092", "topics": named}), prefix)


def test_what_a_stream_asks_for_is_its_scope() -> None:
    before = scope(stream(league=["NBA"]), topics())
    assert scope(stream(league=["NBA"], last_entry_id="1-0"), topics()) == before
    assert scope(stream(league=["WNBA"]), topics()) != before


def test_other_topics_are_empty_though_the_checkpoint_is_not() -> None:
    assert scope(stream(), topics("other.")) != scope(stream(), topics())
    assert scope(stream(), topics(odds_state="state")) != scope(stream(), topics())
    results = stream(feed="results", sportsbook=None)
    assert scope(results, topics("other.")) != scope(results, topics())


def test_the_topic_of_another_feed_is_nothing_to_a_stream() -> None:
    assert scope(stream(), topics(copilot_odds_state="state")) == scope(stream(), topics())
