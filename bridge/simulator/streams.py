# ruff: noqa: S311  (a seeded generator is what makes the boards repeatable)
"""The three stream endpoints: who is let in, to which channel, from where."""

import asyncio
import itertools
import random
import time

from aiohttp import web

from bridge.simulator.catalog import SPORTS
from bridge.simulator.channel import Channel
from bridge.simulator.connection import Connection
from bridge.simulator.connects import Connect, Connects
from bridge.simulator.faults import ACTIONS, Fault, Faults
from bridge.simulator.options import SimulatorOptions
from bridge.simulator.scope import Refusal, Scope, parse, refuse
from bridge.simulator.world import World


class Streams:
    """Serves the streams.

    Args:
        options: The simulator's, read each time.
        world: Boards and channels.
        faults: Those in effect.
    """

    def __init__(self, options: SimulatorOptions, world: World, faults: Faults) -> None:
        self._options = options
        self._world = world
        self._faults = faults
        self._rng = random.Random(f"{options.seed}:connections")
        self._numbers = itertools.count(1)
        self._pumps: dict[str, asyncio.Task[None]] = {}
        self.connections: dict[int, Connection] = {}
        self.connects = Connects(options)

    def routes(self, base: str) -> list[web.RouteDef]:
        """The endpoints under a base path."""
        return [
            web.get(f"{base}/stream/odds/{{sport}}", self._odds, allow_head=False),
            web.get(f"{base}/stream/results/{{sport}}", self._results, allow_head=False),
            web.get(f"{base}/stream/copilot/{{sport}}/odds", self._copilot, allow_head=False),
        ]

    async def close(self) -> None:
        """Stop every channel."""
        for pump in self._pumps.values():
            pump.cancel()
        await asyncio.gather(*self._pumps.values(), return_exceptions=True)

    async def _odds(self, request: web.Request) -> web.StreamResponse:
        return await self._stream(request, "odds")

    async def _results(self, request: web.Request) -> web.StreamResponse:
        return await self._stream(request, "results")

    async def _copilot(self, request: web.Request) -> web.StreamResponse:
        return await self._stream(request, "copilot")

    async def _stream(self, request: web.Request, feed: str) -> web.StreamResponse:
        connect = self.connects.add(request)
        connect.feed, connect.sport = feed, request.match_info["sport"]
        try:
            if self.connects.over_limit():
                after = self._options.retry_after_s
                return self._answer(connect, refuse(429, "rate limit exceeded"), None if after is None else str(after))
            scope, problem = self._scope(request, feed)
            place = {"channel": scope.channel_id() if scope else None, "feed": feed, "sport": connect.sport}
            for fault in self._faults.find("slow-connect", **place):
                self._faults.use(fault)
                await asyncio.sleep(fault.seconds or 0)
            for fault in self._faults.find("refuse", **place):
                self._faults.use(fault)
                return self._refused(connect, fault)
        except asyncio.CancelledError:
            connect.status = 499  # the client left while it waited
            raise
        if (request.headers.get("X-Api-Key") or request.query.get("key")) != self._options.key:
            return self._answer(connect, refuse(401, "Invalid or inactive API key"))
        if scope is None:
            return self._answer(connect, problem or refuse(400, "bad request"))
        return await self._open(request, connect, scope)

    def _scope(self, request: web.Request, feed: str) -> tuple[Scope | None, Refusal | None]:
        sports = tuple(SPORTS) if self._options.sports is None else self._options.sports
        try:
            return parse(feed, request.match_info["sport"], request.query, sports), None
        except Refusal as refusal:
            return None, refusal

    def _answer(self, connect: Connect, refusal: Refusal, retry_after: str | None = None) -> web.Response:
        connect.status = refusal.status
        response = web.Response(status=refusal.status, body=refusal.body)
        response.headers["Content-Type"] = refusal.content_type
        if retry_after is not None:
            response.headers["Retry-After"] = retry_after
        return response

    def _refused(self, connect: Connect, fault: Fault) -> web.Response:
        body = b'{"error":"refused on demand"}' if fault.body is None else fault.body.encode()
        refusal = Refusal(fault.status, body, fault.content_type or "application/json")
        response = self._answer(connect, refusal, fault.retry_after)
        if fault.location is not None:
            response.headers["Location"] = fault.location
        elif 300 <= fault.status < 400:
            response.headers["Location"] = "/_sim/trap"
        return response

    async def _open(self, request: web.Request, connect: Connect, scope: Scope) -> web.StreamResponse:
        connect.status = 200
        channel, new = self._world.channel(scope, time.time())
        if new:
            pump = asyncio.create_task(channel.run(), name=f"channel {channel.id}")
            pump.add_done_callback(_tell)
            self._pumps[channel.id] = pump
        channel.connects += 1
        connection = Connection(next(self._numbers), channel, self._options)
        connect.channel, connect.connection = channel.id, connection.number
        if connect.last_entry_id is not None:
            connect.replayed = self._replay(connection, channel, connect.last_entry_id)
        self._arm(connection)
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-cache"})
        response.headers["X-Accel-Buffering"] = "no"
        self.connections[connection.number] = connection
        channel.readers.add(connection)
        channel.refresh()
        try:
            await connection.serve(request, response)
        finally:
            del self.connections[connection.number]
            channel.readers.discard(connection)
            channel.refresh()
        return response

    def _replay(self, connection: Connection, channel: Channel, last_entry_id: str) -> int:
        """Any id is accepted; one that was never emitted here starts at "now"."""
        ordinal = channel.log.find(last_entry_id)
        if ordinal is None or self._options.replay == "none":
            return 0
        found = channel.log.after(ordinal, by=self._options.replay_by)
        if self._options.replay == "window":
            since = channel.now() - self._options.window_s
            found = [n for n in found if channel.log.at[n] >= since]
        connection.replay([n for n in found if n >= channel.log.oldest])
        return len(found)

    def _arm(self, connection: Connection) -> None:
        """What faults want to do with the coming connections."""
        scope = connection.channel.scope
        place = {"channel": connection.channel.id, "feed": scope.feed, "sport": scope.sport}
        for fault in self._faults.find(*ACTIONS, "one-byte", "crlf", "max-age", **place):
            self.apply(connection, fault)
            self._faults.use(fault)

    def apply(self, connection: Connection, fault: Fault) -> None:
        """One fault to one connection."""
        if fault.kind == "one-byte":
            connection.one_byte = True
        elif fault.kind == "crlf":
            connection.crlf = True
        elif fault.kind == "max-age":
            connection.drop_at_age(self._rng.uniform(fault.min_s, fault.max_s), fault.how)
        elif fault.kind == "drop":
            connection.drop(fault.how)
        else:
            connection.arm(fault)


def _tell(pump: asyncio.Task[None]) -> None:
    """A channel that stopped by itself is a bug of the simulator: say so, or a test waits for ever."""
    if not pump.cancelled() and (error := pump.exception()) is not None:
        pump.get_loop().call_exception_handler({"message": f"{pump.get_name()} stopped", "exception": error})
