"""What every measurement needs: a warm Kafka, the upstream, and processes that are measured; all end with this one."""

import http.client
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import psutil

from benchmarks.place import Place
from benchmarks.topics import Topics
from bridge.demo.kafka import EmbeddedKafka
from bridge.demo.options import MEASURING
from bridge.demo.watcher import Watcher

ROOT = Path(os.environ.get("BENCH_ROOT") or Path(__file__).parent.parent)
KEY = "demo-key"


class Failed(Exception):
    """A measurement could not be made; the message says why."""


class Child:
    """A process that is measured or helps to measure."""

    def __init__(self, watcher: Watcher, process: subprocess.Popen[bytes], output: Path) -> None:
        self._watcher = watcher
        self._process = process
        self._output = output
        self._seen = psutil.Process(process.pid)

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def text(self) -> str:
        """All that it printed."""
        return self._output.read_text(encoding="utf-8", errors="replace")

    def check(self) -> None:
        """Raise if it has ended by itself."""
        if self._process.poll() is not None:
            raise Failed(f"{self._output.stem} ended with {self._process.returncode}:\n{self.text[-3000:]}")

    def cpu_s(self) -> float:
        """Processor seconds so far, of its children too."""
        total = 0.0
        for process in [self._seen, *self._seen.children(recursive=True)]:
            times = process.cpu_times()
            total += times.user + times.system
        return total

    def memory_mb(self) -> float:
        """Memory that it holds, its children's too: RSS without what is shared, in MB."""
        found = [self._seen, *self._seen.children(recursive=True)]
        return sum(float(process.memory_full_info().uss) for process in found) / 1e6

    def stop(self, within: float = 15.0) -> None:
        """SIGTERM, and SIGKILL when it takes too long."""
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(within)
        except subprocess.TimeoutExpired:
            self.kill()
        else:
            self._over()

    def kill(self) -> None:
        """SIGKILL."""
        for process in [*self._seen.children(recursive=True), self._seen]:
            process.kill()
        self._process.wait()
        self._over()

    def _over(self) -> None:
        self._watcher.ended(self._process)


class Scene:
    """The parts of one run of the benchmark. A context manager; leaving it ends all of them."""

    def __init__(self, *, properties: Mapping[str, str] | None = None) -> None:
        self.place = Place()
        self._properties = properties
        self._started = 0

    def __enter__(self) -> "Scene":
        self.place.step_aside()
        self.kafka = EmbeddedKafka(jvm=MEASURING, properties=self._properties)
        self.kafka.start()
        self._watcher = Watcher("oddsbridge-bench-")
        self.folder = self._watcher.folder
        self.topics = Topics(self.servers)
        self.upstream = UpstreamProcess(self)
        return self

    def __exit__(self, *_: object) -> None:
        self._watcher.close()
        self.kafka.stop()

    @property
    def servers(self) -> str:
        """Kafka's address."""
        return self.kafka.bootstrap_servers

    def start(self, name: str, command: Sequence[str], *, measured: bool = True) -> Child:
        """Start a process, on the measured core or on the others.

        Args:
            name: Of the file that takes what it prints.
            command: The program and its arguments.
            measured: On the measured core.
        """
        self._started += 1
        output = self.folder / f"{self._started:03d}-{name}.log"
        env = {n: v for n, v in os.environ.items() if not n.startswith("ODDSBRIDGE_")}
        env |= {"ODDSBRIDGE_UPSTREAM__API_KEY": KEY, "PYTHONPATH": str(ROOT)}
        line = self.place.measured(list(command)) if measured else list(command)
        with output.open("wb") as file:
            return Child(self._watcher, self._watcher.start(line, output=file, env=env), output)


class UpstreamProcess:
    """The upstream's process, and what it is told."""

    def __init__(self, scene: Scene) -> None:
        self._child = scene.start("upstream", [sys.executable, "-m", "benchmarks.upstream"], measured=False)
        self._log = scene.folder / "sent"
        self._port = 0
        until(self._find_port, within=30, what="the upstream")

    def _find_port(self) -> bool:
        self._child.check()
        _, found, port = self._child.text.partition("listening on ")
        self._port = int(port) if found and port.endswith("\n") else 0
        return self._port > 0

    @property
    def base_url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self._port}/api/v3"

    def streams(self) -> int:
        """How many streams are open."""
        return int(self._tell("state")["streams"])

    def flat(self, seconds: float, odds: int = 10**9) -> dict[str, Any]:
        """Send flat out for so many seconds, or so many odds; returns what was sent."""
        return self._tell("flat", seconds=seconds, odds=odds, log=self._log)

    def pace(self, seconds: float, rate: float) -> dict[str, Any]:
        """Send `rate` odds a second for so many seconds; returns what was sent."""
        return self._tell("pace", seconds=seconds, rate=rate, log=self._log)

    def forget(self) -> None:
        """Begin a new log of what is sent."""
        self._log.unlink(missing_ok=True)

    @property
    def log(self) -> Path:
        """Pairs of 64-bit integers: an event's place in the pool, and its time in microseconds."""
        return self._log

    def _tell(self, what: str, **options: object) -> dict[str, Any]:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=120)
        try:
            connection.request("GET", f"/_bench/{what}?{urlencode(options)}")
            answer: dict[str, Any] = json.loads(connection.getresponse().read())
            return answer
        finally:
            connection.close()


def until(true: Callable[[], bool], *, within: float, what: str, every: float = 0.02) -> None:
    """Wait until something is so.

    Raises:
        Failed: It is not, within so many seconds.
    """
    end = time.monotonic() + within
    while not true():
        if time.monotonic() > end:
            raise Failed(f"waited {within:g} s for {what}")
        time.sleep(every)


@contextmanager
def running(child: Child) -> Iterator[Child]:
    """A child that is stopped in the end."""
    try:
        yield child
    finally:
        child.stop()
