"""A channel: one feed, sport and set of filters; it emits on its own clock, whoever is connected."""

import asyncio
import random
import time
from collections.abc import Iterable
from typing import Protocol

from bridge.simulator.body import Body, Injected
from bridge.simulator.disorder import Disorder, Made
from bridge.simulator.faults import INJECTIONS, Fault, Faults
from bridge.simulator.injections import Injections
from bridge.simulator.log import Ids, Log
from bridge.simulator.options import Rate, SimulatorOptions
from bridge.simulator.scope import Scope

_BEHIND_S = 0.25  # how much a channel catches up after the process was held up
_AT_ONCE = 64  # entries between two looks at the event loop
_WIRE_SHIFT_MS = 51_966_000_000  # copilot: the vendor's example has ids that lie this far from the entry ids


class Reader(Protocol):
    """A connection, as a channel sees it."""

    def wake(self) -> None:
        """Something is new."""


class Source(Protocol):
    """Where a channel's entries come from."""

    def step(self, mover: "Channel") -> None:
        """Move the board inside the channel's view and emit what that shows."""

    def pool(self, scope: Scope, odds: int) -> list[Body]:
        """Bodies rendered beforehand, of at least so many odds."""


class Channel:
    """One channel.

    Args:
        scope: Its filters.
        source: The board that it moves and shows.
        options: The simulator's, read each time, so that changes take effect.
        faults: Those in effect.
    """

    def __init__(self, scope: Scope, source: Source, options: SimulatorOptions, faults: Faults) -> None:
        self.id = scope.channel_id()
        self.scope = scope
        self.log = Log(
            wire_shift=_WIRE_SHIFT_MS if scope.feed == "copilot" else 0,
            retain=options.retain_bytes,
            complete=options.complete,
        )
        self.readers: set[Reader] = set()
        self.connects = 0
        self.paused = False
        self.rate: Rate = start_rate(scope.feed, options)
        self.limit = options.limit
        self.made = 0
        """Entries made, without duplicates and injected events."""
        self.emitted = 0
        """Odds or results in them."""
        self._source = source
        self._options = options
        self._faults = faults
        self._changed = asyncio.Event()
        self._seed = f"{options.seed}:{self.id}"
        self._rng = random.Random(self._seed)  # noqa: S311  (repeatable faults)
        self._disorder = Disorder(self._rng)
        self._injections = Injections(
            lambda: self._last, "fixture-results" if scope.feed == "results" else _main_event(scope)
        )
        self._spoilers: list[Fault] = []
        self._last: Body | None = None
        self._ms = self._seq = 0
        self._pool: list[Body] = []
        self._pool_at = 0
        self._debt = 0
        self.refresh()

    # --- state ----------------------------------------------------------------------------------------------------

    @property
    def flat_out(self) -> bool:
        """Whether readers pull entries as fast as they take them."""
        return self.rate == "max"

    @property
    def pooled(self) -> bool:
        """Whether entries come from bodies that were rendered beforehand."""
        return isinstance(self.rate, str) or self.rate > self._options.pool_above

    @property
    def pool_size(self) -> int:
        """Bodies in the pool."""
        return len(self._pool)

    @property
    def ended(self) -> bool:
        """Whether everything that `limit` allows was emitted."""
        return self.limit is not None and self.made >= self.limit

    @property
    def follows(self) -> bool:
        """Whether it shows what other channels move on the board."""
        return not (self.paused or self.ended or self.pooled or self.rate == 0)

    def refresh(self) -> None:
        """Faults, the rate, the pause or the readers changed."""
        place = {"channel": self.id, "feed": self.scope.feed, "sport": self.scope.sport}
        self._spoilers = [f for f in self._faults.find(*INJECTIONS, **place) if f.p is not None]
        mixed = {f.kind: f for f in self._faults.find("duplicates", "reorder", **place)}
        for kind in ("duplicates", "reorder"):
            fault = mixed.get(kind)
            setattr(self._disorder, kind, 0.0 if fault is None else 1.0 if fault.p is None else fault.p)
            if fault is not None:
                setattr(self._disorder, f"{kind}_distance", fault.distance)
        if "reorder" not in mixed or self.paused or self.rate == 0:
            self._append(self._disorder.flush())
        self._changed.set()
        self._wake()

    # --- emission -------------------------------------------------------------------------------------------------

    def now(self) -> float:
        """Epoch seconds, real or made up."""
        epoch = self._options.epoch_ms
        return time.time() if epoch is None else (epoch + 7 * self.made) / 1000

    def emit(self, body: Body) -> None:
        """Give an entry its id and let it go, with whatever the faults add."""
        self.made += 1
        self.emitted += max(1, len(body.keys))
        self._debt += max(1, len(body.keys))
        self._last = body
        ms, seq = self._next_id()
        if self._disorder.idle:
            self.log.append(ms, seq, body, self.now())
        else:
            self._append(self._disorder.put(Made(ms, seq, body)))
        for fault in self._spoilers:
            if fault.p is not None and self._rng.random() < fault.p:
                self.inject(self._injections.make(fault), (fault.kind,))
                self._faults.use(fault)
                if fault.times == 0:
                    self.refresh()
        if self.ended:
            self._append(self._disorder.flush())
        self._wake()

    def inject_fault(self, fault: Fault) -> None:
        """Emit one event of an injection's kind now."""
        self.inject(self._injections.make(fault), (fault.kind,))

    def inject(self, body: Body, flags: tuple[str, ...], ids: Ids | None = None) -> int:
        """Emit an event that doesn't come from the board; gives its ordinal."""
        ms, seq = self._next_id()
        if ids is None and isinstance(body, Injected) and not body.has_id:
            ids = Ids(None, None)
        self._append([Made(ms, seq, body, flags, ids)])
        self._wake()
        return len(self.log) - 1

    def next_entry_id(self) -> str:
        """A fresh id, for an event that a test makes."""
        return "{}-{}".format(*self._next_id())

    def pull(self) -> bool:
        """At "max", make some more entries; False if there are none to come."""
        if not self.flat_out or self.paused or self.ended:
            return False
        pool = self._pool or self._fill_pool()
        if not pool:
            return False
        if not (self._disorder.idle and not self._spoilers and self._options.epoch_ms is None):
            for _ in range(_AT_ONCE):
                if not self.ended:
                    self._emit_pooled()
            return True
        # The fast way: no fault can touch these, and nobody else is to be told.
        count = _AT_ONCE if self.limit is None else min(_AT_ONCE, self.limit - self.made)
        now = time.time()
        ms, at, log, size = int(now * 1000), self._pool_at, self.log, len(pool)
        for _ in range(count):
            if ms > self._ms:
                self._ms, self._seq = ms, 0
            else:
                self._seq += 1
            body = pool[at]
            at = at + 1 if at + 1 < size else 0
            log.append(self._ms, self._seq, body, now)
            self.emitted += len(body.keys)
        self._last = pool[at]
        self.made += count
        self._pool_at = at
        return True

    async def run(self) -> None:
        """Emit for ever, at the rate."""
        loop = asyncio.get_running_loop()
        due = loop.time()
        while True:
            rate = self._pace()
            if rate <= 0:
                self._changed.clear()
                await self._changed.wait()
                due = loop.time()
                continue
            # What other channels moved for us meanwhile counts against our rate too.
            due += self._paid() / rate
            wait = due - loop.time()
            if wait > 0:
                self._changed.clear()
                try:
                    async with asyncio.timeout(wait):
                        await self._changed.wait()
                except TimeoutError:
                    pass
                continue
            for _ in range(_AT_ONCE):
                self._tick()
                due += max(1, self._paid()) / rate
                if due > loop.time() or self.ended:
                    break
            due = max(due, loop.time() - _BEHIND_S)
            await asyncio.sleep(0)

    def _paid(self) -> int:
        debt, self._debt = self._debt, 0
        return debt

    def _pace(self) -> float:
        if self.paused or self.ended:
            return 0
        if isinstance(self.rate, str):
            return 0 if self.readers else self._options.idle_rate
        return self.rate

    def _tick(self) -> None:
        if self.pooled:
            if self._pool or self._fill_pool():
                self._emit_pooled()
            return
        for _ in range(20):  # a narrow filter may show nothing of a step
            self._source.step(self)
            if self._debt or self.ended:
                return

    def _emit_pooled(self) -> None:
        body = self._pool[self._pool_at]
        self._pool_at = (self._pool_at + 1) % len(self._pool)
        self.emit(body)

    def _fill_pool(self) -> list[Body]:
        self._pool = self._source.pool(self.scope, self._options.pool_odds)
        return self._pool

    def _next_id(self) -> tuple[int, int]:
        ms = int(self.now() * 1000)
        if ms > self._ms:
            self._ms, self._seq = ms, 0
        else:
            self._seq += 1
        return self._ms, self._seq

    def _append(self, entries: Iterable[Made]) -> None:
        for made in entries:
            n = self.log.append(made.ms, made.seq, made.body, self.now())
            if made.flags:
                self.log.flags[n] = made.flags
            if made.ids is not None:
                self.log.ids[n] = made.ids

    def _wake(self) -> None:
        for reader in self.readers:
            reader.wake()


def _main_event(scope: Scope) -> str:
    return "copilot-odds" if scope.feed == "copilot" else "odds"


def start_rate(feed: str, options: SimulatorOptions) -> Rate:
    """The rate that a channel of a feed starts with."""
    if feed != "results" or isinstance(options.rate, str):
        return options.rate
    return options.rate / 20 if options.results_rate is None else options.results_rate
