"""Entry ids for the rules of continuity."""

from collections.abc import Sequence

from hypothesis import strategies as st

from bridge.continuity import Position
from bridge.entries import EntryId

NOW = 1_790_000_000_000
Named = tuple[str, EntryId]

near = st.builds(EntryId, st.integers(NOW, NOW + 400), st.integers(0, 3))
"""Ids that are often equal, and often follow each other."""


def position_of(entries: Sequence[Named]) -> Position:
    """The position of a stream on which these were published."""
    position = Position()
    for event, entry_id in entries:
        position.add(event, entry_id)
    return position


def live(first: int, count: int, *, step: int = 10) -> list[Named]:
    """Entries in order, `step` milliseconds apart."""
    return [("odds", EntryId(NOW + step * n, 0)) for n in range(first, first + count)]
