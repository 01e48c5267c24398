"""A server that ends leaves no connection open, whenever it came."""

import asyncio
import socket

import pytest
from aiohttp import web

from bridge.serving import HttpServer


def connected(address: tuple[str, int]) -> socket.socket:
    """A connection that the kernel has made before the event loop turns again."""
    connection = socket.create_connection(address)
    connection.setblocking(False)
    return connection


@pytest.mark.parametrize("turns", range(6))
async def test_a_connection_of_this_moment_is_closed_too(turns: int) -> None:
    server = HttpServer(web.Application(), shutdown_timeout_s=0.1)
    with connected(await server.start("127.0.0.1", 0)) as connection:
        for _ in range(turns):
            await asyncio.sleep(0)
        await server.stop()
        async with asyncio.timeout(10):
            try:
                left = await asyncio.get_running_loop().sock_recv(connection, 1)
            except ConnectionResetError:  # it hadn't been accepted
                left = b""
        assert left == b""
