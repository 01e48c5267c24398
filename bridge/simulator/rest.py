"""The REST endpoints: who is let in, how often, and what the faults make of the answers."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from functools import partial
from urllib.parse import urlencode

import orjson
from aiohttp import web

from bridge.simulator.catalog import SPORTS
from bridge.simulator.faults import REST, Fault, Faults
from bridge.simulator.moment import Moment
from bridge.simulator.options import SimulatorOptions
from bridge.simulator.requests import Request, Requests
from bridge.simulator.rest_answers import ENDPOINTS, Reply, sports_of
from bridge.simulator.rest_faults import Bends, Shifts, Spoiler, bent, refused
from bridge.simulator.scope import Refusal, refuse
from bridge.simulator.world import World

_STALE_S = 10.0


class Rest:
    """Serves the REST side, from the same boards as the streams.

    Args:
        options: The simulator's, read each time.
        world: Boards and channels.
        faults: Those in effect.
    """

    def __init__(self, options: SimulatorOptions, world: World, faults: Faults) -> None:
        self._options = options
        self._world = world
        self._faults = faults
        self._shifts = Shifts()
        self._spoiler = Spoiler()
        self._requests = Requests(options)

    def routes(self, base: str) -> list[web.RouteDef]:
        """The endpoints under a base path, and the list of what was asked."""
        made: list[web.RouteDef] = [web.get("/_sim/requests", self._list)]
        for path in ENDPOINTS:
            handler: Callable[[web.Request], Awaitable[web.StreamResponse]] = partial(self._serve, path)
            made.append(web.get(base + path, handler, allow_head=False))
        return made

    async def _list(self, _: web.Request) -> web.Response:
        body = orjson.dumps([request.row() for request in self._requests.all])
        return web.Response(body=body, content_type="application/json")

    async def _serve(self, path: str, request: web.Request) -> web.StreamResponse:
        noted, began = self._requests.add(request, path), time.monotonic()
        try:
            response = await self._answer(path, request, noted)
            noted.status = response.status
        except (asyncio.CancelledError, ConnectionError):
            noted.status = 499
            raise
        finally:
            noted.ms = round((time.monotonic() - began) * 1000, 3)
        return response

    async def _answer(self, path: str, request: web.Request, noted: Request) -> web.StreamResponse:
        over, headers, wait_s = self._requests.spend()
        if over:
            response = _said(refuse(429, "rate limit exceeded"))
            if self._options.rest_retry_after:
                response.headers["Retry-After"] = str(wait_s)
            response.headers.update(headers)
            return response
        bends = self._bends(path, request)
        response = await self._let_in(path, request, bends)
        if response.status != 401:
            response.headers.update(headers)
        if response.status == 200 and bends.take("rest-malformed"):
            response.body = self._spoiler.malformed(response.body if isinstance(response.body, bytes) else b"")
        torn, slow = bends.take("rest-tear"), next((f for f in bends.find("rest-slow") if f.inside), None)
        noted.faults = tuple(bends.used)
        if torn is not None:
            return await self._spoiler.torn(request, response, torn)
        if slow is not None:
            self._faults.use(slow)
            noted.faults = (*noted.faults, slow.kind)
            return await self._spoiler.halting(request, response, slow)
        return response

    def _bends(self, path: str, request: web.Request) -> Bends:
        sports = set[str]()
        if any(fault.sport is not None for fault in self._faults.active(*REST)):
            sports = sports_of(request.query, Moment(self._world, self._licensed))
        return Bends(self._faults, path, ENDPOINTS[path].feed, sports)

    @property
    def _licensed(self) -> tuple[str, ...]:
        return tuple(SPORTS) if self._options.sports is None else self._options.sports

    async def _let_in(self, path: str, request: web.Request, bends: Bends) -> web.Response:
        """The whole answer, if nothing breaks it on its way."""
        for slow in bends.find("rest-slow"):
            if not slow.inside:
                self._faults.use(slow)
                bends.used.append(slow.kind)
                await asyncio.sleep(slow.seconds or 0)
        fault = bends.take("rest-refuse")
        if fault is not None:
            return refused(fault)
        key = request.headers.get("X-Api-Key") or request.query.get("key")
        if key != self._options.key:
            return _said(refuse(401, "Invalid or inactive API key" if key else "API key is required"))
        try:
            reply = self._reply(path, request, bends)
        except Refusal as refusal:
            return _said(refusal)
        head = b'{"data":[' + b",".join(reply.rows) + b"]"
        more = orjson.dumps(reply.more)
        body = head + (b"," + more[1:] if reply.more else b"}")
        return web.Response(body=body, content_type="application/json")

    def _reply(self, path: str, request: web.Request, bends: Bends) -> Reply:
        unlicensed = bends.take("unlicensed") is not None
        if unlicensed and path != "/copilot/fixtures/odds":
            raise refuse(400, "not enabled for your API key")
        stale = bends.take("stale")
        moment = Moment(self._world, self._licensed, 0.0 if stale is None else _age_s(stale))
        plain = sorted((name, value) for name, value in request.query.items() if name not in {"page", "cursor", "key"})
        key = f"{path}?{urlencode(plain)}"
        how = bent(bends, self._shifts, key, unlicensed=unlicensed)
        reply = ENDPOINTS[path].answer(request.query, moment, self._options, how)
        if bends.take("empty") is None:
            return reply
        return Reply([], _none(reply.more))


def _age_s(stale: Fault) -> float:
    if stale.moment is not None:
        return max(0.0, time.time() - stale.moment)
    return _STALE_S if stale.seconds is None else stale.seconds


def _none(more: dict[str, object]) -> dict[str, object]:
    """What stands beside the data when there is none."""
    end: dict[str, object] = {"has_more": False, "cursor": None, "total_pages": 1}
    return {name: end.get(name, value) for name, value in more.items()}


def _said(refusal: Refusal) -> web.Response:
    response = web.Response(status=refusal.status, body=refusal.body)
    response.headers["Content-Type"] = refusal.content_type
    return response
