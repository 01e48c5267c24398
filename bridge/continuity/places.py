"""Where odds belong: a fixture at a sportsbook. A board numbers its places, so that an odd needn't name its own."""

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

import msgspec

_NO_WORD = re.compile(r"[\W_]+")
_TEMPLATE = 3_500  # bytes of a place's first odd that are kept: with a key, about what the window of a packed odd holds


class Place(NamedTuple):
    """Where an odd belongs: as its own bytes say, with "" for what they don't."""

    fixture_id: str
    sportsbook: str


class _Where(msgspec.Struct, gc=False):
    fixture_id: msgspec.Raw = msgspec.Raw()
    sportsbook: msgspec.Raw = msgspec.Raw()


_where = msgspec.json.Decoder(_Where)
_text = msgspec.json.Decoder(str)
_UNREADABLE = (ValueError, RecursionError)  # msgspec's errors and bad UTF-8; JSON that is nested too deeply


def place_in(odd: bytes) -> Place:
    """Where an odd's bytes say that it belongs; never raises."""
    try:
        where = _where.decode(odd)
    except _UNREADABLE:
        return Place("", "")
    return Place(_string(where.fixture_id), _string(where.sportsbook))


def _string(raw: msgspec.Raw) -> str:
    try:
        return _text.decode(raw)
    except _UNREADABLE:
        return ""


@lru_cache(maxsize=1_024)
def folded(name: str) -> str:
    """A sportsbook's name or id, without what the two differ in: case, blanks, punctuation."""
    return _NO_WORD.sub("", name).casefold()


class Places:
    """The places of a board's odds. One is forgotten with its last odd."""

    def __init__(self) -> None:
        self._numbers: dict[Place, int] = {}
        self._all: list[Place] = []
        self._templates: list[bytes] = []
        self._odds: list[int] = []  # how many there are
        self._free: list[int] = []

    def __getitem__(self, number: int) -> Place:
        return self._all[number]

    def __iter__(self) -> Iterator[Place]:
        return iter(self._numbers)

    def template(self, number: int) -> bytes:
        """An odd of a place; the same one for as long as the place has odds."""
        return self._templates[number]

    def enter(self, place: Place, odd: bytes) -> int:
        """One more odd belongs to a place; the place's number."""
        number = self._numbers.get(place)
        if number is None:
            number = self._number()
            self._numbers[place] = number
            self._all[number] = place
            self._templates[number] = odd[:_TEMPLATE]
        self._odds[number] += 1
        return number

    def leave(self, number: int) -> None:
        """One odd less belongs to a place."""
        self._odds[number] -= 1
        if not self._odds[number]:
            del self._numbers[self._all[number]]
            self._templates[number] = b""
            self._free.append(number)

    def _number(self) -> int:
        if self._free:
            return self._free.pop()
        self._all.append(Place("", ""))
        self._templates.append(b"")
        self._odds.append(0)
        return len(self._all) - 1
