"""What a stream says of itself on `bridge-events`, and whether its topics can be vouched for.

What is said goes through the same buffer as the entries, so that it commits in the transaction of what it speaks of.
"""

from collections.abc import Callable

from bridge.announce import Announcer
from bridge.buffer import Buffer
from bridge.continuity import Continuity, Replay
from bridge.health import StreamHealth
from bridge.records import Held, Record

RECORD_BYTES = 300
"""What a record occupies in memory beside its key and value, in bytes, roughly."""

PAUSE_S = 5.0
"""Seconds without reading that are told: at full rate the buffer is full for moments."""


class Herald:
    """Says how one stream is, and keeps what is owed to its readers: a comparison with upstream's snapshot.

    Args:
        name: The stream's name.
        announcer: Makes the records.
        continuity: What was published; its position keeps what is owed.
        buffer: Where all of it is offered.
        scope: A digest of what the stream asks upstream for.
        health: Where the state is told.
        now_ms: The wall clock, in epoch milliseconds.
        heals: Whether the topics are compared with upstream's snapshot; else gaps are only announced.
    """

    def __init__(
        self,
        name: str,
        *,
        announcer: Announcer,
        continuity: Continuity,
        buffer: Buffer,
        scope: str,
        health: StreamHealth,
        now_ms: Callable[[], int],
        heals: bool,
    ) -> None:
        self.name = name
        self.continuity = continuity
        self.debts = 0
        """How often the topics may have come to differ from upstream since this began."""
        self.uncovered = False
        """Whether odds may be known that the stream's filters don't take any more."""
        self.on_news: Callable[[], None] = _nothing
        """Called when that happens, and when the stream is connected."""
        self._announcer = announcer
        self._buffer = buffer
        self._scope = scope
        self._health = health
        self._now_ms = now_ms
        self._heals = heals
        health.last_entry_id = continuity.position.highest
        health.owes = continuity.position.owes if heals else ""

    def begin(self, *, bare: bool = False) -> None:
        """Say what is owed from the start: at a first one everything, after another configuration a comparison.

        Args:
            bare: Whether no odd is known of, though there may have been some: whoever was taken out of the
                configuration and comes back finds them ended.
        """
        position = self.continuity.position
        if not self._heals:
            if position.scope or position.owes:
                self._offer_own([], owes="", scope="")  # whoever heals again has to compare all of it
            return
        self.uncovered = position.scope != self._scope
        if self.uncovered and position.owes != "gap":  # nothing has to be kept of it: the checkpoint's scope tells it
            self.owe("filter" if position.scope else "hydrate")
        elif bare and not position.owes:
            self._offer_own([], owes="hydrate")  # or an end in the middle of it would look like all of it
            self.owe("hydrate")

    def tell(self, event: str, **fields: object) -> None:
        """Say something on `bridge-events`."""
        self._offer_own([self._said(event, fields)])

    def tell_gap(self, fields: dict[str, object]) -> None:
        """Announce a gap, with what is known of it; the checkpoint keeps that it isn't healed."""
        self.continuity.position.cut()
        self._offer_own([self._said("gap", fields)], owes="gap" if self._heals else None, cuts=True)
        self.owe("gap")

    def paused(self, seconds: float) -> None:
        """Nothing was read for so long, since Kafka was slow; what is short isn't worth telling."""
        if seconds >= PAUSE_S:
            self.tell("paused", seconds=round(seconds, 3))

    def alive(self) -> Record:
        """The record that says how the stream is."""
        health = self._health
        ping_age_s = None if health.last_ping is None else health.clock() - health.last_ping
        return self._said(
            "alive",
            {
                "state": str(health.state),
                "last_entry_id": None if health.last_entry_id is None else str(health.last_entry_id),
                "last_ping_ms": None if ping_age_s is None else self._now_ms() - int(ping_age_s * 1000),
                "reconciled": health.reconciled and self.continuity.replay is not Replay.OPEN if self._heals else None,
            },
        )

    def owe(self, cause: str) -> None:
        """From here the topics may differ from upstream."""
        if self._heals:
            self.debts += 1
            self._health.owes = cause
            self.on_news()

    def demand(self) -> None:
        """Somebody wants the topics compared; what is owed already for a graver reason stays owed for that."""
        self.owe("demand" if self._health.reconciled else self._health.owes)

    def settled(self, owes: str, **fields: object) -> None:
        """The topics were compared and mended; what is still owed stays in the checkpoint.

        Args:
            owes: "" or why another look is owed.
            fields: What `reconciled` says; none to say nothing.
        """
        self.uncovered = False
        self._health.owes = owes
        self._offer_own([self._said("reconciled", fields)] if fields else [], owes=owes, scope=self._scope)

    def _said(self, event: str, fields: dict[str, object]) -> Record:
        return self._announcer.record(self.name, event, self._now_ms(), fields)

    def _offer_own(
        self, records: list[Record], *, owes: str | None = None, scope: str | None = None, cuts: bool = False
    ) -> None:
        position = self.continuity.position
        position.owes = position.owes if owes is None else owes
        position.scope = position.scope if scope is None else scope
        size = sum(len(record.value) + RECORD_BYTES for record in records)
        self._buffer.offer(
            Held(
                stream=self.name,
                event="",
                entry_id=None,
                received_ms=self._now_ms(),
                records=records,
                size=size,
                headers=[],
                cuts=cuts,
                owes=owes,
                scope=scope,
            )
        )


def _nothing() -> None:
    """Until somebody wants to know."""
