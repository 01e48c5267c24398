"""`oddsbridge topics`: the topics that a configuration needs against those that the cluster has."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from bridge.check.findings import VERSION, Level
from bridge.check.inventory import Inventory, alter, make, take
from bridge.check.survey import quiet_libraries
from bridge.check.topics import WHY_NO_COUNTS, WHY_NO_SHARDS, alterations, to_make
from bridge.cli.exits import Exit
from bridge.cli.options import ConfigFile, Json
from bridge.cli.output import echo, echo_json, mark, table
from bridge.config import Settings, load
from bridge.kafka.connection import Access
from bridge.kafka.topics import Topic

SETTLE_S = 5.0
"""Seconds that the brokers are given to show what was done."""


def topics(
    *,
    config: ConfigFile,
    create: Annotated[bool, typer.Option("--create", help="Make the topics that are missing.")] = False,
    change: Annotated[
        bool, typer.Option("--alter", help="Set what differs of the settings that are safe to change.")
    ] = False,
    json: Json = False,
) -> None:
    """Compare the topics that the configuration needs with those that the cluster has.

    Missing topics, different settings, and topics that only share a prefix. With --create the missing ones are made;
    with --alter the settings of the compacted topics become those of the plan. Partition counts are never changed:
    the keys would move. The API key isn't needed.

    Exit codes: 0 all is as planned, 3 something differs and was not mended, or Kafka doesn't let the bridge in;
    1 Kafka can't be reached.

    Example:
      oddsbridge topics -c oddsbridge.toml
      oddsbridge topics -c oddsbridge.toml --create --alter
    """
    settings = load(config, need_key=False)
    with quiet_libraries():
        inventory, done = asyncio.run(_tend(settings, create=create, change=change))
    as_planned = inventory.as_planned and not done.failed
    code = Exit.OK if as_planned else Exit.CLUSTER
    if json:
        echo_json(_as_json(inventory, done, code))
    else:
        _print(inventory, done, settings)
    if code:
        raise typer.Exit(code)


@dataclass(slots=True)
class Done:
    """What was done about it.

    Attributes:
        made: Topics that were made.
        altered: By topic, what was set.
        failed: What could not be done, and why; a line each.
    """

    made: list[Topic] = field(default_factory=list)
    altered: dict[str, dict[str, str]] = field(default_factory=dict)
    failed: list[str] = field(default_factory=list)


async def _tend(settings: Settings, *, create: bool, change: bool) -> tuple[Inventory, Done]:
    access = await asyncio.to_thread(Access, settings.kafka, "topics")
    options = access.options("admin")
    inventory, done = await take(settings, options), Done()
    seen = [topic for topic in inventory.plan if topic.name not in inventory.hidden]
    wanted = to_make(seen, inventory.found) if create else []
    to_set = alterations(inventory.differing) if change else {}
    if wanted and (failed := await make(settings, options, wanted)):
        done.failed.append(failed)
    if to_set:
        refused = await alter(options, to_set)
        done.failed += [f"{name} can't be altered: {why}" for name, why in refused.items()]
        done.altered = {name: changes for name, changes in to_set.items() if name not in refused}
    end = time.monotonic() + SETTLE_S
    while wanted or to_set:
        inventory = await take(settings, options)
        if _settled(inventory, done, wanted) or time.monotonic() > end:
            break
        await asyncio.sleep(0.1)
    done.made = [topic for topic in wanted if topic.name in inventory.found]
    return inventory, done


def _settled(inventory: Inventory, done: Done, wanted: Sequence[Topic]) -> bool:
    """Whether the brokers show what was done: they learn of it from the controller, a moment later."""
    behind = any(name in done.altered for name in alterations(inventory.differing))
    return not behind and (bool(done.failed) or all(topic.name in inventory.found for topic in wanted))


def _states(inventory: Inventory) -> dict[str, str]:
    """Every topic's state, in the order in which they are told."""
    states = {topic.name: "as planned" for topic in inventory.plan}
    states |= dict.fromkeys((d.topic for d in inventory.differing if d.level is not Level.OK), "different")
    states |= dict.fromkeys(inventory.missing, "missing")
    states |= dict.fromkeys(inventory.hidden, "hidden")
    states |= dict.fromkeys(inventory.events, "event")
    return states | dict.fromkeys(inventory.extra, "extra")


def _print(inventory: Inventory, done: Done, settings: Settings) -> None:
    console = Console(highlight=False, soft_wrap=True)
    planned = {topic.name: topic for topic in inventory.plan}
    rows = []
    for name, state in _states(inventory).items():
        topic, there = planned.get(name), inventory.found.get(name)
        counts = [str(there.partitions) if there else "", str(there.replication) if there else ""]
        policy = (there.settings or {}).get("cleanup.policy", "?") if there else ""
        rows.append([name, state, *counts, policy, topic.role if topic else ""])
    table(console, ["topic", "state", "partitions", "replicas", "cleanup", "for"], rows)
    echo(console, Text(""))
    for text in _did(done):
        echo(console, Text.assemble(mark(Level.OK, console), " ", text))
    for difference in inventory.differing:
        fix = "mend it with --alter" if difference.alterable else difference.fix
        fix = fix.replace("SERVERS", settings.kafka.bootstrap_servers)
        line = f"{difference.text} — {fix}" if fix else difference.text
        if difference.level is not Level.OK:
            echo(console, Text.assemble(mark(difference.level, console), " ", line))
    for level, text in _others(inventory, done):
        echo(console, Text.assemble(mark(level, console), " ", text))
    for why in _why(inventory):
        echo(console, Text(why))


def _did(done: Done) -> list[str]:
    lines = [f"made {topic.name} with {topic.partitions} partitions" for topic in done.made]
    return lines + [
        f"set {name}: {', '.join(f'{setting}={value}' for setting, value in changes.items())}"
        for name, changes in done.altered.items()
    ]


def _others(inventory: Inventory, done: Done) -> list[tuple[Level, str]]:
    lines = [(Level.WRONG, text) for text in done.failed]
    if inventory.missing:
        count = len(inventory.missing)
        text = f"{count} topic{'s' * (count != 1)} missing — make {'them' if count != 1 else 'it'} with --create"
        lines.append((Level.WARNING, f"{text}; the bridge makes them too when it starts"))
    if inventory.hidden:
        lines.append((Level.WRONG, f"Describe isn't allowed on {', '.join(inventory.hidden)} — see docs/security.md"))
    if inventory.unread:
        text = f"DescribeConfigs isn't allowed on {', '.join(inventory.unread)} — see docs/security.md"
        lines.append((Level.WRONG, text))
    if not lines and inventory.as_planned:
        lines.append((Level.OK, f"all {len(inventory.plan)} topics are as planned"))
    return lines


def _why(inventory: Inventory) -> list[str]:
    """What a changed partition count would do, where somebody may be about to change one."""
    counts = [d for d in inventory.differing if d.setting == "partitions" and d.level is not Level.OK]
    roles = {topic.name: topic.role for topic in inventory.plan}
    of_shards = [d for d in counts if roles[d.topic] == "checkpoints"]
    return [WHY_NO_COUNTS] * (len(counts) > len(of_shards)) + [WHY_NO_SHARDS] * bool(of_shards)


def _as_json(inventory: Inventory, done: Done, code: Exit) -> Mapping[str, Any]:
    planned = {topic.name: topic for topic in inventory.plan}
    made = {topic.name for topic in done.made}
    rows = []
    for name, state in _states(inventory).items():
        topic, there = planned.get(name), inventory.found.get(name)
        rows.append(
            {
                "name": name,
                "state": state,
                "role": topic.role if topic else None,
                "planned": {"partitions": topic.partitions, "settings": dict(topic.policy)} if topic else None,
                "partitions": there.partitions if there else None,
                "replicas": there.replication if there else None,
                "made": name in made,
                "altered": done.altered.get(name, {}),
                "differences": [
                    {
                        "setting": d.setting,
                        "planned": d.planned,
                        "actual": d.actual,
                        "level": d.level.value,
                        "alterable": d.alterable,
                        "text": d.text,
                        "fix": d.fix,
                    }
                    for d in inventory.differing
                    if d.topic == name
                ],
            }
        )
    return {"v": VERSION, "exit_code": int(code), "failed": done.failed, "topics": rows}
