"""One locked broker for all tests of this folder."""

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest

from tests.support.secure_kafka import SecureKafka
from tests.support.waiting import until


@pytest.fixture(scope="session")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecureKafka]:
    with SecureKafka(tmp_path_factory.mktemp("locked")) as kafka:
        yield kafka


@pytest.fixture(autouse=True)
async def closed() -> AsyncIterator[None]:
    """After each test, let connections that failed say their TLS good-byes: aiokafka doesn't wait for them."""
    yield

    async def watched() -> int:
        return len(asyncio.get_running_loop()._selector.get_map())  # type: ignore[attr-defined]

    await until(watched, lambda n: n <= 1, within=20, what="only the loop's own pipe")
    await asyncio.sleep(0)
