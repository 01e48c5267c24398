"""What the book reads of an odd's JSON, whatever is missing, empty, null or of another type. Pure."""

import json
from functools import lru_cache
from typing import Any

import msgspec

Number = int | float


class Fields(msgspec.Struct, gc=False):
    """The fields of an odd that the book knows, as upstream wrote them."""

    fixture_id: str | None = None
    sportsbook: str | None = None
    sportsbook_id: str | None = None
    market: str | None = None
    market_id: str | None = None
    name: str | None = None
    selection: str | None = None
    normalized_selection: str | None = None
    selection_line: str | None = None
    points: int | float | str | None = None
    price: int | float | str | None = None
    is_main: bool | str | None = None
    is_live: bool | str | None = None

    @property
    def book(self) -> str:
        """The sportsbook's name, else its id."""
        return self.sportsbook or self.sportsbook_id or ""

    @property
    def outcome(self) -> tuple[str, Number | None]:
        """What is bet on within a market. The name is the one field that every odd of it has, at every book."""
        name = self.name or f"{self.selection or self.normalized_selection or ''} {self.selection_line or ''}"
        return plain(name), number(self.points)

    def is_about(self, wanted: str) -> bool:
        """Whether the plain text `wanted` is its name or its selection."""
        return any(
            text and plain(text) == wanted
            for text in (self.name, self.selection, self.normalized_selection, self.selection_line)
        )


class _Place(msgspec.Struct, gc=False):
    fixture_id: str | None = None
    market: str | None = None
    market_id: str | None = None


_fields = msgspec.json.Decoder(Fields).decode
_place = msgspec.json.Decoder(_Place).decode
_UNREADABLE = (ValueError, RecursionError)  # msgspec's and json's errors, bad UTF-8; JSON that is nested too deeply


def read(value: bytes) -> Fields:
    """An odd's fields; one of a type that it shouldn't have counts as missing, and all do in what isn't JSON."""
    try:
        return _fields(value)
    except _UNREADABLE:
        return _read_leniently(value)


def place(value: bytes) -> tuple[str, str]:
    """The fixture's id, and the market's name (else its id) in plain text."""
    found: _Place | Fields
    try:
        found = _place(value)
    except _UNREADABLE:
        found = _read_leniently(value)
    return found.fixture_id or "", plain(found.market or found.market_id or "")


def _read_leniently(value: bytes) -> Fields:
    try:
        found = json.loads(value)  # reads NaN and lone surrogates, too
    except _UNREADABLE:
        return Fields()
    if not isinstance(found, dict):
        return Fields()
    fields: dict[str, Any] = {}
    for field in msgspec.structs.fields(Fields):
        try:
            fields[field.name] = msgspec.convert(found.get(field.name), field.type)
        except msgspec.ValidationError:
            continue
    return Fields(**fields)


def number(value: object) -> Number | None:
    """A number, or None for null and an empty text."""
    return value if isinstance(value, int | float) else None


@lru_cache(maxsize=16_384)
def plain(text: str) -> str:
    """A name or an id as it is compared: `1st Half Moneyline` and `1st_half_moneyline` are the same."""
    return text.replace("_", " ").casefold().strip()
