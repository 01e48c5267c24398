"""docs/asyncapi.yaml is AsyncAPI 3.0, and says of the topics what the code makes of them."""

import copy
import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from bridge.config import Settings
from bridge.config.sections import KafkaSettings
from bridge.config.streams import StreamSettings
from bridge.kafka.plan import topics_of
from bridge.records import UNKNOWN_TOPICS
from tests.schemas.document import document, problems, registry
from tests.schemas.examples import event

SPECIFICATION = Path(__file__).with_name("asyncapi-3.0.0.json")
STREAM = StreamSettings(name="nba", feed="results", sport="basketball")
ODD = {
    "event": "odds",
    "stream": "nba",
    "origin": "stream",
    "entry_id": "1-2",
    "order": "1-2-0",
    "odds_format": "AMERICAN",
}


def against_the_specification(document: dict[str, Any]) -> list[str]:
    validator = jsonschema.Draft7Validator(json.loads(SPECIFICATION.read_text()))
    return [error.json_path for error in validator.iter_errors(document)]


def test_it_is_asyncapi() -> None:
    assert against_the_specification(document()) == []


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (["operations", "receiveOdds", "action"], "publish"),
        (["channels", "odds", "bindings", "kafka", "partitions"], 0),
        (["info", "version"], None),
    ],
)
def test_what_isnt_asyncapi_is_noticed(path: list[str], value: object) -> None:
    broken = copy.deepcopy(document())
    place = broken
    for name in path[:-1]:
        place = place[name]
    place[path[-1]] = value
    assert against_the_specification(broken) != []


def references(node: Any) -> list[str]:
    if isinstance(node, dict):
        own = [node["$ref"]] if "$ref" in node else []
        return own + [found for value in node.values() for found in references(value)]
    return [found for value in node for found in references(value)] if isinstance(node, list) else []


def test_each_reference_leads_somewhere() -> None:
    known = registry()
    found = {uri: references(known.contents(uri)) for uri in known}
    assert sum(len(some) for some in found.values()) > 100
    for uri, some in found.items():
        for reference in some:
            known.resolver(uri).lookup(reference)


def test_the_topics_are_those_that_the_bridge_makes() -> None:
    plan = topics_of(Settings(kafka=KafkaSettings(bootstrap_servers="kafka:9092"), streams=[STREAM]))
    planned = {topic.name: (topic.partitions, dict(topic.policy)) for topic in plan}
    told = {}
    for channel in document()["channels"].values():
        kafka = channel["bindings"]["kafka"]
        settings = kafka["topicConfiguration"]
        policy = {name: ",".join(v) if isinstance(v, list) else str(v) for name, v in settings.items()}
        told[channel["address"]] = (kafka["partitions"], policy)
    unknown = told.pop("opticodds.event.{event}")
    assert told == planned
    assert unknown == planned["opticodds.odds"]
    assert f"{UNKNOWN_TOPICS} topics at most" in document()["channels"]["unknownEvents"]["description"]


def test_each_topic_that_is_written_to_can_be_received() -> None:
    operations = document()["operations"].values()
    assert {operation["action"] for operation in operations} == {"receive"}
    received = {operation["channel"]["$ref"].rpartition("/")[2] for operation in operations}
    assert received == {name for name, channel in document()["channels"].items() if "messages" in channel}


def without(headers: dict[str, str], name: str) -> dict[str, str]:
    return {n: v for n, v in headers.items() if n != name}


MADE_UP = without(ODD, "entry_id") | {"origin": "reconcile", "order": "1-2-7"}
GONE = without(MADE_UP, "odds_format") | {"event": "tombstone"}
BESIDE = {"event": "odds", "origin": "stream", "odds_format": "AMERICAN"}
STATE = b'{"v":1,"stream":"nba","order":"1-2-0","locked":false,"odd":{"id":"a","price":-110}}'


@pytest.mark.parametrize(
    ("message", "key", "headers", "value", "wrong"),
    [
        ("odd", "a", ODD, b'{"id":"a","price":"","points":null,"new":1}', []),
        ("odd", "", ODD, b'{"id":"a"}', ["key"]),
        ("odd", "a", ODD | {"event": "locked-odds"}, b'{"id":"a"}', ["headers"]),
        ("odd", "a", ODD | {"order": "1-2"}, b'{"id":"a"}', ["headers"]),
        ("odd", "a", without(ODD, "odds_format"), b'{"id":"a"}', ["headers"]),
        ("odd", "a", without(ODD, "entry_id"), b'{"id":"a"}', []),
        ("odd", "a", MADE_UP, b'{"id":"a"}', []),
        ("odd", "a", MADE_UP | {"origin": "snapshot"}, b'{"id":"a"}', []),
        ("odd", "a", MADE_UP | {"origin": "guess"}, b'{"id":"a"}', ["headers"]),
        ("odd", "a", MADE_UP | {"entry_id": "1-2"}, b'{"id":"a"}', ["headers"]),
        ("odd", "a", ODD, b'{"price":1}', ["payload"]),
        ("odd", "a", ODD, b'{"id":"a","fixture_id":5}', ["payload"]),
        ("odd", "a", ODD, b'{"id":"a","is_main":"yes"}', ["payload"]),
        ("odd", "a", ODD, b"", ["payload"]),
        ("oddState", "a", BESIDE, STATE, []),
        ("oddState", "a", BESIDE | {"event": "locked-odds"}, STATE.replace(b"false", b"true"), []),
        ("oddState", "a", ODD, STATE, ["headers"]),
        ("oddState", "a", without(BESIDE, "odds_format"), STATE, ["headers"]),
        ("oddState", "a", BESIDE | {"event": "tombstone"}, STATE, ["headers"]),
        ("oddState", "a", BESIDE | {"origin": "guess"}, STATE, ["headers"]),
        ("oddState", "a", BESIDE, STATE.replace(b'"v":1', b'"v":2'), ["payload"]),
        ("oddState", "a", BESIDE, STATE.replace(b"1-2-0", b"1-2"), ["payload"]),
        ("oddState", "a", BESIDE, STATE.replace(b"false", b"null"), ["payload"]),
        ("oddState", "a", BESIDE, STATE.replace(b"-110", b"[]"), ["payload"]),
        ("oddState", "a", BESIDE, b'{"id":"a"}', ["payload"] * 5),
        ("oddState", "a", BESIDE, b"", ["payload"]),
        ("oddTombstone", "a", GONE, b"", []),
        ("oddTombstone", "a", GONE | {"event": "locked-odds"}, b"", ["headers"]),
        ("oddTombstone", "a", GONE | {"origin": "stream"}, b"", ["headers"]),
        ("oddTombstone", "a", GONE, STATE, ["payload"]),
        ("bridgeEvent", "nba", {"event": "up", "stream": "nba"}, event("up"), []),
        ("bridgeEvent", "nba", {"event": "up"}, event("up"), ["headers"]),
        ("bridgeEvent", "", {"event": "up", "stream": "nba"}, event("up"), ["key"]),
        ("bridgeEvent", "nba", {"event": "up", "stream": "nba"}, event("up", v=2), ["payload"]),
    ],
)
def test_a_record_that_isnt_as_it_says_is_noticed(
    message: str, key: str, headers: dict[str, str], value: bytes, wrong: list[str]
) -> None:
    found = problems(message, key=key, headers=headers, value=value)
    assert [sentence.split(": ")[0].rpartition("/")[2] for sentence in found] == wrong
