"""Batches are what aiokafka's own builder makes of the same records, byte for byte."""

from typing import Any

import pytest
from aiokafka.record.default_records import DefaultRecordBatch, DefaultRecordBatchBuilder
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.kafka.builder import Builder, shared
from bridge.records import Headers

Records = list[tuple[bytes, bytes | None, int, Headers]]

NO_LIMIT = 10**9
PRODUCER = (7_000_000_000, 3, 2_000_000)

texts = st.text(max_size=12)
values = st.one_of(st.binary(max_size=80), st.integers(8_150, 8_250).map(bytes), st.just(b"x" * 17_000))
headers_of = st.lists(st.tuples(texts, st.binary(max_size=70)), max_size=7)
times = st.integers(0, 2**42)
records = st.lists(st.tuples(values, st.one_of(st.none(), values), times, headers_of), min_size=1, max_size=70)


def aiokafkas(records: Records, *, limit: int = NO_LIMIT, transactional: bool = True) -> tuple[bytes, int]:
    """What aiokafka makes of as many of the records as it takes, and how many that are."""
    builder: Any = DefaultRecordBatchBuilder(2, 0, int(transactional), -1, -1, 0, limit)
    taken = 0
    for key, value, timestamp_ms, headers in records:
        if builder.append(taken, timestamp_ms, key, value, headers) is None:
            break
        taken += 1
    builder.set_producer_state(*PRODUCER)
    return bytes(builder.build()), taken


def ours(
    records: Records,
    *,
    limit: int = NO_LIMIT,
    transactional: bool = True,
    compression: str | None = None,
) -> tuple[bytes, int]:
    builder = Builder(limit, compression, transactional=transactional)
    for key, value, timestamp_ms, headers in records:
        if not builder.add(key, value, timestamp_ms, shared(headers)):
            break
    builder._set_producer_state(*PRODUCER)
    return builder._build(), builder.record_count()


@settings(deadline=None)
@given(records=records, transactional=st.booleans())
def test_a_batch_is_aiokafkas_byte_for_byte(records: Records, transactional: bool) -> None:
    assert ours(records, transactional=transactional) == aiokafkas(records, transactional=transactional)


@settings(deadline=None)
@given(records=records, limit=st.integers(60, 20_000))
def test_it_is_full_when_aiokafkas_is(records: Records, limit: int) -> None:
    assert ours(records, limit=limit) == aiokafkas(records, limit=limit)


@pytest.mark.parametrize("compression", ["zstd", "lz4", "gzip", "snappy"])
def test_aiokafka_reads_what_was_compressed(compression: str) -> None:
    headers: Headers = [("event", b"odds"), ("größe", b"\xff")]
    made: Records = [(b"key-%d" % n, b'{"price":%d}' % n * 20, 1_795_000_000_000 + n % 7, headers) for n in range(300)]
    batch, taken = ours(made, compression=compression)
    plain, _ = ours(made)
    assert taken == len(made)
    assert len(batch) < len(plain) / 2
    found: Any = DefaultRecordBatch(bytearray(batch))
    assert found.validate_crc()
    assert found.is_transactional
    assert [(r.key, r.value, r.timestamp, list(r.headers)) for r in found] == made


def test_what_compression_makes_larger_stays_as_it_is() -> None:
    made: Records = [(b"k", b"v", 1, [])]
    assert ours(made, compression="zstd") == ours(made)


def test_what_values_have_in_common_stands_in_each() -> None:
    headers: Headers = [("event", b"odds")]
    common = shared(headers, b'{"odd":', b"}")
    builder = Builder(NO_LIMIT, None, transactional=True)
    assert builder.add(b"a", b"1", 5, common)
    assert builder.add(b"b", b"22", 5, common)
    builder._set_producer_state(*PRODUCER)
    whole: Records = [
        (b"a", b'{"odd":1}', 5, headers),
        (b"b", b'{"odd":22}', 5, headers),
    ]
    assert builder._build() == aiokafkas(whole)[0]
    assert common.of_value == len(b'{"odd":}')


def test_sizes_are_told_before_and_after() -> None:
    builder = Builder(NO_LIMIT, "zstd", transactional=False)
    empty = builder.size()
    assert builder.add(b"k", b"v" * 1_000, 1, shared([]))
    assert builder.size() > empty + 1_000
    assert not builder.closed()
    built = builder._build()
    assert builder.closed()
    assert builder.size() == len(built) < 200
    assert builder._build() is built
