"""The comparison: what the simulator says it emitted, and what a reader found, as multisets."""

from collections import Counter
from collections.abc import Iterable, Mapping

from bridge.simulator.control import Logged
from tests.support.reader import Seen

Fact = tuple[str, str, str, str]
"""Event, entry id, odd id (or fixture id), SHA-256 of the value."""


def emitted(logs: Mapping[str, Iterable[Logged]], *, without: frozenset[str] = frozenset()) -> Counter[Fact]:
    """What should be on the topics, once each: the logs of all channels, less entries with one of the flags."""
    return Counter(
        (entry.event, entry.entry_id or "", key, digest)
        for log in logs.values()
        for entry in log
        if not without & set(entry.flags)
        for key, digest in entry.odds
    )


def published(records: Iterable[Seen]) -> Counter[Fact]:
    """What a reader found."""
    return Counter((r.headers["event"], r.headers.get("entry_id", ""), r.key, r.sha256) for r in records)


def assert_same(expected: Counter[Fact], found: Counter[Fact]) -> None:
    """Nothing lost, nothing twice, nothing else."""
    lost, more = expected - found, found - expected
    assert not lost, f"{lost.total()} of {expected.total()} lost, e.g. {list(lost)[:3]}"
    assert not more, f"{more.total()} doubled or unexpected, e.g. {list(more)[:3]}"
    assert found.total() > 0, "nothing was published, so nothing is shown"


def assert_ordered(records: Iterable[Seen], *, late: frozenset[str] = frozenset()) -> None:
    """For each topic, stream and odd the header `order` only grows; entry ids in `late` may come behind."""
    last: dict[tuple[str, str, str], tuple[int, int, int]] = {}
    for record in sorted(records, key=lambda r: (r.topic, r.partition, r.offset)):
        if record.headers.get("entry_id") in late:
            continue
        spot = (record.topic, record.headers["stream"], record.key)
        assert record.order >= last.get(spot, (0, 0, 0)), f"{spot}: {record.order} after {last[spot]}"
        last[spot] = record.order
