"""Fields of an odd replaced in place: every other byte stays as upstream wrote it."""

import re
from collections.abc import Mapping

import msgspec

_KEY = re.compile(rb'[ \t\r\n]*,?[ \t\r\n]*("[^"\\]*(?:\\.[^"\\]*)*")[ \t\r\n]*:[ \t\r\n]*', re.DOTALL)
_TEXT = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
_PLAIN = re.compile(rb"[^ \t\r\n,}\]]+")
_BRACKETS = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"|[\[\]{}]', re.DOTALL)

_key = msgspec.json.Decoder(str)
_object = msgspec.json.Decoder(dict[str, msgspec.Raw])


def with_fields(odd: bytes, fields: Mapping[str, bytes]) -> bytes | None:
    """An object with some fields replaced where they stand, or added at its end.

    Args:
        odd: A JSON object.
        fields: The JSON of each field. One that stands there twice is replaced twice.

    Returns:
        None if it isn't an object that can be read.
    """
    try:
        members = _object.decode(odd)
    except (ValueError, RecursionError):
        return None
    # From here it is known to be an object, and what follows relies on it.
    if members.keys().isdisjoint(fields):
        end = odd.rindex(b"}")
        return odd[:end] + _added(fields, comma=bool(members)) + odd[end:]
    at = odd.index(b"{") + 1
    out = [odd[:at]]
    missing = dict(fields)
    while (member := _KEY.match(odd, at)) is not None:
        end = _end(odd, member.end())
        name = _key.decode(member[1])
        if name in fields:
            missing.pop(name, None)
            out += (odd[at : member.end()], fields[name])
        else:
            out.append(odd[at:end])
        at = end
    return b"".join((*out, _added(missing, comma=True), odd[at:]))


def _added(fields: Mapping[str, bytes], *, comma: bool) -> bytes:
    added = b",".join(b"%b:%b" % (msgspec.json.encode(name), value) for name, value in fields.items())
    return b"," + added if added and comma else added


def _end(odd: bytes, at: int) -> int:
    """Where the value ends that begins here."""
    if odd[at] == ord('"'):
        return _match_end(_TEXT, odd, at)
    if odd[at] not in b"[{":
        return _match_end(_PLAIN, odd, at)
    depth = 0
    for mark in _BRACKETS.finditer(odd, at):
        if mark[0] in (b"[", b"{"):
            depth += 1
        elif mark[0] in (b"]", b"}"):
            depth -= 1
            if not depth:
                return mark.end()
    return len(odd)


def _match_end(pattern: re.Pattern[bytes], odd: bytes, at: int) -> int:
    match = pattern.match(odd, at)
    return match.end() if match is not None else len(odd)
