"""What the demo prints: plain lines, where there is no terminal for the live view (`live`)."""

import json
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self, TextIO

from bridge.demo.audit import Seen

WIDTH = 100
"""Columns that a line takes at most."""

_FIELDS = (
    *("fixture_id", "sportsbook", "league", "market", "name", "price", "is_main", "is_live"),
    *("status", "score", "timestamp"),
)
"""Fields of a value that are shown: those that a person looks for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """What is the case in one second; ages and times in seconds.

    Attributes:
        seconds: Since odds flow; None before and after.
        report: What /readyz says; empty when nothing answers.
        streams: The names of all that there are to be.
        odds_s: Records that a reader got, a second.
        rates: The same by stream; one that brought none may be missing.
        locks: By stream, since the reader got a locked-odds record; one without any is missing.
        newest: The highest entry id that the reader got.
        record_age_s: Since the bridge received what the reader got last; None before the first record.
        kafka: Where the broker is.
        kafka_up: Whether it serves, as far as the demo didn't kill it.
        now_s: Epoch seconds.
    """

    seconds: float | None
    report: Mapping[str, Any]
    streams: Sequence[str]
    odds_s: float
    rates: Mapping[str, float]
    locks: Mapping[str, float]
    newest: tuple[int, int] | None
    record_age_s: float | None
    kafka: str
    kafka_up: bool
    now_s: float


class Screen:
    """Writes line by line, and flushes each. A context manager, as some screens have something to put back.

    Args:
        out: Where to.
    """

    def __init__(self, out: TextIO) -> None:
        self._out = out

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Lines come now; more moments may come later."""

    def line(self, text: str = "") -> None:
        """One line."""
        self._out.write(f"{text}\n")
        self._out.flush()

    def say(self, text: str) -> None:
        """A paragraph, wrapped."""
        for line in textwrap.wrap(text, WIDTH, break_long_words=False, break_on_hyphens=False):
            self.line(line)

    def act(self, title: str) -> None:
        """The head of an act."""
        self.line()
        self.line(f"── {title} ".ljust(WIDTH, "─"))

    def moment(self, moment: Moment) -> None:
        """What is the case; comes every second, and is a line while odds flow."""
        if moment.seconds is not None:
            self.line(
                tick(
                    moment.seconds,
                    moment.report,
                    streams=len(moment.streams),
                    odds_s=moment.odds_s,
                    newest=moment.newest,
                    now_s=moment.now_s,
                )
            )


def tick(
    seconds: float,
    report: Mapping[str, Any],
    *,
    streams: int,
    odds_s: float,
    newest: tuple[int, int] | None,
    now_s: float,
) -> str:
    """The line of a second.

    Args:
        seconds: Since odds flow.
        report: What /readyz says; empty when nothing answers.
        streams: How many there are to be.
        odds_s: Records that a reader got, a second.
        newest: The highest entry id that a reader got.
        now_s: Epoch seconds.
    """
    up = sum(stream["state"] == "streaming" for stream in report.get("streams", {}).values())
    last = "none yet" if newest is None else f"{newest[0]}-{newest[1]}, {max(now_s - newest[0] / 1000, 0):.1f} s old"
    return f"{seconds:4.0f} s   {up}/{streams} streams up   {odds_s:6,.0f} odds/s in Kafka   last entry {last}"


def sample(record: Seen) -> list[str]:
    """A record as a consumer sees it, its value cut to the first fields."""
    headers = "  ".join(f"{name}={value}" for name, value in record.headers.items())
    return [
        f"topic    {record.topic}  (partition {record.partition}, offset {record.offset})",
        f"key      {record.key}",
        *textwrap.wrap(headers, WIDTH, initial_indent="headers  ", subsequent_indent=" " * 9, break_on_hyphens=False),
        *_value(record.value),
    ]


def _value(value: bytes) -> list[str]:
    try:
        fields = json.loads(value)
    except ValueError:
        fields = None
    if not isinstance(fields, dict):
        return [f"value    {value[:70].decode(errors='replace')}… ({len(value)} bytes)"]
    shown = {name: part for name, part in fields.items() if name in _FIELDS}
    lines = [f"{json.dumps(name)}: {_cut(json.dumps(part, ensure_ascii=False))}" for name, part in shown.items()]
    lines.append(f"and {len(fields) - len(shown)} fields more: upstream's own {len(value):,} bytes, unchanged")
    return [f"value    {lines[0]}", *(f"         {line}" for line in lines[1:])]


def _cut(text: str, width: int = 60) -> str:
    return text if len(text) <= width else text[: width - 1] + "…"
