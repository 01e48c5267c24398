"""docs/performance.md from the last results: `python -m benchmarks report > docs/performance.md`."""

import json
import textwrap
from pathlib import Path
from typing import Any

from benchmarks import tables

RESULTS = Path("build/bench")

_HEAD = """\
# Performance

<!-- Written by `python -m benchmarks report > docs/performance.md`, from the results in build/bench. -->

How fast the bridge is on one core, beside what else one would write: measured on one machine, side by side, on the same
Kafka and the same events. Ratios travel to other machines; absolute numbers don't.

## Repeat it

```
make bench      # throughput and latency, {minutes}
make bench-all  # that and the rest: memory, many streams, shards, kills
make profile    # where the bridge's time goes
.venv/bin/python -m benchmarks continuity  # what continuity costs: rate, comparison, a million known odds
.venv/bin/python -m benchmarks report > docs/performance.md
```

Nothing but Python 3.11 and `make` is needed: each verb makes its own set-up, the baselines' packages in `.venv-bench`.
Close what else runs on the machine. Results are in `build/bench/*.json`.
"""

_HOW = (
    "**Kafka** is the embedded Apache Kafka, one node, with G1 and a heap of 1 GB. Each round has new topics of 12 "
    "partitions.",
    "**Upstream** is a process that sends events rendered beforehand, of 1 to 50 odds (12.5 on average, some 720 bytes "
    "an odd), with fresh entry ids and times, over HTTP on the loopback. {framing} Against a reader that does nothing "
    "it sends {null:,.0f} odds/s, {headroom:.1f} times the fastest result below.",
    "**Cores**: {cores}",
    "**Rounds** alternate, {rounds} of {seconds:g} s each; a ratio is to the guide's loop in the same round. A round "
    "lasts from the first write upstream until the last odd is visible to a `read_committed` reader.",
    "**The same for all**: events, topics, acks=all, zstd, batches of at most 256 KiB. zstd's level is 1 in the "
    "bridge, and the libraries' own (3) elsewhere. All else is at its default.",
    "**Counted**: after each round a reader of its own (librdkafka, `read_committed`) looks for every odd of every "
    "event. Who lost or doubled one is disqualified, however fast.",
    "**Latency** is from the write upstream until a `read_committed` consumer has the record, at random intervals, 3 "
    "odds an event, with a Kafka that is warm. An event is written when it is due, whether or not the reader keeps up. "
    "Bodies are chunked here: of one without framing requests gives an event's end only when the next one comes.",
    "**CPU** is user and system time of the process that is measured and of its children: what a core of its own would "
    "give. On a machine that does other things too, the ratio by CPU is the one to trust.",
)

_FRAMING = (
    "How a stream's body is framed makes no difference to the bridge, but to requests: it takes a body in pieces of "
    "128 bytes, and each costs it less when the body is chunked. A body without framing, that ends with the connection:"
)
_CHUNKED = (
    "A chunked body, one chunk an event (`--framing chunked`). Most servers of HTTP/1.1 send chunks, so of a real one "
    "rather expect this table's ratios:"
)

_MEMORY = (
    "Memory is the process's own (USS). With continuity the bridge knows what it last published of each odd: the idle "
    "one the 45,000 odds of the first snapshot."
)

FRAMED = {
    "plain": "The body has no framing and ends with the connection; `--framing chunked` has one chunk an event.",
    "chunked": "The body is chunked, one chunk an event; without `--framing chunked` it ends with the connection.",
}
"""How the streams' bodies end, and how to have it the other way."""


def load(name: str) -> dict[str, Any] | None:
    """The last results of a verb, or None if there are none."""
    file = RESULTS / f"{name}.json"
    found: dict[str, Any] | None = json.loads(file.read_text(encoding="utf-8")) if file.exists() else None
    return found


def page(bench: dict[str, Any], chunked: dict[str, Any] | None, rest: dict[str, Any] | None) -> str:
    """The page."""
    lines = [_HEAD.format(minutes=f"about {bench['took_s'] / 60:.0f} minutes"), "## The machine", ""]
    lines += [machine(bench), ""]
    lines += ["## Throughput on one core", ""]
    lines += [_wrapped(_FRAMING), "", *tables.throughput(bench["throughput"]), ""]
    if chunked is not None:
        lines += [_wrapped(_CHUNKED), "", *tables.throughput(chunked["throughput"]), ""]
    once = [line for found in (bench, chunked) if found is not None for line in tables.once(found["throughput"])]
    lines += [f"- {line}" for line in once] or ["Every odd arrived exactly once in every round."]
    lines += ["", "## Latency", "", *tables.latency(bench["latency"])]
    if rest is not None:
        lines += ["", "## Many streams", "", "Exactly once, the same events flat out over more connections.", ""]
        lines += tables.many(rest["streams"], "streams")
        lines += ["", "50 streams, dealt out to shards:", "", *tables.many(rest["shards"], "shards")]
        lines += ["", "## Memory and idleness", "", _wrapped(_MEMORY), "", *tables.memory(rest["memory"])]
        lines += ["", "## After a kill", "", *tables.seconds(rest["recovery"])]
    return "\n".join(lines) + "\n\n" + how(bench)


def machine(found: dict[str, Any]) -> str:
    """One paragraph."""
    m = found["machine"]
    libraries = ", ".join(f"{name} {version}" for name, version in m["libraries"].items())
    return _wrapped(
        f"{m['processor']}, {m['cores']} cores, {m['memory_gb']} GB, {m['system']}, Python {m['python']}; {libraries}. "
        f"Measured on {found['when']}, oddsbridge {found['version']}."
    )


def how(found: dict[str, Any]) -> str:
    """How it was measured."""
    fastest = max(result["odds_s"] or 0 for result in found["throughput"].values())
    cores = (
        "what is measured has one core to itself (`taskset`); Kafka, the upstream and the readers have the others."
        if found["machine"]["pinned"]
        else "nothing is pinned here, so what is measured may have used more than one."
    )
    facts = {
        "framing": FRAMED[found["framing"]],
        "null": found["null_odds_s"],
        "headroom": found["null_odds_s"] / fastest,
        "cores": cores,
        "rounds": found["rounds"],
        "seconds": found["seconds"],
    }
    points = [_wrapped(f"- {point.format(**facts)}", indent="  ") for point in _HOW]
    return "\n".join(["## How it is measured", "", *points, ""])


def _wrapped(text: str, indent: str = "") -> str:
    return textwrap.fill(text, 120, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)
