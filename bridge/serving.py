"""An aiohttp application at an address, until it is to end."""

import asyncio
import ssl
from typing import Final

from aiohttp import web

_HANDED_OVER: Final = 3
"""Turns of the event loop from accepting a connection to the application's knowing of it: asyncio takes two, and there
is one more for whatever was to run earlier in the same turn."""


class HttpServer:
    """Serves an application from `start` to `stop`, without a log of requests.

    Stopped, it leaves no connection open. A site of aiohttp's does: asyncio fails, quietly, to hand over a connection
    that it accepted in the turn before the listener was closed, and nobody closes that one.

    Args:
        application: What to serve.
        shutdown_timeout_s: Seconds that requests are given to end when it stops.
        handler_cancellation: Whether a client that leaves ends its request's handler.
    """

    def __init__(
        self, application: web.Application, *, shutdown_timeout_s: float, handler_cancellation: bool = False
    ) -> None:
        self._runner = web.AppRunner(
            application,
            access_log=None,
            shutdown_timeout=shutdown_timeout_s,
            handler_cancellation=handler_cancellation,
        )
        self._listener: asyncio.Server | None = None

    async def start(self, host: str | None, port: int, tls: ssl.SSLContext | None = None) -> tuple[str, int]:
        """Listen.

        Args:
            host: The address; None for all that this machine has.
            port: The port; 0 for any that is free.
            tls: To speak TLS.

        Returns:
            The address and port that were taken, the first of them where there are several.

        Raises:
            OSError: The address can't be listened on.
        """
        await self._runner.setup()
        try:
            protocol = self._runner.server
            assert protocol is not None  # noqa: S101 -- set up
            self._listener = await asyncio.get_running_loop().create_server(protocol, host, port, ssl=tls)
        except OSError:
            await self.stop()
            raise
        taken: tuple[str, int] = self._listener.sockets[0].getsockname()[:2]
        return taken

    async def stop(self) -> None:
        """Stop listening and close every connection, also one that was accepted at this very moment."""
        listener, self._listener = self._listener, None
        if listener is not None:
            for socket in listener.sockets:
                asyncio.get_running_loop().remove_reader(socket)
            for _ in range(_HANDED_OVER):
                await asyncio.sleep(0)
            listener.close()
        await self._runner.cleanup()
