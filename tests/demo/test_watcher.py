"""Nothing that a watcher started outlives the process that has the watcher."""

import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from bridge.demo.watcher import Watcher
from bridge.errors import DemoUnavailable
from tests.support.waiting import until_holds

# Two children a parent, one of them stopped, the other with a child of its own; then what each case adds.
PARENT = """
import os, signal, subprocess, sys, time
from bridge.demo.watcher import Watcher
mark = sys.argv[1]
watcher = Watcher()
(watcher.folder / "data").write_bytes(b"x")
stopped = watcher.start(["sleep", mark], output=subprocess.DEVNULL)
stopped.send_signal(signal.SIGSTOP)
family = watcher.start(["sh", "-c", f"sleep {mark} & sleep {mark}"], output=subprocess.DEVNULL)
{more}
print("ready", flush=True)
sys.stdin.read()
"""
HOLD_THE_PIPE = """
child = os.fork()
if child == 0:
    time.sleep(600)
    os._exit(0)
print(child, flush=True)
"""


def marked(mark: str) -> list[psutil.Process]:
    """Those that run `sleep <mark>`, or are about to, in whatever state but dead."""
    return [
        process
        for process in psutil.process_iter(["cmdline", "status"])
        if (process.info["cmdline"] or [""])[-1] == mark
        and process.info["cmdline"][0] != sys.executable
        and process.info["status"] != psutil.STATUS_ZOMBIE
    ]


@pytest.fixture
def mark() -> str:
    """A number of seconds that nobody else sleeps, to find what is left by."""
    return f"600.{os.getpid()}{time.monotonic_ns()}"


@pytest.fixture
def temp(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    return tmp_path


def parent_of(mark: str, more: str = "") -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-c", PARENT.replace("{more}", more), mark],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )


@pytest.mark.parametrize("how", ["kill", "terminate", "exit", "raise"])
def test_they_end_with_their_parent(how: str, temp: Path, mark: str) -> None:
    more = {"raise": "sys.stdin.readline = sys.stdin.read = lambda: 1 / 0"}.get(how, "")
    with parent_of(mark, more) as parent:
        assert parent.stdout is not None
        assert parent.stdin is not None
        if how != "raise":
            assert parent.stdout.readline() == b"ready\n"
            until_holds(lambda: len(marked(mark)) == 3, "not all were started")
            assert len(list(temp.iterdir())) == 1
        if how in {"kill", "terminate"}:
            getattr(parent, how)()
        parent.stdin.close()
    until_holds(lambda: marked(mark) == [], "something still runs")
    until_holds(lambda: list(temp.iterdir()) == [], "the folder is still there")


def test_a_fork_of_the_parent_does_not_keep_them_alive(temp: Path, mark: str) -> None:
    with parent_of(mark, HOLD_THE_PIPE) as parent:
        assert parent.stdout is not None
        fork = psutil.Process(int(parent.stdout.readline()))
        try:
            until_holds(lambda: len(marked(mark)) == 3, "not all were started")
            parent.kill()
            until_holds(lambda: marked(mark) == [], "something still runs")
            until_holds(lambda: list(temp.iterdir()) == [], "the folder is still there")
            assert fork.is_running()
        finally:
            fork.kill()


@pytest.mark.parametrize("started", range(4))
def test_a_parent_killed_while_it_starts_them_leaves_nothing(started: int, temp: Path, mark: str) -> None:
    with parent_of(mark) as parent:
        until_holds(lambda: list(temp.iterdir()) != [] and len(marked(mark)) >= started, "not so many were started")
        parent.kill()
    until_holds(lambda: list(temp.iterdir()) == [], "the folder is still there")
    until_holds(lambda: marked(mark) == [], "something still runs")


def test_close_ends_all_and_a_number_that_is_over_is_left_alone(temp: Path, mark: str) -> None:
    stranger = subprocess.Popen(["sleep", mark], start_new_session=True)
    try:
        with Watcher() as watcher:
            over = watcher.start(["true"], output=subprocess.DEVNULL)
            assert over.wait() == 0
            watcher.ended(over)
            watcher._tell(stranger.pid)  # as if it had been ours …
            watcher._tell(-stranger.pid)  # … and its number belonged to somebody else by now
            watcher.start(["sleep", mark], output=subprocess.DEVNULL)
            until_holds(lambda: len(marked(mark)) == 2, "it was not started")
        assert [process.pid for process in marked(mark)] == [stranger.pid]
        assert list(temp.iterdir()) == []
    finally:
        stranger.kill()
        stranger.wait()


def test_a_watcher_that_cannot_make_its_folder_says_so(temp: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DemoUnavailable, match="did not start"):
        Watcher(prefix="no-such-folder/x")
    assert list(temp.iterdir()) == []


def test_it_passes_environment_and_output(temp: Path) -> None:
    with Watcher() as watcher:
        process = watcher.start(["sh", "-c", 'echo "$WORD"; cat'], output=subprocess.PIPE, env={"WORD": "two  words"})
        output, _ = process.communicate()
    assert output == b"two  words\n"
