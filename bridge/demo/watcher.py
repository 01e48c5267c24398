"""Processes that never outlive this one, whatever ends it; by kill -9 too.

A tiny process of its own (`watch`) holds the reading end of a pipe whose writing end is here. A process started through
`Watcher.start` first writes its own id into that pipe, then becomes the program that was asked for: from its first
instant it is known to the watcher. When this process dies, the pipe ends, and the watcher kills every process
group that it knows and removes the temporary folder. No Linux-only call is in it, and no thread.
"""

import contextlib
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

from bridge.demo import watch
from bridge.errors import DemoUnavailable

# The shell's id stays the same over `exec`; the program itself gets no hold of the pipe.
_TELL_AND_BECOME = 'echo $$ >&0 && exec "$@" </dev/null'


class Watcher:
    """A temporary folder, and processes that end with this one. A context manager.

    Args:
        prefix: How the name of the temporary folder begins.

    Raises:
        DemoUnavailable: The watcher's process or its folder can't be made.
    """

    folder: Path
    """The temporary folder; it goes with the watcher."""

    def __init__(self, prefix: str = "oddsbridge-") -> None:
        if sys.platform == "win32":
            raise DemoUnavailable("the demo and its Kafka run on Linux and macOS only", reason="platform")
        self._started: list[subprocess.Popen[bytes]] = []
        reading, self._writing = os.pipe()
        try:
            self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and file
                [sys.executable, "-I", "-S", watch.__file__, str(os.getpid()), prefix],
                stdin=reading,
                stdout=subprocess.PIPE,
                start_new_session=True,  # Ctrl-C in a terminal is for the parent, which then stops things in order
            )
        finally:
            os.close(reading)
        assert self._process.stdout is not None  # noqa: S101 - for mypy
        with self._process.stdout as stdout:
            answer = stdout.readline().rstrip(b"\n")
        if not answer:
            self.close()
            raise DemoUnavailable("the watcher of the demo's processes did not start: is the temporary folder full?")
        self.folder = Path(os.fsdecode(answer))

    def start(
        self, command: Sequence[str], *, output: IO[bytes] | int, env: Mapping[str, str] | None = None
    ) -> subprocess.Popen[bytes]:
        """Start a process, in a session of its own, that ends when this one ends.

        Args:
            command: The program and its arguments.
            output: Where its stdout and stderr go: an open file, or `subprocess.PIPE`.
            env: Its environment; None for this process's own.

        Returns:
            The process; its `pid` is the program's own, and its process group's.
        """
        process = subprocess.Popen(  # noqa: S603 - the caller's command
            ["/bin/sh", "-c", _TELL_AND_BECOME, "sh", *command],
            stdin=self._writing,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=env,
            start_new_session=True,
        )
        self._started.append(process)
        self._tell(process.pid)  # again: the caller may stop the shell before it has told
        return process

    def ended(self, process: subprocess.Popen[bytes]) -> None:
        """Tell that a process was waited for, so that whoever gets its number next is left alone.

        Args:
            process: One that `start` gave, and whose `wait` or `poll` said that it is over.
        """
        self._started.remove(process)
        self._tell(-process.pid)

    def close(self) -> None:
        """Kill what still runs, wait for it, and remove the folder; safe to call twice."""
        if self._writing >= 0:
            os.close(self._writing)
            self._writing = -1
        self._process.wait()
        for process in self._started:
            process.kill()  # the watcher has done it, unless somebody killed the watcher
            process.wait()
        self._started.clear()

    def _tell(self, number: int) -> None:
        with contextlib.suppress(BrokenPipeError):  # no watcher any more: `close` does what it still can
            os.write(self._writing, b"%d\n" % number)

    def __enter__(self) -> "Watcher":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
