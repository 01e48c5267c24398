"""Which core does what, and what machine this is."""

import os
import platform
import shutil
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version

import psutil

LIBRARIES = ("aiohttp", "aiokafka", "msgspec", "cramjam")


class Place:
    """One core for what is measured, the others for all else.

    Linux only has both means: an affinity, and `taskset` to start a process with one. Elsewhere nothing is pinned, and
    the table says so.
    """

    def __init__(self) -> None:
        cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
        self.pinned = len(cores) > 1 and shutil.which("taskset") is not None
        self._measured = str(cores[0]) if cores else ""
        self._others = set(cores[1:])

    def step_aside(self) -> None:
        """Leave the measured core; what is started from now on leaves it too."""
        if self.pinned:
            os.sched_setaffinity(0, self._others)

    def measured(self, command: Sequence[str]) -> list[str]:
        """A command line that runs on the measured core alone."""
        return ["taskset", "-c", self._measured, *command] if self.pinned else list(command)

    def describe(self) -> dict[str, object]:
        """The machine, for the table and the report."""
        return {
            "processor": _processor(),
            "cores": psutil.cpu_count() or 0,
            "pinned": self.pinned,
            "memory_gb": round(psutil.virtual_memory().total / 1e9),
            "system": f"{platform.system()} {'.'.join(platform.release().split('.')[:2])}",
            "python": platform.python_version(),
            "libraries": {name: _version(name) for name in LIBRARIES},
        }


def _processor() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:  # noqa: PTH123
            for line in file:
                if line.startswith("model name"):
                    return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "-"
