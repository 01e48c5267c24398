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
STEADY_S = 3.0
LONGEST_S = 60.0


def restarted(scene: Scene) -> float:
    """Seconds from SIGKILL until a reader has an odd that was written upstream after it; restarted at once."""
    prefix = scene.name("restart")
    scene.topics.make(prefix)
    line = command(scene, EXACTLY_ONCE, prefix)
    child = launch(scene, EXACTLY_ONCE, prefix, line)
    try:
        with _paced(scene), Listener(scene.servers, scene.topics.ends(prefix)) as listener:
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
    """Seconds from SIGKILL until a reader has a healthy producer's next odd; the killed bridge stays dead."""
    prefix = scene.name("stall")
    scene.topics.make(prefix)
    child = start(scene, EXACTLY_ONCE, prefix)
    try:
        with (
            killed(start(scene, GUIDE, prefix)),
            _paced(scene),
            Listener(scene.servers, scene.topics.ends(prefix)) as listener,
        ):
            _steady(listener)
            killed_at = time.time()
            child.kill()
            took = _next(listener, killed_at)
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
    place = len(listener.heard)
    end = killed_at + LONGEST_S
    while time.time() < end:
        while place < len(listener.heard):
            _, stamp, came = listener.heard[place]
            if stamp_us(stamp) / 1e6 > killed_at:
                return came - killed_at
            place += 1
        time.sleep(0.01)
    raise Failed(f"no record within {LONGEST_S:g} s of the kill")


@contextmanager
def _paced(scene: Scene) -> Iterator[None]:
    """The upstream at a pace, for as long as this lasts."""
    thread = threading.Thread(target=scene.upstream.pace, args=(LONGEST_S + 60, RATE), daemon=True)
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
