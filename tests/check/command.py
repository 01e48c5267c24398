"""The verbs as users call them, and what they print, taken apart."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from bridge.cli import main
from tests.check.fake import KEY, FakeOpticOdds
from tests.support.bridge import toml

STREAMS: Sequence[Mapping[str, object]] = (
    {"name": "nba", "feed": "odds", "sport": "basketball", "league": ["NBA"], "sportsbook": ["DraftKings", "FanDuel"]},
    {"name": "scores", "feed": "results", "sport": "basketball"},
)


class Output(NamedTuple):
    code: int
    out: str
    err: str

    @property
    def findings(self) -> list[dict[str, str]]:
        found: list[dict[str, str]] = json.loads(self.out)["findings"]
        return found

    def of(self, check: str, about: str | None = None) -> list[dict[str, str]]:
        return [f for f in self.findings if f["check"] == check and about in {None, f["about"]}]

    def one(self, check: str, about: str | None = None) -> dict[str, str]:
        (finding,) = self.of(check, about)
        return finding

    def wrong(self) -> list[dict[str, str]]:
        return [finding for finding in self.findings if finding["level"] == "wrong"]

    @property
    def topics(self) -> dict[str, dict[str, Any]]:
        return {row["name"]: row for row in json.loads(self.out)["topics"]}


class Command:
    """Calls verbs with one configuration."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
        self.file = folder / "oddsbridge.toml"
        self._capsys = capsys
        monkeypatch.setenv("ODDSBRIDGE_UPSTREAM__API_KEY", KEY)
        monkeypatch.delenv("ODDSBRIDGE_CONFIG", raising=False)

    def configure(
        self,
        servers: str,
        unique: str,
        upstream: FakeOpticOdds | str = "http://127.0.0.1:1/api/v3",
        streams: Sequence[Mapping[str, object]] = STREAMS,
        *,
        more: str = "",
        continuity: str = "reconcile",
        **kafka: object,
    ) -> None:
        url = upstream if isinstance(upstream, str) else upstream.base_url
        self.file.write_text(
            toml(url, servers, unique, list(streams), kafka=kafka, upstream={"continuity": continuity}) + more
        )

    async def __call__(self, *arguments: str) -> Output:
        self._capsys.readouterr()
        code = await asyncio.to_thread(main, [arguments[0], "-c", str(self.file), *arguments[1:]])
        out, err = self._capsys.readouterr()
        assert KEY not in out + err
        assert "Traceback" not in err
        return Output(code, out, err)

    async def check(self) -> Output:
        output = await self("check", "--json")
        assert output.err == "", "everything that is to be told is a finding"
        return output

    async def topics(self, *options: str) -> Output:
        return await self("topics", "--json", *options)
