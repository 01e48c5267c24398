"""The watcher's own process: waits for its parent to die, then ends what the parent started. See `watcher`.

Run as a script, in an interpreter without site-packages, so it imports the standard library only::

    python -I -S watch.py <parent's pid> <prefix of the folder>  < pipe

It prints the temporary folder that it made. The pipe brings lines: `<pid>` for a process group that was started,
`-<pid>` for one that is over (so that its number, taken by somebody else later, is left alone).
"""

import contextlib
import os
import select
import shutil
import signal
import sys
import tempfile
import time

_LOOK_S = 0.5
_REMOVE_S = 10.0


def main(parent: int, prefix: str) -> None:
    """Wait for the end of the pipe or of the parent, kill what was told of, remove the folder."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # it has to outlive everybody
    folder = tempfile.mkdtemp(prefix=prefix)
    os.write(sys.stdout.fileno(), os.fsencode(folder) + b"\n")
    os.close(sys.stdout.fileno())
    groups = _groups(_read_until_orphaned(parent))
    for group in groups:
        with contextlib.suppress(OSError):
            os.killpg(group, signal.SIGKILL)  # ends a stopped process as well
    until = time.monotonic() + _REMOVE_S
    while os.path.exists(folder) and time.monotonic() < until:  # noqa: PTH110 - pathlib costs 20 ms here
        shutil.rmtree(folder, ignore_errors=True)  # a dying process may still write: again until it is gone
        time.sleep(0.02)


def _read_until_orphaned(parent: int) -> bytes:
    os.set_blocking(0, False)
    told = b""
    while True:
        select.select([0], [], [], _LOOK_S)
        # A child that the parent forked may hold the pipe open for longer: the parent's id counts as well.
        orphaned = os.getppid() != parent
        try:
            while more := os.read(0, 65536):
                told += more
            break
        except BlockingIOError:
            if orphaned:
                break
    os.close(0)  # who would tell of itself from here on dies of SIGPIPE instead, and never runs unwatched
    return told


def _groups(told: bytes) -> set[int]:
    groups: set[int] = set()
    for number in map(int, told.split()):
        if number > 0:
            groups.add(number)
        else:
            groups.discard(-number)
    return groups


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
