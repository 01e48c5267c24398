"""`oddsbridge check`: is the configuration right, and what would run with it?"""

from dataclasses import dataclass
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from bridge.cli.options import ConfigFile
from bridge.config import Settings, StreamSettings, load, warnings
from bridge.errors import ConfigError
from bridge.kafka.plan import shard_of, topics_of
from bridge.upstream.feeds import query, url_path


def check(
    config: ConfigFile,
    offline: Annotated[  # noqa: FBT002 — Typer reads it
        bool, typer.Option("--offline", help="Only the configuration: ask neither OpticOdds nor Kafka.")
    ] = False,
) -> None:
    """Check the configuration and print what would run: streams, shards, topics.

    The API key isn't needed for it. Exit code 2 when there is something to mend.
    """
    settings = load(config, need_key=False)
    if not offline:
        raise ConfigError(
            "check: asking OpticOdds and Kafka isn't built yet", hint="add --offline to check the configuration alone"
        )
    _print(settings, Console(highlight=False, soft_wrap=True))
    # Warnings go to stderr, so that a pipe gets the plan alone.
    errors = Console(stderr=True, highlight=False, soft_wrap=True)
    for sentence in warnings(settings):
        errors.print(Text.assemble(("warning", "yellow"), f": {sentence}"))


@dataclass(frozen=True, slots=True)
class Row:
    """A stream, as it would run."""

    name: str
    shard: str
    request: str
    prefix: str


def plan(settings: Settings) -> list[Row]:
    """What would run, in the order of the file."""
    return [
        Row(
            stream.name,
            str(shard_of(stream.name, settings.kafka.shards)),
            _request(stream),
            settings.kafka.topic_prefix if stream.topic_prefix is None else stream.topic_prefix,
        )
        for stream in settings.streams
    ]


def _request(stream: StreamSettings) -> str:
    """The path and the parameters, readable: not percent-encoded, a list's values together. Never with the key."""
    grouped: dict[str, list[str]] = {}
    for name, value in query(stream, None):
        grouped.setdefault(name, []).append(value)
    return " ".join([url_path(stream), *(f"{name}={','.join(values)}" for name, values in grouped.items())])


def _print(settings: Settings, console: Console) -> None:
    streams = plan(settings)
    shards = len({row.shard for row in streams})
    console.print(
        f"{len(streams)} stream{'s' * (len(streams) != 1)} from {settings.upstream.base_url} "
        f"to {settings.kafka.bootstrap_servers}, on {shards} of {settings.kafka.shards} shards",
        markup=False,
    )
    _table(
        console,
        ["stream", "shard", "request", "topic prefix"],
        [(r.name, r.shard, r.request, r.prefix) for r in streams],
    )
    _table(
        console,
        ["topic", "partitions", "cleanup", "for"],
        [(t.name, str(t.partitions), t.policy["cleanup.policy"], t.role) for t in topics_of(settings)],
    )


def _table(console: Console, header: list[str], rows: list[tuple[str, ...]]) -> None:
    if console.is_terminal:
        table = Table(*header, box=None, header_style="bold", pad_edge=False, padding=(0, 2, 0, 0))
        for row in rows:
            table.add_row(*(Text(cell, overflow="fold") for cell in row))
        console.print()
        console.print(table)
        return
    # Elsewhere tabs, so that cut and awk can read it.
    console.print()
    for line in [header, *rows]:
        typer.echo("\t".join(line))  # Rich would make spaces of the tabs
