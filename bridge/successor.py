"""A stream's next connection, opened before the old one ends: it is read and held back until the two have joined."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Protocol

from bridge.continuity import Handover, Joint, mark_of
from bridge.entries import CONTROL_EVENTS, Entry, decode
from bridge.errors import UpstreamError
from bridge.logs import hidden
from bridge.sse import Parser

HELD_BYTES = 8 * 2**20
"""Bytes that are held back at most; then the new connection isn't read on until the old one has caught up."""


class Connection(Protocol):
    """An open event stream."""

    async def read(self) -> bytes:
        """The next bytes; b"" at a clean end.

        Raises:
            Disconnected: the connection broke, or was silent for too long.
        """

    def close(self) -> None:
        """Cut it."""


class Successor:
    """Opens the next connection and reads it beside the old one.

    Args:
        connect: Opens it, without asking for a replay.
        max_event_bytes: See `Parser`.
        time: Monotonic seconds, and epoch seconds.
    """

    def __init__(
        self,
        connect: Callable[[], Awaitable[Connection]],
        *,
        max_event_bytes: int,
        time: tuple[Callable[[], float], Callable[[], float]],
    ) -> None:
        self.parser = Parser(max_event_bytes)
        self.connection: Connection | None = None
        self.held: list[tuple[Entry, float]] = []
        """What it brought, each with the time of its receipt in epoch seconds."""
        self.changed = asyncio.Event()
        """Set when there is a reason to look: it has joined, or failed."""
        self.failed: str = ""
        """Why it can't take over; "" as long as it may."""
        self._connect = connect
        self._monotonic, self._wall = time
        self._handover: Handover | None = None
        self._size = 0
        self._task = asyncio.create_task(self._live())

    @property
    def joint(self) -> Joint:
        """What is known of the two connections by now."""
        return Joint.OPEN if self._handover is None else self._handover.look(self._monotonic())

    def came_on_old(self, entry: Entry | None) -> None:
        """The old connection brought an entry, or None: an event that is none."""
        if self._handover is None:
            return
        self._handover.heard_old(self._monotonic())
        if entry is not None and entry.id is not None:
            self._handover.came_on_old(mark_of(entry.event, entry.id), self._monotonic())

    def old_ended(self) -> Joint:
        """The old connection ended now."""
        return Joint.OPEN if self._handover is None else self._handover.old_ended(self._monotonic())

    async def stop(self) -> None:
        """Stop reading; the connection stays open, and what it brought stays held."""
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task

    async def close(self) -> None:
        """Stop reading, and cut the connection."""
        await self.stop()
        if self.connection is not None:
            self.connection.close()

    async def _live(self) -> None:
        try:
            self.connection = await self._connect()
            await self._read(self.connection)
        except UpstreamError as error:
            self.failed = error.reason
        except Exception as error:  # noqa: BLE001 -- told by whoever looks: the old connection goes on
            self.failed = hidden(f"{type(error).__name__}: {error}")
        finally:
            self.changed.set()

    async def _read(self, connection: Connection) -> None:
        while self._size < HELD_BYTES:
            data = await connection.read()
            if not data:
                self.failed = "closed"
                return
            received = self._wall()
            for event in self.parser.feed(data):
                if event.type not in CONTROL_EVENTS:
                    self._hold(decode(event), received)
                elif event.type == "connected" and self._handover is None:
                    self._handover = Handover(self._monotonic())
            if self.joint is not Joint.OPEN:
                return
        await asyncio.Event().wait()  # the old connection has to catch up first

    def _hold(self, entry: Entry, received: float) -> None:
        self.held.append((entry, received))
        self._size += entry.size
        if self._handover is None:  # upstream says `connected` first; if not, an entry says so too
            self._handover = Handover(self._monotonic())
        if entry.id is not None:
            self._handover.came_on_new(mark_of(entry.event, entry.id), self._monotonic())
