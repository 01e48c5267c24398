"""The upstreams that the client's tests talk to."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest

from bridge.simulator import Simulator, SimulatorOptions
from tests.upstream.wire import Upstream

Simulate = Callable[..., Awaitable[Simulator]]


@pytest.fixture
async def upstream() -> AsyncIterator[Upstream]:
    async with Upstream() as running:
        yield running


@pytest.fixture
async def elsewhere() -> AsyncIterator[Upstream]:
    async with Upstream() as running:
        yield running


@pytest.fixture
async def simulate() -> AsyncIterator[Simulate]:
    """Start simulators that stop with the test; what goes wrong in a task that nobody waits for fails it."""
    troubles: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: troubles.append(context))
    async with AsyncExitStack() as stack:

        async def started(**options: Any) -> Simulator:
            return await stack.enter_async_context(Simulator(SimulatorOptions(**{"rate": 0, **options})))

        yield started
    assert troubles == []
