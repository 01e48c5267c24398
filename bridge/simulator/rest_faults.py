"""What the faults do to REST answers: instead of one, to what it says, to its bytes."""

import asyncio
import itertools
import socket
import struct
from collections.abc import Iterator

import orjson
from aiohttp import web

from bridge.simulator.faults import Fault, Faults, Kind
from bridge.simulator.pages import Asked
from bridge.simulator.rest_answers import Bent

_MALFORMED = (
    b"<html>502 Bad Gateway</html>",
    b'{"data":{"id":"not-an-array"}}',
    b'{"data":[{"id":"latin-1:\xe9"}]}',
    b'["not","an","object"]',
    b'{"data":[]}}',
)


class Bends:
    """The faults of one request.

    Args:
        faults: Those in effect.
        path: Of the request, below the base path.
        feed: Of the endpoint.
        sports: That the request is about.
    """

    def __init__(self, faults: Faults, path: str, feed: str | None, sports: set[str]) -> None:
        self._faults = faults
        self._path = path
        self._feed = feed
        self._sports = sports
        self.used: list[str] = []
        """Kinds that had a part in the answer."""

    def find(self, kind: Kind) -> Iterator[Fault]:
        """Those of a kind that apply here, the oldest first."""
        for fault in self._faults.active(kind):
            sport = fault.sport if fault.sport in self._sports else None
            if fault.path in {None, self._path} and fault.applies(channel=None, feed=self._feed, sport=sport):
                yield fault

    def take(self, kind: Kind) -> Fault | None:
        """The oldest of a kind that applies here, and one of its uses."""
        for fault in self.find(kind):
            self._faults.use(fault)
            self.used.append(kind)
            return fault
        return None


class Shifts:
    """Lists that move while they are read in pages.

    A list that has shifted stays so for its later pages, until its first page is asked for again. By cursor only one
    page shows it: the next goes on from what that one ended with.
    """

    def __init__(self) -> None:
        self._by: dict[str, int] = {}

    def bend(self, bends: Bends, key: str, wanted: Asked) -> int:
        """By how many rows the wanted page of the list begins late."""
        if wanted.number == 1:
            self._by.pop(key, None)
            return 0
        if key in self._by:
            return self._by[key] if wanted.after is None else 0
        fault = next(bends.find("shift"), None)
        if fault is None or wanted.number < (2 if fault.at is None else fault.at):
            return 0
        bends.take("shift")
        self._by[key] = -1 if fault.effect == "doubled" else 1
        return self._by[key]


def bent(bends: Bends, shifts: Shifts, key: str, *, unlicensed: bool) -> Bent:
    """What an endpoint is to do wrong."""
    return Bent(bends.take("half-board"), unlicensed, lambda wanted: shifts.bend(bends, key, wanted))


class Spoiler:
    """Breaks bodies and the sending of them."""

    def __init__(self) -> None:
        self._count = itertools.count()

    def malformed(self, body: bytes) -> bytes:
        """What isn't an answer, six kinds in turn; the first is the answer itself, cut."""
        n = next(self._count) % (len(_MALFORMED) + 1)
        return body[: len(body) * 2 // 3] if n == 0 else _MALFORMED[n - 1]

    async def torn(self, request: web.Request, response: web.Response, fault: Fault) -> web.StreamResponse:
        """Send a part of the body that the headers promise, and end the connection."""
        body = response.body if isinstance(response.body, bytes) else b""
        at = len(body) // 2 if fault.at is None else min(fault.at, max(0, len(body) - 1))
        sent = await self._part(request, response, body, at)
        if request.transport is not None:
            if fault.how == "reset":
                sock = request.transport.get_extra_info("socket")
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            request.transport.close()
        return sent

    async def halting(self, request: web.Request, response: web.Response, fault: Fault) -> web.StreamResponse:
        """Send half of the body, wait, and send the rest."""
        body = response.body if isinstance(response.body, bytes) else b""
        sent = await self._part(request, response, body, len(body) // 2)
        await asyncio.sleep(fault.seconds or 0)
        await sent.write(body[len(body) // 2 :])
        return sent

    async def _part(self, request: web.Request, response: web.Response, body: bytes, at: int) -> web.StreamResponse:
        sent = web.StreamResponse(status=response.status, headers=response.headers)
        sent.content_length = len(body)
        await sent.prepare(request)
        if at:
            await sent.write(body[:at])
        return sent


def refused(fault: Fault) -> web.Response:
    """The answer that a fault gives instead."""
    body = b'{"error":"refused on demand"}' if fault.body is None else fault.body.encode()
    if fault.body is None and fault.status == 429:
        body = orjson.dumps({"error": "rate limit exceeded"})
    response = web.Response(status=fault.status, body=body)
    response.headers["Content-Type"] = fault.content_type or "application/json"
    if fault.retry_after is not None:
        response.headers["Retry-After"] = fault.retry_after
    if fault.location is not None:
        response.headers["Location"] = fault.location
    elif 300 <= fault.status < 400:
        response.headers["Location"] = "/_sim/trap"
    return response
