"""The bridge as users run it: a child process with a configuration file."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import aiohttp

from tests.support.waiting import until

KEY = "demo-key"


def toml(
    base_url: str,
    servers: str,
    unique: str,
    streams: list[Mapping[str, object]],
    *,
    kafka: Mapping[str, object] | None = None,
    upstream: Mapping[str, object] | None = None,
    process: Mapping[str, object] | None = None,
    log: Mapping[str, object] | None = None,
) -> str:
    """A configuration whose topics and transactional ids nobody else uses.

    What upstream's streams bring is compared record by record in most tests, so by default nothing is made up.
    """
    sections: dict[str, Mapping[str, object]] = {
        "upstream": {"base_url": base_url, "continuity": "announce", **(upstream or {})},
        "kafka": {"bootstrap_servers": servers, "topic_prefix": f"{unique}.", "partitions": 3, **(kafka or {})},
        "admin": {"listen": "127.0.0.1:0"},
        "process": process or {},
        "log": {"format": "json", **(log or {})},
    }
    lines: list[str] = []
    for name, values in sections.items():
        lines += [f"[{name}]", *(f"{key} = {json.dumps(value)}" for key, value in values.items())]
    for stream in streams:
        lines += ["[[streams]]", *(f"{key} = {json.dumps(value)}" for key, value in stream.items())]
    return "\n".join(lines) + "\n"


class Bridge:
    """One bridge process; start it, look at it, end it in any way. Its output is kept in a file.

    An async context manager: leaving it kills what still runs.
    """

    def __init__(
        self,
        folder: Path,
        config: str,
        *,
        name: str = "bridge",
        environment: Mapping[str, str] | None = None,
        module: str = "bridge",
    ) -> None:
        """`module` is what `python -m` runs: a launcher may patch the bridge before it calls its `main`."""
        self.config = folder / f"{name}.toml"
        self.config.write_text(config)
        self.output = folder / f"{name}.log"
        self.environment = {"ODDSBRIDGE_UPSTREAM__API_KEY": KEY, **(environment or {})}
        self.module = module
        self.process: asyncio.subprocess.Process | None = None
        self.admin = ""
        self._seen = 0

    async def __aenter__(self) -> "Bridge":
        return self

    async def __aexit__(self, *_: object) -> None:
        if self.process is not None and self.process.returncode is None:
            self.signal(signal.SIGCONT)
            await self.kill()

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    @property
    def text(self) -> str:
        """All that every run of it printed."""
        return self.output.read_text(errors="replace") if self.output.exists() else ""

    def lines(self) -> list[dict[str, Any]]:
        """Its log, line by line; what isn't JSON is left out."""
        found = []
        for line in self.text.splitlines():
            try:
                found.append(json.loads(line))
            except ValueError:
                continue
        return found

    async def start(self, *, ready: bool = True, within: float = 30) -> "Bridge":
        """Start it; returns when it is ready, or with `ready=False` when its admin port answers."""
        self._seen = len(self.lines())
        with self.output.open("ab") as output:
            self.process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                self.module,
                "run",
                "-c",
                str(self.config),
                stdout=output,
                stderr=output,
                env={**{k: v for k, v in os.environ.items() if not k.startswith("ODDSBRIDGE_")}, **self.environment},
            )
        await until(self._find_admin, bool, within=within, what="the admin port")
        if ready:
            await self.until_ready(within=within)
        return self

    async def _find_admin(self) -> str:
        assert self.process is not None
        for line in self.lines()[self._seen :]:
            if "admin" in line:
                self.admin = line["admin"]
                return self.admin
        if self.process.returncode is not None:
            raise AssertionError(f"the bridge ended with {self.process.returncode}:\n{self.text[-3_000:]}")
        return ""

    async def until_ready(self, *, within: float = 30) -> dict[str, Any]:
        return await until(self.ready, lambda report: report.get("ready"), within=within, what="readiness")

    async def ready(self) -> dict[str, Any]:
        """What /readyz says; {} while nothing answers."""
        text = await self.get("/readyz")
        return dict(json.loads(text)) if text else {}

    async def get(self, path: str) -> str:
        """The body of an admin page; "" while nothing answers."""
        try:
            async with (
                aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5)) as session,
                session.get(self.admin + path) as answer,
            ):
                return await answer.text()
        except (aiohttp.ClientError, TimeoutError):
            return ""

    async def metrics(self) -> dict[str, float]:
        """Every sample of /metrics: `name{labels}` as it stands there, to its value."""
        found: dict[str, float] = {}
        for line in (await self.get("/metrics")).splitlines():
            if line and not line.startswith("#"):
                name, _, value = line.rpartition(" ")
                found[name] = float(value)
        return found

    async def sum(self, metric: str, *labels: str) -> float:
        """The sum of a metric's samples whose labels hold all of `labels`, e.g. `reason="window"`."""
        return sum(
            value
            for name, value in (await self.metrics()).items()
            if name.split("{")[0] == metric and all(label in name for label in labels)
        )

    def signal(self, number: signal.Signals) -> None:
        assert self.process is not None
        if self.process.returncode is None:
            self.process.send_signal(number)

    async def kill(self) -> None:
        """SIGKILL."""
        self.signal(signal.SIGKILL)
        await self.wait()

    async def stop(self, *, within: float = 30) -> int:
        """SIGTERM; returns the exit code."""
        self.signal(signal.SIGTERM)
        return await self.wait(within=within)

    async def wait(self, *, within: float = 30) -> int:
        """The exit code, when it has ended."""
        assert self.process is not None
        async with asyncio.timeout(within):
            return await self.process.wait()
