"""The raw sockets of the upstream: as much of HTTP as a stream and a REST answer take, in one loop, no library."""

import selectors
import socket
import time
from collections.abc import Sequence
from urllib.parse import parse_qs, urlsplit

from benchmarks.board import Board
from benchmarks.pool import Template, league_name

BASE = "/api/v3"
PING_S = 5.0

_STREAM = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-cache\r\n%b\r\n\r\n"


class Peer:
    """One connection; a stream once it has asked for one."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.asked = b""
        self.pool: list[int] = []
        """What of the pool the stream carries."""
        self.place = 0
        """Where in it the stream is."""
        self.gone = False
        self._out = bytearray()

    @property
    def busy(self) -> bool:
        """Whether bytes wait to be sent."""
        return bool(self._out)

    def send(self, data: bytes | bytearray) -> None:
        """Send what the socket takes at once, and keep the rest."""
        if self._out:
            self._out += data
            return
        sent = self._push(data)
        if sent < len(data):
            self._out += memoryview(data)[sent:]

    def flush(self) -> None:
        """Send more of what waits."""
        del self._out[: self._push(self._out)]

    def _push(self, data: bytes | bytearray) -> int:
        try:
            return self.sock.send(data)
        except BlockingIOError:
            return 0
        except OSError:
            self.gone = True
            return len(data)


class Server:
    """Serves streams and REST answers; what is sent on the streams, and when, is somebody else's.

    Args:
        pool: The events, which decide what a stream with some leagues carries.
        board: Answers REST questions.
        chunked: Whether a stream's body comes in HTTP chunks, an event each, as from any server of HTTP/1.1 that can't
            tell a body's length; else it has no framing, and ends with the connection.
    """

    def __init__(self, pool: Sequence[Template], board: Board, *, chunked: bool) -> None:
        self._pool = pool
        self._board = board
        self._chunked = chunked
        self._selector = selectors.SelectSelector()  # the only one whose timeout is finer than a millisecond
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=512)
        self._listener.settimeout(0)
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._watched: dict[Peer, int] = {}
        self._ping_at = time.monotonic() + PING_S
        self.streams: list[Peer] = []
        self.commands: list[tuple[Peer, str, dict[str, str]]] = []
        """Questions below /_bench that nobody has answered yet."""

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._listener.getsockname()[1])

    def turn(self, timeout: float | None) -> None:
        """Wait for sockets for at most so many seconds (None: until something is due), and do what they ask for."""
        now = time.monotonic()
        if now >= self._ping_at:
            self._ping_at = now + PING_S
            self._ping()
        wait = self._ping_at - now if timeout is None else min(timeout, self._ping_at - now)
        for key, mask in self._selector.select(max(0.0, wait)):
            peer: Peer | None = key.data
            if peer is None:
                self._accept()
                continue
            if mask & selectors.EVENT_WRITE:
                peer.flush()
            if mask & selectors.EVENT_READ:
                self._read(peer)
            self.watch(peer)

    def watch(self, peer: Peer, *, hungry: bool = False) -> None:
        """Tell the selector what a peer is waited for: also when it could take more, with `hungry`."""
        if peer.gone:
            self._drop(peer)
            return
        wanted = selectors.EVENT_READ | (selectors.EVENT_WRITE if peer.busy or hungry else 0)
        if self._watched.get(peer, wanted) != wanted:
            self._watched[peer] = wanted
            self._selector.modify(peer.sock, wanted, peer)

    def reply(self, peer: Peer, body: bytes, status: str = "200 OK") -> None:
        """Answer a question."""
        head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        peer.send(head.encode() + body)
        self.watch(peer)

    def framed(self, template: Template, entry_id: bytes, stamp: bytes) -> bytes:
        """An event as it goes over the wire."""
        raw = template.render(entry_id, stamp)
        return bytes(raw if self._chunked else raw[template.body])

    def push(self) -> None:
        """A comment behind the last event, where a body has no framing.

        requests reads such a body in pieces of 128 bytes, and would keep the end of the event until more comes.
        """
        if not self._chunked:
            for peer in list(self.streams):
                peer.send(b":" + b" " * 254 + b"\n\n")
                self.watch(peer)

    def _small(self, frame: bytes) -> bytes:
        return b"%x\r\n%b\r\n" % (len(frame), frame) if self._chunked else frame

    def _ping(self) -> None:
        text = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()).encode()
        for peer in list(self.streams):
            if not peer.busy:
                peer.send(self._small(b"event: ping\nretry: 5000\ndata: %b\n\n" % text))
                self.watch(peer)

    def _accept(self) -> None:
        sock, _ = self._listener.accept()
        sock.settimeout(0)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        peer = Peer(sock)
        self._watched[peer] = selectors.EVENT_READ
        self._selector.register(sock, selectors.EVENT_READ, peer)

    def _read(self, peer: Peer) -> None:
        try:
            data = peer.sock.recv(2**16)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            peer.gone = True
            return
        peer.asked += data
        while b"\r\n\r\n" in peer.asked:
            head, _, peer.asked = peer.asked.partition(b"\r\n\r\n")
            self._ask(peer, head.split(b"\r\n")[0].decode().split(" ")[1])

    def _ask(self, peer: Peer, target: str) -> None:
        url = urlsplit(target)
        query = parse_qs(url.query)
        path = url.path.removeprefix(BASE)
        if path.startswith("/_bench/"):
            self.commands.append((peer, path.removeprefix("/_bench/"), {k: v[0] for k, v in query.items()}))
        elif path.startswith("/stream/odds/"):
            self._open(peer, set(query.get("league", [])))
        else:
            body = self._board.answer(path, query)
            if body is None:
                self.reply(peer, b'{"error":"not found"}', "404 Not Found")
            else:
                self.reply(peer, body)

    def _open(self, peer: Peer, leagues: set[str]) -> None:
        peer.pool = [n for n, t in enumerate(self._pool) if not leagues or league_name(t.league) in leagues]
        self.streams.append(peer)
        framing = b"Transfer-Encoding: chunked" if self._chunked else b"Connection: close"
        peer.send(_STREAM % framing + self._small(b"event: connected\nretry: 5000\ndata: ok go\n\n"))

    def _drop(self, peer: Peer) -> None:
        if peer in self.streams:
            self.streams.remove(peer)
        if self._watched.pop(peer, None) is not None:
            self._selector.unregister(peer.sock)
            peer.sock.close()
