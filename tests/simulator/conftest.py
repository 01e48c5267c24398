import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest

from bridge.simulator import Simulator, SimulatorOptions

Start = Callable[..., Awaitable[Simulator]]


@pytest.fixture
async def start() -> AsyncIterator[Start]:
    """Start simulators that stop with the test; whatever goes wrong inside one, unseen by its clients, fails it."""
    troubles: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: troubles.append(context))
    async with AsyncExitStack() as stack:

        async def started(**options: Any) -> Simulator:
            return await stack.enter_async_context(Simulator(SimulatorOptions(**options)))

        yield started
    assert troubles == []
