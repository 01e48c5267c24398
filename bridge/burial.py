"""Which records become dead letters, and how they are found: by size before, by halves after a refusal."""

from collections.abc import Callable, Mapping

from bridge.entries import Reject
from bridge.kafka.batches import Batch
from bridge.kafka.topics import Existing
from bridge.records import Held, Record, cut_again, dead_letter

_ROOM = 1_024
"""Bytes that a record's key, headers and batch may take beside its value."""


class Burial:
    """Puts dead letters in the place of records that can't be published.

    Args:
        topic: The topic of dead letters.
        topics: The topics as the cluster has them now.
        fits: Whether a record alone stays within a number of bytes, compressed as it would be sent.
    """

    def __init__(
        self, topic: str, topics: Callable[[], Mapping[str, Existing]], fits: Callable[[Record, int], bool]
    ) -> None:
        self._topic = topic
        self._topics = topics
        self._fits = fits

    def bury(self, held: Held, reason: str, detail: str, guilty: Callable[[Record], bool]) -> None:
        """Replace an entry's guilty records; `held.dead` counts them."""
        held.single_out()
        for n, record in enumerate(held.records):
            if record.topic != self._topic and guilty(record):
                reject = Reject(reason, record.key, record.value, detail)
                held.records[n] = self._letter(held, reject, meant_for=record.topic)

    def rejects(self, taken: list[Held]) -> None:
        """Turn what couldn't be made a record into dead letters."""
        for held in taken:
            for reject in held.rejects:
                held.records.append(self._letter(held, reject, meant_for=""))
            held.rejects = []

    def _letter(self, held: Held, reject: Reject, *, meant_for: str) -> Record:
        held.dead[reject.reason] = held.dead.get(reject.reason, 0) + 1
        return dead_letter(
            self._topic,
            stream=held.stream,
            event=held.event,
            entry_id=held.entry_id,
            headers=held.headers,
            reason=reject.reason,
            detail=reject.detail,
            meant_for=meant_for,
            key=reject.key,
            payload=reject.value,
            size=reject.size,
            limit=self._limit(held),
        )

    def _limit(self, held: Held) -> int:
        """Bytes that the value of one of an entry's dead letters may have."""
        most = self._topics()[self._topic].max_message_bytes
        return most - _ROOM - sum(len(name) + len(value) for name, value in held.headers)

    def too_large(self, taken: list[Held]) -> None:
        """Bury what its topic wouldn't take even alone in a batch; dead letters themselves are cut again."""
        topics = self._topics()
        smallest = min(topic.max_message_bytes for topic in topics.values()) - _ROOM
        for held in taken:
            if held.size <= smallest and not held.dead:
                continue
            self.bury(
                held,
                "too-large",
                "larger than its topic's max.message.bytes",
                lambda record: not self._fits(record, topics[record.topic].max_message_bytes),
            )
            limit = self._limit(held)
            for n, record in enumerate(held.records):
                if record.topic == self._topic and len(record.value) > limit:
                    held.records[n] = cut_again(record, limit)


def halve(refused: list[Batch], alone: dict[int, int]) -> set[int]:
    """Narrow the search for what made the broker refuse batches.

    The records of a refused batch are sent again in batches of half as many, all else as before, until a refused
    batch has one record.

    Args:
        refused: The batches that were refused. Those that were packed without telling records apart have none.
        alone: How many records may share a batch with a record, by its identity; this is brought up to date.

    Returns:
        The identities of the records that were refused alone: the culprits.
    """
    culprits: set[int] = set()
    for batch in refused:
        if len(batch.records) == 1:
            culprits.add(id(batch.records[0]))
            continue
        for record in batch.records:
            alone[id(record)] = max(1, len(batch.records) // 2)
    return culprits
