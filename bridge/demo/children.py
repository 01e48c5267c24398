"""The demo's two processes, the simulator and the daemon, as users start them; they end with the demo (`watcher`)."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import aiohttp

from bridge.demo.watcher import Watcher
from bridge.errors import DemoUnavailable

KEY = "demo-key"
"""What the simulator lets in; it is no secret."""

_TAIL = 15


class Child:
    """`python -m bridge …` as a child process; what it prints goes to a file.

    Args:
        watcher: Ends it with this process; the file is in its folder.
        name: What it is called, and its file.
        arguments: After `python -m bridge`.
    """

    def __init__(self, watcher: Watcher, name: str, arguments: Sequence[str]) -> None:
        self.name = name
        self.output = watcher.folder / f"{name}.log"
        self._watcher = watcher
        self._command = [sys.executable, "-m", "bridge", *arguments]
        self._process: subprocess.Popen[bytes] | None = None
        self._from = 0
        self._told_to_end = False

    @property
    def pid(self) -> int:
        """Its process id; another one after each start, 0 when it doesn't run."""
        return self._process.pid if self._process else 0

    def start(self) -> None:
        """Start it, with no setting of the bridge from the environment but the key."""
        self._over()
        env = {name: value for name, value in os.environ.items() if not name.startswith("ODDSBRIDGE_")}
        self._told_to_end = False
        self._from = self.output.stat().st_size if self.output.exists() else 0
        with self.output.open("ab") as output:
            self._process = self._watcher.start(
                self._command, output=output, env=env | {"ODDSBRIDGE_UPSTREAM__API_KEY": KEY}
            )

    def kill(self) -> None:
        """SIGKILL; it is gone when this returns."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._over()

    def terminate(self) -> None:
        """SIGTERM; `ended` tells when it has ended."""
        self._told_to_end = True
        if self._process is not None:
            self._process.send_signal(signal.SIGTERM)

    def ended(self) -> int | None:
        """Its exit code once it has ended by itself or after `terminate`, None while it runs."""
        return self._process.poll() if self._process is not None else None

    def check(self) -> None:
        """Raise if it ended by itself.

        Raises:
            DemoUnavailable: It did; with the last lines of what it printed.
        """
        code = self.ended()
        if code is not None and not self._told_to_end:
            raise DemoUnavailable(f"the {self.name} ended by itself with {code}; its last lines:\n{self.tail()}")

    def _over(self) -> None:
        if self._process is not None and self._process.poll() is not None:
            self._watcher.ended(self._process)
            self._process = None

    def tail(self) -> str:
        """The last lines of what it printed."""
        text = self.output.read_text(encoding="utf-8", errors="replace") if self.output.exists() else ""
        return "\n".join(text.splitlines()[-_TAIL:])

    def printed(self) -> list[str]:
        """The whole lines that it printed since its last start."""
        with self.output.open("rb") as file:
            file.seek(self._from)
            return file.read().decode(errors="replace").split("\n")[:-1]


class SimulatorChild(Child):
    """`oddsbridge simulate`.

    Args:
        watcher: Ends it with this process.
        rate: Odds a second for each channel.
    """

    def __init__(self, watcher: Watcher, *, rate: int) -> None:
        # A short retry: is a floor under the daemon's own back-off, which begins at half a second.
        options = ["--listen", "127.0.0.1:0", "--rate", str(rate), "--retry", "250", "--key", KEY]
        super().__init__(watcher, "simulator", ["simulate", *options])

    def base_url(self, within_s: float = 30.0) -> str:
        """Where it listens; waits for its first lines.

        Raises:
            DemoUnavailable: It ended, or doesn't tell within `within_s` seconds.
        """
        until = time.monotonic() + within_s
        while True:
            for line in self.printed():
                _, found, url = line.partition("ODDSBRIDGE_UPSTREAM__BASE_URL=")
                if found:
                    return url
            self.check()
            if time.monotonic() > until:
                raise DemoUnavailable(f"the simulator did not start within {within_s:g} s; it said:\n{self.tail()}")
            time.sleep(0.05)


class DaemonChild(Child):
    """`oddsbridge run`, with a configuration file of its own.

    Args:
        watcher: Ends it with this process; the file is in its folder.
        sections: The configuration: section → setting → value.
        streams: Its streams.
    """

    def __init__(
        self, watcher: Watcher, sections: Mapping[str, Mapping[str, object]], streams: Sequence[Mapping[str, object]]
    ) -> None:
        self.config = watcher.folder / "oddsbridge.toml"
        _write(self.config, sections, streams)
        self._admin = ""
        super().__init__(watcher, "daemon", ["run", "-c", str(self.config)])

    def start(self) -> None:
        """Start it; its admin address is another one each time."""
        self._admin = ""
        super().start()

    @property
    def admin(self) -> str:
        """The URL of its admin port; "" until it is told."""
        if not self._admin:
            for line in self.printed():
                try:
                    self._admin = json.loads(line)["admin"]
                except (ValueError, KeyError, TypeError):
                    continue
        return self._admin

    async def ready(self, session: aiohttp.ClientSession) -> dict[str, Any]:
        """What /readyz says; {} while nothing answers."""
        if not self.pid or not self.admin:
            return {}
        try:
            async with session.get(f"{self.admin}/readyz", timeout=aiohttp.ClientTimeout(total=2)) as answer:
                report: dict[str, Any] = await answer.json()
                return report
        except (aiohttp.ClientError, OSError, ValueError):
            return {}


def _write(file: Path, sections: Mapping[str, Mapping[str, object]], streams: Sequence[Mapping[str, object]]) -> None:
    """TOML, in which strings, numbers, flags and lists of strings look as in JSON."""
    blocks = [(f"[{name}]", values) for name, values in sections.items()]
    blocks += [("[[streams]]", stream) for stream in streams]
    text = "\n".join(
        "\n".join([head, *(f"{name} = {json.dumps(value)}" for name, value in values.items()), ""])
        for head, values in blocks
    )
    file.write_text(text, encoding="utf-8")
