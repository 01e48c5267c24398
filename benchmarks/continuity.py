"""What continuity costs: the rate with it beside the rate without it, a comparison with the snapshot, known odds."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence

from benchmarks import tables
from benchmarks.contestants import EXACTLY_ONCE, WHOLE, compared, start
from benchmarks.pool import Template
from benchmarks.scene import Scene, killed, until
from benchmarks.throughput import rounds, summary

COMPARED = 100_000
"""Odds to which the time of a comparison is scaled."""


def rates(scene: Scene, pool: Sequence[Template], times: int, seconds: float, tell: Callable[[str], None]) -> list[str]:
    """Lines that say how much of the rate is left, by wall clock and by CPU."""
    played = rounds(scene, (EXACTLY_ONCE, WHOLE), pool, times=times, seconds=seconds, tell=tell)
    found = {name: summary(results) for name, results in played.items()}
    wall, cpu = tables.ratios(found, WHOLE.name, EXACTLY_ONCE.name)
    return [
        f"with continuity and odds-state it keeps, of the rate without them, {tables.spread(of, '{:.0%}')} by {name}"
        for name, of in (("wall clock", wall), ("CPU", cpu))
    ]


def comparison(scene: Scene) -> str:
    """A line that says how long the daemon takes to compare its board with upstream's snapshot, asked for over HTTP."""
    prefix = scene.name("compare")
    scene.topics.make(prefix)
    with killed(start(scene, WHOLE, prefix)) as child:
        odds = scene.upstream.open_odds()
        began, cpu_s = time.monotonic(), child.cpu_s()
        child.signal(signal.SIGUSR1)
        until(lambda: compared(child, "demand") >= 1, within=120, what="the comparison", every=0.05)
        seconds, cpu_s = time.monotonic() - began, child.cpu_s() - cpu_s
    scene.topics.remove(prefix)
    scale = COMPARED / odds
    return (
        f"{odds:,} odds compared with upstream's snapshot in {seconds:.1f} s ({cpu_s:.1f} s of CPU): "
        f"{COMPARED:,} in {seconds * scale:.1f} s ({cpu_s * scale:.1f} s)"
    )


def measure(pool: Sequence[Template], times: int, seconds: float, tell: Callable[[str], None]) -> None:
    """All three; what a million known odds take is printed by a process of its own."""
    with Scene() as scene:
        for line in [*rates(scene, pool, times, seconds, tell), comparison(scene)]:
            tell(line)
    subprocess.run([sys.executable, "-m", "benchmarks.known_odds"], check=True)
