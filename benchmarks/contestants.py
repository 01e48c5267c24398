"""Who is measured: programs, and how each is started."""

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from urllib.request import urlopen

from prometheus_client.parser import text_string_to_metric_families

from benchmarks.pool import BOOKS, LEAGUES, SPORT, league_name
from benchmarks.scene import Child, Scene, sections, until

BASELINES = Path(__file__).parent / "baselines"
PYTHON = Path(__file__).parent.parent / ".venv-bench/bin/python"
"""Has the baselines' packages; `make` sees to that."""


@dataclass(frozen=True, slots=True)
class Contestant:
    """One line of the table.

    Attributes:
        name: Short, for files.
        title: For people.
        script: A baseline's file; "" for the bridge.
        settings: The bridge's settings, by section; all others have their defaults.
        streams: How many streams share the leagues, in the bridge.
        shards: How many shards they are dealt out to, in the bridge.
        snapshot: Whether it begins with publishing upstream's snapshot.
    """

    name: str
    title: str
    script: str = ""
    settings: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    streams: int = 1
    shards: int = 4
    snapshot: bool = False


_ANNOUNCE: Mapping[str, object] = {"continuity": "announce"}

GUIDE = Contestant("guide", "the guide's loop: requests, sseclient-py, json, confluent-kafka", "guide.py")
AIOKAFKA = Contestant("aiokafka", "aiohttp, json, aiokafka `send`", "plain_aiokafka.py")
QUIX = Contestant("quix", "Quix Streams, a stateful source", "quix.py")
AT_LEAST_ONCE = Contestant(
    "at-least-once",
    "oddsbridge, at-least-once",
    settings={"upstream": _ANNOUNCE, "kafka": {"delivery": "at-least-once"}},
)
EXACTLY_ONCE = Contestant("exactly-once", "oddsbridge, exactly once", settings={"upstream": _ANNOUNCE})
WHOLE = Contestant("continuity", "oddsbridge, exactly once, continuity and odds-state (its defaults)", snapshot=True)

ALL = (GUIDE, AIOKAFKA, QUIX, AT_LEAST_ONCE, EXACTLY_ONCE, WHOLE)


def start(scene: Scene, who: Contestant, prefix: str) -> Child:
    """Start one on the measured core, and wait until it has connected and published what it publishes at first.

    Args:
        scene: Where.
        who: Which.
        prefix: Of its topics.

    Raises:
        Failed: It doesn't connect.
    """
    return launch(scene, who, prefix, command(scene, who, prefix))


def launch(scene: Scene, who: Contestant, prefix: str, line: list[str]) -> Child:
    """The same with a command line that is given."""
    there = scene.upstream.streams()
    child = scene.start(f"{prefix}{who.name}", line, measured=True)
    try:
        until(
            lambda: child.check() and scene.upstream.streams() == there + who.streams,
            within=60,
            what=f"{who.name} to connect",
        )
        # The first snapshot: what is measured begins when all of it is there, and was looked at once more.
        scene.topics.quiet(prefix, at_least=scene.upstream.open_odds() if who.snapshot else 0)
        if who.snapshot:
            again = partial(compared, child, "again")
            until(lambda: child.check() and again() >= who.streams, within=120, what="the second look", every=0.5)
    except BaseException:
        child.kill()
        raise
    return child


def compared(child: Child, why: str) -> float:
    """How often its streams were compared with the snapshot for a reason; "again" is the look some seconds later."""
    admin = json.loads(next(line for line in child.text.splitlines() if '"admin"' in line))["admin"]
    with urlopen(f"{admin}/metrics", timeout=30) as answer:  # noqa: S310 - an address of our own
        families = {family.name: family for family in text_string_to_metric_families(answer.read().decode())}
    samples = families["oddsbridge_reconciles"].samples
    return sum(sample.value for sample in samples if sample.labels.get("reason") == why)


def command(scene: Scene, who: Contestant, prefix: str) -> list[str]:
    """The command line of one, its configuration written; the bridge as users run it."""
    if who.script:
        return [str(PYTHON), str(BASELINES / who.script), scene.upstream.base_url, scene.servers, prefix]
    file = scene.folder / f"{prefix}toml"
    file.write_text(_configuration(scene, who, prefix), encoding="utf-8")
    return [str(Path(sys.executable).with_name("oddsbridge")), "run", "-c", str(file)]


def _configuration(scene: Scene, who: Contestant, prefix: str) -> str:
    settings = who.settings
    lines = sections(
        {
            "upstream": {"base_url": scene.upstream.base_url, **settings.get("upstream", {})},
            "kafka": {
                "bootstrap_servers": scene.servers,
                "topic_prefix": prefix,
                "shards": who.shards,
                **settings.get("kafka", {}),
            },
            "admin": {"listen": "127.0.0.1:0"},
            "log": {"format": "json"},
        }
    )
    for number in range(who.streams):
        lines += ["[[streams]]", f'name = "s{number:03d}"', 'feed = "odds"', f'sport = "{SPORT}"']
        lines.append(f"sportsbook = {json.dumps(BOOKS)}")
        if who.streams > 1:
            leagues = [league_name(league) for league in range(number, LEAGUES, who.streams)]
            lines.append(f"league = {json.dumps(leagues)}")
    return "\n".join(lines) + "\n"
