"""What the bridge counts while it works: plain numbers, without Prometheus, without locks.

A stream and a shard each hold the object that counts for them, so that counting is an attribute and an addition.
`bridge.admin.exposition` gives these numbers their Prometheus names and reads them only when somebody asks.
States and times are not here: they live in `bridge.health` and are read from there, so that each is stored once.

All of this belongs to the event loop's thread: count there, read there.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterable

from bridge.tallies import OTHER, Histogram, Tally

EVENTS = (
    "odds",
    "locked-odds",
    "copilot-odds",
    "copilot-locked-odds",
    "copilot-settled-odds",
    "fixture-status",
    "fixture-results",
)
"""The data events that are known by name; every other name is counted as `OTHER`."""

DUPLICATE_REASONS = ("window", "handover")
DEAD_LETTER_REASONS = ("malformed", "no-odd-id", "no-fixture-id", "too-large", "no-topic", "refused")
DISCONNECT_REASONS = (
    "closed",
    "torn",
    "reset",
    "silence",
    "connect-timeout",
    "dns",
    "refused",
    "unreachable",
    "tls",
    "not-http",
    "connect",
    "redirect",
    "content-type",
    "rate-limited",
    "key",
)
REFUSAL_REASONS = ("400", "401", "403")
RENEWAL_OUTCOMES = ("joined", "quiet", "open", "failed", "foreign")
GAP_REASONS = ("restart", *DISCONNECT_REASONS)
RECONCILE_CAUSES = ("hydrate", "gap", "filter", "demand", "audit", "again")
DIFFERENCES = ("new", "changed", "locked", "unlocked", "gone")
REPLAY_OUTCOMES = ("proven", "unproven", "none")
TRANSACTION_OUTCOMES = ("committed", "found-committed", "not-committed")
RECOVERY_REASONS = ("fenced", "deadline", "error", "records-refused")

DELAY_BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
WAIT_BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
RECORDS_BOUNDS = (1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1_000.0, 3_000.0, 10_000.0, 30_000.0, 100_000.0)
BYTES_BOUNDS = tuple(float(4**n) for n in range(5, 14))  # 1 KiB to 64 MiB


class StreamMetrics:
    """What one stream counts. The fields may be added to directly."""

    __slots__ = (
        "crashes",
        "dead_letters",
        "delay",
        "differences",
        "disconnects",
        "drift",
        "duplicates",
        "entries",
        "gaps",
        "known",
        "late",
        "received_bytes",
        "reconciles",
        "refusals",
        "renewals",
        "replays",
        "snapshot_failures",
        "snapshot_requests",
        "sources",
        "suspicious",
        "without_id",
    )

    def __init__(self) -> None:
        self.entries = Tally((*EVENTS, OTHER), room=0)
        """Entries received, by event, duplicates among them."""
        self.received_bytes = 0
        """Bytes of the entries' data."""
        self.delay = Histogram(DELAY_BOUNDS)
        """Seconds from the time in an entry's id to its receipt."""
        self.without_id = 0
        self.late = 0
        """New entries whose id is lower than one seen before."""
        self.duplicates = Tally(DUPLICATE_REASONS)
        self.dead_letters = Tally(DEAD_LETTER_REASONS)
        self.disconnects = Tally(DISCONNECT_REASONS)
        self.refusals = Tally(REFUSAL_REASONS)
        self.replays = Tally(REPLAY_OUTCOMES)
        self.crashes = 0
        """Exceptions that nobody foresaw."""
        self.renewals = Tally(RENEWAL_OUTCOMES)
        """Changes of connections before upstream ended the old one."""
        self.gaps = Tally(GAP_REASONS)
        self.reconciles = Tally(RECONCILE_CAUSES)
        """Comparisons with upstream's snapshot that were finished, by why they were made."""
        self.differences = Tally(DIFFERENCES)
        """What they published."""
        self.drift = Tally(DIFFERENCES)
        """What audits found twice, with no gap to explain it."""
        self.suspicious = 0
        """Snapshots without more than half of a book's open odds that the next one didn't bear out."""
        self.snapshot_failures = Tally(DISCONNECT_REASONS)
        self.snapshot_requests = 0
        self.known: Callable[[], float] = _zero
        """Tells how many odds are known."""
        self.sources: dict[str, float] = {}
        """By sportsbook the seconds since upstream polled it."""

    def entry(self, event: str, size: int, id_ms: int | None, received: float) -> None:
        """Count one entry as it is received; the only call for each entry.

        Args:
            event: The event's name.
            size: Bytes of its data.
            id_ms: The milliseconds in its entry id; None if it has no id.
            received: Wall-clock time of receipt in Unix seconds; one reading for all entries of a chunk will do.
        """
        counts = self.entries.counts
        counts[event if event in counts else OTHER] += 1
        self.received_bytes += size
        if id_ms is None:
            self.without_id += 1
        else:
            self.delay.observe(received - id_ms / 1000)


class ShardMetrics:
    """What one shard counts: its transactions, its buffer, its recoveries."""

    __slots__ = (
        "_written",
        "buffer_limit",
        "buffer_used",
        "records",
        "recoveries",
        "resent",
        "sizes",
        "times",
        "tx",
        "wait",
    )

    def __init__(self, written: "dict[str, Written]") -> None:
        self._written = written
        self.tx = Tally(TRANSACTION_OUTCOMES)
        """Transactions by outcome; each one ends in exactly one of them."""
        self.times = Histogram(WAIT_BOUNDS)
        """Seconds from a transaction's begin to its known commit."""
        self.records = Histogram(RECORDS_BOUNDS)
        """Records in a committed transaction."""
        self.sizes = Histogram(BYTES_BOUNDS)
        """Bytes of record values in a committed transaction."""
        self.wait = Histogram(WAIT_BOUNDS)
        """Seconds from an entry's receipt to its known commit."""
        self.recoveries = Tally(RECOVERY_REASONS)
        self.resent = 0
        """Records sent again after a failure; with `at-least-once` their first copies may stand in the topics."""
        self.buffer_used: Callable[[], float] = _zero
        self.buffer_limit = 0

    def watch_buffer(self, used: Callable[[], float], limit: int) -> None:
        """Name what tells the bytes held until their commit is known, and their limit in bytes."""
        self.buffer_used = used
        self.buffer_limit = limit

    def committed(self, seconds: float, written: Iterable[tuple[str, int, int]], *, outcome: str = "committed") -> None:
        """Count a transaction that committed.

        Args:
            seconds: From its begin until the commit was known.
            written: For each topic its name, the records and the bytes of their values.
            outcome: "committed", or "found-committed" when the answer was lost and the topic told.
        """
        records = size = 0
        for topic, n, bytes_ in written:
            cell = self._written.get(topic)
            if cell is None:
                cell = self._written[topic] = Written()
            cell.records += n
            cell.bytes += bytes_
            records += n
            size += bytes_
        self.tx.add(outcome)
        self.times.observe(seconds)
        self.records.observe(records)
        self.sizes.observe(size)

    def waited(self, now: float, receipts: Iterable[float]) -> None:
        """Count how long entries waited from receipt to commit; call it once a transaction.

        Args:
            now: When the commit was known, in seconds.
            receipts: When each entry was received, in seconds of the same clock; one below 0 s ago counts as 0.
        """
        # Histogram.observe, written out: for the entries of a busy shard the calls alone would double the cost.
        bounds, counts, total = self.wait.bounds, self.wait.counts, 0.0
        for receipt in receipts:
            value = now - receipt if receipt < now else 0.0
            counts[bisect_left(bounds, value)] += 1
            total += value
        self.wait.sum += total


class Written:
    """What was committed to one topic: records, and the bytes of their values."""

    __slots__ = ("bytes", "records")

    def __init__(self) -> None:
        self.records = 0
        self.bytes = 0


class Metrics:
    """All numbers of one process. There is no global one: whoever counts is given it."""

    def __init__(self) -> None:
        self.streams: dict[str, StreamMetrics] = {}
        self.shards: dict[int, ShardMetrics] = {}
        self.written: dict[str, Written] = {}
        """By topic."""
        self.connects_used: Callable[[], float] = _zero
        self.connect_hold: Callable[[], float] = _zero

    def stream(self, name: str) -> StreamMetrics:
        """The numbers of the stream of this name; the same object each time."""
        return self.streams.setdefault(name, StreamMetrics())

    def shard(self, number: int) -> ShardMetrics:
        """The numbers of the shard of this number; the same object each time."""
        return self.shards.setdefault(number, ShardMetrics(self.written))

    def expect_topics(self, names: Iterable[str]) -> None:
        """Let the topics that will be written to show 0 before their first record."""
        for name in names:
            self.written.setdefault(name, Written())

    def watch_budget(self, used: Callable[[], float], hold: Callable[[], float]) -> None:
        """Name what tells the connects counted in the window, and the seconds for which no new one is let out."""
        self.connects_used = used
        self.connect_hold = hold

    @property
    def entries(self) -> int:
        """Entries received by all streams."""
        return sum(stream.entries.total for stream in self.streams.values())

    @property
    def records(self) -> int:
        """Records committed to all topics."""
        return sum(topic.records for topic in self.written.values())


def _zero() -> float:
    return 0.0
