"""What the checks' tests share."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.check.command import Command
from tests.check.fake import FakeOpticOdds


@pytest.fixture
async def upstream() -> AsyncIterator[FakeOpticOdds]:
    async with FakeOpticOdds() as fake:
        yield fake


@pytest.fixture
def command(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Command:
    return Command(tmp_path, capsys, monkeypatch)
