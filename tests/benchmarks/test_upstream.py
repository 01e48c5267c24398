"""The benchmark's upstream as a process: it sends what it says that it sent."""

import socket
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from benchmarks.once import logged, stamp_of, stamp_us
from benchmarks.pool import Template, league_name, make
from benchmarks.scene import Child, UpstreamProcess, until
from benchmarks.server import BASE
from benchmarks.upstream import FRAMINGS, SMALL
from bridge.demo.watcher import Watcher
from bridge.entries import Entry, decode
from bridge.sse import Parser


@pytest.fixture
def watcher() -> Iterator[Watcher]:
    with Watcher("oddsbridge-test-") as watcher:
        yield watcher


def started(watcher: Watcher, framing: str) -> UpstreamProcess:
    def start(name: str, command: Sequence[str]) -> Child:
        output = watcher.folder / name
        with output.open("wb") as file:
            return Child(watcher, watcher.start(command, output=file), output)

    return UpstreamProcess(start, watcher.folder, framing)


class Reader:
    """One stream, read as it comes."""

    def __init__(self, upstream: UpstreamProcess, framing: str, query: str = "") -> None:
        self._framing = framing
        self._body = b""
        self._socket = socket.create_connection(("127.0.0.1", upstream.port), 10)
        self._socket.sendall(f"GET {BASE}/stream/odds/basketball{query} HTTP/1.1\r\nHost: upstream\r\n\r\n".encode())
        head = b""
        while b"\r\n\r\n" not in head:
            head += self._socket.recv(65536)
        _, _, self._body = head.partition(b"\r\n\r\n")

    def __enter__(self) -> "Reader":
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def entries(self, count: int) -> list[Entry]:
        """The first entries."""
        while True:
            found = [entry for entry in map(decode, Parser().feed(self._unframed())) if entry.items]
            if len(found) >= count:
                return found
            self._body += self._socket.recv(2**20)

    def _unframed(self) -> bytes:
        if self._framing == "plain":
            return self._body
        whole, rest = b"", self._body
        while b"\r\n" in rest:
            size, _, rest = rest.partition(b"\r\n")
            whole, rest = whole + rest[: int(size, 16)], rest[int(size, 16) + 2 :]
        return whole


def shown(entries: list[Entry]) -> list[tuple[str, tuple[str, ...], int]]:
    """Event, odds and time of each."""
    return [
        (entry.event, tuple(key.decode() for key, _ in entry.items), stamp_us(stamp_of(entry.items[0][1])))
        for entry in entries
    ]


def expected(pool: Sequence[Template], log: Path) -> list[tuple[str, tuple[str, ...], int]]:
    return [(pool[number].event, pool[number].odds, stamp) for number, stamp in logged(log)]


@pytest.mark.parametrize("framing", FRAMINGS)
def test_flat_out_it_sends_what_it_notes_down(watcher: Watcher, framing: str) -> None:
    upstream = started(watcher, framing)
    with Reader(upstream, framing) as reader:
        sent = upstream.flat(30, 2_000)
        entries = reader.entries(sent["events"])
    assert sent["odds"] >= 2_000
    assert sum(len(entry.items) for entry in entries) == sent["odds"]
    assert shown(entries) == expected(make(), upstream.log)
    until(lambda: upstream.streams() == 0, within=10, what="the reader to be gone")


def test_at_a_pace_it_sends_events_of_three_odds_in_turn(watcher: Watcher) -> None:
    upstream = started(watcher, "chunked")
    with Reader(upstream, "chunked") as one, Reader(upstream, "chunked") as two:
        sent = upstream.pace(1.0, 600)
        odd_numbered = sent["events"] // 2
        entries = [*one.entries(sent["events"] - odd_numbered), *two.entries(odd_numbered)]
    assert sorted(shown(entries), key=lambda entry: entry[2]) == expected(make(sizes=SMALL), upstream.log)
    assert {len(entry.items) for entry in entries} == {3}


def test_streams_with_leagues_share_the_pool(watcher: Watcher) -> None:
    upstream = started(watcher, "chunked")
    names = [league_name(number).replace(" ", "%20") for number in (1, 7)]
    with Reader(upstream, "chunked", f"?league={names[0]}&league={names[1]}") as reader:
        sent = upstream.flat(30, 200)
        entries = reader.entries(sent["events"])
    assert {value.partition(b'"league":"')[2][:10] for entry in entries for _, value in entry.items} == {
        b"League 001",
        b"League 007",
    }
    upstream.forget()
    assert not upstream.log.exists()
