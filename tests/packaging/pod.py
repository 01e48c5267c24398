"""Containers' surroundings without an engine: network and mount namespaces of the kernel.

In a pod the services' names lead to 127.0.0.1, every port is free, the file system is read-only but for a few folders,
and processes have no capabilities. So what docker-compose.yml starts can be started as it stands there.
"""

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import IO

UNSHARE = ["unshare", "--mount", "--net", "--propagation", "private"]

# What happens inside, before anything is started; then it holds the namespaces open until its stdin ends.
_HOLD = """
import fcntl, os, socket, struct, subprocess, sys
etc, opt, kept, *writable = sys.argv[1:]
with socket.socket() as s:
    fcntl.ioctl(s, 0x8914, struct.pack("16sH14x", b"lo", 0x1 | 0x40))  # SIOCSIFFLAGS: up, running
def mount(*words): subprocess.run(["mount", *words], check=True)
mount("--bind", etc, "/etc")
mount("-t", "tmpfs", "pod", "/mnt")
os.mkdir("/mnt/opt")
os.mkdir("/mnt/kept")
mount("--bind", kept, "/mnt/kept")
mount("--bind", opt, "/mnt/opt")
mount("-t", "tmpfs", "pod", "/opt")
os.mkdir("/opt/oddsbridge")
mount("--bind", "/mnt/opt", "/opt/oddsbridge")
mount("-o", "remount,bind,ro", "/opt/oddsbridge")
mount("-o", "remount,bind,ro", "/etc")
mount("-o", "remount,bind,ro", "/")
for path in writable:
    mount("-t", "tmpfs", "pod", path)
os.makedirs(opt, exist_ok=True)  # its scripts' first lines name the folder that it was made in
mount("--bind", "/opt/oddsbridge", opt)
os.makedirs(kept, exist_ok=True)  # it may stand in a folder that is empty now
mount("--bind", "/mnt/kept", kept)
print("held", flush=True)
sys.stdin.read()
"""


def unavailable() -> str:
    """Why there are no pods here, or ""."""
    if sys.platform != "linux":
        return "namespaces are Linux'"
    missing = [tool for tool in ("unshare", "nsenter", "setpriv", "mount") if shutil.which(tool) is None]
    if missing:
        return f"{', '.join(missing)} isn't installed"
    done = subprocess.run(
        [*UNSHARE, "mount", "-t", "tmpfs", "pod", "/mnt"], capture_output=True, text=True, check=False
    )
    return f"namespaces can't be made: {done.stderr.strip()}" if done.returncode else ""


class Pod:
    """Namespaces, and processes in them; a context manager that kills what still runs.

    Args:
        folder: For its files.
        names: The host names that lead to 127.0.0.1.
        etc: Folders and files that are under /etc.
        opt: What is at /opt/oddsbridge.
        writable: Folders, there already, that are empty and can be written to.
    """

    def __init__(
        self, folder: Path, *, names: Iterable[str], etc: Mapping[str, Path], opt: Path, writable: Iterable[str]
    ) -> None:
        self._folder = folder
        self._etc = folder / "etc"
        shutil.copytree("/etc", self._etc, symlinks=True, ignore_dangling_symlinks=True)
        for name, path in etc.items():
            to = self._etc / name
            to.parent.mkdir(parents=True, exist_ok=True)
            shutil.rmtree(to, ignore_errors=True)
            (shutil.copytree if path.is_dir() else shutil.copy)(path, to)
        (self._etc / "hosts").write_text(
            "".join(f"127.0.0.1 {name}\n" for name in ("localhost", socket.gethostname(), *names))
        )
        self._arguments = [str(self._etc), str(opt), sys.prefix, *writable]
        self._holder: subprocess.Popen[str] | None = None
        self._running: list[subprocess.Popen[bytes]] = []
        self._logs: list[IO[bytes]] = []

    def __enter__(self) -> "Pod":
        self._holder = subprocess.Popen(
            [*UNSHARE, sys.executable, "-I", "-c", _HOLD, *self._arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._holder.stdout is not None
        assert self._holder.stdout.readline() == "held\n"
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._running:
            process.kill()
            process.wait()
        for log in self._logs:
            log.close()
        assert self._holder is not None
        self._holder.communicate()

    def _inside(self, words: Iterable[str | Path]) -> list[str]:
        assert self._holder is not None
        enter = ["nsenter", f"--target={self._holder.pid}", "--mount", "--net"]
        # Nothing outlives the tests, however they end.
        confined = ["setpriv", "--pdeathsig=KILL", "--no-new-privs", "--inh-caps=-all", "--bounding-set=-all"]
        return [*enter, *confined, *map(str, words)]

    def start(self, name: str, words: Iterable[str | Path], env: Mapping[str, str]) -> "subprocess.Popen[bytes]":
        """Start a process that lives as long as the pod, at most; see `log`."""
        log = (self._folder / f"{name}.log").open("ab")
        self._logs.append(log)
        process = subprocess.Popen(
            self._inside(words), stdout=log, stderr=log, stdin=subprocess.DEVNULL, env=_with_path(env), cwd="/"
        )
        self._running.append(process)
        return process

    def log(self, name: str) -> str:
        """What a process has printed."""
        return (self._folder / f"{name}.log").read_text(errors="replace")

    def run(self, words: Iterable[str | Path], env: Mapping[str, str]) -> "subprocess.CompletedProcess[str]":
        """Run something to its end, within a minute."""
        return subprocess.run(
            self._inside(words), env=_with_path(env), cwd="/", capture_output=True, text=True, check=False, timeout=60
        )

    def get(self, url: str) -> str:
        """What a GET in the pod answers, whatever its status; "" while nobody does."""
        code = (
            "import sys, urllib.request as r, urllib.error as e\n"
            "try: print(r.build_opener(r.ProxyHandler({})).open(sys.argv[1], timeout=10).read().decode())\n"
            "except e.HTTPError as answer: print(answer.read().decode())\n"
            "except OSError: pass\n"
        )
        return self.run([sys.executable, "-I", "-c", code, url], {}).stdout


def _with_path(env: Mapping[str, str]) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], **env}
