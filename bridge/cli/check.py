"""`oddsbridge check`: is everything there that the bridge needs, and is it right?"""

import asyncio
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from bridge.check.findings import VERSION, Finding, Level, Section, as_json, counts, wrong_in
from bridge.cli.exits import Exit
from bridge.cli.options import ConfigFile, Json
from bridge.cli.output import echo, echo_json, mark, table
from bridge.config import Settings, StreamSettings, load, warnings
from bridge.errors import ConfigError
from bridge.kafka.plan import shard_of, topics_of
from bridge.upstream.feeds import query, url_path

TITLES: Mapping[Section, str] = {
    Section.CONFIGURATION: "Configuration",
    Section.OPTICODDS: "OpticOdds",
    Section.KAFKA: "Kafka",
    Section.TOPICS: "Topics",
}

CONTINUITY: Mapping[str, str] = {
    "reconcile": 'continuity = "reconcile": a gap is told, and mended from upstream\'s snapshot',
    "announce": 'continuity = "announce": a gap is told, and not mended; upstream is asked for no snapshot',
}

_CODES: Sequence[tuple[Section, Exit]] = (
    (Section.CONFIGURATION, Exit.CONFIGURATION),
    (Section.KAFKA, Exit.CLUSTER),
    (Section.TOPICS, Exit.CLUSTER),
    (Section.OPTICODDS, Exit.UPSTREAM),
)
"""The exit code of a section in which something is wrong; of several, the first."""


def check(
    *,
    config: ConfigFile,
    offline: Annotated[
        bool, typer.Option("--offline", help="Only the configuration: ask neither OpticOdds nor Kafka.")
    ] = False,
    json: Json = False,
) -> None:
    """Check the configuration, OpticOdds, Kafka and its topics: a line each, with ✓, ! or ✗ and what mends it.

    Nothing is published or changed, and a running bridge doesn't notice. For each pair of feed and sport one stream
    is opened and closed at once, which counts for the key's 250 connects in 15 s. The names of leagues and sportsbooks
    are compared with upstream's, which ignores a wrong one in silence. Of each pair the snapshot, too, is asked for a
    few fixtures: gaps are mended from it.

    With --offline, print what would run instead: streams, shards, topics; the API key isn't needed for it.

    Exit codes: 0 nothing is wrong (! may be), 2 the configuration, 3 Kafka or its topics, 5 OpticOdds. Of several,
    the first.

    Example:
      oddsbridge check -c oddsbridge.toml
      oddsbridge check -c oddsbridge.toml --json | jq '.findings[] | select(.level == "wrong")'
    """
    settings = _load(config, json=json)
    if offline:
        _print_offline(settings, json=json)
        return
    from bridge.check.survey import survey  # noqa: PLC0415 — `--offline` needs no library that speaks to anybody

    findings = asyncio.run(survey(settings, shlex.quote(str(config))))
    code = exit_of(findings)
    if json:
        _print_json(findings, code, settings)
    else:
        _print_findings(findings)
    if code:
        raise typer.Exit(code)


def exit_of(findings: Sequence[Finding]) -> Exit:
    """The exit code that the findings end with."""
    wrong = wrong_in(findings)
    return next((code for section, code in _CODES if section in wrong), Exit.OK)


def _load(config: Path, *, json: bool) -> Settings:
    try:
        return load(config, need_key=False)
    except ConfigError as error:
        if not json:
            raise
        findings = [Finding(Section.CONFIGURATION, "file", "", Level.WRONG, line) for line in str(error).splitlines()]
        _print_json(findings, Exit.CONFIGURATION, None)
        raise typer.Exit(Exit.CONFIGURATION) from None


def _print_findings(findings: Sequence[Finding]) -> None:
    console = Console(highlight=False, soft_wrap=True)
    for section, title in TITLES.items():
        told = [finding for finding in findings if finding.section is section]
        if not told:
            continue
        echo(console, Text(title, "bold"))
        for finding in told:
            echo(console, Text.assemble("  ", mark(finding.level, console), " ", finding.line()))
    found = counts(findings)
    wrong, warned = found[Level.WRONG.value], found[Level.WARNING.value]
    text = "nothing is wrong" if not wrong else f"{wrong} wrong"
    text += f", {warned} to look at" if warned else ""
    echo(console, Text(text, "bold"))


def _print_json(findings: Sequence[Finding], code: Exit, settings: Settings | None) -> None:
    echo_json(
        {
            "v": VERSION,
            "exit_code": int(code),
            "counts": counts(findings),
            "findings": as_json(findings),
            "continuity": settings.upstream.continuity if settings else None,
            "streams": [asdict(row) for row in plan(settings)] if settings else [],
            "topics": [
                {"name": t.name, "role": t.role, "partitions": t.partitions, "settings": dict(t.policy)}
                for t in (topics_of(settings) if settings else [])
            ],
        }
    )


@dataclass(frozen=True, slots=True)
class Row:
    """A stream, as it would run."""

    name: str
    shard: int
    request: str
    topic_prefix: str


def plan(settings: Settings) -> list[Row]:
    """What would run, in the order of the file."""
    return [
        Row(
            stream.name,
            shard_of(stream.name, settings.kafka.shards),
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


def _print_offline(settings: Settings, *, json: bool) -> None:
    cautions = warnings(settings)
    if json:
        findings = [Finding(Section.CONFIGURATION, "caution", "", Level.WARNING, text) for text in cautions]
        _print_json(findings, Exit.OK, settings)
        return
    console = Console(highlight=False, soft_wrap=True)
    streams = plan(settings)
    shards = len({row.shard for row in streams})
    text = (
        f"{len(streams)} stream{'s' * (len(streams) != 1)} from {settings.upstream.base_url} "
        f"to {settings.kafka.bootstrap_servers}, on {shards} of {settings.kafka.shards} shards"
    )
    echo(console, Text(text))
    echo(console, Text(f"{CONTINUITY[settings.upstream.continuity]}\n"))
    header = ["stream", "shard", "request", "topic prefix"]
    table(console, header, [(r.name, str(r.shard), r.request, r.topic_prefix) for r in streams])
    echo(console, Text(""))
    topics = [(t.name, str(t.partitions), t.policy["cleanup.policy"], t.role) for t in topics_of(settings)]
    table(console, ["topic", "partitions", "cleanup", "for"], topics)
    # Warnings go to stderr, so that a pipe gets the plan alone.
    errors = Console(stderr=True, highlight=False, soft_wrap=True)
    for sentence in cautions:
        echo(errors, Text.assemble(("warning", "yellow"), f": {sentence}"))
