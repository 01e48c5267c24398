"""The oracle, `GET /_sim/…`: what was emitted, who connected, and the board now (docs/simulator.md)."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator

import msgspec
import orjson
from aiohttp import web

from bridge.simulator.catalog import SPORTS
from bridge.simulator.channel import Channel
from bridge.simulator.model import Style
from bridge.simulator.prices import OddsFormat
from bridge.simulator.streams import Streams
from bridge.simulator.world import World


class Oracle:
    """Answers what tests compare with.

    Args:
        world: Boards and channels.
        streams: Connects.
    """

    def __init__(self, world: World, streams: Streams) -> None:
        self._world = world
        self._streams = streams

    def routes(self) -> list[web.RouteDef]:
        """All that is only read."""
        return [
            web.get("/_sim/channels", self._channels),
            web.get("/_sim/log", self._log),
            web.get("/_sim/unsent", self._unsent),
            web.get("/_sim/connects", self._connects),
            web.get("/_sim/board", self._board),
            web.get("/_sim/trap", self._trap),
        ]

    async def _channels(self, _: web.Request) -> web.Response:
        return json_answer([self._row(c) for c in self._world.channels.values()])

    def _row(self, channel: Channel) -> dict[str, object]:
        return {
            "id": channel.id,
            "feed": channel.scope.feed,
            "sport": channel.scope.sport,
            "params": channel.scope.params(),
            "logged": len(channel.log),
            "made": channel.made,
            "items": channel.emitted,
            "last_entry_id": channel.log.entry_id(len(channel.log) - 1) if len(channel.log) else None,
            "clients": len(channel.readers),
            "connects": channel.connects,
            "rate": channel.rate,
            "limit": channel.limit,
            "paused": channel.paused,
            "ended": channel.ended,
        }

    async def _log(self, request: web.Request) -> web.StreamResponse:
        channel = self._world.channels.get(request.query.get("channel", ""))
        if channel is None:
            return json_answer({"error": "no such channel"}, status=404)
        response = web.StreamResponse(headers={"Content-Type": "application/x-ndjson"})
        await response.prepare(request)
        async for chunk in _ndjson(channel, int(request.query.get("after", "-1")), compact="compact" in request.query):
            await response.write(chunk)
        await response.write_eof()
        return response

    async def _unsent(self, request: web.Request) -> web.Response:
        channel = self._world.channels.get(request.query.get("channel", ""))
        if channel is None:
            return json_answer({"error": "no such channel"}, status=404)
        return json_answer(channel.log.unsent())

    async def _connects(self, _: web.Request) -> web.Response:
        return json_answer([connect.row() for connect in self._streams.connects.all])

    async def _board(self, request: web.Request) -> web.Response:
        sport = request.query.get("sport", "")
        if sport not in SPORTS:
            return json_answer({"error": f"sport must be one of {', '.join(SPORTS)}"}, status=400)
        try:
            odds_format = msgspec.convert(request.query.get("odds_format", "AMERICAN"), OddsFormat)
        except msgspec.ValidationError as error:
            return json_answer({"error": str(error)}, status=400)
        style = Style(odds_format, "include_deep_link" in request.query, "exclude_fees" in request.query)
        rows = (
            b'%b:{"locked":%b,"odd":%b}' % (orjson.dumps(odd_id), b"true" if locked else b"false", body)
            for odd_id, body, locked in self._world.snapshot(sport, style, time.time())
        )
        return web.Response(body=b"{" + b",".join(rows) + b"}", content_type="application/json")

    async def _trap(self, request: web.Request) -> web.Response:
        """Where a redirect leads: a careful client never comes here, and never with the key."""
        self._streams.connects.add(request).status = 200
        return web.Response(text="you followed a redirect", content_type="text/plain")


def json_answer(value: object, *, status: int = 200) -> web.Response:
    """An answer of the control endpoint."""
    return web.Response(body=orjson.dumps(value), status=status, content_type="application/json")


async def _ndjson(channel: Channel, after: int, *, compact: bool) -> AsyncIterator[bytes]:
    """The log in chunks; compact rows name a body by number, after one row that says what is in it."""
    out: list[bytes] = []
    for n, row in enumerate(_rows(channel, after, compact=compact)):
        out.append(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE))
        if n % 256 == 255:
            yield b"".join(out)
            out.clear()
            await asyncio.sleep(0)
    yield b"".join(out)


def _rows(channel: Channel, after: int, *, compact: bool) -> Iterator[dict[str, object]]:
    log = channel.log
    numbers: dict[int, int] = {}
    for n in range(max(log.first, after + 1), len(log)):
        body = log.bodies[n]
        row: dict[str, object] = {
            "ordinal": n,
            "entry_id": log.entry_id(n),
            "wire_id": log.wire_id(n),
            "ms": int(log.at[n] * 1000),
            "flags": log.flags.get(n, ()),
        }
        if not compact:
            yield row | {"event": body.event, "odds": body.items(log.entry_id(n))}
            continue
        number = numbers.get(id(body))
        if number is None:
            number = numbers[id(body)] = len(numbers)
            yield {"body": number, "event": body.event, "odds": body.items(log.entry_id(n))}
        yield row | {"body": number}
