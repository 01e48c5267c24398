"""`python -m benchmarks`: bench, all, continuity, profile, report. Run by `make`."""

import argparse
import json
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks import capacity, continuity, latency, profiling, recovery, report, tables, throughput
from benchmarks.contestants import ALL, EXACTLY_ONCE, GUIDE, WHOLE
from benchmarks.pool import SPORT, make
from benchmarks.scene import Scene
from benchmarks.server import BASE
from benchmarks.upstream import FRAMINGS, SMALL
from bridge import __version__

HEADROOM = 2.0
"""How many times as fast as the fastest result the upstream has to be."""

LATENCY_PASSES = 2
LATENCY_S = 4.5
TRIES = 5


def tell(line: str) -> None:
    """A line on the terminal, at once."""
    print(line, flush=True)


def bench(framing: str, rounds: int, seconds: float, *, only_throughput: bool) -> bool:
    """Throughput and latency; False when the upstream was too slow to tell."""
    began, found = time.monotonic(), _begun(framing)
    pool, small = make(), make(sizes=SMALL)
    tell("starting Apache Kafka and the upstream")
    with Scene(framing) as scene:
        null = [sys.executable, "-m", "benchmarks.null_reader", str(scene.upstream.port), f"{BASE}/stream/odds/{SPORT}"]
        found["null_odds_s"] = throughput.null_rate(scene, null)
        tell(f"the upstream sends {found['null_odds_s']:,.0f} odds/s to a reader that does nothing")
        tell("warming Kafka; these rounds don't count")
        for who in (GUIDE, EXACTLY_ONCE):
            throughput.play(scene, replace(who, name=f"warm-{who.name}"), pool, seconds)
        tell(f"throughput: {rounds} alternating rounds of {seconds:g} s")
        played = throughput.rounds(scene, ALL, pool, times=rounds, seconds=seconds, tell=tell)
        found["throughput"] = {name: throughput.summary(results) for name, results in played.items()}
        found |= {"rounds": rounds, "seconds": seconds, "latency": {}}
        if not only_throughput:
            tell(f"latency: {LATENCY_PASSES} passes of {LATENCY_S:g} s at each pace, with chunked bodies")
            scene.serve("chunked")
            found["latency"] = latency.passes(
                scene, (GUIDE, EXACTLY_ONCE, WHOLE), small, times=LATENCY_PASSES, seconds=LATENCY_S, tell=tell
            )
    found["took_s"] = time.monotonic() - began
    _save("bench" if framing == "plain" else f"bench-{framing}", found)
    return _shown(found)


def _shown(found: dict[str, Any]) -> bool:
    """Print the tables."""
    tell("\n" + report.machine(found) + "\n")
    tell("The same events, topics, acks=all, zstd, batches of at most 256 KiB; each on one core, every odd counted.")
    tell(report.FRAMED[found["framing"]] + "\n")
    tell("\n".join(tables.throughput(found["throughput"])) + "\n")
    for line in tables.once(found["throughput"]):
        tell(f"DISQUALIFIED  {line}")
    if found["latency"]:
        tell("\n".join(tables.latency(found["latency"])) + "\n")
    fastest = max(result["odds_s"] or 0 for result in found["throughput"].values())
    headroom = found["null_odds_s"] / fastest
    tell(
        f"The upstream can do {headroom:.1f} times the fastest result. It all took {found['took_s'] / 60:.1f} minutes."
    )
    if headroom < HEADROOM:
        tell(f"NOT VALID: it has to be {HEADROOM:g} times at least.")
    return bool(headroom >= HEADROOM)


def rest(rounds: int, seconds: float) -> bool:
    """Memory, many streams, shards, kills."""
    began, found, pool = time.monotonic(), _begun("plain"), make()
    tell("starting Apache Kafka and the upstream")
    with Scene() as scene:
        throughput.play(scene, replace(EXACTLY_ONCE, name="warm"), pool, seconds)
        tell("kills")
        found["recovery"] = {
            "restart": recovery.repeated(recovery.restarted, scene, TRIES),
            "stall": recovery.repeated(recovery.stalled, scene, TRIES),
        }
        tell("\n".join(tables.seconds(found["recovery"])))
        tell("streams")
        found["streams"] = capacity.streams(scene, pool, rounds, seconds, tell)
        tell("\n".join(tables.many(found["streams"], "streams")))
        tell("shards")
        found["shards"] = capacity.shards(scene, pool, rounds, seconds, tell)
        tell("\n".join(tables.many(found["shards"], "shards")))
        tell("memory")
        found["memory"] = capacity.memory(scene, tell)
        tell("\n".join(tables.memory(found["memory"])))
    found["took_s"] = time.monotonic() - began
    _save("all", found)
    tell(f"It all took {found['took_s'] / 60:.1f} minutes.")
    return True


def profile() -> bool:
    """Where the bridge's time goes."""
    report.RESULTS.mkdir(parents=True, exist_ok=True)
    with Scene() as scene:
        for who in (EXACTLY_ONCE, WHOLE):
            for how in (profiling.sampled, profiling.counted):
                tell("\n".join(how(scene, who, report.RESULTS)) + "\n")
    return True


def written() -> bool:
    """docs/performance.md, to stdout; False when there are no results."""
    found = report.load("bench")
    if found is None:
        sys.stderr.write("there are no results in build/bench: `make bench` makes them\n")
        return False
    sys.stdout.write(report.page(found, report.load("bench-chunked"), report.load("all")))
    return True


def _begun(framing: str) -> dict[str, Any]:
    scene = Scene()
    return {
        "when": time.strftime("%Y-%m-%d", time.gmtime()),
        "version": __version__,
        "machine": scene.place.describe(),
        "framing": framing,
    }


def _save(name: str, found: dict[str, Any]) -> None:
    report.RESULTS.mkdir(parents=True, exist_ok=True)
    file: Path = report.RESULTS / f"{name}.json"
    file.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True)
    for verb in ("bench", "all", "continuity"):
        options = verbs.add_parser(verb)
        options.add_argument("--rounds", type=int, default=3 if verb == "all" else 5, help="alternating rounds")
        options.add_argument("--seconds", type=float, default=3.0, help="of a round")
        if verb == "bench":
            options.add_argument("--framing", choices=FRAMINGS, default="plain", help="of the streams' bodies")
            options.add_argument("--only-throughput", action="store_true")
    verbs.add_parser("profile")
    verbs.add_parser("report")
    given = parser.parse_args()
    if given.verb == "bench":
        good = bench(given.framing, given.rounds, given.seconds, only_throughput=given.only_throughput)
    elif given.verb == "continuity":
        continuity.measure(make(), given.rounds, given.seconds, tell)
        good = True
    elif given.verb == "all":
        good = rest(given.rounds, given.seconds)
    else:
        good = profile() if given.verb == "profile" else written()
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
