"""The committed positions of a shard's streams, and the checkpoints that a round makes of them."""

import time
from collections.abc import Iterable

from bridge.continuity import Position
from bridge.kafka.checkpoints import Checkpoint, Stored
from bridge.kafka.ownership import Stamp
from bridge.records import Held


class Positions:
    """What is committed of each stream, and by whom.

    Args:
        streams: The names of the shard's streams.
        instance: This instance's name.
    """

    def __init__(self, streams: Iterable[str], instance: str) -> None:
        self.stamps: dict[str, Stamp | None] = {}
        """Who wrote each stream's checkpoint, as far as this instance knows; None where there is none."""
        self._streams = tuple(streams)
        self._instance = instance
        self._committed: dict[str, Position] = {}

    def adopt(self, stored: Stored) -> None:
        """Begin from what the shard's partition says."""
        found = stored.checkpoints
        self._committed = {name: found[name].position if name in found else Position() for name in self._streams}
        self.stamps = {
            name: (found[name].instance, found[name].serial) if name in found else None for name in self._streams
        }

    def of(self, stream: str) -> Position:
        """A copy of a stream's committed position."""
        return self._committed[stream].copy()

    def after(self, taken: Iterable[Held]) -> dict[str, Position]:
        """The positions of the streams of some entries, once these are committed."""
        positions: dict[str, Position] = {}
        for held in taken:
            if not _moves(held):
                continue
            position = positions.get(held.stream)
            if position is None:
                position = positions[held.stream] = self.of(held.stream)
            if held.entry_id is not None:
                position.add(held.event, held.entry_id, by_line=held.by_line)
            elif held.counts:
                position.counter += 1
            if held.cuts:
                position.cut()
            if held.owes is not None:
                position.owes = held.owes
            if held.scope is not None:
                position.scope = held.scope
        return positions

    def checkpoints(self, positions: dict[str, Position], serial: int) -> list[tuple[bytes, bytes]]:
        """Keys and values of the checkpoints that say so, written by the transaction `serial`."""
        now_ms = int(time.time() * 1000)
        return [
            (name.encode(), Checkpoint(position, self._instance, serial, now_ms).encode(name))
            for name, position in positions.items()
        ]

    def keep(self, positions: dict[str, Position], serial: int) -> None:
        """The transaction `serial` is committed."""
        self._committed |= positions
        self.stamps |= dict.fromkeys(positions, (self._instance, serial))


def _moves(held: Held) -> bool:
    """Whether a stream's position isn't the same after it; an announcement alone needs no checkpoint."""
    return held.entry_id is not None or held.counts or held.cuts or held.owes is not None or held.scope is not None
