"""What a channel emitted, in order: the oracle of the tests, and the store that replay reads.

An entry costs 40 bytes here beside its body, so that a channel at full rate, whose bodies come from a pool, can be
logged without slowing it down.
"""

from array import array
from bisect import bisect_left
from collections.abc import Sequence
from typing import NamedTuple

from bridge.simulator.body import Body

_FORGOTTEN = Body("", b"", None, (), b"")
_NEAR = 5_000  # entries that may stand around an id's place when ids come out of order


class Ids(NamedTuple):
    """Ids that aren't the channel's own next ones: None is not there at all."""

    entry_id: str | None
    wire_id: str | None


class Log:
    """Parallel arrays; an ordinal is an index into all of them.

    Args:
        wire_shift: Milliseconds that the wire id is behind the entry id (not 0 in the copilot feed).
        retain: Bytes of bodies to keep.
        complete: Whether what an entry held is still told, as hashes, when its body is gone.
    """

    def __init__(self, *, wire_shift: int = 0, retain: int, complete: bool = True) -> None:
        self.ms = array("q")
        self.seq = array("q")
        self.at = array("d")
        """Epoch seconds of the emission."""
        self.bodies: list[Body] = []
        self.flags: dict[int, tuple[str, ...]] = {}
        self.ids: dict[int, Ids] = {}
        self.sent = bytearray()
        """1 at each ordinal that some connection was sent whole; may end before the log does."""
        self.oldest = 0
        """The first ordinal whose body is still there."""
        self.first = 0
        """The first ordinal of which anything but ids and times is known."""
        self._wire_shift = wire_shift
        self._retain = retain
        self._complete = complete
        self._held = 0

    def __len__(self) -> int:
        return len(self.bodies)

    def append(self, ms: int, seq: int, body: Body, at: float) -> int:
        """Log one entry; gives its ordinal. Bodies past the limit lose their bytes, the oldest first."""
        self.ms.append(ms)
        self.seq.append(seq)
        self.at.append(at)
        self.bodies.append(body)
        if not body.shared:
            self._held += body.size
            if self._held > self._retain:
                self._drop()
        return len(self.bodies) - 1

    def mark(self, n: int) -> None:
        """Some connection was sent this entry."""
        if n >= len(self.sent):
            self.sent.extend(bytes(len(self.bodies) - len(self.sent)))
        self.sent[n] = 1

    def unsent(self) -> list[int]:
        """Ordinals that no connection was sent."""
        return [n for n in range(len(self.bodies)) if n >= len(self.sent) or not self.sent[n]]

    def _drop(self) -> None:
        while self._held > self._retain and self.oldest < len(self.bodies) - 1:
            body = self.bodies[self.oldest]
            if not body.shared:
                self._held -= body.size
                self.bodies[self.oldest] = body.strip() if self._complete else _FORGOTTEN
            self.oldest += 1
        if not self._complete:
            self.first = self.oldest

    def entry_id(self, n: int) -> str | None:
        """The id in the body."""
        found = self.ids.get(n)
        return found.entry_id if found is not None else f"{self.ms[n]}-{self.seq[n]}"

    def wire_id(self, n: int) -> str | None:
        """The id of the `id:` line."""
        found = self.ids.get(n)
        return found.wire_id if found is not None else f"{self.ms[n] - self._wire_shift}-{self.seq[n]}"

    def write(self, n: int, out: list[bytes], retry: bytes) -> None:
        """Append the frame's pieces to `out`; only for bodies with both ids of their own."""
        ms, seq = self.ms[n], self.seq[n]
        entry_id = b"%d-%d" % (ms, seq)
        wire_id = b"%d-%d" % (ms - self._wire_shift, seq) if self._wire_shift else entry_id
        self.bodies[n].write(out, wire_id, retry, entry_id)

    def find(self, entry_id: str) -> int | None:
        """The first ordinal of an entry id, None if it was never emitted here."""
        ms, _, seq = entry_id.partition("-")
        if not (ms.isascii() and ms.isdigit() and seq.isascii() and seq.isdigit()) or len(ms) > 18 or len(seq) > 18:
            return None
        wanted = (int(ms), int(seq))
        place = self._place(wanted)
        for n in range(max(0, place - _NEAR), min(len(self), place + _NEAR)):
            if (self.ms[n], self.seq[n]) == wanted and self.entry_id(n) == entry_id:
                return n
        return None

    def after(self, ordinal: int, *, by: str) -> Sequence[int]:
        """Ordinals to replay after one entry: those with a higher id, or those emitted later."""
        if by == "arrival":
            return range(ordinal + 1, len(self))
        last = (self.ms[ordinal], self.seq[ordinal])
        start = max(0, self._place(last) - _NEAR)
        return array("q", (n for n in range(start, len(self)) if (self.ms[n], self.seq[n]) > last))

    def _place(self, wanted: tuple[int, int]) -> int:
        # Nearly sorted is enough: whoever asks looks around the place.
        return bisect_left(range(len(self)), wanted, key=lambda n: (self.ms[n], self.seq[n]))
