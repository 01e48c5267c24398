"""One client's connection: a cursor into its channel's log, and what the faults do to its bytes."""

import asyncio
import contextlib
import socket
import struct
import time
from collections.abc import Sequence
from dataclasses import dataclass

from aiohttp import web

from bridge.simulator.body import Injected
from bridge.simulator.channel import Channel
from bridge.simulator.faults import Fault, How, Kind
from bridge.simulator.options import SimulatorOptions
from bridge.simulator.render import iso

_CHUNK = 128 * 1024  # bytes that are handed to the socket at once
_KILL_S = 0.5  # a reader that takes nothing is cut off without what is still to be sent


class _Ended(Exception):
    """A fault ended the connection."""


@dataclass(slots=True)
class _Cut:
    at: int
    """Bytes of the body before it."""
    kind: Kind
    how: How
    seconds: float | None


class Connection:
    """One connection.

    Args:
        number: Counts the simulator's connections, from 1.
        channel: What it reads.
        options: The simulator's, read each time.
    """

    def __init__(self, number: int, channel: Channel, options: SimulatorOptions) -> None:
        self.number = number
        self.channel = channel
        self.sent = 0
        """Bytes of the body so far."""
        self._handed = 0  # the same, with what is being written now: nobody knows how much of that arrives
        self.opened = time.time()
        self.one_byte = False
        self.crlf = False
        self._options = options
        self._wake = asyncio.Event()
        self._cuts: list[_Cut] = []
        self._inside: Fault | None = None
        self._released = False
        self._backlog: Sequence[int] = ()
        self._backlog_at = 0
        self._cursor = len(channel.log)
        self._ping_at = 0.0
        self._response: web.StreamResponse
        self._transport: asyncio.Transport
        self._loop = asyncio.get_running_loop()
        self._timers: list[asyncio.TimerHandle] = []

    def wake(self) -> None:
        """Something is new."""
        self._wake.set()

    def replay(self, ordinals: Sequence[int]) -> None:
        """Send these entries of the log first, then go on with what is new."""
        self._backlog = ordinals

    # --- faults ---------------------------------------------------------------------------------------------------

    def arm(self, fault: Fault) -> None:
        """Tear, end or stall at the place that the fault names."""
        if fault.inside:
            self._inside = fault
        elif fault.at is not None:
            self._cut(max(fault.at, self.sent), fault.kind, fault.how, fault.seconds)
        else:
            self._cut(self.sent + (fault.after or 0), fault.kind, fault.how, fault.seconds)
            if fault.kind != "stall" and not fault.after:
                self._kill_later(self._cuts[-1])
        self.wake()

    def drop(self, how: How) -> None:
        """End now."""
        self._cut(self.sent, "eof" if how == "eof" else "tear", how, None)
        self._kill_later(self._cuts[-1])
        self.wake()

    def drop_at_age(self, seconds: float, how: How) -> None:
        """End at an age."""
        self._timers.append(self._loop.call_later(max(0.0, self.opened + seconds - time.time()), self.drop, how))

    def release(self) -> None:
        """Forget every fault that has not happened yet, and go on after a stall."""
        self._cuts.clear()
        self._inside = None
        self._released = True
        self.one_byte = self.crlf = False
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()
        self.wake()

    def _cut(self, at: int, kind: Kind, how: How, seconds: float | None) -> None:
        self._cuts.append(_Cut(at, kind, how, seconds))

    def _kill_later(self, cut: _Cut) -> None:
        def kill() -> None:
            if cut in self._cuts:
                self._transport.abort()

        self._timers.append(self._loop.call_later(_KILL_S, kill))

    # --- the wire -------------------------------------------------------------------------------------------------

    async def serve(self, request: web.Request, response: web.StreamResponse) -> None:
        """Send until the client or a fault ends it; the response's headers are sent here too."""
        await response.prepare(request)
        transport = request.transport
        if transport is None:
            return
        self._response, self._transport = response, transport
        self._ping_at = self._loop.time() + self._options.ping_s
        try:
            await self._send(b"event: connected%bok go\n\n" % self._retry())
            while True:
                await self._turn()
        except (_Ended, ConnectionError):
            return
        finally:
            for timer in self._timers:
                timer.cancel()

    def _retry(self) -> bytes:
        return b"\nretry: %d\ndata: " % self._options.retry_ms

    async def _turn(self) -> None:
        self._wake.clear()
        if self._cuts:
            await self._send(b"")
        now = self._loop.time()
        if now >= self._ping_at:
            self._ping_at = now + self._options.ping_s
            await self._send(b"event: ping%b%b\n\n" % (self._retry(), iso(time.time(), z=True).encode()))
        out, ordinals = self._collect()
        if out:
            data = b"".join(out)
            if self._inside is not None:
                fault, self._inside = self._inside, None
                self._cut(self.sent + len(data) // 2, fault.kind, fault.how, fault.seconds)
            begin = self._handed
            try:
                await self._send(data)
            finally:
                self._mark(ordinals, len(data), self._handed - begin)
            await asyncio.sleep(0)
        elif not await self._send_injected():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(max(0.0, self._ping_at - self._loop.time())):
                    await self._wake.wait()

    def _next(self) -> int | None:
        """The ordinal to send next, without passing it."""
        if self._backlog_at < len(self._backlog):
            return self._backlog[self._backlog_at]
        if self._cursor < len(self.channel.log) or self.channel.pull():
            return self._cursor if self._cursor < len(self.channel.log) else None
        return None

    def _pass(self) -> None:
        if self._backlog_at < len(self._backlog):
            self._backlog_at += 1
        else:
            self._cursor += 1

    def _mark(self, ordinals: list[int], size: int, handed: int) -> None:
        """These entries, of so many bytes, were sent, if as many were handed to the socket; else those that were."""
        log, retry = self.channel.log, self._retry()
        if handed >= size and not self.crlf:
            for n in ordinals:
                log.mark(n)
            return
        for n in ordinals:
            frame: list[bytes] = []
            log.write(n, frame, retry)
            handed -= sum(map(len, frame)) + (b"".join(frame).count(b"\n") if self.crlf else 0)
            if handed < 0:
                break
            log.mark(n)

    def _collect(self) -> tuple[list[bytes], list[int]]:
        """Frames of the next entries, up to a chunk, and their ordinals; stops before an injected one."""
        log, retry, out, size = self.channel.log, self._retry(), list[bytes](), 0
        ordinals: list[int] = []
        while size < _CHUNK and (n := self._next()) is not None:
            if n < log.oldest and not log.bodies[n].shared:
                # The client is so slow that what it should get is gone.
                self.drop("close")
                break
            if n in log.ids or isinstance(log.bodies[n], Injected):
                break
            log.write(n, out, retry)
            ordinals.append(n)
            size += log.bodies[n].size
            self._pass()
            if self._inside is not None:
                break
        return out, ordinals

    async def _send_injected(self) -> bool:
        """Send the next entry, one that `_collect` stopped at; False if there is none."""
        n = self._next()
        if n is None:
            return False
        self._pass()
        body, log = self.channel.log.bodies[n], self.channel.log
        entry_id, wire_id = (None if i is None else i.encode() for i in (log.entry_id(n), log.wire_id(n)))
        if not isinstance(body, Injected):
            return True  # its bytes are gone, and the connection ends for that
        if self._inside is not None:
            fault, self._inside = self._inside, None
            self._cut(self.sent + body.size // 2, fault.kind, fault.how, fault.seconds)
        begin, size = self._handed, 0
        for piece in body.pieces(wire_id, self._retry(), entry_id):
            size += len(piece) + (piece.count(b"\n") if self.crlf else 0)
            try:
                await self._send(piece)
            finally:
                if piece == b"\n\n" and self._handed - begin >= size:
                    log.mark(n)
        return True

    async def _send(self, data: bytes) -> None:
        if self.crlf:
            data = data.replace(b"\n", b"\r\n")
        while self._cuts:
            cut = min(self._cuts, key=lambda c: c.at)
            if cut.at > self.sent + len(data):
                break
            part, data = data[: max(0, cut.at - self.sent)], data[max(0, cut.at - self.sent) :]
            await self._put(part)
            if cut in self._cuts:  # else it was released while we wrote
                self._cuts.remove(cut)
                await self._act(cut)
        await self._put(data)

    async def _put(self, data: bytes) -> None:
        if not data:
            return
        if self.one_byte:
            for n in range(len(data)):
                self._handed += 1
                await self._response.write(data[n : n + 1])
                self.sent += 1
                await asyncio.sleep(0)
            return
        self._handed += len(data)
        await self._response.write(data)
        self.sent += len(data)

    async def _act(self, cut: _Cut) -> None:
        if cut.kind == "stall":
            await self._stall(cut.seconds)
            return
        if cut.kind == "eof" or cut.how == "eof":
            await self._response.write_eof()
            raise _Ended
        if cut.how == "reset":
            sock = self._transport.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._transport.close()
        raise _Ended

    async def _stall(self, seconds: float | None) -> None:
        """Send nothing, until time, release or another fault."""
        until = None if seconds is None else self._loop.time() + seconds
        self._released = False
        while not self._released and not any(cut.at <= self.sent for cut in self._cuts):
            if until is not None and self._loop.time() >= until:
                break
            self._wake.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(until):
                    await self._wake.wait()
