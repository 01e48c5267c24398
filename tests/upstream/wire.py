"""An upstream of raw sockets: it answers with exactly the bytes that a test wants, and breaks where it wants."""

import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable
from typing import Self

Answer = Callable[["Wire"], Awaitable[None]]

STREAM = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\nTransfer-Encoding: chunked\r\n\r\n"


class Wire:
    """The upstream's end of one connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def send(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()

    async def chunk(self, data: bytes) -> None:
        await self.send(b"%x\r\n%b\r\n" % (len(data), data))

    async def gone(self) -> None:
        """Wait until the other end is gone."""
        try:
            while await self._reader.read(1000):
                pass
        except ConnectionError:
            pass

    def reset(self) -> None:
        sock = self._writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._writer.transport.abort()


class Upstream:
    """Listens on 127.0.0.1; `answer` is played on each connection, after its request is kept in `requests`."""

    def __init__(self) -> None:
        self.requests: list[str] = []
        self.answer: Answer = self._nothing
        self.port = 0

    def says(self, head: str, body: bytes = b"") -> None:
        """Answer with a fixed response: its status line's end, further header lines, and a body."""
        status, *headers = head.splitlines()
        lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "", ""]

        async def answer(wire: Wire) -> None:
            await wire.send("\r\n".join(lines).encode() + body)

        self.answer = answer

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            self.requests.append((await reader.readuntil(b"\r\n\r\n")).decode())
            await self.answer(Wire(reader, writer))
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def _nothing(self, wire: Wire) -> None:
        await wire.gone()
