"""Where in the text of a TOML file a setting stands, for error messages."""

import re
from collections.abc import Iterator, Mapping

from bridge.config.problems import Loc

_NAME = r"[A-Za-z0-9_-]+|\"[^\"\n]*\"|'[^'\n]*'"
_PATH = rf"(?:{_NAME})(?:\s*\.\s*(?:{_NAME}))*"
_TABLE = re.compile(rf"\s*(\[\[?)\s*({_PATH})\s*\]\]?\s*(?:#.*)?")
_KEY = re.compile(rf"\s*({_PATH})\s*=\s*(.*)")


def lines_of(text: str) -> dict[Loc, int]:
    """The line (from 1) of each table and each key that begins a line.

    A key inside an inline table has no line of its own; `line_of` then answers with its table's. This reads just
    enough TOML to find a line: it is asked only where the real parser has already been through.
    """
    found: dict[Loc, int] = {}
    counts: dict[Loc, int] = {}
    table: Loc = ()
    for number, line in _outside_multiline_strings(text):
        if match := _TABLE.fullmatch(line):
            table = _path(match[2])
            if match[1] == "[[":
                index = counts[table] = counts.get(table, -1) + 1
                table = (*table, index)
            elif table[:1] == ("streams",) and ("streams",) in counts:
                table = ("streams", counts[("streams",)], *table[1:])
            found.setdefault(table, number)
        elif match := _KEY.fullmatch(line):
            found.setdefault((*table, *_path(match[1])), number)
    return found


def line_of(loc: Loc, found: Mapping[Loc, int]) -> int | None:
    """The line of `loc`, or of the nearest thing around it that has one."""
    while loc:
        if loc in found:
            return found[loc]
        loc = loc[:-1]
    return None


def _path(text: str) -> Loc:
    return tuple(name.strip("\"'") for name in re.findall(_NAME, text))


def _outside_multiline_strings(text: str) -> Iterator[tuple[int, str]]:
    closing = ""
    for number, line in enumerate(text.splitlines(), 1):
        if closing:
            if closing in line:
                closing = ""
            continue
        yield number, line
        for quotes in ('"""', "'''"):
            if line.count(quotes) % 2:
                closing = quotes
