"""Odds a second on one core: alternating rounds, each counted."""

from dataclasses import asdict, dataclass

from benchmarks.contestants import Contestant, start
from benchmarks.once import Count, count
from benchmarks.pool import Template
from benchmarks.scene import Scene, until

WARM_ODDS = 5_000


@dataclass(frozen=True, slots=True)
class Round:
    """One round of one contestant.

    Attributes:
        odds_s: Odds a second, from the first write upstream to the last record visible to a `read_committed` reader.
        cpu_s: Processor seconds for each million odds.
        busy: The share of the core that it used.
        counted: What the reader found.
    """

    odds_s: float
    cpu_s: float
    busy: float
    counted: Count

    def dump(self) -> dict[str, object]:
        """For JSON."""
        return asdict(self) | {"good": self.counted.good}


def play(scene: Scene, who: Contestant, pool: list[Template], prefix: str, seconds: float, streams: int = 1) -> Round:
    """One round: start it, warm it, measure it, stop it, count what it wrote."""
    upstream, topics = scene.upstream, scene.topics
    topics.make(prefix)
    upstream.forget()
    child = start(scene, who, prefix, streams=streams)
    try:
        until(lambda: child.check() is None and upstream.streams() == streams, within=60, what=f"{who.name} to connect")
        warm = upstream.flat(30, WARM_ODDS)
        topics.quiet(prefix, at_least=warm["odds"], within=30)
        cpu = child.cpu_s()
        sent = upstream.flat(seconds)
        ended = topics.quiet(prefix, at_least=warm["odds"] + sent["odds"], within=seconds + 30)
        cpu = child.cpu_s() - cpu
        child.check()
    finally:
        child.stop()
    counted = count(scene.servers, prefix, pool, upstream.log)
    topics.remove(prefix)
    took = ended - sent["began"]
    return Round(sent["odds"] / took, cpu / sent["odds"] * 1e6, cpu / took, counted)
