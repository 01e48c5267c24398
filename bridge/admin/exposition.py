"""The numbers of `bridge.metrics` and `bridge.health` under their Prometheus names, read when somebody asks.

prometheus-client's own counters aren't used: each addition takes a lock and three calls, and each counter brings a
second series with its time of creation. Its registry, process collector and encoders are.
"""

import platform
from collections.abc import Callable, Iterable
from typing import Final

from prometheus_client import CollectorRegistry, Metric, ProcessCollector
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from bridge import __version__
from bridge.admin.catalogue import CATALOGUE
from bridge.health import Health, ShardState, State
from bridge.metrics import Metrics, ShardMetrics, StreamMetrics
from bridge.tallies import Histogram, Tally


class Exposition(Collector):
    """Reads metrics and health as Prometheus families.

    Args:
        metrics: The process's numbers.
        health: The process's states.
        registry: Where to register; a new one if None.
    """

    def __init__(self, metrics: Metrics, health: Health, registry: CollectorRegistry | None = None) -> None:
        self._metrics = metrics
        self._health = health
        self.registry: Final = CollectorRegistry(auto_describe=False) if registry is None else registry
        self.registry.register(self)
        self._process = ProcessCollector(registry=self.registry)

    def collect(self) -> Iterable[Metric]:
        """All families with what they are now. Only in the event loop's thread: what is read changes there."""
        families = _Families()
        for name, stream in self._metrics.streams.items():
            _stream(families, name, stream)
        for topic, written in self._metrics.written.items():
            families.put("oddsbridge_records_total", (topic,), written.records)
            families.put("oddsbridge_record_bytes_total", (topic,), written.bytes)
        for number, shard in self._metrics.shards.items():
            _shard(families, str(number), shard)
        families.put("oddsbridge_connect_budget_used", (), self._metrics.connects_used())
        families.put("oddsbridge_connect_hold_seconds", (), self._metrics.connect_hold())
        _health(families, self._health)
        families.put("oddsbridge_build_info", (__version__, platform.python_version()), 1)
        return families.all()

    def prepare(self, accept: str) -> tuple[Callable[[], bytes], str]:
        """Read everything now; what is left, turning it into text, may be done in another thread.

        Args:
            accept: The request's Accept header; it decides between Prometheus' text format and OpenMetrics.

        Returns:
            A function that makes the text, and the text's content type.
        """
        encode, content_type = choose_encoder(accept)
        snapshot = _Snapshot(list(self.collect()), self._process)
        return lambda: encode(snapshot), content_type


class _Snapshot(Collector):
    """Families that were read already, and the process's own, which are read from files."""

    def __init__(self, families: list[Metric], process: Collector) -> None:
        self._families = families
        self._process = process

    def collect(self) -> Iterable[Metric]:
        yield from self._families
        yield from self._process.collect()


class _Families:
    """The catalogue's families while they are being filled."""

    def __init__(self) -> None:
        self._families = {described.name: (described, described.family()) for described in CATALOGUE}

    def all(self) -> list[Metric]:
        return [family for _, family in self._families.values()]

    def put(self, name: str, values: tuple[str, ...], number: float) -> None:
        described, family = self._families[name]
        family.add_sample(name, dict(zip(described.labels, values, strict=True)), number)

    def put_tally(self, name: str, value: str, tally: Tally) -> None:
        for word, n in tally.counts.items():
            self.put(name, (value, word), n)

    def put_histogram(self, name: str, values: tuple[str, ...], histogram: Histogram) -> None:
        described, family = self._families[name]
        labels = dict(zip(described.labels, values, strict=True))
        total = 0
        for bound, n in zip((*histogram.bounds, float("inf")), histogram.counts, strict=True):
            total += n
            family.add_sample(f"{name}_bucket", {**labels, "le": _le(bound)}, total)
        family.add_sample(f"{name}_count", labels, total)
        family.add_sample(f"{name}_sum", labels, histogram.sum)


def _le(bound: float) -> str:
    return "+Inf" if bound == float("inf") else repr(bound)


def _stream(families: _Families, name: str, stream: StreamMetrics) -> None:
    families.put_tally("oddsbridge_entries_total", name, stream.entries)
    families.put("oddsbridge_entry_bytes_total", (name,), stream.received_bytes)
    families.put("oddsbridge_entries_without_id_total", (name,), stream.without_id)
    families.put("oddsbridge_entries_late_total", (name,), stream.late)
    families.put_tally("oddsbridge_duplicates_total", name, stream.duplicates)
    families.put_histogram("oddsbridge_entry_to_receipt_seconds", (name,), stream.delay)
    families.put_tally("oddsbridge_dead_letters_total", name, stream.dead_letters)
    families.put_tally("oddsbridge_disconnects_total", name, stream.disconnects)
    families.put_tally("oddsbridge_refusals_total", name, stream.refusals)
    families.put("oddsbridge_stream_crashes_total", (name,), stream.crashes)
    families.put_tally("oddsbridge_replay_total", name, stream.replays)
    families.put_tally("oddsbridge_renewals_total", name, stream.renewals)
    families.put_tally("oddsbridge_gaps_total", name, stream.gaps)
    families.put_tally("oddsbridge_reconciles_total", name, stream.reconciles)
    families.put_tally("oddsbridge_differences_total", name, stream.differences)
    families.put_tally("oddsbridge_drift_total", name, stream.drift)
    families.put("oddsbridge_suspicious_snapshots_total", (name,), stream.suspicious)
    families.put_tally("oddsbridge_snapshot_failures_total", name, stream.snapshot_failures)
    families.put("oddsbridge_snapshot_requests_total", (name,), stream.snapshot_requests)
    families.put("oddsbridge_known_odds", (name,), stream.known())
    for book, seconds in stream.sources.items():
        families.put("oddsbridge_source_age_seconds", (name, book), seconds)


def _shard(families: _Families, number: str, shard: ShardMetrics) -> None:
    families.put_histogram("oddsbridge_receipt_to_commit_seconds", (number,), shard.wait)
    families.put_tally("oddsbridge_transactions_total", number, shard.tx)
    families.put_histogram("oddsbridge_transaction_duration_seconds", (number,), shard.times)
    families.put_histogram("oddsbridge_transaction_records", (number,), shard.records)
    families.put_histogram("oddsbridge_transaction_size_bytes", (number,), shard.sizes)
    families.put("oddsbridge_buffer_bytes", (number,), shard.buffer_used())
    families.put("oddsbridge_buffer_limit_bytes", (number,), shard.buffer_limit)
    families.put_tally("oddsbridge_recoveries_total", number, shard.recoveries)
    families.put("oddsbridge_records_resent_total", (number,), shard.resent)


def _health(families: _Families, health: Health) -> None:
    now = health.clock()
    for name, stream in health.streams.items():
        for state in State:
            families.put("oddsbridge_stream_state", (name, state), state is stream.state)
        families.put("oddsbridge_connects_total", (name,), stream.connects)
        families.put("oddsbridge_stream_unreconciled", (name,), not stream.reconciled)
        if stream.last_event is not None:
            families.put("oddsbridge_stream_last_event_age_seconds", (name,), max(now - stream.last_event, 0.0))
        if stream.last_ping is not None:
            families.put("oddsbridge_stream_last_ping_age_seconds", (name,), max(now - stream.last_ping, 0.0))
    for number, shard in health.shards.items():
        for shard_state in ShardState:
            families.put("oddsbridge_shard_state", (str(number), shard_state), shard_state is shard.state)
