"""One locked broker for all tests of this folder."""

from collections.abc import Iterator

import pytest

from tests.support.secure_kafka import SecureKafka


@pytest.fixture(scope="session")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecureKafka]:
    with SecureKafka(tmp_path_factory.mktemp("locked")) as kafka:
        yield kafka
