"""The simulator as one aiohttp server in the running event loop."""

import asyncio
from types import TracebackType
from typing import Self

from aiohttp import web

from bridge.serving import HttpServer
from bridge.simulator.control import SimulatorControl
from bridge.simulator.controls import Controls
from bridge.simulator.faults import Faults
from bridge.simulator.options import SimulatorOptions
from bridge.simulator.oracle import Oracle
from bridge.simulator.rest import Rest
from bridge.simulator.streams import Streams
from bridge.simulator.world import World

BASE_PATH = "/api/v3"


class Simulator:
    """An OpticOdds to develop against; an async context manager.

    Args:
        options: How it starts; it is changed in place by the control endpoint's settings.

    Raises:
        OSError: From `async with`, if the port can't be taken.
    """

    def __init__(self, options: SimulatorOptions | None = None) -> None:
        self.options = options or SimulatorOptions()
        self.base_url = ""
        """Where the bridge is to be pointed, once it runs."""
        self.control: SimulatorControl
        """Faults, the log and the board, once it runs."""

    async def __aenter__(self) -> Self:
        faults = Faults(asyncio.get_running_loop().time)
        world = World(self.options, faults)
        self._streams = Streams(self.options, world, faults)
        oracle = Oracle(world, self._streams)
        self._controls = Controls(self.options, world, self._streams, faults)
        app = web.Application(client_max_size=256 * 2**20)
        app.add_routes(self._streams.routes(BASE_PATH))
        app.add_routes(Rest(self.options, world, faults).routes(BASE_PATH))
        app.add_routes([*oracle.routes(), *self._controls.routes()])
        # A client that leaves ends its handler, so that the count of clients is right.
        self._server = HttpServer(app, shutdown_timeout_s=0.1, handler_cancellation=True)
        host, port = await self._server.start(self.options.host, self.options.port)
        self.base_url = f"http://{host}:{port}{BASE_PATH}"
        self.control = SimulatorControl(self.base_url)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.control.close()
        await self._controls.close()
        await self._streams.close()
        await self._server.stop()
