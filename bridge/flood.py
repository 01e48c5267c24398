"""Pure: keeps a library that repeats itself from filling the log.

While no broker answers, Kafka's client library logs some twenty warnings a second. Of each kind of line the first
gets through; then there is silence; then one line with the count, each minute while it lasts and once when it is over.
"""

import copy
import logging
import re
import time
from collections.abc import Callable
from dataclasses import dataclass

OURS = ("bridge", "oddsbridge")
"""The process's own loggers are never held back: each of their lines was meant."""

_NUMBERS = re.compile(r"0x[0-9a-fA-F]+|\d+")


@dataclass(slots=True)
class _Run:
    """A line that repeats itself: times in seconds of the clock, and the lines held back since it was last told of."""

    told_at: float
    last_at: float
    last: logging.LogRecord
    held: int = 0


class Flood:
    """Decides which log records get through.

    Args:
        told_every_s: Seconds between the lines that count a flood.
        quiet_s: A flood is over after so many seconds without a further line of it.
        most: Kinds of lines kept in mind; past that the one told of longest ago is forgotten.
        clock: Seconds that only grow.
    """

    def __init__(
        self,
        *,
        told_every_s: float = 60.0,
        quiet_s: float = 30.0,
        most: int = 512,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._told_every_s = told_every_s
        self._quiet_s = quiet_s
        self._most = most
        self._clock = clock
        self._runs: dict[tuple[str, int, str], _Run] = {}

    def admit(self, record: logging.LogRecord) -> list[logging.LogRecord]:
        """What is to be logged now: counts of floods that are over, then `record` or its flood's count or nothing."""
        now = self._clock()
        through = self.over(now)
        if record.levelno < logging.WARNING or record.name.split(".", 1)[0] in OURS:
            return [*through, record]
        # Where a library puts its values into the text itself, the numbers in it are what changes.
        kind = (record.name, record.levelno, _NUMBERS.sub("#", str(record.msg)))
        run = self._runs.get(kind)
        if run is None:
            if len(self._runs) >= self._most:
                through += self._told(self._runs.pop(next(iter(self._runs))), now, over=False)
            self._runs[kind] = _Run(told_at=now, last_at=now, last=record)
            return [*through, record]
        run.held += 1
        run.last_at, run.last = now, record
        if now - run.told_at >= self._told_every_s:
            through += self._told(run, now, over=False)
        return through

    def over(self, now: float | None = None) -> list[logging.LogRecord]:
        """The counts of floods that have ended; with `now` left out, of all that are open: the process ends."""
        ended = [kind for kind, run in self._runs.items() if now is None or now - run.last_at >= self._quiet_s]
        return [count for kind in ended for count in self._told(self._runs.pop(kind), now, over=True)]

    def _told(self, run: _Run, now: float | None, *, over: bool) -> list[logging.LogRecord]:
        if not run.held:
            return []
        until = run.last_at if over or now is None else now
        record = copy.copy(run.last)
        # The traceback was told with the first line; here only how often, and for how long.
        record.exc_info = record.exc_text = record.stack_info = None
        record.__dict__["repeated"] = run.held
        record.__dict__["within_s"] = round(until - run.told_at, 1)
        if over:
            record.__dict__["over"] = True
        run.held, run.told_at = 0, until
        return [record]
