"""What a consumer makes of the topics: the board, once from the logs and once from the topics of states."""

from collections.abc import Iterable
from typing import Any, NamedTuple

import orjson

from bridge.book import OddsBook
from bridge.demo.consumer import Along

STATES = ("odds-state", "copilot-odds-state")
EVENTS = "bridge-events"


class Said(NamedTuple):
    """A record of `bridge-events`: what it says, and its value as it stands there."""

    fields: dict[str, Any]
    value: bytes


class Boards(Along):
    """Reads all that makes a board, along with the bridge.

    Args:
        servers: Where Kafka is.
        prefix: What the topics' names begin with.
    """

    def __init__(self, servers: str, prefix: str) -> None:
        super().__init__(servers, prefix, besides=("checkpoints", "dead-letters"))
        self._events = prefix + EVENTS
        self._states = {prefix + name for name in STATES}
        self.logs = OddsBook()
        """The fold of the logs."""
        self.states = OddsBook()
        """The fold of the topics of states."""
        self._said: list[Said] = []

    def take(self, records: Iterable[Any]) -> None:
        """Take the next records of a partition."""
        for record in records:
            if record.topic == self._events:
                self._said.append(Said(orjson.loads(record.value), record.value))
            elif record.topic in self._states:
                self.states.feed(record)
            else:
                self.logs.feed(record)

    def said(self, stream: str, event: str, since_ms: int, **wanted: object) -> Said | None:
        """The first bridge-event of a name that a stream has from a moment on (epoch milliseconds), or None.

        Raises:
            KafkaFailure: The topics can't be read any more.
        """
        self.check()
        wanted |= {"stream": stream, "event": event}
        return next(
            (said for said in self._said if said.fields["at_ms"] >= since_ms and wanted.items() <= said.fields.items()),
            None,
        )
