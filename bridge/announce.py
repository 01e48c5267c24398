"""Pure: what the bridge itself has to say, as records of the topic `bridge-events`.

Keyed by stream and in one transaction with what they speak of, so a consumer that folds a stream's odds knows from the
same log whether it may trust them. docs/topics.md and docs/schemas/bridge-event.schema.json list every event.
"""

from typing import Final

import orjson

from bridge.records import Record

VERSION: Final = 1

ALIVE_EVERY_S: Final = 5.0
"""Seconds between two `alive` of a shard's streams. A consumer that hears none three times has lost the bridge."""

EVENTS: Final = (
    "up",
    "down",
    "refused",
    "paused",
    "gap",
    "unreconciled",
    "suspicious",
    "reconciled",
    "drift",
    "source",
    "alive",
)
"""The names of all events."""


class Announcer:
    """Makes the records of one process.

    Args:
        topic: The topic `bridge-events`.
        instance: This process's name.
    """

    def __init__(self, topic: str, instance: str) -> None:
        self._topic = topic
        self._instance = instance

    def record(self, stream: str, event: str, at_ms: int, fields: dict[str, object]) -> Record:
        """One event.

        Args:
            stream: The stream that it is about.
            event: One of `EVENTS`.
            at_ms: When, epoch milliseconds.
            fields: What this event has beside what all have.
        """
        body = {"v": VERSION, "event": event, "stream": stream, "instance": self._instance, "at_ms": at_ms, **fields}
        key = stream.encode()
        return Record(self._topic, key, orjson.dumps(body), [("event", event.encode()), ("stream", key)])
