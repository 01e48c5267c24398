"""Odds a second on one core: alternating rounds, each of them counted."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

from benchmarks.contestants import Contestant, start
from benchmarks.once import count
from benchmarks.pool import Template
from benchmarks.scene import Child, Failed, Scene, killed, until

WARM_ODDS = 5_000
NULL_S = 2.0
MOST_ODDS_S = 250_000
"""What is sent at most for each second of a round: the sockets of many streams take far more than that."""


@dataclass(frozen=True, slots=True)
class Round:
    """One round of one contestant.

    Attributes:
        odds_s: Odds a second, from the first write upstream until the last record is visible to a `read_committed`
            reader.
        cpu_s: Processor seconds for each million odds.
        busy: The share of its core that it used.
        good: Whether every odd arrived exactly once.
        counted: What the reader found, in words.
        said: The last that it printed, if that was not every odd once.
    """

    odds_s: float
    cpu_s: float
    busy: float
    good: bool
    counted: str
    said: str = ""


def null_rate(scene: Scene, reader: Sequence[str]) -> float:
    """How many odds a second the upstream sends to a reader that does nothing with them."""
    with killed(scene.start("null", reader, measured=True)):
        until(lambda: scene.upstream.streams() == 1, within=30, what="the null reader")
        sent = scene.upstream.flat(NULL_S)
    until(lambda: scene.upstream.streams() == 0, within=30, what="the null reader to go")
    return float(sent["odds"]) / float(sent["ended"] - sent["began"])


def play(scene: Scene, who: Contestant, pool: Sequence[Template], seconds: float) -> Round:
    """One round: start it, warm it, measure it, and count what it wrote.

    Raises:
        Failed: It ended, or didn't start.
    """
    upstream, topics = scene.upstream, scene.topics
    until(lambda: upstream.streams() == 0, within=30, what="the last contestant to go")
    prefix = scene.name(who.name)
    topics.make(prefix)
    upstream.forget()
    with killed(start(scene, who, prefix)) as child:
        there = topics.stable(prefix)
        warm = upstream.flat(30, WARM_ODDS)
        topics.quiet(prefix, at_least=there + warm["odds"])
        measured = _measured(scene, child, prefix, seconds)
    counted = count(scene.servers, prefix, pool, upstream.log)
    topics.remove(prefix)
    return Round(*measured, good=counted.good, counted=str(counted), said="" if counted.good else child.text[-2000:])


def _measured(scene: Scene, child: Child, prefix: str, seconds: float) -> tuple[float, float, float]:
    there = scene.topics.stable(prefix)
    cpu_s = child.cpu_s()
    sent = scene.upstream.flat(seconds, int(seconds * MOST_ODDS_S))
    ended = scene.topics.quiet(prefix, at_least=there + sent["odds"])
    cpu_s = child.cpu_s() - cpu_s
    child.check()
    took = ended - sent["began"]
    return sent["odds"] / took, cpu_s / sent["odds"] * 1e6, cpu_s / took


def rounds(
    scene: Scene,
    contestants: Sequence[Contestant],
    pool: Sequence[Template],
    *,
    times: int,
    seconds: float,
    tell: Callable[[str], None],
) -> dict[str, list[Round]]:
    """Alternating rounds: each contestant once, then each once more, and so on. Who fails is out."""
    played: dict[str, list[Round]] = {who.name: [] for who in contestants}
    out: set[str] = set()
    for number in range(1, times + 1):
        for who in contestants:
            if who.name in out:
                continue
            try:
                result = play(scene, who, pool, seconds)
            except Failed as failed:
                out.add(who.name)
                tell(f"  {who.name} is out: {failed}")
                continue
            played[who.name].append(result)
            tell(
                f"  round {number}  {who.name:14} {result.odds_s:9,.0f} odds/s  {result.cpu_s:5.1f} CPU s a million  "
                f"{result.busy:4.0%} busy  {result.counted}"
            )
            if result.said:
                tell(result.said)
    return played


def summary(played: Sequence[Round]) -> dict[str, Any]:
    """The rounds of one contestant, with medians."""
    return {
        "rounds": [asdict(result) for result in played],
        "odds_s": median(result.odds_s for result in played) if played else None,
        "cpu_s": median(result.cpu_s for result in played) if played else None,
        "good": bool(played) and all(result.good for result in played),
    }
