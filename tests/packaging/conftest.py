"""What the image would hold, built once for all tests that look at it."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.packaging.builder import Builder


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The virtual environment that the image has at /opt/oddsbridge, built by the Dockerfile's own commands."""
    folder = tmp_path_factory.mktemp("image")
    builder = Builder(folder)
    builder.build()
    yield builder.environment
    shutil.rmtree(folder)
