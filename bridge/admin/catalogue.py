"""Every metric's name, type, labels, unit and meaning, in one table. docs/metrics.md is held to it by a test."""

from typing import Literal, NamedTuple

from prometheus_client import Metric


class Described(NamedTuple):
    """One metric as Prometheus sees it.

    Args:
        name: With `_total` if it is a counter.
        kind: The Prometheus type.
        labels: The names of its labels, in the order in which values are given.
        help: One sentence.
    """

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    labels: tuple[str, ...]
    help: str

    @property
    def unit(self) -> str:
        """The base unit that the name ends in; "" if it counts things."""
        return next((unit for unit in ("seconds", "bytes") if self.family_name.endswith(f"_{unit}")), "")

    @property
    def family_name(self) -> str:
        """The name without a counter's `_total`."""
        return self.name.removesuffix("_total")

    def family(self) -> Metric:
        """A new, empty family for prometheus-client's encoders."""
        return Metric(self.family_name, self.help, self.kind, self.unit)


def _counter(name: str, labels: str, text: str) -> Described:
    return Described(f"oddsbridge_{name}_total", "counter", tuple(labels.split()), text)


def _gauge(name: str, labels: str, text: str) -> Described:
    return Described(f"oddsbridge_{name}", "gauge", tuple(labels.split()), text)


def _histogram(name: str, labels: str, text: str) -> Described:
    return Described(f"oddsbridge_{name}", "histogram", tuple(labels.split()), text)


CATALOGUE: tuple[Described, ...] = (
    # What comes in
    _counter(
        "entries", "stream event", "Entries received, duplicates among them; unknown event names are event=other."
    ),
    _counter("entry_bytes", "stream", "Bytes of data of the entries received."),
    _counter(
        "entries_without_id", "stream", "Entries without an entry id of their own: published, but move no checkpoint."
    ),
    _counter("entries_late", "stream", "New entries whose id is lower than one that came before."),
    _counter(
        "duplicates", "stream reason", "Entries dropped because the same event and entry id was published before."
    ),
    _histogram("entry_to_receipt_seconds", "stream", "From the time in an entry's id to its receipt, by two clocks."),
    # What goes out
    _counter(
        "records", "topic", "Records of entries committed, dead letters among them; checkpoints and claims aside."
    ),
    _counter("record_bytes", "topic", "Bytes of the values of committed records, before compression."),
    _counter("dead_letters", "stream reason", "Parts of entries that went to the dead-letter topic."),
    _histogram("receipt_to_commit_seconds", "shard", "From an entry's receipt to its known commit."),
    # Connections
    _gauge("stream_state", "stream state", "1 for the state that the stream is in, 0 for the others."),
    _counter("connects", "stream", "Connections that upstream accepted as event streams."),
    _counter("disconnects", "stream reason", "Connections that ended, and attempts that failed."),
    _counter("refusals", "stream reason", "Connection attempts refused for good: trying again doesn't help soon."),
    _counter("stream_crashes", "stream", "Exceptions in a stream that nobody foresaw; each is a defect to report."),
    _counter("replay", "stream outcome", "Resumptions, by whether upstream's replay was proven complete."),
    _gauge("stream_last_event_age_seconds", "stream", "Since the stream's last entry; absent until there was one."),
    _gauge("stream_last_ping_age_seconds", "stream", "Since the stream's last ping; absent until there was one."),
    _gauge("connect_budget_used", "", "Connects counted in the current window of the budget that all streams share."),
    _gauge("connect_hold_seconds", "", "For how long no new connect is let out, after a 429; 0 if none is held."),
    _counter("renewals", "stream outcome", "Changes to a next connection before upstream ended the old one."),
    # Continuity
    _counter("gaps", "stream reason", "Stretches of time of which it can't be proven that every entry was seen."),
    _gauge("stream_unreconciled", "stream", "1 while the topics may differ from what upstream offers, else 0."),
    _counter("reconciles", "stream reason", "Finished comparisons with upstream's snapshot, by why they were made."),
    _counter("differences", "stream outcome", "Odds published since a snapshot differed from what was published."),
    _counter(
        "drift", "stream outcome", "Of these, what audits found without a gap to explain it; 0 in normal running."
    ),
    _counter("suspicious_snapshots", "stream", "Snapshots that lacked half of a book and weren't borne out."),
    _counter(
        "snapshot_failures", "stream reason", "Comparisons that failed for want of a snapshot; they are tried again."
    ),
    _counter("snapshot_requests", "stream", "REST requests made for comparisons."),
    _gauge("known_odds", "stream", "Odds of which the bridge knows what was last published."),
    _gauge("source_age_seconds", "stream sportsbook", "Since upstream's scraper last polled a sportsbook."),
    # Kafka
    _gauge("shard_state", "shard state", "1 for the state that the shard is in, 0 for the others."),
    _counter("transactions", "shard outcome", "Transactions by how they ended."),
    _histogram("transaction_duration_seconds", "shard", "From a transaction's begin to its known commit."),
    _histogram("transaction_records", "shard", "Records in a committed transaction."),
    _histogram("transaction_size_bytes", "shard", "Bytes of record values in a committed transaction."),
    _gauge("buffer_bytes", "shard", "Bytes read from upstream and held until their commit is known."),
    _gauge("buffer_limit_bytes", "shard", "The limit of buffer_bytes; at it, reading from upstream stops."),
    _counter(
        "recoveries", "shard reason", "Times that a shard dropped its producer and began again from its checkpoints."
    ),
    _counter("records_resent", "shard", "Records sent again after a failure; with at-least-once they may come twice."),
    # The process
    _gauge("build_info", "version python", "1; the labels tell the versions of oddsbridge and Python."),
)
