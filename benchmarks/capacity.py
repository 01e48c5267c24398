"""Memory and the work of doing nothing; many streams, many shards."""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from benchmarks.contestants import EXACTLY_ONCE, WHOLE, Contestant, start
from benchmarks.pool import Template
from benchmarks.scene import Scene, killed, until
from benchmarks.throughput import rounds, summary

STREAMS = (1, 10, 50, 200)
SHARDS = (1, 8)
KNOWN_ODDS = 1_000_000

_SETTLED_S = 10.0
_IDLE_S = 30.0


def idle(scene: Scene, who: Contestant) -> dict[str, Any]:
    """What a bridge with nothing to do but pings takes: MB, and the share of a core."""
    prefix = _prepared(scene, who)
    with killed(start(scene, who, prefix)) as child:
        time.sleep(_SETTLED_S)  # it has just started: what it still does isn't idleness
        cpu_s, began = child.cpu_s(), time.monotonic()
        time.sleep(_IDLE_S)
        share = (child.cpu_s() - cpu_s) / (time.monotonic() - began)
        found = {"streams": who.streams, "mb": child.memory_mb(), "core": share}
    scene.topics.remove(prefix)
    return found


def known(scene: Scene, who: Contestant, odds: int) -> dict[str, Any]:
    """What a bridge takes that has published so many odds, each once. The upstream's pool isn't the same afterwards."""
    prefix = _prepared(scene, who)
    with killed(start(scene, who, prefix)) as child:
        before = child.memory_mb()
        there = scene.topics.stable(prefix)
        sent = scene.upstream.fresh(odds)
        scene.topics.quiet(prefix, at_least=there + sent["odds"])
        child.check()
        arrived = scene.topics.stable(prefix) - there >= sent["odds"]
        time.sleep(_SETTLED_S)
        found = {"odds": sent["odds"], "before_mb": before, "mb": child.memory_mb(), "good": arrived}
    scene.topics.remove(prefix)
    return found


def _prepared(scene: Scene, who: Contestant) -> str:
    until(lambda: scene.upstream.streams() == 0, within=30, what="the last contestant to go")
    prefix = scene.name(who.name)
    scene.topics.make(prefix)
    scene.upstream.forget()
    return prefix


def memory(scene: Scene, tell: Callable[[str], None]) -> dict[str, Any]:
    """Idle with one stream and with 200, then with a million known odds; without continuity and with."""
    found: dict[str, Any] = {}
    for who in (EXACTLY_ONCE, WHOLE):
        for number in (1, 200):
            result = idle(scene, replace(who, streams=number))
            found[f"idle-{number}-{who.name}"] = result
            tell(f"  {who.name}, idle, streams {number}: {result['mb']:.0f} MB, {result['core']:.1%} of a core")
    for who in (EXACTLY_ONCE, WHOLE):
        result = known(scene, who, KNOWN_ODDS)
        found[f"known-{who.name}"] = result
        tell(f"  {who.name}, {result['odds']:,} known odds: {result['mb']:.0f} MB, before {result['before_mb']:.0f} MB")
    return found


def streams(scene: Scene, pool: Sequence[Template], times: int, seconds: float, tell: Callable[[str], None]) -> Any:
    """The same events, flat out, over more and more streams."""
    contestants = [replace(EXACTLY_ONCE, name=f"{n}-streams", streams=n) for n in STREAMS]
    return _summaries(rounds(scene, contestants, pool, times=times, seconds=seconds, tell=tell))


def shards(scene: Scene, pool: Sequence[Template], times: int, seconds: float, tell: Callable[[str], None]) -> Any:
    """50 streams, flat out, on one shard and on more."""
    contestants = [replace(EXACTLY_ONCE, name=f"{n}-shards", streams=50, shards=n) for n in SHARDS]
    return _summaries(rounds(scene, contestants, pool, times=times, seconds=seconds, tell=tell))


def _summaries(played: dict[str, Any]) -> dict[str, Any]:
    return {name: summary(results) for name, results in played.items()}
