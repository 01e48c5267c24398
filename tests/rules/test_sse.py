"""The Server-Sent-Events parser: the standard's rules at every split, and the limit."""

import re
import tracemalloc
from collections.abc import Iterable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.sse import MAX_NAME_LINE_BYTES, Event, Parser


def _event(data: bytes, kind: str = "message", last: str = "", own: str | None = None, discarded: int = 0) -> Event:
    return Event(kind, last, own, data, discarded)


def _feed(chunks: Iterable[bytes], limit: int = 100) -> tuple[list[Event], int | None]:
    parser = Parser(limit)
    return [event for chunk in chunks for event in parser.feed(chunk)], parser.retry


_X = [_event(b"x")]

CASES: list[tuple[str, bytes, list[Event]]] = [
    ("nothing", b"", []),
    ("one event", b"data: x\n\n", _X),
    ("CR", b"data: x\r\r", _X),
    ("CRLF", b"data: x\r\n\r\n", _X),
    ("each line end once", b"data: x\r\ndata: y\rdata: z\n\r\n", [_event(b"x\ny\nz")]),
    ("a CR, then a line of its own", b"data: x\r\n\rdata: y\n\n", [_event(b"x"), _event(b"y")]),
    ("LF CR is two line ends", b"data: x\n\rdata: y\n\n", [_event(b"x"), _event(b"y")]),
    ("CRLF CRLF makes no empty event between", b"data\r\n\r\ndata\r\n\r\n", [_event(b""), _event(b"")]),
    ("BOM", b"\xef\xbb\xbfdata: x\n\n", _X),
    ("only one BOM", b"\xef\xbb\xbf\xef\xbb\xbfdata: x\n\ndata: y\n\n", [_event(b"y")]),
    ("BOM not at the start", b"\n\xef\xbb\xbfdata: x\n\ndata: y\n\n", [_event(b"y")]),
    ("half a BOM", b"\xef\xbbdata: x\n\ndata: y\n\n", [_event(b"y")]),
    ("BOM before a blank line", b"\xef\xbb\xbf\ndata: x\n\n", _X),
    ("comment", b": hello\ndata: x\n:\n\n", _X),
    ("comment only", b": hello\n\n:\n\n", []),
    ("no space", b"data:x\n\n", _X),
    ("one of two spaces", b"data:  x\n\n", [_event(b" x")]),
    ("a tab stays", b"data:\tx\n\n", [_event(b"\tx")]),
    ("space only", b"data: \n\n", [_event(b"")]),
    ("colon in the value", b"data:a:b: c\n\n", [_event(b"a:b: c")]),
    ("field without colon", b"data\n\n", [_event(b"")]),
    ("two empty lines of data", b"data\ndata:\n\n", [_event(b"\n")]),
    ("the standard's example", b"data: YHOO\ndata: +2\ndata: 10\n\n", [_event(b"YHOO\n+2\n10")]),
    ("an empty first line counts", b"data\ndata: x\n\n", [_event(b"\nx")]),
    ("event without data", b"event: odds\n\ndata: x\n\n", _X),
    ("type", b"event: odds\ndata: x\n\ndata: y\n\n", [_event(b"x", kind="odds"), _event(b"y")]),
    ("type, the last wins", b"event: a\nevent: b\ndata: x\n\n", [_event(b"x", kind="b")]),
    ("empty type", b"event: a\nevent\ndata: x\n\n", _X),
    ("event after data", b"data: x\nevent: a\n\n", [_event(b"x", kind="a")]),
    ("names are case-sensitive", b"DATA: x\nData: y\ndatax: z\n data: w\ndat: v\n\n", []),
    (
        "ids persist",
        b"id: 1\ndata: x\n\ndata: y\n\nid: 2\ndata: z\n\n",
        [_event(b"x", last="1", own="1"), _event(b"y", last="1"), _event(b"z", last="2", own="2")],
    ),
    ("id without data persists", b"id: 1\n\ndata: x\n\n", [_event(b"x", last="1")]),
    (
        "empty id resets",
        b"id: 1\ndata: x\n\nid\ndata: y\n\ndata: z\n\n",
        [_event(b"x", last="1", own="1"), _event(b"y", last="", own=""), _event(b"z")],
    ),
    ("id with NUL", b"id: 1\nid: 2\x003\ndata: x\n\n", [_event(b"x", last="1", own="1")]),
    ("only an id with NUL", b"id: \x00\ndata: x\n\n", _X),
    ("id, the last wins", b"id: 1\nid: 2\ndata: x\n\n", [_event(b"x", last="2", own="2")]),
    ("cut by the end", b"data: x\n\ndata: y\n", _X),
    ("cut in a line", b"data: x\n\nid: 1\ndata: y", _X),
    (
        "invalid UTF-8 in names",
        b"event: \xff\xe2\x82\nid: \xc3\ndata: \xff\n\n",
        [_event(b"\xff", kind="\ufffd\ufffd", last="\ufffd", own="\ufffd")],
    ),
    ("UTF-8 in names", "event: é\nid: ü\ndata: ñ\n\n".encode(), [_event("ñ".encode(), kind="é", last="ü", own="ü")]),
    ("NUL in data and type", b"event: \x00\ndata: \x00\n\n", [_event(b"\x00", kind="\x00")]),
    ("blank lines", b"\n\n\ndata: x\n\n\n\n", _X),
    (
        "upstream's frame",
        b'event: odds\nid: 17-2\nretry: 5000\ndata: {"data":[]}\n\n',
        [_event(b'{"data":[]}', kind="odds", last="17-2", own="17-2")],
    ),
    ("exactly the limit", b"data: " + b"x" * 100 + b"\n\n", [_event(b"x" * 100)]),
    ("over the limit", b"event: odds\nid: 1\ndata: " + b"x" * 101 + b"\n\ndata: y\n\n",
     [_event(b"", kind="odds", last="1", own="1", discarded=101), _event(b"y", last="1")]),
    ("names after the data", b"data:" + b"x" * 101 + b"\nid: 1\nevent: odds\n\n",
     [_event(b"", kind="odds", last="1", own="1", discarded=101)]),
    ("over by many lines", b"data: 123456789\n" * 11 + b"\ndata: y\n\n", [_event(b"", discarded=109), _event(b"y")]),
    ("many lines within", b"data: 123456789\n" * 10 + b"\n", [_event(b"\n".join([b"123456789"] * 10))]),
    ("over by the joining feeds", b"data\n" * 102 + b"\n", [_event(b"", discarded=101)]),
    ("feeds within", b"data\n" * 101 + b"\n", [_event(b"\n" * 100)]),
    ("over, with CRLF", b"data: " + b"x" * 60 + b"\r\ndata: " + b"y" * 60 + b"\r\n\r\ndata: z\r\n\r\n",
     [_event(b"", discarded=121), _event(b"z")]),
    ("over, then cut", b"data: " + b"x" * 101 + b"\n", []),
    ("over, and more of it", b"data: " + b"x" * 101 + b"\ndata\ndata: y\n\n", [_event(b"", discarded=104)]),
    ("a long comment", b"data: x\n:" + b"c" * 500 + b"\ndata: y\n\n", [_event(b"x\ny")]),
    ("a long unknown field", b"data: x\ndata" + b"c" * 500 + b"\ndata: y\n\n", [_event(b"x\ny")]),
]  # fmt: skip

RETRIES: list[tuple[bytes, int | None]] = [
    (b"retry: 5000\n", 5000),
    (b"retry:5000\r", 5000),
    (b"retry: 5000", None),
    (b"retry: 5000\nretry: 7\n", 7),
    (b"retry: 7\nretry: 5s\nretry: -1\nretry: +1\nretry: 1.5\nretry: 1_0\nretry:\nretry\nretry:  8\nretry: 8 \n", 7),
    (b"retry: 0\n", 0),
    (b"retry: 007\n", 7),
    ("retry: ٣\nretry: ²\n".encode(), None),
    (b"retry: " + b"9" * 18 + b"\n", 10**18 - 1),
    (b"retry: 7\nretry: " + b"9" * 19 + b"\n", 7),
    (b"retry: " + b"9" * 5000 + b"\n", None),
]


@pytest.mark.parametrize(("name", "stream", "events"), CASES, ids=[case[0] for case in CASES])
def test_each_case_at_every_split(name: str, stream: bytes, events: list[Event]) -> None:
    assert _feed([stream])[0] == events
    assert _feed(bytes([byte]) for byte in stream)[0] == events
    for cut in range(len(stream) + 1):
        assert _feed([stream[:cut], b"", stream[cut:]])[0] == events, cut


@pytest.mark.parametrize(("stream", "retry"), RETRIES)
def test_retry_at_every_split(stream: bytes, retry: int | None) -> None:
    for cut in range(len(stream) + 1):
        assert _feed([stream[:cut], stream[cut:]]) == ([], retry)


@pytest.mark.parametrize("end", [b"\n\n", b"\r\r", b"\r\n\r", b"\n\r"])
def test_a_line_end_dispatches_at_once(end: bytes) -> None:
    parser = Parser()
    assert parser.feed(b"data: x" + end[:-1]) == []
    assert parser.feed(end[-1:]) == _X
    assert parser.feed(b"\ndata: y\n\n") == [_event(b"y")]


# -- any chunks, against a second implementation ----------------------------------------------------------------------


def _reference(stream: bytes) -> tuple[list[Event], int | None]:
    """The standard's text, read naively: the whole stream decoded, then line by line."""
    text = stream.removeprefix(b"\xef\xbb\xbf").decode(errors="surrogateescape")
    *lines, _ = re.split("\r\n|\r|\n", text)
    events = []
    retry = None
    last_id = ""
    block: dict[str, list[str]] = {}
    for line in lines:
        if line:
            name, value = line.split(":", 1) if ":" in line else (line, "")
            value = value[1:] if value[:1] == " " else value
            if name == "retry" and re.fullmatch("[0-9]+", value):
                retry = int(value)
            if name != "id" or "\0" not in value:
                block.setdefault(name, []).append(value)
            continue
        last_id = block.get("id", [last_id])[-1]
        if "data" in block:
            own_id = _replaced(block["id"][-1]) if "id" in block else None
            data = "\n".join(block["data"]).encode(errors="surrogateescape")
            events.append(Event(_replaced(block.get("event", [""])[-1]) or "message", _replaced(last_id), own_id, data))
        block = {}
    return events, retry


def _replaced(text: str) -> str:
    return text.encode(errors="surrogateescape").decode(errors="replace")


_PIECES = st.sampled_from(
    [b"\n", b"\n", b"\r", b"\r\n", b"data", b"data: ", b"event: ", b"id: ", b"retry: ", b":", b" ", b"\0", b"a", b"1"]
)
_ODD_PIECES = st.sampled_from([b"\xef\xbb\xbf", b"\xef", b"\xff", b"\xe2\x82", b"x: ", b"12"])
_STREAMS = st.lists(_PIECES | _ODD_PIECES | st.binary(max_size=3), max_size=60).map(b"".join)


def _cut(stream: bytes, cuts: list[int]) -> Iterator[bytes]:
    begin = 0
    for cut in sorted(min(cut, len(stream)) for cut in cuts):
        yield stream[begin:cut]
        begin = cut
    yield stream[begin:]


@given(_STREAMS, st.lists(st.integers(0, 200)))
def test_any_chunks_are_parsed_as_the_reference_does(stream: bytes, cuts: list[int]) -> None:
    expected = _reference(stream)
    assert _feed([stream]) == expected
    assert _feed(_cut(stream, cuts)) == expected


@given(_STREAMS, st.lists(st.integers(0, 200)), st.integers(1, 8))
def test_the_limit_doesnt_depend_on_the_chunks(stream: bytes, cuts: list[int], limit: int) -> None:
    expected = [
        Event(e.type, e.id, e.own_id, b"", len(e.data)) if len(e.data) > limit else e for e in _reference(stream)[0]
    ]
    assert _feed([stream], limit)[0] == expected
    assert _feed(_cut(stream, cuts), limit)[0] == expected


# -- the limit: what is thrown away is not held -----------------------------------------------------------------------

_KIB = 2**10
_MIB = 2**20
_CHUNK = 64 * _KIB


def _repeated(head: bytes, unit: bytes, size: int, tail: bytes) -> Iterator[bytes]:
    """A stream of `size` bytes of `unit` between head and tail, in chunks of 64 KiB."""
    yield head
    chunk = unit * (_CHUNK // len(unit))
    for _ in range(size // _CHUNK):
        yield chunk
    yield tail


def _peak(chunks: Iterator[bytes], limit: int) -> tuple[list[Event], int]:
    tracemalloc.start()
    try:
        events, _ = _feed(chunks, limit)
        return events, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


_AFTER = b"\n\ndata: y\n\n"
_Y = _event(b"y")
_LONG = b"x" * _KIB
_FIFTY = 50 * _MIB
_TWO = 2 * _MIB  # tracing the memory of many short lines takes long


def _gone(size: int) -> list[Event]:
    return [_event(b"", discarded=size), _Y]


HUGE: list[tuple[str, tuple[bytes, bytes, int, bytes], list[Event]]] = [
    ("one line", (b"data: ", _LONG, _FIFTY, _AFTER), _gone(_FIFTY)),
    ("many lines", (b"", b"data: " + b"x" * 1017 + b"\n", _FIFTY, b"data" + _AFTER), _gone(_FIFTY // 1024 * 1018)),
    ("lines of two bytes", (b"", b"data:xy\n", _TWO, b"data" + _AFTER), _gone(_TWO // 8 * 3)),
    ("lines with CRLF", (b"", b"data: xxxxxxxx\r\n", _TWO, b"data\r\n\r\ndata: y\r\n\r\n"), _gone(_TWO // 16 * 9)),
    ("a second line", (b"data: x\ndata: ", _LONG, _FIFTY, _AFTER), _gone(_FIFTY + 2)),
    ("a comment", (b"data: x\n: ", _LONG, _FIFTY, _AFTER), [_event(b"x"), _Y]),
    ("a field's name", (b"data: x\n", _LONG, _FIFTY, _AFTER), [_event(b"x"), _Y]),
    ("a number", (b"data: x\nretry: ", b"1" * _KIB, _FIFTY, _AFTER), [_event(b"x"), _Y]),
    ("an event's name", (b"data: x\nevent: ", _LONG, _FIFTY, _AFTER), _gone(_FIFTY + 8)),
    ("an id", (b"id: ", _LONG, _FIFTY, b"\ndata: x" + _AFTER), _gone(_FIFTY + 6)),
]  # fmt: skip


@pytest.mark.parametrize(("stream", "events"), [case[1:] for case in HUGE], ids=[case[0] for case in HUGE])
def test_what_is_over_the_limit_is_not_held(stream: tuple[bytes, bytes, int, bytes], events: list[Event]) -> None:
    size = stream[2]
    limit = size // 50
    seen, peak = _peak(_repeated(*stream), limit)
    assert seen == events
    assert peak < 2 * limit + 8 * _CHUNK


def test_short_lines_within_the_limit_are_held_at_their_size() -> None:
    events, peak = _peak(_repeated(b"", b"data:xy\n", _MIB, b"\n"), _MIB // 2)
    assert [len(event.data) for event in events] == [_MIB // 8 * 3 - 1]
    assert peak < 2 * _MIB  # a list of the lines would take 6


def test_a_large_event_within_the_limit_arrives_whole() -> None:
    (event,), _ = _feed(_repeated(b"data: ", b"x" * 1024, 8 * _MIB, b"\n\n"), 8 * _MIB)
    assert event == _event(b"x" * 8 * _MIB)


@pytest.mark.parametrize("field", [b"event: ", b"id: "])
@pytest.mark.parametrize("split", [1, 10, MAX_NAME_LINE_BYTES + 1, MAX_NAME_LINE_BYTES + 8, -1])
def test_an_event_whose_name_or_id_is_too_long_is_discarded(field: bytes, split: int) -> None:
    line = field + b"n" * MAX_NAME_LINE_BYTES
    stream = line + b"\ndata: x\n\ndata: y\n\n"
    events, _ = _feed([stream[:split], stream[split:]])
    assert events == [_event(b"", discarded=len(line) + 2), _Y]
