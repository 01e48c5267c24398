from collections.abc import Callable
from pathlib import Path

import pytest

from bridge.config import Settings, load
from bridge.errors import ConfigError

BASE = """\
[kafka]
bootstrap_servers = "localhost:9092"
"""

NBA = """\
[[streams]]
name = "nba"
feed = "odds"
sport = "basketball"
league = ["NBA"]
sportsbook = ["DraftKings"]
"""

KEY = {"ODDSBRIDGE_UPSTREAM__API_KEY": "s3cret-key"}


class Files:
    """Writes configurations and loads them."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "oddsbridge.toml"

    def load(self, text: str, environ: dict[str, str] | None = None, *, need_key: bool = True) -> Settings:
        self.path.write_text(text, encoding="utf-8")
        return load(self.path, KEY if environ is None else environ, need_key=need_key)

    def errors(self, text: str, environ: dict[str, str] | None = None, *, need_key: bool = True) -> list[str]:
        """The lines of the error, without the folder's name."""
        with pytest.raises(ConfigError) as caught:
            self.load(text, environ, need_key=need_key)
        return str(caught.value).replace(str(self.path), "FILE").splitlines()


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)


@pytest.fixture
def only_error(files: Files) -> Callable[..., str]:
    """The one line that a configuration's error has."""

    def one(text: str, environ: dict[str, str] | None = None, *, need_key: bool = True) -> str:
        lines = files.errors(text, environ, need_key=need_key)
        assert len(lines) == 1, lines
        return lines[0]

    return one
