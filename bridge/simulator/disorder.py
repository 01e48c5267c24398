"""Entries twice, or out of order: decided once for a channel, so that every connection sees the same."""

import random
from typing import NamedTuple

from bridge.simulator.body import Body
from bridge.simulator.log import Ids


class Made(NamedTuple):
    """An entry that has its id, on the way to the log."""

    ms: int
    seq: int
    body: Body
    flags: tuple[str, ...] = ()
    ids: Ids | None = None


class Disorder:
    """Delays and repeats entries.

    Args:
        rng: Where every choice comes from.
    """

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._waiting: list[tuple[int, Made]] = []
        self.duplicates = self.reorder = 0.0
        """Shares of the entries."""
        self.duplicates_distance = self.reorder_distance = 1

    @property
    def idle(self) -> bool:
        """Whether entries go straight through."""
        return not (self.duplicates or self.reorder or self._waiting)

    def put(self, made: Made) -> list[Made]:
        """What to emit now that this entry was made."""
        rng = self._rng
        out: list[Made] = []
        if self.reorder and rng.random() < self.reorder:
            self._waiting.append(
                (rng.randint(1, max(1, self.reorder_distance)) + 1, made._replace(flags=(*made.flags, "late")))
            )
        else:
            out.append(made)
        if self.duplicates and rng.random() < self.duplicates:
            distance = rng.randint(0, self.duplicates_distance)
            copy = made._replace(flags=(*made.flags, "duplicate"))
            if distance == 0 and out:
                out.append(copy)
            else:
                # Never before the entry itself, even if that one is late.
                self._waiting.append((max(distance, self._wait_of(made)) + 1, copy))
        passed = [(left - 1, entry) for left, entry in self._waiting]
        self._waiting = [(left, entry) for left, entry in passed if left > 0]
        return out + [entry for left, entry in passed if left <= 0]

    def flush(self) -> list[Made]:
        """Everything that was held back."""
        out = [entry for _, entry in sorted(self._waiting, key=lambda pair: pair[0])]
        self._waiting = []
        return out

    def _wait_of(self, made: Made) -> int:
        return max((left for left, entry in self._waiting if entry.body is made.body), default=0)
