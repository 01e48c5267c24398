"""Kills: how long until a restart has the next odd in Kafka, and how long readers wait where nobody restarts it."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from statistics import median
from typing import Any

from benchmarks.contestants import EXACTLY_ONCE, GUIDE, command, launch, start
from benchmarks.latency import Listener
from benchmarks.once import stamp_us
from benchmarks.scene import Failed, Scene, killed, until

RATE = 2_000.0  # odds a second
BUSY_RATE = 10_000.0  # so many that nearly always a transaction is open
STEADY_S = 3.0
LONGEST_S = 60.0
STALL_S = 26.0  # more than a transaction's time-out, the broker's look for such, and the commit of the abort


def restarted(scene: Scene) -> float:
    """Seconds from SIGKILL until a reader has an odd that was written upstream after it; restarted at once."""
    prefix = scene.name("restart")
    scene.topics.make(prefix)
    line = command(scene, EXACTLY_ONCE, prefix)
    child = launch(scene, EXACTLY_ONCE, prefix, line)
    try:
        with _paced(scene, RATE), Listener(scene.servers, scene.topics.ends(prefix)) as listener:
            _steady(listener)
            killed_at = time.time()
            child.kill()
            child = scene.start(f"{prefix}again", line, measured=True)
            took = _next(listener, killed_at)
    finally:
        child.kill()
    scene.topics.remove(prefix)
    return took


def stalled(scene: Scene) -> float:
    """Seconds that a reader waits at most for an odd that a healthy producer wrote; the killed bridge stays dead.

    It waits in the partitions that the dead bridge's open transaction has touched, for its time-out and the broker's
    look for such, every 10 s by default; where none was open, it doesn't wait.
    """
    prefix = scene.name("stall")
    scene.topics.make(prefix)
    child = start(scene, EXACTLY_ONCE, prefix)
    try:
        with (
            killed(start(scene, GUIDE, prefix)),
            _paced(scene, BUSY_RATE),
            Listener(scene.servers, scene.topics.ends(prefix)) as listener,
        ):
            _steady(listener)
            killed_at = time.time()
            child.kill()
            time.sleep(STALL_S)
            took = max((came - written for written, came in _since(listener, killed_at)), default=STALL_S)
    finally:
        if child.runs:
            child.kill()
    scene.topics.remove(prefix)
    return took


def _steady(listener: Listener) -> None:
    until(lambda: bool(listener.heard), within=30, what="the first record")
    time.sleep(STEADY_S)


def _next(listener: Listener, killed_at: float) -> float:
    """Seconds until an odd came that was written after the kill."""
    end = killed_at + LONGEST_S
    while time.time() < end:
        for _, came in _since(listener, killed_at):
            return came - killed_at
        time.sleep(0.02)
    raise Failed(f"no record within {LONGEST_S:g} s of the kill")


def _since(listener: Listener, killed_at: float) -> Iterator[tuple[float, float]]:
    """When each odd that was written after the kill was written, and when it came; in seconds of the epoch."""
    for _, stamp, came in list(listener.heard):
        written = stamp_us(stamp) / 1e6
        if written > killed_at:
            yield written, came


@contextmanager
def _paced(scene: Scene, rate: float) -> Iterator[None]:
    """The upstream at a pace, for as long as this lasts."""
    thread = threading.Thread(target=scene.upstream.pace, args=(LONGEST_S + 60, rate), daemon=True)
    thread.start()
    try:
        yield
    finally:
        scene.upstream.hush()
        thread.join()


def repeated(measure: Callable[[Scene], float], scene: Scene, times: int) -> dict[str, Any]:
    """The same again and again."""
    took = [measure(scene) for _ in range(times)]
    return {"s": took, "median_s": median(took)}
