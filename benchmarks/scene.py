"""What every measurement needs: a Kafka, the upstream, what is measured. All of it ends with this process."""

import http.client
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlencode

import psutil

from benchmarks.place import Place
from benchmarks.server import BASE
from benchmarks.topics import Topics
from bridge.demo.kafka import EmbeddedKafka
from bridge.demo.options import MEASURING
from bridge.demo.watcher import Watcher

KEY = "demo-key"
"""No secret: the upstream lets everybody in."""

_PATIENCE_S = 240.0


class Failed(Exception):
    """A measurement could not be made; the message says why."""


class Child:
    """A process that is measured, or helps to measure.

    Args:
        watcher: What started it.
        process: The process.
        output: The file that has what it prints.
    """

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

    @property
    def runs(self) -> bool:
        """Whether it has not ended."""
        return self._process.poll() is None

    def check(self) -> bool:
        """True, while it runs.

        Raises:
            Failed: It has ended by itself.
        """
        if not self.runs:
            raise Failed(f"{self._output.stem} ended with {self._process.returncode}:\n{self.text[-3000:]}")
        return True

    def cpu_s(self) -> float:
        """Processor seconds so far, its children's too."""
        return sum(t.user + t.system for t in (process.cpu_times() for process in self._family()))

    def memory_mb(self) -> float:
        """Memory that is its own (USS), its children's too, in MB."""
        return sum(float(process.memory_full_info().uss) for process in self._family()) / 1e6

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self._process.send_signal(number)

    def stop(self, within: float = 20.0) -> None:
        """SIGTERM, and SIGKILL when it takes too long."""
        if self.runs:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(within)
            except subprocess.TimeoutExpired:
                self.kill()
                return
        self._watcher.ended(self._process)

    def kill(self) -> None:
        """SIGKILL, also for its children."""
        for process in reversed(self._family()):
            process.kill()
        self._process.wait()
        self._watcher.ended(self._process)

    def _family(self) -> list[psutil.Process]:
        try:
            return [self._seen, *self._seen.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []


class Scene:
    """The parts of one run of the benchmark. A context manager; leaving it ends all of them.

    Args:
        framing: Of the streams' bodies, see `server.Server`.
    """

    def __init__(self, framing: str = "plain") -> None:
        self.place = Place()
        self._framing = framing
        self._numbers = 0

    def __enter__(self) -> Self:
        self.place.step_aside()
        # A user's broker looks for timed-out transactions every 10 s; the embedded one is set to 1 s for the demo.
        slow = {"transaction.abort.timed.out.transaction.cleanup.interval.ms": "10000"}
        self.kafka = EmbeddedKafka(jvm=MEASURING, properties=slow)
        self.kafka.start()
        try:
            self._watcher = Watcher("oddsbridge-bench-")
            self.folder = self._watcher.folder
            self.topics = Topics(self.servers)
            self.serve(self._framing)
        except BaseException as error:
            self.__exit__(type(error), error, error.__traceback__)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if hasattr(self, "_watcher"):
            self._watcher.close()
        self.kafka.stop()

    def serve(self, framing: str) -> None:
        """Have a new upstream, with another framing of the streams' bodies; the last one goes on unheard."""
        self.upstream = UpstreamProcess(partial(self.start, measured=False), self.folder, framing)

    @property
    def servers(self) -> str:
        """Kafka's address."""
        return self.kafka.bootstrap_servers

    def name(self, what: str) -> str:
        """A prefix of topics, or a name of a file, that nothing else in this run has."""
        self._numbers += 1
        return f"{what}-{self._numbers:03d}."

    def start(self, name: str, command: Sequence[str], *, measured: bool) -> Child:
        """Start a process.

        Args:
            name: Of the file that takes what it prints.
            command: The program and its arguments.
            measured: Whether it runs on the measured core, or on the others.
        """
        output = self.folder / f"{self.name(name)}log"
        env = {n: v for n, v in os.environ.items() if not n.startswith("ODDSBRIDGE_")}
        env |= {"ODDSBRIDGE_UPSTREAM__API_KEY": KEY, "PYTHONUNBUFFERED": "1"}
        line = self.place.measured(command) if measured else list(command)
        with output.open("wb") as file:
            return Child(self._watcher, self._watcher.start(line, output=file, env=env), output)


class UpstreamProcess:
    """The upstream's process, and what it is told.

    Args:
        start: Starts a process, given its name and its command line.
        folder: Where it notes down what it sends.
        framing: Of the streams' bodies.
    """

    def __init__(self, start: Callable[[str, Sequence[str]], Child], folder: Path, framing: str) -> None:
        self._child = start("upstream", [sys.executable, "-m", "benchmarks.upstream", framing])
        self.log = folder / "sent"
        """Pairs of 64-bit integers: an event's place in the pool, and its time in microseconds."""
        self.port = 0
        until(self._find_port, within=60, what="the upstream")

    def _find_port(self) -> bool:
        self._child.check()
        _, found, port = self._child.text.partition("listening on ")
        self.port = int(port) if found and port.endswith("\n") else 0
        return self.port > 0

    @property
    def base_url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.port}{BASE}"

    def hush(self) -> None:
        """End a pace before its time."""
        self._tell("hush")

    def streams(self) -> int:
        """How many streams are open."""
        return int(self._tell("state")["streams"])

    def open_odds(self) -> int:
        """How many odds its snapshot has, in all leagues."""
        return int(self._tell("state")["odds"])

    def flat(self, seconds: float, odds: int = 10**9) -> dict[str, Any]:
        """Send flat out for so many seconds, or so many odds; returns what was sent, and when."""
        return self._tell("flat", seconds=seconds, odds=odds)

    def pace(self, seconds: float, rate: float) -> dict[str, Any]:
        """Send `rate` odds a second for so many seconds; returns what was sent, and when."""
        return self._tell("pace", seconds=seconds, rate=rate)

    def fresh(self, odds: int) -> dict[str, Any]:
        """Send so many odds, none twice; returns what was sent, and when."""
        return self._tell("fresh", odds=odds)

    def forget(self) -> None:
        """Begin a new log of what is sent."""
        self.log.unlink(missing_ok=True)

    def _tell(self, what: str, **options: object) -> dict[str, Any]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=_PATIENCE_S)
        try:
            connection.request("GET", f"{BASE}/_bench/{what}?{urlencode({**options, 'log': self.log})}")
            answer: dict[str, Any] = json.loads(connection.getresponse().read())
            return answer
        finally:
            connection.close()


def until(true: Callable[[], bool], *, within: float, what: str, every: float = 0.02) -> None:
    """Wait until something is so.

    Args:
        true: Whether it is.
        within: Seconds that it may take.
        what: What is waited for, for the message.
        every: Seconds between looks.

    Raises:
        Failed: It is not so in time.
    """
    end = time.monotonic() + within
    while not true():
        if time.monotonic() > end:
            raise Failed(f"waited {within:g} s for {what}")
        time.sleep(every)


@contextmanager
def killed(child: Child) -> Iterator[Child]:
    """A child that is killed in the end: what it wrote is acknowledged by then, and an orderly end is not measured."""
    try:
        yield child
    finally:
        child.kill()


def sections(values: Mapping[str, Mapping[str, object]]) -> list[str]:
    """Lines of TOML, in which texts, numbers and lists of texts look as in JSON."""
    lines: list[str] = []
    for name, settings in values.items():
        lines += [f"[{name}]", *(f"{key} = {json.dumps(value)}" for key, value in settings.items())]
    return lines
