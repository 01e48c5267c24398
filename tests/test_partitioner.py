import pytest
from aiokafka.partitioner import murmur2
from hypothesis import example, given
from hypothesis import strategies as st

from bridge.kafka.partitioner import partition_for


@given(st.binary(max_size=64), st.integers(1, 1000))
@example(b"", 4)
@example(b"\x00", 4)
@example(b"a\x00b", 7)
@example(b"\xff" * 33, 12)
def test_it_agrees_with_the_clients_own(key: bytes, partitions: int) -> None:
    assert partition_for(key, partitions) == (murmur2(key) & 0x7FFFFFFF) % partitions


# From Apache Kafka's own test of Utils.murmur2 (UtilsTest.testMurmur2), as Java's signed 32-bit numbers.
@pytest.mark.parametrize(
    ("key", "signed"),
    [
        (b"21", -973932308),
        (b"foobar", -790332482),
        (b"a-little-bit-long-string", -985981536),
        (b"a-little-bit-longer-string", -1486304829),
        (b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971),
        (b"abc", 479470107),
    ],
)
def test_it_agrees_with_java(key: bytes, signed: int) -> None:
    assert partition_for(key, 1 << 31) == signed & 0x7FFFFFFF
