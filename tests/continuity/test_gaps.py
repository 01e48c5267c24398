"""Random gaps under load: each is told if it was one, and mended; the simulator's own account is what counts."""

import asyncio
import os
import random
import secrets
import signal
import sys
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from bridge.demo.kafka import EmbeddedKafka
from bridge.simulator.options import SimulatorOptions
from tests.continuity.outage import Account, Outage
from tests.continuity.replays import Replay, Replays
from tests.continuity.scene import Scene, odds, other, scene, together

GAPS = int(os.environ.get("GAPS") or 100)
WITHIN_S = 10.0
"""From the reconnect until the topics are upstream's board again."""
SLACK_S = 10.0
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

# Upstream lets go of each connection for itself; of all of them while the bridge is stopped; the bridge ends; it is killed.
WAYS = ("connections", "stopped", "restarted", "killed")
CUTS = (
    {"kind": "tear"},
    {"kind": "tear", "inside": True},
    {"kind": "tear", "how": "reset"},
    {"kind": "eof"},
)
REPLAYS = (
    (30, lambda rng: Replay("none")),
    (20, lambda rng: Replay("bogus")),
    (25, lambda rng: Replay("full")),
    (10, lambda rng: Replay("window", 60.0)),
    (15, lambda rng: Replay("window", rng.uniform(0.2, 1.5))),
)


@dataclass
class Tally:
    """What happened."""

    kinds: Counter[str] = field(default_factory=Counter)
    real: int = 0
    lost: int = 0
    locks: int = 0
    seconds: list[float] = field(default_factory=list)

    def add(self, way: str, replay: Replay, account: Account) -> None:
        self.kinds[way] += 1
        self.kinds[replay.kind] += 1
        self.real += account.unsent > 0
        self.lost += len(account.lost)
        self.locks += len(account.locks)
        if account.seconds is not None:
            self.seconds.append(account.seconds)


def plan(rng: random.Random, rounds: int) -> list[str]:
    """Ways in a random order, but the bridge's process ends often enough that its back-off stays short."""
    while True:
        ways = [*WAYS] * (rounds // len(WAYS)) + ["connections"] * (rounds % len(WAYS))
        rng.shuffle(ways)
        runs = "".join("." if way in {"restarted", "killed"} else "x" for way in ways)
        if "xxx" not in runs:
            return ways


async def cut(running: Scene, outage: Outage, way: str, rng: random.Random) -> None:
    bridge = running.bridge
    if way == "connections":
        await together(*(cut_one(running, stream["name"], rng) for stream in STREAMS))
    elif way == "stopped":
        bridge.signal(signal.SIGSTOP)
        await asyncio.sleep(rng.uniform(0, 0.5))
        await running.control.fault("drop", how=rng.choice(["close", "reset", "eof"]))
        await asyncio.sleep(rng.uniform(0.3, 1.5))
        bridge.signal(signal.SIGCONT)
    else:
        outage.process_ended()
        if way == "killed":
            await bridge.kill()
        else:
            assert await bridge.stop() == 0
        await asyncio.sleep(rng.uniform(0, 1))
        await bridge.start(ready=False, within=60)


async def cut_one(running: Scene, stream: str, rng: random.Random) -> None:
    await asyncio.sleep(rng.uniform(0, 1))
    await running.fault(stream, **rng.choice(CUTS))  # type: ignore[arg-type]


@pytest.mark.timeout(600)
async def test_every_gap_is_told_and_mended(
    kafka: EmbeddedKafka, unique: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    seed = int(os.environ.get("GAP_SEED") or secrets.randbelow(10**6))
    rng, tally = random.Random(seed), Tally()
    print("GAP_SEED", seed)
    options = SimulatorOptions(rate=30.0, seed=seed, life=60)
    async with scene(kafka, unique, tmp_path, STREAMS, options=options) as running:
        replays = Replays(running.simulator)
        await running.equal()
        await running.follow_logs()
        for n, way in enumerate(plan(rng, -(-GAPS // len(STREAMS)))):
            chosen = {stream["name"]: pick(rng) for stream in STREAMS}
            replays.by_channel = {await running.channel(name): replay for name, replay in chosen.items()}
            outage = Outage(running, chosen)
            await outage.begin()
            await running.control.resume()
            await asyncio.sleep(rng.uniform(0, 1))
            await cut(running, outage, way, rng)
            await outage.healed(within=WITHIN_S + 60)
            await running.pause()
            await running.until_equal()
            await running.follow_logs()
            assert_nothing_doubled(running)
            for stream in STREAMS:
                tally.add(way, chosen[stream["name"]], await outage.account(stream["name"]))
            with capsys.disabled():
                sys.stdout.write(f"\nround {n} {way}: {tally.kinds} {tally.real} {tally.lost} {tally.locks} {[round(x,1) for x in tally.seconds]}")
        told = running.told
    assert_nothing_doubled(running)
    with capsys.disabled():
        sys.stdout.write(f"\nGAP_SEED={seed}\n")
    assert sum(tally.kinds[way] for way in WAYS) >= GAPS
    assert tally.real >= GAPS // 3, "most of it was no gap: nothing is shown"
    assert tally.locks > 0, "nothing vanished in a gap: nothing is shown"
    assert max(tally.seconds) <= WITHIN_S + SLACK_S
    assert not [event for events in told.events.values() for event in events if event["event"] == "drift"]


def pick(rng: random.Random) -> Replay:
    weights, makers = zip(*REPLAYS, strict=True)
    return rng.choices(makers, weights=weights)[0](rng)


def assert_nothing_doubled(running: Scene) -> None:
    """What came on the streams stands in the topics once at most, as upstream sent it, and nothing else does."""
    for name, log in running.logs.items():
        emitted = Counter((e.event, e.entry_id or "", key, digest) for e in log for key, digest in e.odds)
        more = running.told.facts[name] - emitted
        if more:
            ids = sorted({f[1] for f in more}, key=lambda i: tuple(map(int, i.split("-"))))
            print("DOUBLED", name, len(ids), ids[:3], ids[-3:], "of", [e.entry_id for e in log[-150:]][::10])
            print([(f[1], running.told.DEBUG[name, f[0], f[1], f[2]]) for f in list(more)[:4]])
            print(running.told.events[name][-14:])
            print(running.bridge.text[-6000:])
        said = [(fact, running.told.facts[name][fact], emitted[fact]) for fact in list(more)[:3]]
        assert not more, f"{name}: {more.total()} doubled or unexpected, e.g. (what, found, emitted) {said}"
