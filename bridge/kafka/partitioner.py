"""Kafka's default partitioner, at C speed: the same key lands in the same partition as with the Java client.

Source: `org.apache.kafka.common.utils.Utils.murmur2` and `BuiltInPartitioner.partitionForKey`.
"""

from murmurhash2 import murmurhash2

_SEED = 0x9747B28C  # the Java client's


def partition_for(key: bytes, partitions: int) -> int:
    """The partition (from 0) of `key` in a topic of `partitions` partitions."""
    return (murmurhash2(key, _SEED) & 0x7FFFFFFF) % partitions
