"""The upstream as a process of its own, flat out or at a pace, on command: `python -m benchmarks.upstream FRAMING`.

It prints its port. Commands are questions below /_bench, answered when they are done: `state`, `flat`, `pace`, `fresh`;
`hush` ends a pace.
Flat out waits for nothing but the readers' sockets. At a pace each event is written when it is due, whether or not the
reader keeps up, and its time is taken then: a reader that falls behind shows it.
"""

import json
import random
import sys
import time
from array import array
from collections.abc import Iterator
from itertools import count
from pathlib import Path

from benchmarks.board import Board
from benchmarks.pool import Numbers, Template, make
from benchmarks.server import Peer, Server

FRAMINGS = ("plain", "chunked")
SMALL = (3,)
"""Odds of the events that are sent at a pace."""

_EVENTS = 24  # that are handed to a socket at once
_DRAIN_S = 60.0


class Upstream:
    """Sends on all streams that are open.

    Args:
        pool: What is sent flat out.
        small: What is sent at a pace.
        chunked: See `Server`.
    """

    def __init__(self, pool: list[Template], small: list[Template], *, chunked: bool) -> None:
        self._pool = pool
        self._small = small
        self._numbers = Numbers(time.time_ns() // 1000)
        board = Board(pool)
        self._open_odds = board.odds
        self.server = Server(pool, board, chunked=chunked)

    def run(self) -> None:
        """Serve until the process is ended."""
        while True:
            self.server.turn(None)
            while self.server.commands:
                peer, name, options = self.server.commands.pop(0)
                log = Path(options.get("log", ""))
                if name == "flat":
                    done = self._flat(float(options["seconds"]), int(options["odds"]), log)
                elif name == "pace":
                    done = self._pace(float(options["seconds"]), float(options["rate"]), log)
                elif name == "fresh":
                    done = self._fresh(int(options["odds"]), log)
                else:
                    done = {"streams": len(self.server.streams), "odds": self._open_odds}
                self.server.reply(peer, json.dumps(done).encode())

    def _flat(self, seconds: float, most: int, log: Path) -> dict[str, object]:
        """Send as fast as the readers take it, for so many seconds or odds, then wait until the sockets have it."""
        server, sent = self.server, Sent()
        until = time.monotonic() + seconds
        events = _EVENTS if len(server.streams) == 1 else 4
        while time.monotonic() < until and sent.odds < most and server.streams:
            for peer in list(server.streams):
                if not peer.busy:
                    peer.send(b"".join(self._events(peer, events, sent)))
                server.watch(peer, hungry=True)
            server.turn(0.05)
        return self._told(sent, log)

    def _events(self, peer: Peer, events: int, sent: "Sent") -> Iterator[bytes]:
        for _ in range(events):
            number = peer.pool[peer.place]
            peer.place = (peer.place + 1) % len(peer.pool)
            yield self._event(self._pool[number], number, sent)

    def _event(self, template: Template, number: int, sent: "Sent") -> bytes:
        entry_id, stamp = self._numbers.next(time.time_ns() // 1000)
        sent.add(number, len(template.odds), self._numbers.stamp_us)
        return self.server.framed(template, entry_id, stamp)

    def _pace(self, seconds: float, rate: float, log: Path) -> dict[str, object]:
        """Send `rate` odds a second, at random intervals, in turn on all streams; while there is none, send nothing."""
        server, sent = self.server, Sent()
        rng = random.Random(rate)  # noqa: S311 - the same intervals each time
        mean_s = sum(len(template.odds) for template in self._small) / len(self._small) / rate
        due = time.monotonic()
        until, latest = due + seconds, 0.0
        for place in count():
            while (now := time.monotonic()) < due:
                server.turn(due - now)
            if due >= until or any(name == "hush" for _, name, _ in server.commands):
                break
            latest = max(latest, now - due)
            due += rng.expovariate(1 / mean_s)
            if server.streams:
                number = place % len(self._small)
                peer = server.streams[place % len(server.streams)]
                peer.send(self._event(self._small[number], number, sent))
                server.watch(peer)
        return self._told(sent, log) | {"latest_ms": latest * 1000}

    def _fresh(self, odds: int, log: Path) -> dict[str, object]:
        """Send so many odds, none of them twice."""
        server, sent = self.server, Sent()
        number = 1
        while number <= odds and server.streams:
            for peer in list(server.streams):
                if not peer.busy:
                    at = peer.pool[peer.place]
                    peer.place = (peer.place + 1) % len(peer.pool)
                    number = self._pool[at].renumber(number)
                    peer.send(self._event(self._pool[at], at, sent))
                server.watch(peer, hungry=True)
            server.turn(0.05)
        return self._told(sent, log)

    def _told(self, sent: "Sent", log: Path) -> dict[str, object]:
        """Wait until the sockets have all of it, and say what was sent."""
        self.server.push()
        until = time.monotonic() + _DRAIN_S
        while any(peer.busy for peer in self.server.streams) and time.monotonic() < until:
            self.server.turn(0.05)
        sent.save(log)
        return {"events": len(sent.pairs) // 2, "odds": sent.odds, "began": sent.began, "ended": time.time()}


class Sent:
    """What was sent: for each event its place in the pool, and its time in microseconds."""

    def __init__(self) -> None:
        self.began = time.time()
        self.pairs: array[int] = array("q")
        self.odds = 0

    def add(self, number: int, odds: int, stamp_us: int) -> None:
        """An event is sent."""
        self.pairs.append(number)
        self.pairs.append(stamp_us)
        self.odds += odds

    def save(self, log: Path) -> None:
        """Append it to a file."""
        with log.open("ab") as file:
            self.pairs.tofile(file)


def main() -> None:
    """Make the pools, listen, and serve."""
    upstream = Upstream(make(), make(sizes=SMALL), chunked=sys.argv[1] == "chunked")
    sys.stdout.write(f"listening on {upstream.server.port}\n")
    sys.stdout.flush()
    upstream.run()


if __name__ == "__main__":
    main()
