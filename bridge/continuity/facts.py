"""What is compared of an odd, whatever its bytes. A snapshot writes the same odd in other bytes than the stream.

Upstream may leave out any field of a snapshot's odd but a few, so what isn't there says nothing.
"""

from collections.abc import Callable
from typing import Any, Final

import msgspec

COMPARED: Final = ("price", "points", "is_main", "is_live", "limits", "order_book")
"""The fields that are compared."""

UNREADABLE = (ValueError, RecursionError)
"""What reading an odd raises: msgspec's errors and bad UTF-8; JSON that is nested too deeply."""

_UNSET: Any = msgspec.UNSET
_SECONDS = 1e11  # more seconds than these are no time


class Facts(msgspec.Struct, gc=False):
    """The fields of an odd that matter here; those that it hasn't are unset. Any may be of any type."""

    id: Any = _UNSET
    sportsbook: Any = _UNSET
    price: Any = _UNSET
    points: Any = _UNSET
    is_main: Any = _UNSET
    is_live: Any = _UNSET
    limits: Any = _UNSET
    order_book: Any = _UNSET
    timestamp: Any = _UNSET


class Slices(msgspec.Struct, gc=False):
    """The same fields as they are written; empty where the odd hasn't them."""

    id: msgspec.Raw = msgspec.Raw()
    sportsbook: msgspec.Raw = msgspec.Raw()
    price: msgspec.Raw = msgspec.Raw()
    points: msgspec.Raw = msgspec.Raw()
    is_main: msgspec.Raw = msgspec.Raw()
    is_live: msgspec.Raw = msgspec.Raw()
    limits: msgspec.Raw = msgspec.Raw()
    order_book: msgspec.Raw = msgspec.Raw()
    timestamp: msgspec.Raw = msgspec.Raw()


class _Unreadable:
    """What can't be read: it equals nothing, itself neither."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return False

    __hash__ = object.__hash__


_facts = msgspec.json.Decoder(Facts)
_slices = msgspec.json.Decoder(Slices)
_any = msgspec.json.Decoder()
_BROKEN = Facts(*[_Unreadable()] * len(Facts.__struct_fields__))


def facts_of(odd: bytes | msgspec.Raw) -> Facts:
    """What an odd says; what can't be read equals nothing. Never raises."""
    try:
        return _facts.decode(odd)
    except UNREADABLE:
        return _piecemeal(odd)


def slices_of(odd: bytes | msgspec.Raw) -> Slices:
    """How an odd says it; nothing if it isn't an object. Never raises."""
    try:
        return _slices.decode(odd)
    except UNREADABLE:
        return Slices()


def is_readable(value: object) -> bool:
    """Whether a field was there and could be read."""
    return value is not _UNSET and not isinstance(value, _Unreadable)


def differing(known: Facts, offered: Facts) -> list[str]:
    """The compared fields that a snapshot's odd has and that say something else than what is known."""
    found = []
    for name, plain in _PLAIN:
        value = getattr(offered, name)
        if value is _UNSET or isinstance(value, _Unreadable):
            continue
        ours = getattr(known, name)
        if not _equal(ours if plain is None else plain(ours), value if plain is None else plain(value)):
            found.append(name)
    return found


def timestamp_ms(facts: Facts) -> int:
    """An odd's `timestamp` (epoch seconds, with a fraction) in milliseconds; 0 if it has none that can be one."""
    value = facts.timestamp
    return int(value * 1000) if isinstance(value, int | float) and 0 < value < _SECONDS else 0


def _equal(ours: Any, theirs: Any) -> bool:
    try:
        return bool(ours == theirs)
    except RecursionError:  # as deep as can be read is too deep to compare: leave it as it is
        return True


def _piecemeal(odd: bytes | msgspec.Raw) -> Facts:
    """Each field by itself: one that can't be read costs no other."""
    try:
        slices = _slices.decode(odd)
    except UNREADABLE:
        return _BROKEN
    return Facts(*(_read(getattr(slices, name)) for name in Facts.__struct_fields__))


def _read(raw: msgspec.Raw) -> Any:
    if not memoryview(raw):
        return _UNSET
    try:
        return _any.decode(raw)
    except UNREADABLE:
        return _Unreadable()


def _emptied(value: Any) -> Any:
    """No points and no order book: missing, null, "" and an empty array say it alike."""
    return None if value is _UNSET or value in ("", []) else value


def _most(value: Any) -> Any:
    """The most that may be staked: the stream calls it `max` or `max_stake`, and so does the snapshot."""
    if isinstance(value, dict):
        filled = {name: most for name, most in value.items() if most is not None and most != ""}
        return filled.get("max", filled.get("max_stake", filled or None))
    return _emptied(value)


_PLAIN: tuple[tuple[str, Callable[[Any], Any] | None], ...] = (
    ("price", None),
    ("points", _emptied),
    ("is_main", None),
    ("is_live", None),
    ("limits", _most),
    ("order_book", _emptied),
)
