# ruff: noqa: S311  (a seeded generator is what makes the paces the same each time)
"""The upstream as a process of its own: flat out or at a pace, on command. `python -m benchmarks.upstream`.

It prints its port. Commands are questions below /_bench, answered when they are done: `state`, `flat`, `pace`, `drop`.
Flat out never waits for anything but the readers' sockets. At a pace each event is written when it is due, whether or
not the reader keeps up, and its time is taken then: a reader that falls behind shows it.
"""

import random
import sys
import time
from array import array
from collections.abc import Iterator
from pathlib import Path

from benchmarks.board import Board
from benchmarks.pool import Numbers, Template, make
from benchmarks.server import Peer, Server, dumped

_CHUNK_EVENTS = 24
_DRAIN_S = 60.0


class Upstream:
    """Sends on all streams that are open.

    Args:
        pool: What is sent flat out.
        small: What is sent at a pace: events of three odds.
    """

    def __init__(self, pool: list[Template], small: list[Template]) -> None:
        self._pool = pool
        self._small = small
        self._numbers = Numbers(time.time_ns() // 1000)
        self.server = Server(pool, Board(pool))

    def run(self) -> None:
        """Serve until the process is ended."""
        server = self.server
        while True:
            server.turn(None)
            while server.commands:
                peer, name, options = server.commands.pop(0)
                if name == "flat":
                    done = self._flat(float(options["seconds"]), Path(options["log"]), int(options.get("odds", 10**9)))
                elif name == "pace":
                    done = self._pace(float(options["seconds"]), float(options["rate"]), Path(options["log"]))
                elif name == "drop":
                    server.drop_streams()
                    done = {}
                else:
                    done = {"streams": len(server.streams), "connects": server.connects}
                server.reply(peer, dumped(done))

    def _flat(self, seconds: float, log: Path, most: int) -> dict[str, object]:
        """Send as fast as the readers take it, for so many seconds or odds, then wait until the sockets have it."""
        server, sent = self.server, _Sent()
        began = time.time()
        until = time.monotonic() + seconds
        while time.monotonic() < until and sent.odds < most and server.streams:
            for peer in list(server.streams):
                if not peer.busy:
                    peer.send(b"".join(self._chunk(peer, sent)))
                server.watch(peer, hungry=True)
            server.turn(0.05)
        drained = self._drain()
        ended = time.time()
        sent.save(log)
        return {"events": len(sent.events), "odds": sent.odds, "began": began, "ended": ended, "drained": drained}

    def _chunk(self, peer: Peer, sent: "_Sent") -> Iterator[bytes]:
        pool, numbers = self._pool, self._numbers
        for _ in range(_CHUNK_EVENTS if len(self.server.streams) == 1 else 4):
            number = peer.pool[peer.place]
            peer.place = (peer.place + 1) % len(peer.pool)
            template = pool[number]
            entry_id, stamp = numbers.next(time.time_ns() // 1000)
            sent.add(number, len(template.odds), numbers.stamp_us)
            yield bytes(template.render(entry_id, stamp))

    def _pace(self, seconds: float, rate: float, log: Path) -> dict[str, object]:
        """Send `rate` odds a second, at random intervals, in turn on all streams."""
        server, sent, numbers = self.server, _Sent(), self._numbers
        rng = random.Random(rate)
        per_event = sum(len(template.odds) for template in self._small) / len(self._small)
        due = began = time.monotonic()
        place, latest, wall = 0, 0.0, time.time()
        while due < began + seconds and server.streams:
            now = time.monotonic()
            if now < due:
                server.turn(due - now)
                continue
            latest = max(latest, now - due)
            number = place % len(self._small)
            template = self._small[number]
            peer = server.streams[place % len(server.streams)]
            place += 1
            entry_id, stamp = numbers.next(time.time_ns() // 1000)
            sent.add(number, len(template.odds), numbers.stamp_us)
            peer.send(template.render(entry_id, stamp))
            server.watch(peer)
            due += rng.expovariate(rate / per_event)
        drained = self._drain()
        sent.save(log)
        return {
            "events": len(sent.events),
            "odds": sent.odds,
            "began": wall,
            "ended": time.time(),
            "latest_ms": latest * 1000,
            "drained": drained,
        }

    def _drain(self) -> bool:
        until = time.monotonic() + _DRAIN_S
        while any(peer.busy for peer in self.server.streams) and time.monotonic() < until:
            self.server.turn(0.05)
        return not any(peer.busy for peer in self.server.streams)


class _Sent:
    """What was sent: for each event its place in the pool and its time in microseconds."""

    def __init__(self) -> None:
        self.events: array[int] = array("q")
        self.stamps: array[int] = array("q")
        self.odds = 0

    def add(self, number: int, odds: int, stamp_us: int) -> None:
        self.events.append(number)
        self.stamps.append(stamp_us)
        self.odds += odds

    def save(self, log: Path) -> None:
        with log.open("ab") as file:
            for pair in zip(self.events, self.stamps, strict=True):
                array("q", pair).tofile(file)


def main() -> None:
    """Make the pools, listen, and serve."""
    upstream = Upstream(make(), make(sizes=(3,)))
    sys.stdout.write(f"listening on {upstream.server.port}\n")
    sys.stdout.flush()
    upstream.run()


if __name__ == "__main__":
    main()
