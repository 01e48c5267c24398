"""The admin port: `/livez`, `/readyz`, `/metrics` and a status page, read-only, from one aiohttp server."""

import asyncio
import errno
import os
from http import HTTPStatus
from typing import Any

import orjson
from aiohttp import web

from bridge import __version__
from bridge.admin.exposition import Exposition
from bridge.admin.page import render
from bridge.admin.rates import Rates
from bridge.errors import ConfigError
from bridge.health import Health
from bridge.metrics import Metrics
from bridge.serving import HttpServer

SAMPLE_S = 5.0
"""Seconds between the samples from which the status page computes rates."""

HEADERS = {
    "Server": "oddsbridge",  # and not the versions of what it is made of
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'",
    "Referrer-Policy": "no-referrer",
}

HINTS = {
    errno.EADDRINUSE: "is another oddsbridge running? Set another port, or port 0 for any that is free",
    errno.EADDRNOTAVAIL: "this machine has no such address; 127.0.0.1 and 0.0.0.0 always are there",
    errno.EACCES: "ports below 1024 need a privilege; take a higher one",
}


class AdminServer:
    """Serves what `health` and `metrics` say, from `start` to `stop`.

    Args:
        host: The address to listen on.
        port: The port; 0 takes any that is free, and `port` tells which after `start`.
        health: The states, for readiness and the status page.
        metrics: The numbers.
    """

    def __init__(self, host: str | None, port: int, health: Health, metrics: Metrics) -> None:
        self.host = host
        self.port = port
        self._health = health
        self._exposition = Exposition(metrics, health)
        self._rates = Rates(metrics, health.clock())
        self._server: HttpServer | None = None
        self._timer: asyncio.TimerHandle | None = None

    async def start(self) -> None:
        """Listen.

        Raises:
            ConfigError: The address can't be listened on.
        """
        app = web.Application(middlewares=[_errors_as_json])
        app.on_response_prepare.append(_add_headers)
        app.router.add_get("/", self._page)
        app.router.add_get("/livez", self._livez)
        app.router.add_get("/readyz", self._readyz)
        app.router.add_get("/metrics", self._metrics)
        server = HttpServer(app, shutdown_timeout_s=1.0)
        try:
            _, self.port = await server.start(self.host, self.port)
        except OSError as error:
            raise _cant_listen(self.host, self.port, error) from error
        self._server = server
        self._sample()

    async def stop(self) -> None:
        """Stop listening and close what is open, within a second. Does nothing when it isn't running."""
        timer, self._timer = self._timer, None
        if timer is not None:
            timer.cancel()
        server, self._server = self._server, None
        if server is not None:
            await server.stop()

    def _sample(self) -> None:
        self._rates.sample(self._health.clock())
        self._timer = asyncio.get_running_loop().call_later(SAMPLE_S, self._sample)

    async def _livez(self, _: web.Request) -> web.Response:
        # That this runs at all is the answer: the event loop turns.
        return _json({"alive": True, "version": __version__, "uptime_s": round(self._uptime(), 3)})

    async def _readyz(self, _: web.Request) -> web.Response:
        report = self._health.report()
        return _json(report, HTTPStatus.OK if report["ready"] else HTTPStatus.SERVICE_UNAVAILABLE)

    async def _metrics(self, request: web.Request) -> web.Response:
        make, content_type = self._exposition.prepare(request.headers.get("Accept", ""))
        # Text for hundreds of streams takes tens of milliseconds, too long to hold up the streams.
        body = await asyncio.to_thread(make)
        return web.Response(body=body, headers={"Content-Type": content_type})

    async def _page(self, _: web.Request) -> web.Response:
        now = self._health.clock()
        text = render(
            self._health.report(),
            version=__version__,
            uptime_s=self._uptime(),
            records=self._rates.records(now),
            entries=lambda name: self._rates.entries(name, now),
        )
        return web.Response(text=text, content_type="text/html", charset="utf-8")

    def _uptime(self) -> float:
        return self._health.clock() - self._health.started


@web.middleware
async def _errors_as_json(request: web.Request, handler: Any) -> web.StreamResponse:
    try:
        response: web.StreamResponse = await handler(request)
    except web.HTTPException as error:
        allow = {"Allow": error.headers["Allow"]} if "Allow" in error.headers else None
        return _json({"error": error.reason, "paths": ["/", "/livez", "/readyz", "/metrics"]}, error.status, allow)
    return response


async def _add_headers(_: web.Request, response: web.StreamResponse) -> None:
    response.headers.update(HEADERS)


def _json(value: Any, status: int = HTTPStatus.OK, headers: dict[str, str] | None = None) -> web.Response:
    body = orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
    return web.Response(body=body, status=status, content_type="application/json", headers=headers)


def _cant_listen(host: str | None, port: int, error: OSError) -> ConfigError:
    number = error.errno or 0
    what = os.strerror(number).lower() if number in HINTS else (error.strerror or str(error)).lower()
    where = f"[{host}]:{port}" if ":" in (host or "") else f"{host or ''}:{port}"
    return ConfigError(
        f'admin.listen = "{where}": can\'t listen there: {what}',
        hint=HINTS.get(number, "set an address and a port of this machine"),
        reason="admin-listen",
    )
