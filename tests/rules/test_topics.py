"""Topics that would make the bridge wrong are named, each with the command that mends it."""

import pytest

from bridge.kafka.topics import CHECKPOINTS, DATA, STATE, Existing, Topic, mismatches, together

PLAN = [
    Topic("p.odds", "odds", "p.", 12),
    Topic("p.locked-odds", "locked-odds", "p.", 12),
    Topic("p.odds-state", "odds-state", "p.", 12, STATE),
    Topic("p.copilot-odds", "copilot-odds", "p.", 12),
    Topic("p.copilot-locked-odds", "copilot-locked-odds", "p.", 12),
    Topic("p.copilot-odds-state", "copilot-odds-state", "p.", 12, STATE),
    Topic("q.odds", "odds", "q.", 12),
    Topic("p.fixture-status", "fixture-status", "p.", 12, DATA),
    Topic("p.checkpoints", "checkpoints", "p.", 4, CHECKPOINTS),
]
COMPACT = {"cleanup.policy": "compact"}


def cluster(**changed: Existing) -> dict[str, Existing]:
    found = {
        topic.name: Existing(topic.partitions, {"cleanup.policy": topic.policy["cleanup.policy"]}) for topic in PLAN
    }
    return found | {name.replace("_", "-").replace("-dot-", "."): existing for name, existing in changed.items()}


def test_what_is_as_planned_or_missing_is_right() -> None:
    assert mismatches(PLAN, cluster(), 4) == []
    assert mismatches(PLAN, {}, 4) == []


@pytest.mark.parametrize("policy", ["compact", "compact,delete", "delete,compact"])
def test_any_compaction_will_do(policy: str) -> None:
    assert mismatches(PLAN, cluster(p_dot_checkpoints=Existing(4, {"cleanup.policy": policy})), 4) == []


@pytest.mark.parametrize("name", ["p.checkpoints", "p.odds-state"])
def test_what_must_be_compacted_and_isnt_is_told_with_the_command(name: str) -> None:
    was = cluster()
    for settings in ({"cleanup.policy": "delete"}, {}):
        (wrong,) = mismatches(PLAN, was | {name: Existing(was[name].partitions, settings)}, 4)
        assert name in wrong
        assert f"--entity-name {name} --add-config cleanup.policy=compact" in wrong


def test_a_log_may_be_compacted() -> None:
    assert mismatches(PLAN, cluster(p_dot_odds=Existing(12, COMPACT)), 4) == []


def test_shards_are_the_partitions_of_the_checkpoints() -> None:
    (wrong,) = mismatches(PLAN, cluster(), 8)
    assert "kafka.shards = 4" in wrong
    assert "8" in wrong


@pytest.mark.parametrize("name", ["p.odds", "p.locked-odds", "p.odds-state"])
def test_an_odd_must_be_in_the_same_partition_of_its_topics(name: str) -> None:
    was = cluster()
    (wrong,) = mismatches(PLAN, was | {name: Existing(6, was[name].settings)}, 4)
    assert f"{name} has 6" in wrong
    assert f"--alter --topic {name} --partitions 12" in wrong
    assert "copilot" not in wrong
    assert "q.odds" not in wrong


def test_only_the_smaller_ones_are_to_grow() -> None:
    (wrong,) = mismatches(PLAN, cluster(p_dot_odds=Existing(24, {})), 4)
    assert "--topic p.locked-odds --partitions 24" in wrong
    assert "--topic p.odds --partitions" not in wrong


def test_each_fault_is_told() -> None:
    bad = cluster(
        p_dot_odds=Existing(5, {}),
        p_dot_copilot_odds=Existing(5, {}),
        p_dot_checkpoints=Existing(3, {"cleanup.policy": "delete"}),
    )
    assert len(mismatches(PLAN, bad, 4)) == 4


def test_prefixes_and_feeds_dont_have_to_agree() -> None:
    groups = [{topic.name for topic in group} for group in together(PLAN)]
    assert groups == [
        {"p.odds", "p.locked-odds", "p.odds-state"},
        {"p.copilot-odds", "p.copilot-locked-odds", "p.copilot-odds-state"},
        {"q.odds"},
    ]


def test_the_largest_batch_of_a_topic_is_its_own_setting_or_kafkas_default() -> None:
    assert Existing(1, {"max.message.bytes": "2000"}).max_message_bytes == 2_000
    assert Existing(1, {}).max_message_bytes == 1_048_588
