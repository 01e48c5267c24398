"""The topics of a round: made, watched until nothing more arrives, removed."""

import time

from confluent_kafka import IsolationLevel, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic, OffsetSpec  # type: ignore[attr-defined]  # they are

DATA = ("odds", "locked-odds")
PARTITIONS = 12

_QUIET_S = 1.0
_STUCK_S = 15.0
_LONGEST_S = 300.0
_EVERY_S = 0.01


class Topics:
    """Makes, watches and removes topics.

    Args:
        servers: Kafka's address.
    """

    def __init__(self, servers: str) -> None:
        self._admin = AdminClient({"bootstrap.servers": servers, "log_level": 0})

    def make(self, prefix: str) -> None:
        """The two data topics, as each contestant gets them."""
        made = self._admin.create_topics([NewTopic(prefix + name, PARTITIONS, 1) for name in DATA])
        for future in made.values():
            future.result(30)
        until = time.monotonic() + 30
        while not self._led(prefix):  # they are made before every partition has its leader
            if time.monotonic() > until:
                raise TimeoutError(f"the topics of {prefix} have no leaders")
            time.sleep(0.05)

    def _led(self, prefix: str) -> bool:
        known = self._admin.list_topics(timeout=30).topics
        found = [part for name in DATA if prefix + name in known for part in known[prefix + name].partitions.values()]
        if len(found) < len(DATA) * PARTITIONS or any(part.leader < 0 for part in found):
            return False  # asking for offsets now would wait for half a minute
        try:
            self.stable(prefix)
        except KafkaException:
            return False
        return True

    def remove(self, prefix: str) -> None:
        """All topics with a prefix."""
        names = [name for name in self._admin.list_topics(timeout=30).topics if name.startswith(prefix)]
        for future in self._admin.delete_topics(names).values() if names else ():
            future.result(30)

    def ends(self, prefix: str) -> dict[tuple[str, int], int]:
        """Where each partition of the data topics ends for a `read_committed` reader."""
        wanted = {
            TopicPartition(prefix + name, partition): OffsetSpec.latest()  # type: ignore[no-untyped-call]  # it has none
            for name in DATA
            for partition in range(PARTITIONS)
        }
        found = self._admin.list_offsets(wanted, isolation_level=IsolationLevel.READ_COMMITTED, request_timeout=30)
        return {(part.topic, part.partition): future.result(30).offset for part, future in found.items()}

    def stable(self, prefix: str) -> int:
        """The sum of these ends: odds, and the markers of transactions."""
        return sum(self.ends(prefix).values())

    def quiet(self, prefix: str, *, at_least: int = 0) -> float:
        """Wait until nothing more becomes visible; returns when the last did, in seconds of the epoch.

        Args:
            prefix: Of the topics.
            at_least: The sum of ends before which it isn't over after a moment without progress, but only after long:
                what has not come by then is counted as missing.
        """
        changed = time.time()
        until = changed + _LONGEST_S
        last = self.stable(prefix)
        while (now := time.time()) < until:
            if now - changed > (_QUIET_S if last >= at_least else _STUCK_S):
                break
            time.sleep(_EVERY_S)
            end = self.stable(prefix)
            if end != last:
                last, changed = end, time.time()
        return changed
