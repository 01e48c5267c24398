"""Random gaps under load: each is told if it was one, and mended; the simulator's own account is what counts."""

import asyncio
import os
import random
import secrets
import signal
import statistics
import sys
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from bridge.demo.kafka import EmbeddedKafka
from bridge.simulator.options import SimulatorOptions
from tests.support.continuity_scene import Scene, odds, other, scene, together
from tests.support.outage import Account, Outage
from tests.support.replays import Replay, Replays

GAPS = int(os.environ.get("GAPS") or 100)
WITHIN_S = 10.0
"""From the reconnect until the topics are upstream's board again."""
SLACK_S = 5.0
"""What a machine with too much to do may take longer."""

STREAMS = [
    odds("nba", "basketball", "DraftKings", "FanDuel"),
    odds("novig", "basketball", "Novig"),
    odds("nfl", "football", "Pinnacle", "Novig"),
    odds("mlb", "baseball", "BetMGM"),
    odds("soccer", "soccer", "Bet365", "Betano"),
    odds("exchange", "soccer", "Betfair Exchange"),
    odds("tennis", "tennis", "Pinnacle"),
    odds("politics", "politics", "Kalshi", "Polymarket"),
    other("nba-pilot", "copilot", "basketball"),
    other("nfl-pilot", "copilot", "football"),
    other("mlb-pilot", "copilot", "baseball"),
    other("tennis-pilot", "copilot", "tennis"),
]
WAYS = ("connections", "stopped", "restarted", "killed")
"""Upstream cuts each connection by itself; all of them while the bridge stands still; the bridge ends; it is killed."""

CUTS: tuple[dict[str, Any], ...] = (
    {"kind": "tear"},
    {"kind": "tear", "inside": True},
    {"kind": "tear", "how": "reset"},
    {"kind": "eof"},
)


@dataclass
class Tally:
    """What happened."""

    kinds: Counter[str] = field(default_factory=Counter)
    real: int = 0
    """Gaps in which entries were emitted that nobody was ever sent."""
    lost: int = 0
    locks: int = 0
    seconds: list[float] = field(default_factory=list)

    def add(self, way: str, replay: Replay, account: Account) -> None:
        self.kinds[way] += 1
        self.kinds[replay.kind] += 1
        self.real += account.unsent > 0
        self.lost += len(account.lost)
        self.locks += len(account.locks)
        self.seconds += [] if account.seconds is None else [account.seconds]

    @property
    def gaps(self) -> int:
        return sum(self.kinds[way] for way in WAYS)

    def __str__(self) -> str:
        return (
            f"{self.gaps} gaps {dict(self.kinds)}, {self.real} of them with entries that nobody was sent; "
            f"{self.lost} entries lost, {self.locks} locks made up; mended in {min(self.seconds):.1f} to "
            f"{max(self.seconds):.1f} s, half of them within {statistics.median(self.seconds):.1f} s"
        )


def plan(rng: random.Random, rounds: int) -> list[str]:
    """Ways in a random order, but the bridge's process ends often enough that its back-off stays short."""
    while True:
        ways = [*WAYS] * (rounds // len(WAYS)) + ["connections"] * (rounds % len(WAYS))
        rng.shuffle(ways)
        if "xxx" not in "".join("." if way in {"restarted", "killed"} else "x" for way in ways):
            return ways


def some_replay(rng: random.Random) -> Replay:
    """What upstream replays after a gap: often nothing."""
    return rng.choices(
        [
            Replay("none"),
            Replay("bogus"),
            Replay("full"),
            Replay("window", 60.0),
            Replay("window", rng.uniform(0.2, 1.5)),
        ],
        weights=[30, 20, 25, 10, 15],
    )[0]


async def cut(running: Scene, outage: Outage, way: str, rng: random.Random) -> None:
    """End all connections in one of the ways. What is slept through here is a random time, not a wait for something."""
    bridge = running.bridge
    await asyncio.sleep(rng.uniform(0, 1))
    if way == "connections":
        await together(*(cut_one(running, stream["name"], rng) for stream in STREAMS))
    elif way == "stopped":
        bridge.signal(signal.SIGSTOP)
        await asyncio.sleep(rng.uniform(0, 0.5))
        await running.control.fault("drop", how=rng.choice(["close", "reset", "eof"]))
        await asyncio.sleep(rng.uniform(0.3, 1.5))
        bridge.signal(signal.SIGCONT)
    else:
        outage.process_ends()
        if way == "killed":
            await bridge.kill()
        else:
            assert await bridge.stop() == 0
        await asyncio.sleep(rng.uniform(0, 1))
        await bridge.start(ready=False, within=60)


async def cut_one(running: Scene, stream: str, rng: random.Random) -> None:
    await asyncio.sleep(rng.uniform(0, 1))
    await running.fault(stream, **rng.choice(CUTS))


@pytest.mark.timeout(600)
async def test_every_gap_is_told_and_mended(
    kafka: EmbeddedKafka, unique: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    seed = int(os.environ.get("GAP_SEED") or secrets.randbelow(10**6))
    rng, tally = random.Random(seed), Tally()
    options = SimulatorOptions(rate=30.0, seed=seed, life=60)
    with capsys.disabled():
        sys.stdout.write(f"\ngaps, GAP_SEED={seed}: {GAPS} gaps begin\n")
    async with scene(kafka, unique, tmp_path, STREAMS, options=options) as running:
        replays = Replays(running.simulator)
        await running.still()
        for way in plan(rng, -(-GAPS // len(STREAMS))):
            chosen = {stream["name"]: some_replay(rng) for stream in STREAMS}
            replays.by_channel = {await running.channel(name): replay for name, replay in chosen.items()}
            outage = Outage(running, chosen)
            await outage.begin()
            await running.control.resume()
            await cut(running, outage, way, rng)
            await outage.mended(within=WITHIN_S + 60)
            await running.still()
            running.assert_nothing_doubled()
            for name, replay in chosen.items():
                tally.add(way, replay, await outage.account(name))
        events = [event for told in running.told.events.values() for event in told]
    with capsys.disabled():
        sys.stdout.write(f"gaps, GAP_SEED={seed}: {tally}\n")
    assert tally.gaps >= GAPS
    assert tally.real >= GAPS // 4, "most of it was no gap: nothing is shown"
    assert tally.locks > 0, "nothing vanished in a gap: nothing is shown"
    assert max(tally.seconds) <= WITHIN_S + SLACK_S
    assert not [event for event in events if event["event"] == "drift"]
