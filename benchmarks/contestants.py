"""Who is measured: programs, and how each is started."""

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.pool import BOOKS, LEAGUES, SPORT, league_name
from benchmarks.scene import ROOT, Child, Scene

BASELINES = Path(__file__).parent / "baselines"


@dataclass(frozen=True, slots=True)
class Contestant:
    """One line of the table.

    Attributes:
        name: Short, for files.
        title: For people.
        script: A baseline's file; "" for the bridge.
        kafka: The bridge's settings under [kafka].
        top: The bridge's settings that stand in no section.
    """

    name: str
    title: str
    script: str = ""
    kafka: Mapping[str, object] = field(default_factory=dict)
    top: Mapping[str, object] = field(default_factory=dict)


GUIDE = Contestant("guide", "the guide's loop (requests, sseclient-py, json, confluent-kafka)", "guide.py")
AIOKAFKA = Contestant("aiokafka", "aiohttp, json, aiokafka `send`", "plain_aiokafka.py")
QUIX = Contestant("quix", "Quix Streams, a stateful source", "quix.py")
AT_LEAST_ONCE = Contestant("at-least-once", "the bridge, at-least-once", kafka={"delivery": "at-least-once"})
EXACTLY_ONCE = Contestant("exactly-once", "the bridge, exactly once")


def start(scene: Scene, who: Contestant, prefix: str, *, streams: int = 1, shards: int = 4) -> Child:
    """Start one on the measured core, to write topics with a prefix.

    Args:
        scene: Where.
        who: Which.
        prefix: Of its topics.
        streams: How many streams share the leagues; for the bridge.
        shards: How many shards they are dealt out to; for the bridge.
    """
    if who.script:
        python = ROOT / ".venv-bench" / "bin" / "python"
        command = [str(python), str(BASELINES / who.script), scene.upstream.base_url, scene.servers, prefix]
        return scene.start(who.name, command)
    file = scene.folder / f"{prefix}toml"
    file.write_text(config(scene, who, prefix, streams=streams, shards=shards), encoding="utf-8")
    return scene.start(who.name, [str(Path(sys.executable).with_name("oddsbridge")), "run", "-c", str(file)])


def config(scene: Scene, who: Contestant, prefix: str, *, streams: int, shards: int) -> str:
    """The bridge's configuration: its own defaults, but for what a contestant sets."""
    sections: dict[str, Mapping[str, object]] = {
        "upstream": {"base_url": scene.upstream.base_url},
        "kafka": {"bootstrap_servers": scene.servers, "topic_prefix": prefix, "shards": shards, **who.kafka},
        "admin": {"listen": "127.0.0.1:0"},
        "log": {"format": "json"},
    }
    lines = [f"{key} = {json.dumps(value)}" for key, value in who.top.items()]
    for name, values in sections.items():
        lines += [f"[{name}]", *(f"{key} = {json.dumps(value)}" for key, value in values.items())]
    for number in range(streams):
        lines += ["[[streams]]", f'name = "s{number:03d}"', 'feed = "odds"', f'sport = "{SPORT}"']
        lines.append(f"sportsbook = {json.dumps(BOOKS)}")
        if streams > 1:
            lines.append(f"league = {json.dumps(_leagues(number, streams))}")
    return "\n".join(lines) + "\n"


def _leagues(number: int, streams: int) -> Sequence[str]:
    return [league_name(league) for league in range(number, LEAGUES, streams)]
