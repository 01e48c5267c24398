"""The metrics: what is counted is what is shown, and docs/metrics.md names exactly what there is."""

import re
from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry
from prometheus_client import Histogram as PrometheusHistogram

from bridge.admin.catalogue import CATALOGUE
from bridge.admin.exposition import Exposition
from bridge.health import Health, ShardState, State
from bridge.metrics import EVENTS, WAIT_BOUNDS, Metrics
from bridge.tallies import OTHER, Histogram, Tally
from tests.support.clock import Clock

DOCS = Path(__file__).parents[1] / "docs" / "metrics.md"


class Series(NamedTuple):
    name: str
    kind: str
    labels: frozenset[str]


def full() -> tuple[Metrics, Health, Clock]:
    """One stream and one shard of which everything has been told."""
    clock = Clock()
    metrics, health = Metrics(), Health(clock=clock)
    metrics.stream("nba").sources["DraftKings"] = 1.0
    metrics.shard(0)
    metrics.expect_topics(["opticodds.odds"])
    stream = health.stream("nba")
    stream.connected()
    stream.last_event = stream.last_ping = clock.now
    health.shard(0).to(ShardState.RUNNING)
    return metrics, health, clock


def value(exposition: Exposition, sample: str, **labels: str) -> float | None:
    return exposition.registry.get_sample_value(sample, labels)


def shown() -> set[Series]:
    """What a scrape shows once everything has been counted, the process's own metrics among it."""
    metrics, health, _ = full()
    found: set[Series] = set()
    for family in Exposition(metrics, health).registry.collect():
        labels = frozenset(label for sample in family.samples for label in sample.labels) - {"le"}
        assert family.samples, f"{family.name} is in the catalogue, but nothing fills it"
        name = family.name + "_total" if family.type == "counter" else family.name
        found.add(Series(name, family.type, labels))
    return found


def documented() -> set[Series]:
    rows = re.findall(r"^\| `(oddsbridge_\w+|process_\w+)` \| (\w+) \| (.*?) \|", DOCS.read_text(), re.MULTILINE)
    listed = [Series(name, kind, frozenset(re.findall(r"`(\w+)`", labels))) for name, kind, labels in rows]
    assert len({series.name for series in listed}) == len(listed), "a metric is documented twice"
    return set(listed)


def test_the_docs_list_every_metric_with_its_type_and_labels_and_no_other() -> None:
    assert documented() == shown()


def test_the_docs_name_every_word_that_a_label_can_have() -> None:
    text = DOCS.read_text()
    metrics, _, _ = full()
    shard, stream = metrics.shard(0), metrics.stream("nba")
    words = {*State, *ShardState, *shard.tx.counts, *shard.recoveries.counts, *stream.replays.counts}
    words |= {*stream.renewals.counts, *stream.gaps.counts, *stream.reconciles.counts, *stream.differences.counts}
    words |= {*stream.dead_letters.counts, *stream.duplicates.counts, *stream.disconnects.counts}
    assert not [word for word in words if f"`{word}`" not in text]


def test_names_follow_prometheus_rules() -> None:
    for metric in CATALOGUE:
        assert re.fullmatch(r"oddsbridge_[a-z_]+", metric.name)
        assert metric.name.endswith("_total") == (metric.kind == "counter"), metric.name
        assert not {*metric.labels} - {
            "stream",
            "shard",
            "event",
            "reason",
            "topic",
            "state",
            "outcome",
            "sportsbook",
        } or (metric.name == "oddsbridge_build_info")
        assert metric.help.endswith(".")
        assert not re.search(r"_(ms|milliseconds|minutes|kb|mb|kib|mib)(_|$)", metric.name)


def test_counters_exist_with_zero_before_anything_happened() -> None:
    metrics, health, _ = full()
    exposition = Exposition(metrics, health)
    for event in (*EVENTS, OTHER):
        assert value(exposition, "oddsbridge_entries_total", stream="nba", event=event) == 0
    assert value(exposition, "oddsbridge_duplicates_total", stream="nba", reason="window") == 0
    assert value(exposition, "oddsbridge_dead_letters_total", stream="nba", reason="too-large") == 0
    assert value(exposition, "oddsbridge_records_total", topic="opticodds.odds") == 0
    assert value(exposition, "oddsbridge_transactions_total", shard="0", outcome="committed") == 0


def test_an_entry_is_counted_by_stream_and_event_with_its_bytes_and_its_delay() -> None:
    metrics, health, _ = full()
    exposition = Exposition(metrics, health)
    stream = metrics.stream("nba")
    stream.entry("odds", 700, 1_760_000_000_000, 1_760_000_000.2)
    stream.entry("odds", 300, 1_760_000_000_000, 1_760_000_000.2)
    stream.entry("locked-odds", 1, 1_760_000_000_000, 1_759_999_999.0)  # from upstream's future
    metrics.stream("nhl").entry("odds", 5, None, 1_760_000_000.0)

    assert value(exposition, "oddsbridge_entries_total", stream="nba", event="odds") == 2
    assert value(exposition, "oddsbridge_entries_total", stream="nba", event="locked-odds") == 1
    assert value(exposition, "oddsbridge_entries_total", stream="nhl", event="odds") == 1
    assert value(exposition, "oddsbridge_entry_bytes_total", stream="nba") == 1_001
    assert value(exposition, "oddsbridge_entries_without_id_total", stream="nba") == 0
    assert value(exposition, "oddsbridge_entries_without_id_total", stream="nhl") == 1
    name = "oddsbridge_entry_to_receipt_seconds"
    assert value(exposition, f"{name}_bucket", stream="nba", le="0.005") == 1
    assert value(exposition, f"{name}_bucket", stream="nba", le="0.1") == 1
    assert value(exposition, f"{name}_bucket", stream="nba", le="0.25") == 3
    assert value(exposition, f"{name}_bucket", stream="nba", le="+Inf") == 3
    assert value(exposition, f"{name}_count", stream="nba") == 3
    assert value(exposition, f"{name}_sum", stream="nba") == pytest.approx(0.4, abs=1e-5)
    assert value(exposition, f"{name}_count", stream="nhl") == 0
    assert metrics.entries == 4


def test_event_names_from_upstream_never_become_labels() -> None:
    metrics, health, _ = full()
    for n in range(1_000):
        metrics.stream("nba").entry(f"new-{n}", 1, None, 0.0)
    assert value(Exposition(metrics, health), "oddsbridge_entries_total", stream="nba", event=OTHER) == 1_000
    assert set(metrics.stream("nba").entries.counts) == {*EVENTS, OTHER}


def test_reasons_that_nobody_foresaw_have_room_but_not_without_end() -> None:
    tally = Tally(["known"], room=2)
    for word in ("a", "b", "c", "d", "a", "known"):
        tally.add(word)
    assert tally.counts == {"known": 1, "a": 2, "b": 1, OTHER: 2}
    assert tally.total == 6


def test_a_transaction_is_counted_when_it_commits() -> None:
    metrics, health, _ = full()
    exposition = Exposition(metrics, health)
    shard = metrics.shard(0)
    shard.committed(0.02, [("opticodds.odds", 30, 20_000), ("opticodds.checkpoints", 1, 400)])
    shard.committed(0.3, [("opticodds.odds", 1, 600)], outcome="found-committed")
    shard.tx.add("not-committed")
    shard.waited(50.0, [49.999, 49.98, 40.0, 50.5])  # the last by a clock that was set back

    assert value(exposition, "oddsbridge_records_total", topic="opticodds.odds") == 31
    assert value(exposition, "oddsbridge_record_bytes_total", topic="opticodds.odds") == 20_600
    assert value(exposition, "oddsbridge_records_total", topic="opticodds.checkpoints") == 1
    assert metrics.records == 32
    outcomes = {"committed": 1, "found-committed": 1, "not-committed": 1}
    for outcome, n in outcomes.items():
        assert value(exposition, "oddsbridge_transactions_total", shard="0", outcome=outcome) == n
    assert value(exposition, "oddsbridge_transaction_records_bucket", shard="0", le="30.0") == 1
    assert value(exposition, "oddsbridge_transaction_records_sum", shard="0") == 32
    assert value(exposition, "oddsbridge_transaction_size_bytes_sum", shard="0") == 21_000
    assert value(exposition, "oddsbridge_transaction_duration_seconds_sum", shard="0") == pytest.approx(0.32)
    wait = "oddsbridge_receipt_to_commit_seconds"
    assert value(exposition, f"{wait}_bucket", shard="0", le="0.0025") == 2
    assert value(exposition, f"{wait}_bucket", shard="0", le="0.025") == 3
    assert value(exposition, f"{wait}_bucket", shard="0", le="10.0") == 4
    assert value(exposition, f"{wait}_sum", shard="0") == pytest.approx(10.021)


def test_states_are_read_from_health_and_exactly_one_is_1() -> None:
    metrics, health, clock = full()
    exposition = Exposition(metrics, health)
    health.stream("nba").to(State.BACKING_OFF, "the connection ended")
    health.shard(0).to(ShardState.RECOVERING)
    clock.now += 7
    states = {state: value(exposition, "oddsbridge_stream_state", stream="nba", state=state) for state in State}
    assert states == {state: float(state is State.BACKING_OFF) for state in State}
    shards = {state: value(exposition, "oddsbridge_shard_state", shard="0", state=state) for state in ShardState}
    assert shards == {state: float(state is ShardState.RECOVERING) for state in ShardState}
    assert value(exposition, "oddsbridge_stream_last_event_age_seconds", stream="nba") == 7
    assert value(exposition, "oddsbridge_stream_last_ping_age_seconds", stream="nba") == 7
    assert value(exposition, "oddsbridge_connects_total", stream="nba") == 1


def test_ages_are_absent_until_something_came() -> None:
    health = Health()
    health.stream("nba").connected()
    exposition = Exposition(Metrics(), health)
    assert value(exposition, "oddsbridge_stream_last_event_age_seconds", stream="nba") is None
    assert value(exposition, "oddsbridge_stream_last_ping_age_seconds", stream="nba") is None


def test_buffer_and_budget_are_asked_at_each_scrape() -> None:
    metrics, health, _ = full()
    exposition = Exposition(metrics, health)
    held = {"buffer": 10, "connects": 3, "hold": 14.5}
    metrics.shard(0).watch_buffer(lambda: held["buffer"], 64)
    metrics.watch_budget(lambda: held["connects"], lambda: held["hold"])
    assert value(exposition, "oddsbridge_buffer_bytes", shard="0") == 10
    held["buffer"] = 20
    assert value(exposition, "oddsbridge_buffer_bytes", shard="0") == 20
    assert value(exposition, "oddsbridge_buffer_limit_bytes", shard="0") == 64
    assert value(exposition, "oddsbridge_connect_budget_used") == 3
    assert value(exposition, "oddsbridge_connect_hold_seconds") == 14.5


def test_two_in_one_process_share_nothing() -> None:
    first, second = Metrics(), Metrics()
    first.stream("nba").entry("odds", 1, None, 0.0)
    first.shard(0).committed(0.1, [("odds", 1, 1)])
    assert (second.entries, second.records) == (0, 0)
    Exposition(first, Health())
    Exposition(second, Health())  # a global registry would refuse the second


@given(st.lists(st.floats(min_value=-1.0, max_value=100.0), max_size=30))
def test_a_histogram_counts_as_prometheus_does(values: list[float]) -> None:
    registry = CollectorRegistry()
    theirs = PrometheusHistogram("h", "h", buckets=WAIT_BOUNDS, registry=registry)
    metrics, health = Metrics(), Health()
    ours, waited = metrics.shard(0).times, metrics.shard(0)
    for each in values:
        theirs.observe(max(each, 0.0))
        ours.observe(each)
        waited.waited(each, [0.0])
    expected, found = defaultdict[str, float](float), defaultdict[str, float](float)
    for sample in next(iter(registry.collect())).samples:
        if sample.name in {"h_bucket", "h_count"}:
            expected[sample.name + sample.labels.get("le", "")] = sample.value
    for family in Exposition(metrics, health).registry.collect():
        if family.name == "oddsbridge_transaction_duration_seconds":
            for sample in family.samples:
                part = sample.name.removeprefix("oddsbridge_transaction_duration_seconds")
                if part in {"_bucket", "_count"}:
                    found[f"h{part}" + sample.labels.get("le", "")] = sample.value
    assert found == expected
    assert waited.wait.counts == ours.counts
    assert waited.wait.sum == pytest.approx(ours.sum)


def test_a_histogram_counts_many_at_once() -> None:
    one, many = Histogram((1.0, 2.0)), Histogram((1.0, 2.0))
    for _ in range(5):
        one.observe(1.5)
    many.observe(1.5, 5)
    assert (one.counts, one.sum, one.count) == (many.counts, many.sum, many.count) == ([0, 5, 0], 7.5, 5)
