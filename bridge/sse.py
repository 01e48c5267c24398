"""Server-Sent Events as a pure object: bytes in, events out, no I/O.

The rules are those of the WHATWG HTML standard, section 9.2 ("Server-sent events"). Two things are the bridge's own:
an event's data stays bytes, because it is published as it came, and an event over a limit is thrown away while it
arrives instead of being held.

What is fast here was measured: a chunk is searched for the single byte LF only, and a complete data line is copied
once. A chunk that holds a CR (upstream sends none) is brought to LF first.
"""

from dataclasses import dataclass

DEFAULT_MAX_EVENT_BYTES = 32 * 2**20
"""The default limit of one event's data, in bytes."""

MAX_NAME_LINE_BYTES = 64 * 2**10
"""The limit of an `event`, `id` or `retry` line, in bytes. Real ones have some twenty; ids and types are kept,
copied into records and compared, so they must not be able to grow to the limit of the data."""

_BOM = b"\xef\xbb\xbf"
_SPACE = 0x20

# What becomes of a line that has begun and isn't complete. _HOLD keeps its bytes; the others only count them.
_HOLD, _IGNORE, _COUNT_DATA, _COUNT_NAME = range(4)


@dataclass(slots=True)
class Event:
    """One dispatched event.

    Attributes:
        type: The event's name, "message" if it has none.
        id: The last event id as the standard has it: kept from earlier events if this one has no id line.
        own_id: This event's own id line ("" if the line is empty), or None if it has none.
        data: The data lines, joined by LF, as they came.
        discarded: 0, or the bytes that were thrown away because the event was over the limit; data is then b"".
    """

    type: str
    id: str
    own_id: str | None
    data: bytes
    discarded: int = 0


class Parser:
    """Parses one connection's byte stream; take a new one for each connection.

    Memory stays at about the limit whatever arrives: comments and unknown fields are never held, and neither is the
    data of an event once it is over the limit, as one line or as many.

    Args:
        max_event_bytes: The limit of one event's data, its line feeds between data lines included.

    Attributes:
        retry: The reconnection time that upstream asked for, in milliseconds, or None.
    """

    def __init__(self, max_event_bytes: int = DEFAULT_MAX_EVENT_BYTES) -> None:
        self.retry: int | None = None
        self._limit = max_event_bytes
        self._start: bytes | None = b""  # the first bytes, until it is known whether they are a BOM
        self._after_cr = False
        self._last_id = ""
        # the line that isn't complete
        self._line = bytearray()
        self._mode = _HOLD
        # the event that isn't complete
        self._type = ""
        self._own_id: str | None = None
        self._data: bytes | bytearray | None = None
        self._size = 0
        self._over = False

    def feed(self, chunk: bytes) -> list[Event]:
        """Take the next bytes, return the events that they complete, in order.

        Args:
            chunk: Any piece of the stream; where it is cut makes no difference.
        """
        chunk = self._normal(chunk)
        events: list[Event] = []
        pos = 0
        find = chunk.find
        if self._line or self._mode:
            end = find(b"\n")
            if end < 0:
                self._begin(chunk)
                return events
            self._end(chunk[:end])
            pos = end + 1
        while (end := find(b"\n", pos)) >= 0:
            if end == pos:
                if self._data is not None or self._over:
                    events.append(self._dispatch())
                else:
                    self._reset()
            elif chunk.startswith(b"data:", pos):
                start = pos + 5
                if chunk[start] == _SPACE:  # at the latest the LF is there
                    start += 1
                if self._fits(end - start):
                    self._keep(chunk[start:end])
            elif end - pos <= MAX_NAME_LINE_BYTES:
                self._field(chunk[pos:end])
            else:
                self._begin(chunk[pos:end])
                self._end(b"")
            pos = end + 1
        if pos < len(chunk):
            self._begin(chunk[pos:] if pos else chunk)
        return events

    def _normal(self, chunk: bytes) -> bytes:
        """The chunk without the stream's BOM, each of its line ends an LF."""
        if self._start is not None:
            chunk = self._start + chunk
            if len(chunk) < len(_BOM) and _BOM.startswith(chunk):
                self._start = chunk
                return b""
            self._start = None
            chunk = chunk.removeprefix(_BOM)
        if self._after_cr and chunk:
            # The CR ended its line at once; an LF behind it belongs to the same line end.
            self._after_cr = False
            chunk = chunk.removeprefix(b"\n")
        if b"\r" in chunk:
            self._after_cr = chunk.endswith(b"\r")
            chunk = chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        return chunk

    def _begin(self, part: bytes) -> None:
        """Take a part of a line whose end isn't here yet."""
        if self._mode == _HOLD:
            self._line += part
            if len(self._line) > MAX_NAME_LINE_BYTES:
                self._settle()
        elif self._mode != _IGNORE:
            self._size += len(part)

    def _settle(self) -> None:
        """Decide whether a long line is still worth holding."""
        line = self._line
        if line.startswith(b"data:"):
            value = len(line) - (6 if line[5] == _SPACE else 5)
            size = self._joined(value)
            if not self._over and size <= self._limit:
                return
            self._throw_away()
            self._size = size
            self._mode = _COUNT_DATA
        elif line.startswith((b"event:", b"id:")):
            # Without its name or its id the event would pass for another one: it is as lost as one with too much data.
            self._throw_away()
            self._size += len(line)
            self._mode = _COUNT_NAME
        else:
            self._mode = _IGNORE
        self._line = bytearray()

    def _end(self, part: bytes) -> None:
        """Take the last part of a line that had begun."""
        self._begin(part)
        if self._mode != _HOLD:
            self._mode = _HOLD
            return
        line = self._line
        self._line = bytearray()
        if line.startswith(b"data:"):
            del line[: 6 if line[5:6] == b" " else 5]  # moves the start, copies nothing
            if self._fits(len(line)):
                self._keep(bytes(line) if self._data is None else line)
        else:
            self._field(bytes(line))

    def _field(self, line: bytes) -> None:
        """Process a complete line; also those data lines that have no colon."""
        name, _, value = line.partition(b":")
        if value.startswith(b" "):
            value = value[1:]
        if name == b"event":
            self._type = value.decode(errors="replace")
        elif name == b"id":
            if b"\0" not in value:
                self._own_id = self._last_id = value.decode(errors="replace")
        elif name == b"retry":
            # Of bytes, isdigit() means ASCII digits. More than 18 are no time, and int and float have limits.
            if value.isdigit() and len(value) <= 18:
                self.retry = int(value)
        elif name == b"data" and self._fits(len(value)):
            self._keep(value)

    def _joined(self, size: int) -> int:
        """The size of the event's data with one more line of `size` bytes."""
        return size if self._data is None and not self._over else self._size + 1 + size

    def _fits(self, size: int) -> bool:
        """Count one more data line; False once the event is over the limit."""
        self._size = self._joined(size)
        if self._size > self._limit:
            self._throw_away()
        return not self._over

    def _keep(self, value: bytes | bytearray) -> None:
        """Add a data line that was counted."""
        if self._data is None:
            self._data = value
            return
        if not isinstance(self._data, bytearray):
            # One buffer, not a list of lines: a list of many short ones would take several times their size.
            self._data = bytearray(self._data)
        self._data += b"\n"
        self._data += value

    def _throw_away(self) -> None:
        self._over = True
        self._data = None

    def _dispatch(self) -> Event:
        """The event that a blank line completed."""
        data = self._data
        discarded = self._size if self._over else 0
        event = Event(
            self._type or "message", self._last_id, self._own_id, bytes(data) if data is not None else b"", discarded
        )
        self._reset()
        return event

    def _reset(self) -> None:
        self._type = ""
        self._own_id = None
        self._data = None
        self._size = 0
        self._over = False
