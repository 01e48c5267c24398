"""The upstreams that the client's tests talk to."""

from collections.abc import AsyncIterator

import pytest

from tests.upstream.wire import Upstream


@pytest.fixture
async def upstream() -> AsyncIterator[Upstream]:
    async with Upstream() as running:
        yield running


@pytest.fixture
async def elsewhere() -> AsyncIterator[Upstream]:
    async with Upstream() as running:
        yield running
