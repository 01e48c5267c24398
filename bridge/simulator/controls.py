"""The control endpoint, `/_sim/…` (docs/simulator.md)."""

import asyncio
from typing import Annotated, Literal, TypeVar

import msgspec
import orjson
from aiohttp import web

from bridge.simulator.channel import Channel
from bridge.simulator.connection import Connection
from bridge.simulator.faults import ACTIONS, INJECTIONS, REST, Count, Fault, Faults, Positive, Where
from bridge.simulator.injections import plain
from bridge.simulator.log import Ids
from bridge.simulator.options import SimulatorOptions
from bridge.simulator.oracle import json_answer
from bridge.simulator.pages import Paging
from bridge.simulator.rest_answers import ENDPOINTS
from bridge.simulator.streams import Streams
from bridge.simulator.world import World

_T = TypeVar("_T", bound=msgspec.Struct)


class _Rate(Where, kw_only=True):
    rate: Positive | Literal["max"]
    limit: Count | None = None


class _Settings(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    key: str | None = None
    replay: Literal["full", "window", "none"] | None = None
    replay_by: Literal["id", "arrival"] | None = None
    window_s: Positive | None = None
    ping_s: Annotated[float, msgspec.Meta(gt=0)] | None = None
    retry_ms: Count | None = None
    connect_limit: Count | None = None
    connect_window_s: Positive | None = None
    retry_after_s: Count | None = None
    idle_rate: Positive | None = None
    rest_limit: Count | None = None
    rest_window_s: Annotated[float, msgspec.Meta(gt=0)] | None = None
    rest_retry_after: bool | None = None
    paging: Paging | None = None
    snapshot_by_league: bool | None = None
    history_s: Positive | None = None


class _Emit(Where, kw_only=True):
    event: str
    data: str
    entry_id: str | msgspec.UnsetType | None = msgspec.UNSET
    wire_id: str | msgspec.UnsetType | None = msgspec.UNSET


class Controls:
    """What tests and the demo ask of a simulator.

    Args:
        options: The simulator's; settings are changed in place.
        world: Boards and channels.
        streams: Connections and connects.
        faults: Those in effect.
    """

    def __init__(self, options: SimulatorOptions, world: World, streams: Streams, faults: Faults) -> None:
        self._options = options
        self._world = world
        self._streams = streams
        self._faults = faults
        self._tasks: dict[int, asyncio.Task[None]] = {}

    def routes(self) -> list[web.RouteDef]:
        """All that change something, and the list of faults."""
        return [
            web.get("/_sim/faults", self._list_faults),
            web.post("/_sim/faults", self._add_fault),
            web.delete("/_sim/faults", self._clear_faults),
            web.delete("/_sim/faults/{id:[0-9]+}", self._remove_fault),
            web.post("/_sim/emit", self._emit),
            web.post("/_sim/pause", self._pause),
            web.post("/_sim/resume", self._resume),
            web.post("/_sim/rate", self._set_rate),
            web.post("/_sim/settings", self._set),
        ]

    async def close(self) -> None:
        """Stop what repeats."""
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    def _found(self, where: Where) -> list[Channel]:
        return [
            c
            for c in self._world.channels.values()
            if where.applies(channel=c.id, feed=c.scope.feed, sport=c.scope.sport)
        ]

    # --- control --------------------------------------------------------------------------------------------------

    async def _list_faults(self, _: web.Request) -> web.Response:
        return json_answer([msgspec.to_builtins(fault) for fault in self._faults.active()])

    async def _add_fault(self, request: web.Request) -> web.Response:
        fault = await _read(request, Fault)
        if problem := _problem(fault):
            return json_answer({"error": problem}, status=400)
        limited = fault.times is not None or fault.for_s is not None
        if fault.kind in ACTIONS and not limited:
            return json_answer({"id": 0, "connections": self._apply_now(fault)})
        if fault.kind in INJECTIONS and fault.p is None:
            found = self._found(fault)
            for channel in found:
                for _ in range(1 if fault.times is None else fault.times):
                    channel.inject_fault(fault)
            return json_answer({"id": 0, "channels": [c.id for c in found]})
        if fault.kind == "drop" and fault.every_s is None:
            return json_answer({"id": 0, "connections": self._apply_now(fault)})
        self._faults.add(fault)
        done: list[int] = []
        if fault.kind == "drop":
            self._tasks[fault.id] = asyncio.create_task(self._drop_again(fault))
        elif fault.kind in {"one-byte", "crlf", "max-age"}:
            done = self._apply_now(fault)
        self._refresh()
        if fault.for_s is not None:
            self._tasks[-fault.id] = asyncio.create_task(self._expire(fault.for_s))
        return json_answer({"id": fault.id, "connections": done})

    def _apply_now(self, fault: Fault) -> list[int]:
        found = self._connections(fault)
        for connection in found:
            self._streams.apply(connection, fault)
        return [connection.number for connection in found]

    def _connections(self, where: Where) -> list[Connection]:
        channels = set(self._found(where))
        return [c for c in self._streams.connections.values() if c.channel in channels]

    async def _drop_again(self, fault: Fault) -> None:
        while True:
            await asyncio.sleep(fault.every_s or 1)
            if all(active.id != fault.id for active in self._faults.active("drop")):
                return
            self._apply_now(fault)
            self._faults.use(fault)

    async def _expire(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
        self._refresh()

    async def _clear_faults(self, _: web.Request) -> web.Response:
        self._faults.clear()
        for task in self._tasks.values():
            task.cancel()
        self._tasks.clear()
        for connection in self._streams.connections.values():
            connection.release()
        self._refresh()
        return json_answer({})

    async def _remove_fault(self, request: web.Request) -> web.Response:
        fault = self._faults.remove(int(request.match_info["id"]))
        if fault is None:
            return json_answer({"error": "no such fault"}, status=404)
        task = self._tasks.pop(fault.id, None)
        if task is not None:
            task.cancel()
        for connection in self._connections(fault):
            connection.one_byte = connection.one_byte and fault.kind != "one-byte"
            connection.crlf = connection.crlf and fault.kind != "crlf"
        self._refresh()
        return json_answer({})

    def _refresh(self) -> None:
        for channel in self._world.channels.values():
            channel.refresh()

    async def _emit(self, request: web.Request) -> web.Response:
        asked = await _read(request, _Emit)
        done = {channel.id: self._emit_on(channel, asked) for channel in self._found(asked)}
        return json_answer({"ordinals": done})

    def _emit_on(self, channel: Channel, asked: _Emit) -> int:
        has_id = asked.wire_id is not None and (asked.entry_id is not None or asked.wire_id is not msgspec.UNSET)
        body = plain(asked.event, asked.data.encode(), has_id=has_id)
        ids: Ids | None = None
        if asked.entry_id is not msgspec.UNSET or asked.wire_id is not msgspec.UNSET:
            entry_id = channel.next_entry_id() if asked.entry_id is msgspec.UNSET else asked.entry_id
            ids = Ids(entry_id, entry_id if asked.wire_id is msgspec.UNSET else asked.wire_id)
        return channel.inject(body, ("injected",), ids)

    async def _pause(self, request: web.Request) -> web.Response:
        return await self._set_paused(request, paused=True)

    async def _resume(self, request: web.Request) -> web.Response:
        return await self._set_paused(request, paused=False)

    async def _set_paused(self, request: web.Request, *, paused: bool) -> web.Response:
        found = self._found(await _read(request, Where))
        for channel in found:
            channel.paused = paused
            channel.refresh()
        return json_answer({"channels": [c.id for c in found]})

    async def _set_rate(self, request: web.Request) -> web.Response:
        asked = await _read(request, _Rate)
        found = self._found(asked)
        for channel in found:
            channel.rate = asked.rate
            channel.limit = asked.limit if asked.limit is not None else channel.limit
            channel.refresh()
        return json_answer({"channels": [c.id for c in found]})

    async def _set(self, request: web.Request) -> web.Response:
        asked = await _read(request, _Settings)
        for name in asked.__struct_fields__:
            value = getattr(asked, name)
            if value is not None:
                setattr(self._options, name, value)
        for connection in self._streams.connections.values():
            connection.wake()
        return json_answer({})


def _problem(fault: Fault) -> str | None:
    """Why a fault would never happen, if that is certain."""
    if fault.kind not in REST:
        return "path is for faults of the REST side" if fault.path is not None else None
    if fault.channel is not None:
        return "a fault of the REST side has no channel"
    if fault.path is not None and fault.path not in ENDPOINTS:
        return f"path must be one of {', '.join(ENDPOINTS)}"
    return None


async def _read(request: web.Request, what: type[_T]) -> _T:
    try:
        return msgspec.json.decode(await request.read() or b"{}", type=what)
    except msgspec.DecodeError as error:
        raise web.HTTPBadRequest(
            text=orjson.dumps({"error": str(error)}).decode(), content_type="application/json"
        ) from None
