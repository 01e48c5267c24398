"""What one broker alone can't show, by the pure rules."""

import socket
from collections.abc import Mapping

from bridge.check.conversation import Layout
from bridge.check.facts import Facts
from bridge.check.findings import Finding, Level, Section, as_json, counts, in_order
from bridge.check.permissions import Granted
from bridge.check.permissions import judge as judge_permissions
from bridge.check.reach import judge_brokers
from bridge.check.topics import Difference, Found, alterations, differences, to_make
from bridge.kafka.acls import Acl
from bridge.kafka.topics import CHECKPOINTS, DATA, STATE, Topic

PLAN = [
    Topic("odds", "odds", "", 12, DATA),
    Topic("locked", "locked-odds", "", 12, DATA),
    Topic("state", "odds-state", "", 12, STATE),
    Topic("results", "fixture-results", "", 12, DATA),
    Topic("checkpoints", "checkpoints", "", 4, CHECKPOINTS),
    Topic("events", "bridge-events", "", 4, DATA),
]


def right(topic: Topic) -> Found:
    return Found(topic.partitions, 3, 0, {**topic.policy, "max.message.bytes": "1048588"})


ALL_RIGHT = {topic.name: right(topic) for topic in PLAN}


def told(found: Mapping[str, Found], compression: str = "zstd") -> dict[tuple[str, str], Difference]:
    all_told = differences(PLAN, found, shards=4, replication=3, compression=compression)
    return {(one.topic, one.setting): one for one in all_told}


def test_nothing_is_told_of_what_is_as_planned() -> None:
    assert told(ALL_RIGHT) == {}
    assert told({}) == {}


def test_partitions_without_a_leader_are_wrong() -> None:
    one = told(ALL_RIGHT | {"odds": Found(12, 3, 2, ALL_RIGHT["odds"].settings)})[("odds", "leader")]
    assert one.level is Level.WRONG
    assert "2 of 12" in one.text


def test_too_few_replicas_are_told() -> None:
    one = told(ALL_RIGHT | {"odds": Found(12, 1, 0, ALL_RIGHT["odds"].settings)})[("odds", "replication")]
    assert (one.level, one.planned, one.actual) == (Level.WARNING, "3", "1")


def test_a_policy_of_both_keeps_the_last_of_each_key_for_a_while_only() -> None:
    both = {**CHECKPOINTS, "cleanup.policy": "compact,delete"}
    one = told(ALL_RIGHT | {"checkpoints": Found(4, 3, 0, both)})[("checkpoints", "cleanup.policy")]
    assert (one.level, one.alterable) == (Level.WARNING, True)
    assert alterations([one]) == {"checkpoints": {"cleanup.policy": "compact"}}


def test_a_count_that_nothing_hangs_on_does_not_matter() -> None:
    one = told(ALL_RIGHT | {"events": Found(9, 3, 0, ALL_RIGHT["events"].settings)})[("events", "partitions")]
    assert one.level is Level.OK


def test_what_may_not_be_read_is_not_judged() -> None:
    assert told({name: Found(there.partitions, 3) for name, there in ALL_RIGHT.items()}) == {}


def test_the_codec_of_the_configuration_is_no_difference() -> None:
    settings = {**DATA, "compression.type": "gzip"}
    found = ALL_RIGHT | {"odds": Found(12, 3, 0, settings)}
    assert ("odds", "compression.type") in told(found)
    assert told(found, "gzip") == {}
    uncompressed = ALL_RIGHT | {"odds": Found(12, 3, 0, {**DATA, "compression.type": "uncompressed"})}
    assert told(uncompressed, "none") == {}


def test_nothing_is_made_beside_a_family_that_disagrees() -> None:
    found = {"odds": Found(6, 3), "locked": Found(12, 3)}
    assert [topic.name for topic in to_make(PLAN, found)] == ["results", "checkpoints", "events"]
    made = {topic.name: topic.partitions for topic in to_make(PLAN, {"odds": Found(6, 3)})}
    assert made == {"locked": 6, "state": 6, "results": 12, "checkpoints": 4, "events": 4}


def test_what_the_brokers_do_not_tell_is_said() -> None:
    acls = [Acl("topic", "odds", "literal", "Write", ""), Acl("group", "g", "literal", "Read", "")]
    found = judge_permissions(acls, Granted(), topics=["odds"], events=[], there=[], allow=lambda _: "fix")
    assert [(one.level, one.about) for one in found] == [
        (Level.WARNING, "Write topic"),
        (Level.WARNING, "Read group"),
    ]


def test_a_broker_where_nobody_can_get_is_wrong_though_others_are_right() -> None:
    found = judge_brokers({"a:9092": None, "kafka:9092": socket.gaierror(-2, "no such name")})
    assert [(one.about, one.level) for one in found] == [("kafka:9092", Level.WRONG)]
    assert "advertised.listeners" in found[0].fix
    (good,) = judge_brokers({"a:9092": None, "b:9092": None})
    assert good.text == "2 brokers, reached as advertised: a:9092, b:9092"


def test_topics_made_just_now_are_waited_for() -> None:
    unknown, there = Layout(3, [], 0, None), Layout(0, [1, 1], 0, None)
    assert Facts({"a": unknown}, {}, {"a": (36, "")}).unsettled()
    assert not Facts({"a": unknown}, {}, {"a": (0, "")}).unsettled()
    assert not Facts({"a": there}, {}, {"a": (36, "")}).unsettled()
    assert Facts({"a": Layout(0, [1, 1], 1, None)}).unsettled()


def test_operations_are_read_from_the_brokers_bits() -> None:
    read_and_describe = 1 << 3 | 1 << 8
    granted = Facts({"a": Layout(0, [1], 0, read_and_describe), "b": Layout(29, [], 0, None)}).granted()
    assert granted["a", "Read"]
    assert not granted["a", "Write"]
    assert not granted["b", "Read"]
    assert ("b", "Create") not in granted


def test_findings_are_told_by_section_and_once() -> None:
    one = Finding(Section.TOPICS, "x", "", Level.OK, "t")
    two = Finding(Section.CONFIGURATION, "y", "", Level.WRONG, "u", "f")
    assert in_order([one, two, one]) == [two, one]
    assert counts([one, two]) == {"ok": 1, "warning": 0, "wrong": 1}
    assert as_json([two])[0]["fix"] == "f"
    assert two.line() == "u — f"
