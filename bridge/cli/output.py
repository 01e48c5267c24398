"""What several verbs print: marks, tables, JSON. Whatever it is, no secret that was read is in it."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import orjson
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from bridge.check.findings import Level
from bridge.logs import hidden

_MARKS: Mapping[Level, tuple[str, str, str]] = {
    Level.OK: ("✓", "+", "green"),
    Level.WARNING: ("!", "!", "yellow"),
    Level.WRONG: ("✗", "x", "bold red"),
}


def mark(level: Level, console: Console) -> tuple[str, str]:
    """The mark of a level and its style; another one where the output's encoding doesn't have it."""
    sign, plain, style = _MARKS[level]
    try:
        sign.encode(console.encoding)
    except (UnicodeEncodeError, LookupError):
        return plain, style
    return sign, style


def echo(console: Console, text: Text) -> None:
    """Print a line."""
    if hidden(text.plain) != text.plain:
        text = Text(hidden(text.plain))
    console.print(text)


_STABLE: Final = frozenset({"section", "check", "level", "state", "role", "setting"})
"""Members of JSON documents whose values are words of our own: scripts read them though a secret be such a word."""


def echo_json(value: Any) -> None:
    """Print a JSON document."""
    typer.echo(orjson.dumps(_without_secrets(value), option=orjson.OPT_INDENT_2).decode())


def _without_secrets(value: Any) -> Any:
    if isinstance(value, str):
        return hidden(value)
    if isinstance(value, Mapping):
        return {name: inner if name in _STABLE else _without_secrets(inner) for name, inner in value.items()}
    return [_without_secrets(inner) for inner in value] if isinstance(value, list) else value


def table(console: Console, header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table; elsewhere than on a terminal with tabs, so that cut and awk can read it."""
    if console.is_terminal:
        grid = Table(*header, box=None, header_style="bold", pad_edge=False, padding=(0, 2, 0, 0))
        for row in rows:
            grid.add_row(*(Text(hidden(cell), overflow="fold") for cell in row))
        console.print(grid)
        return
    for line in [header, *rows]:
        typer.echo(hidden("\t".join(line)))  # Rich would make spaces of the tabs
