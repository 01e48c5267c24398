"""Events that no bridge likes: broken JSON, odds without an id, events without one, huge ones, unknown names."""

import itertools
from collections.abc import Callable, Iterator

import orjson

from bridge.simulator.body import Body, Injected
from bridge.simulator.faults import Fault

_MALFORMED = (
    b'{"data":[{"id":"cut:in:the:middle","price":-110',
    b"<html>502 Bad Gateway</html>",
    b'{"data":5,"entry_id":"@entry_id@","type":"odds"}',
    b'{"data":[{"id":"latin-1:\xe9"}],"entry_id":"@entry_id@","type":"odds"}',
    b'["not","an","object"]',
    b"{}}",
)


class Injections:
    """Makes the injected events of one channel.

    Args:
        last: Gives the channel's last ordinary body, None before there was one.
        event: The feed's usual event name.
    """

    def __init__(self, last: Callable[[], Body | None], event: str) -> None:
        self._last = last
        self._event = event
        self._count = itertools.count()

    def make(self, fault: Fault) -> Injected:
        """One event of the fault's kind."""
        n = next(self._count)
        if fault.kind == "unknown":
            return plain(fault.event, fault.data.encode())
        if fault.kind == "oversized":
            return oversized(self._event, fault.bytes, fault.lines, n)
        if fault.kind == "malformed":
            return plain(self._event, _MALFORMED[n % len(_MALFORMED)])
        last = self._last()
        if fault.kind == "no-id" and last is not None:
            # The same odds once more; nothing in the event says which entry it is.
            data = last.pre.removesuffix(b', "entry_id": "')
            if data != last.pre:
                return plain(last.event, data + b', "type": "%b"}' % last.event.encode(), has_id=False)
        if fault.kind == "no-id":
            return plain(
                self._event, orjson.dumps({"data": [_odd(f"simulator:no-id:{n}")], "type": self._event}), has_id=False
            )
        odds: list[dict[str, object]] = [_odd(None), _odd(""), {"price": 101, "note": "no id at all"}]
        return plain(
            self._event, b'{"data":%b,"entry_id":"@entry_id@","type":"%b"}' % (orjson.dumps(odds), self._event.encode())
        )


def _odd(odd_id: str | None) -> dict[str, object]:
    return {"id": odd_id, "fixture_id": "000000000000", "sportsbook": "Pinnacle", "market": "Moneyline", "price": -110}


def plain(event: str, data: bytes, *, has_id: bool = True) -> Injected:
    """An event of the data as given, with the fresh entry id put where `@entry_id@` stands."""

    def make(entry_id: bytes) -> Iterator[bytes]:
        yield data.replace(b"@entry_id@", entry_id)

    return Injected(event, make, size=len(data), has_id=has_id)


def oversized(event: str, size: int, lines: int, n: int) -> Injected:
    """A correct event with one odd of about `size` bytes, spread over `lines` data lines; made piece by piece."""
    head = b'{"data":[{"id":"simulator:oversized:%d","fixture_id":"000000000000","filler":[""' % n
    tail = b']}],"entry_id":"%b","type":"' + event.encode() + b'"}'
    each = max(1, size // lines)

    def make(entry_id: bytes) -> Iterator[bytes]:
        yield head
        for line in range(lines):
            yield b',"' if line == 0 else b'\n,"'
            for start in range(0, each, 2**16):
                yield b"x" * min(2**16, each - start)
            yield b'"'
        yield tail % entry_id

    return Injected(event, make, size=size)
