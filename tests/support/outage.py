"""An outage of all streams at the same time: what was lost in it, what was told of it, what was made up for it."""

import time
from dataclasses import dataclass, field
from typing import Any

from bridge.simulator.control import Logged
from tests.support.continuity_scene import Scene
from tests.support.replays import Replay
from tests.support.told import LOCKED_LOGS
from tests.support.waiting import until


@dataclass
class Account:
    """What became of one stream's gap.

    Attributes:
        lost: Entries that were emitted since the cut and stand in no topic.
        unsent: How many of them no connection was ever sent.
        locks: Odds for which a lock was made up.
        seconds: From the reconnect until the stream was reconciled; None where its replay was proven.
    """

    lost: list[Logged]
    unsent: int
    locks: set[str]
    seconds: float | None


@dataclass
class Outage:
    """Begin it when all is still; then cut. `mended` waits; `account` holds all of it against the simulator's word.

    Args:
        scene: What runs.
        replays: What each stream's channel replays after it.
    """

    scene: Scene
    replays: dict[str, Replay]
    _at: float = 0.0
    _events: dict[str, int] = field(default_factory=dict)
    _logged: dict[str, int] = field(default_factory=dict)
    _made_up: int = 0
    _open: dict[str, set[str]] = field(default_factory=dict)
    _decided: dict[str, float] = field(default_factory=dict)

    async def begin(self) -> None:
        """Remember how all stands."""
        scene, told = self.scene, await self.scene.read()
        self._at = time.time()
        self._made_up = len(told.made_up)
        self._decided = await self._replays_decided()
        for stream in scene.streams:
            name = stream["name"]
            self._events[name] = len(told.events[name])
            self._logged[name] = len(scene.logs.get(name, []))
            self._open[name] = {key for key, latest in told.log.items() if latest.stream == name and not latest.locked}

    def events(self, stream: str) -> int:
        """How many bridge-events of a stream there were when it began."""
        return self._events[stream]

    def process_ends(self) -> None:
        """The bridge's counts begin again."""
        self._decided = {}

    async def mended(self, *, within: float) -> None:
        """Wait until each stream has reconnected, and either its replay is proven or its gap is mended."""

        async def left() -> dict[str, str]:
            await self.scene.read()
            up, decided = await self._reconnected(), await self._replays_decided()
            return {name: why for name in self._events if (why := self._owed(name, up, decided))}

        await until(left, lambda owed: not owed, within=within, what="every gap proven or mended")

    def _owed(self, name: str, up: dict[str, float], decided: dict[str, float]) -> str:
        told = [event["event"] for event in self.scene.told.events[name][self._events[name] :]]
        if name not in up:
            return "not reconnected"
        if "gap" in told:
            return "" if "reconciled" in told[len(told) - told[::-1].index("gap") :] else "gap, not reconciled"
        proven = decided.get(name, 0) > self._decided.get(name, 0)
        return "" if proven else "replay neither proven nor given up"

    async def account(self, name: str) -> Account:
        """Hold what was told and made up against what the simulator emitted. The emission is paused, all is read."""
        scene, told = self.scene, self.scene.told
        log = scene.logs[name][self._logged[name] :]
        events = told.events[name][self._events[name] :]
        gaps = [event for event in events if event["event"] == "gap"]
        published = told.entry_ids[name]
        lost = [entry for entry in log if entry.odds and (entry.event, entry.entry_id) not in published]
        unsent = {n for n in await scene.control.unsent(await scene.channel(name)) if n >= self._logged[name]}
        unsent &= {entry.ordinal for entry in log if entry.odds}
        assert unsent <= {entry.ordinal for entry in lost}, f"{name}: published what it was never sent"
        if self.replays[name].is_complete:
            assert not gaps, f"{name}: a gap is told though the replay was complete: {gaps}"
        untold = [entry for entry in lost if not any(_spans(gap, entry) for gap in gaps)]
        assert not untold, (
            f"{name}: {len(untold)} of {len(lost)} lost entries lie in no gap that was told: {untold[:2]}"
        )
        locks = self._locks(name, log, lost)
        ups = await self._reconnected()
        ends = [event["at_ms"] for event in events if event["event"] == "reconciled"]
        mended_ms = next((at_ms for at_ms in ends if gaps and at_ms >= gaps[-1]["at_ms"]), None)
        return Account(lost, len(unsent), locks, None if mended_ms is None else mended_ms / 1000 - ups[name])

    def _locks(self, name: str, log: list[Logged], lost: list[Logged]) -> set[str]:
        """The locks that were made up: for all odds that vanished in the gap, and for none that was open throughout."""
        rows = self.scene.told.made_up[self._made_up :]
        made = {row.key for row in rows if row.headers["stream"] == name and row.headers["event"] in LOCKED_LOGS}
        gone = _vanished(log, lost, self._open[name])
        assert gone <= made, f"{name}: no lock for {sorted(gone - made)[:3]}"
        ever_locked = {key for entry in log if entry.event in LOCKED_LOGS for key, _ in entry.odds}
        assert made <= ever_locked, f"{name}: a lock for what was open throughout: {sorted(made - ever_locked)[:3]}"
        return made

    async def _reconnected(self) -> dict[str, float]:
        """When each stream was let in again, epoch seconds."""
        found: dict[str, float] = {}
        rows = [row for row in await self.scene.control.connects() if row["at"] >= self._at and row["status"] == 200]
        for name in self._events:
            channel = await self.scene.channel(name)
            times = [row["at"] for row in rows if row["channel"] == channel]
            if times:
                found[name] = min(times)
        return found

    async def _replays_decided(self) -> dict[str, float]:
        """How often each stream's replay was proven."""
        metrics = await self.scene.bridge.metrics()
        return {
            stream["name"]: metrics.get(f'oddsbridge_replay_total{{outcome="proven",stream="{stream["name"]}"}}', 0)
            for stream in self.scene.streams
        }


def _vanished(log: list[Logged], lost: list[Logged], was_open: set[str]) -> set[str]:
    """Odds that were open for whoever had what was published, were locked in what was lost, and stayed so."""
    ordinals = {entry.ordinal for entry in lost}
    is_open, gone = set(was_open), set[str]()
    for entry in log:
        locked = entry.event in LOCKED_LOGS
        keys = {key for key, _ in entry.odds} if locked or entry.event.endswith("odds") else set()
        if entry.ordinal in ordinals:
            gone = (gone | (keys & is_open)) if locked else gone - keys
        else:
            gone -= keys
            is_open = is_open - keys if locked else is_open | keys
    return gone


def _spans(gap: dict[str, Any], entry: Logged) -> bool:
    """Whether a gap, as it is told, has the entry in it."""
    assert entry.entry_id is not None
    last, first = gap["last_entry_id"], gap["first_entry_id"]
    return (last is None or _id(last) < _id(entry.entry_id)) and (first is None or _id(entry.entry_id) < _id(first))


def _id(text: str) -> tuple[int, int]:
    ms, seq = text.split("-")
    return int(ms), int(seq)
