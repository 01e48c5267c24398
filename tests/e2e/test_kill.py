"""Exactly once: the daemon is killed again and again at random moments, while transactions are open."""

import asyncio
import os
import random
import secrets
import sys
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from time import time

import pytest

from bridge.demo.kafka import EmbeddedKafka
from bridge.simulator.control import Logged, SimulatorControl
from bridge.simulator.options import SimulatorOptions
from bridge.simulator.server import Simulator
from tests.support.bridge import Bridge, toml
from tests.support.offsets import held_back
from tests.support.oracle import assert_same, emitted, published
from tests.support.reader import Seen, read
from tests.support.waiting import until

KILLS = int(os.environ.get("KILLS") or 20)
ABORTED = KILLS // 4
"""Kills that must have left an aborted transaction, or nothing was shown. More are killed if it looks like too few."""

# One stream in each shard, two shards with two; each with a feed and sport of its own.
STREAMS: dict[tuple[str, str], dict[str, object]] = {
    ("odds", "soccer"): {"name": "epl", "feed": "odds", "sport": "soccer", "sportsbook": ["DraftKings", "Pinnacle"]},
    ("odds", "basketball"): {"name": "nba", "feed": "odds", "sport": "basketball", "sportsbook": ["FanDuel"]},
    ("odds", "baseball"): {"name": "mlb", "feed": "odds", "sport": "baseball", "sportsbook": ["DraftKings"]},
    ("results", "soccer"): {"name": "goals", "feed": "results", "sport": "soccer"},
    ("results", "baseball"): {"name": "results", "feed": "results", "sport": "baseball"},
    ("copilot", "basketball"): {"name": "pilot", "feed": "copilot", "sport": "basketball"},
}


@dataclass
class Killer:
    """Kills at random moments, and keeps the times between which each process lived."""

    bridge: Bridge
    rng: random.Random
    lives: list[tuple[float, float]] = field(default_factory=list)
    moments: list[str] = field(default_factory=lambda: ["running"])
    open: int = 0
    """Kills that left data of an open transaction behind, as the broker tells it at once."""
    troubled: set[int] = field(default_factory=set)
    """Lives in which a transaction failed by itself, as on a machine with too much to do: theirs don't count."""

    async def life(self) -> None:
        """Start the daemon and kill it: while it catches up, some time after its first commit, or at any moment."""
        born, told = time(), len(self.bridge.text)
        starting = asyncio.create_task(self._started())
        when = self.rng.choices(["catching up", "running", "any"], weights=[3, 14, 3])[0]
        self.moments.append(when)
        # What follows an event here is a random moment, not a wait for something.
        if when == "any":
            await asyncio.wait([starting], timeout=self.rng.uniform(0.3, 2.0))
            assert self.bridge.process is not None
        else:
            await starting
            metric = "oddsbridge_entries_total" if when == "catching up" else "oddsbridge_records_total"
            await until(partial(self.bridge.sum, metric), lambda n: n > 0, within=60, what=f"{metric} after a start")
            await asyncio.sleep(self.rng.uniform(0, 0.1) if when == "catching up" else self.rng.uniform(0.1, 1))
        await self.bridge.kill()
        with suppress(AssertionError):  # it ended before it was up, as was wanted
            await starting
        if "transaction failed" in self.bridge.text[told:]:
            self.troubled.add(len(self.lives))
        self.lives.append((born, time()))

    async def _started(self) -> None:
        await self.bridge.start(ready=False, within=60)


def by_life(records: list[Seen], lives: list[tuple[float, float]]) -> Counter[int]:
    """How many records each process received, by their timestamps."""
    found: Counter[int] = Counter()
    for record in records:
        found[next((n for n, (_, died) in enumerate(lives) if record.timestamp_ms <= died * 1000), len(lives))] += 1
    return found


def assert_order(records: list[Seen], logs: dict[str, list[Logged]]) -> None:
    """Each odd's records stand in the order in which upstream emitted them on its stream, late ones too."""
    emission = {
        (stream, entry.event, entry.entry_id): n
        for stream, log in logs.items()
        for n, entry in reversed([*enumerate(log)])
    }
    last: dict[tuple[str, str, str], int] = {}
    for record in sorted(records, key=lambda r: (r.topic, r.partition, r.offset)):
        stream, event = record.headers["stream"], record.headers["event"]
        n = emission[stream, event, record.headers["entry_id"]]
        spot = (stream, event, record.key)
        assert n >= last.get(spot, 0), f"{spot}: the {n}th entry comes after the {last[spot]}th"
        last[spot] = n


async def finish(bridge: Bridge, control: SimulatorControl) -> dict[str, list[Logged]]:
    """End the emission with an entry on each channel that comes last; returns each stream's log when it is received."""
    await control.pause()
    await control.emit("odds", '{"data":[],"entry_id":"@entry_id@"}')
    rows = await control.channels()
    logs = {str(STREAMS[row["feed"], row["sport"]]["name"]): await control.log(row["id"]) for row in rows}
    assert len(logs) == len(rows) == len(STREAMS)
    wanted = {name: log[-1].entry_id for name, log in logs.items()}

    async def received() -> dict[str, str]:
        return {name: row["last_entry_id"] for name, row in (await bridge.ready()).get("streams", {}).items()}

    await until(received, lambda last: last == wanted, within=60, what="the last entry of each stream")
    return logs


def _say(capsys: pytest.CaptureFixture[str], begin: str, text: str) -> None:
    with capsys.disabled():
        sys.stdout.write(f"\n{begin}{text}\n")


@pytest.mark.timeout(420)
async def test_kills_at_random_moments_lose_nothing_and_double_nothing(
    kafka: EmbeddedKafka, unique: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    seed = int(os.environ.get("KILL_SEED") or secrets.randbelow(10**6))
    say = partial(_say, capsys, f"kill -9, KILL_SEED={seed}: ")
    say(f"{KILLS} kills begin")
    rng = random.Random(seed)
    options = SimulatorOptions(rate=400.0, results_rate=250.0, replay="full", seed=seed)
    async with Simulator(options) as simulator, SimulatorControl(simulator.base_url) as control:
        config = toml(simulator.base_url, kafka.bootstrap_servers, unique, list(STREAMS.values()))
        async with Bridge(tmp_path, config) as bridge:
            killer = Killer(bridge, rng)
            born = time()
            await bridge.start(ready=False, within=60)
            await until(
                lambda: read(kafka.bootstrap_servers, f"{unique}.", topics=["checkpoints"]),
                lambda found: {record.key for record in found} >= {str(stream["name"]) for stream in STREAMS.values()},
                within=60,
                what="a checkpoint of each stream: a stream without one can't be resumed",
            )
            await bridge.kill()
            killer.lives.append((born, time()))
            for kind in ("reorder", "duplicates"):
                await control.fault(kind, sport="soccer", p=0.25, distance=8)
            while len(killer.lives) < KILLS or (killer.open < 2 * ABORTED and len(killer.lives) < 2 * KILLS):
                await control.settings(replay_by=rng.choice(["id", "arrival"]))
                await killer.life()
                held = await held_back(kafka.bootstrap_servers, f"{unique}.")
                killer.open += any(not spot.startswith(f"{unique}.checkpoints") for spot in held)
            await bridge.start(ready=False)
            logs = await finish(bridge, control)
            assert await bridge.stop() == 0
    prefix = f"{unique}."
    records = await read(kafka.bootstrap_servers, prefix)
    committed = {(record.topic, record.partition, record.offset) for record in records}
    everything = await read(kafka.bootstrap_servers, prefix, committed=False)
    hidden = [r for r in everything if (r.topic, r.partition, r.offset) not in committed]
    aborted = by_life(hidden, killer.lives)
    hit = dict(Counter(moment for n, moment in enumerate(killer.moments) if n in aborted))
    say(
        f"{len(killer.lives)} kills ({dict(Counter(killer.moments))}), {len(records)} records, "
        f"{len(hidden)} aborted ones of {len(aborted)} kills ({hit}): {dict(sorted(aborted.items()))}"
    )
    assert_same(emitted(logs, without=frozenset({"duplicate"})), published(records))
    assert_order(records, logs)
    assert any("duplicate" in entry.flags for log in logs.values() for entry in log)
    assert any("late" in entry.flags for log in logs.values() for entry in log)
    hits = aborted.keys() - killer.troubled - {len(killer.lives)}  # the last process wasn't killed
    assert len(hits) >= ABORTED, f"only {len(hits)} kills hit an open transaction: nothing is shown"
