"""The count after a round: a lost odd, a doubled one and a foreign one are found, however they are written."""

import json
from array import array
from pathlib import Path

import pytest
from confluent_kafka import Producer

from benchmarks.once import Count, Tally, count, logged
from benchmarks.pool import Numbers, Template, make
from benchmarks.topics import DATA, Topics
from bridge.demo.kafka import EmbeddedKafka

NOW_US = 1_795_000_000_000_120  # its last digit is lost when a float is written again

Record = tuple[bytes, bytes]


@pytest.fixture
def pool() -> list[Template]:
    return make(leagues=2, per_league=4)


def play(pool: list[Template], *, rewritten: bool) -> tuple[list[tuple[int, int]], list[Record]]:
    """Each event twice: what the upstream notes down, and the records that a bridge makes of it."""
    numbers = Numbers(NOW_US)
    log, records = [], []
    for number, template in [*enumerate(pool)] * 2:
        raw = template.render(*numbers.next(NOW_US))
        log.append((number, numbers.stamp_us))
        for odd in json.loads(bytes(raw[template.body]).split(b"data: ", 1)[1])["data"]:
            value = json.dumps(odd) if rewritten else json.dumps(odd, ensure_ascii=False, separators=(",", ":"))
            records.append((odd["id"].encode(), value.encode()))
    return log, records


def counted(pool: list[Template], log: list[tuple[int, int]], records: list[Record]) -> Count:
    tally = Tally(pool, log)
    for key, value in records:
        tally.record(key, value)
    return tally.count()


@pytest.mark.parametrize("rewritten", [False, True])
def test_all_of_it_once_is_good(pool: list[Template], rewritten: bool) -> None:
    log, records = play(pool, rewritten=rewritten)
    found = counted(pool, log, records)
    assert found.good
    assert found == Count(sent=len(records), arrived=len(records), missing=0, doubled=0, foreign=0)


def test_a_missing_odd_is_found(pool: list[Template]) -> None:
    log, records = play(pool, rewritten=True)
    found = counted(pool, log, records[:-1])
    assert not found.good
    assert (found.missing, found.doubled, found.foreign) == (1, 0, 0)


def test_a_doubled_odd_is_found(pool: list[Template]) -> None:
    log, records = play(pool, rewritten=False)
    found = counted(pool, log, [*records, records[3]])
    assert not found.good
    assert (found.missing, found.doubled, found.foreign) == (0, 1, 0)


def test_an_odd_in_the_place_of_another_is_found(pool: list[Template]) -> None:
    log, records = play(pool, rewritten=False)
    found = counted(pool, log, [*records[:-1], records[0]])
    assert (found.missing, found.doubled) == (1, 1)


def test_what_nobody_sent_is_found(pool: list[Template]) -> None:
    log, records = play(pool, rewritten=False)
    strange = (records[0][0], records[0][1].replace(b'"timestamp":179', b'"timestamp":178'))
    assert counted(pool, log, [*records, strange]).foreign == 1
    assert counted(pool, log, [*records, (b"another", records[0][1])]).foreign == 1
    assert counted(pool, log, [*records, (b"another", b"{}")]).foreign == 1


def test_what_the_upstream_noted_down_is_read_back(tmp_path: Path) -> None:
    assert logged(tmp_path / "nothing") == []
    (tmp_path / "log").write_bytes(array("q", [1, 17, 2, 18]).tobytes())
    assert logged(tmp_path / "log") == [(1, 17), (2, 18)]


def test_a_reader_counts_what_is_committed_and_came_over_the_stream(
    kafka: EmbeddedKafka, unique: str, pool: list[Template], tmp_path: Path
) -> None:
    servers, prefix = kafka.bootstrap_servers, f"{unique}."
    log, records = play(pool, rewritten=False)
    (tmp_path / "log").write_bytes(array("q", [number for pair in log for number in pair]).tobytes())
    topics = Topics(servers)
    topics.make(prefix)
    producer = Producer({"bootstrap.servers": servers, "transactional.id": unique, "log_level": 4})
    producer.init_transactions(30)

    def write(some: list[Record], origin: bytes | None, *, commit: bool = True) -> None:
        producer.begin_transaction()
        for n, (key, value) in enumerate(some):
            producer.produce(prefix + DATA[n % 2], value, key, headers=[("origin", origin)] if origin else None)
        if commit:
            producer.commit_transaction(30)
        else:
            producer.flush(30)
            producer.abort_transaction(30)

    write(records[:5], b"stream")
    write(records[5:7], b"stream", commit=False)
    write(records[5:7], b"snapshot")
    write(records[5:-1], None)
    topics.quiet(prefix, at_least=len(records) - 1)  # a commit is visible a moment after it is made
    found = count(servers, prefix, pool, tmp_path / "log")
    assert (found.missing, found.doubled, found.foreign) == (1, 0, 0)
    there = topics.stable(prefix)
    write(records[-1:], b"stream")
    topics.quiet(prefix, at_least=there + 1)
    assert count(servers, prefix, pool, tmp_path / "log").good
    there = topics.stable(prefix)
    write(records[:1], b"stream")
    topics.quiet(prefix, at_least=there + 1)
    assert count(servers, prefix, pool, tmp_path / "log").doubled == 1
    topics.remove(prefix)
