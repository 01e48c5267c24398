"""The demo on a terminal: its lines, and below them a view that changes every second until the count begins."""

import os
from collections.abc import Mapping
from typing import TextIO

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from bridge.demo.screen import Moment, Screen

_DUMB = ("dumb", "unknown")
"""Terminals (`TERM`) on which the cursor can't go back up."""

_STYLES: Mapping[str, str] = {"streaming": "green", "running": "green", "refused": "bold red", "blocked": "bold red"}


def screen_for(out: TextIO) -> Screen:
    """The live view on a terminal, plain lines elsewhere."""
    live = out.isatty() and os.environ.get("TERM") not in _DUMB
    return LiveScreen(out) if live else Screen(out)


class LiveScreen(Screen):
    """Lines as `Screen` writes them, and the view below the last one.

    Args:
        out: The terminal.
    """

    def __init__(self, out: TextIO) -> None:
        super().__init__(out)
        self._console = Console(file=out, highlight=False, force_terminal=True)
        self._doing = ""
        self._live = self._new()

    def _new(self) -> Live:
        # No thread of its own: nothing changes but by `moment`. Nobody prints past it, so nothing is redirected.
        return Live(
            console=self._console, auto_refresh=False, transient=True, redirect_stdout=False, redirect_stderr=False
        )

    def line(self, text: str = "") -> None:
        """One line, above the view."""
        self._console.print(Text(text), soft_wrap=True)

    def act(self, title: str) -> None:
        """The head of an act."""
        super().act(title)
        self._doing = title

    def moment(self, moment: Moment) -> None:
        """Show what is the case."""
        if not self._live.is_started:
            self._live.start()
        self._live.update(view(moment, self._doing), refresh=True)

    def close(self) -> None:
        """Take the view away; the lines stay. The next moment brings it back."""
        if self._live.is_started:
            self._live.stop()
            self._live = self._new()  # the old one would go back up by its height


def view(moment: Moment, doing: str) -> RenderableType:
    """A frame of the view.

    Args:
        moment: What is the case.
        doing: The act.
    """
    rows = Table.grid(padding=(0, 2, 0, 0))
    rows.add_row(Text("oddsbridge", "bold"), _bridge(moment))
    rows.add_row(Text("Kafka", "bold"), _kafka(moment))
    since = "" if moment.seconds is None else f", {moment.seconds:.0f} s since odds flow"
    rows.add_row(Text("now", "bold"), Text.assemble((doing, "bold cyan"), since))
    return Group(Rule(style="dim", characters="-"), _streams(moment), Text(), rows)


def _streams(moment: Moment) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False, padding=(0, 3, 0, 0))
    table.add_column("stream", min_width=12)
    table.add_column("state", min_width=len("backing-off"))
    for name in ("records/s", "last entry", "last lock"):
        table.add_column(name, justify="right", min_width=10)
    report = moment.report.get("streams", {})
    for name in moment.streams:
        stream = report.get(name)
        table.add_row(
            Text(name),
            _state(stream["state"]) if stream else Text("no daemon", "red"),
            Text(f"{moment.rates.get(name, 0.0):,.0f}"),
            Text(_ago(stream["last_event_age_s"] if stream else None)),
            Text(_ago(moment.locks.get(name))),
        )
    return table


def _bridge(moment: Moment) -> Text:
    if not moment.report:
        return Text("down", "bold red")
    shards = [shard["state"] for shard in moment.report.get("shards", {}).values()]
    told = f", {sum(state == 'running' for state in shards)}/{len(shards)} shards run"
    if moment.report.get("ready"):
        return Text.assemble(("ready", "green"), told)
    why = next(iter(moment.report.get("why", ())), "")
    return Text.assemble(("not ready", "yellow"), told, f" ({why})" if why else "", overflow="ellipsis", no_wrap=True)


def _kafka(moment: Moment) -> Text:
    state = ("up", "green") if moment.kafka_up else ("down, starts again", "bold red")
    newest = "" if moment.record_age_s is None else f", newest committed record {moment.record_age_s:.1f} s old"
    return Text.assemble(state, f", {moment.odds_s:,.0f} odds/s in Kafka{newest} ({moment.kafka})")


def _state(state: str) -> Text:
    return Text(state, _STYLES.get(state, "yellow"))


def _ago(seconds: float | None) -> str:
    return "-" if seconds is None else f"{seconds:,.1f} s ago"
