"""Where the bridge's time goes under load: by sampling, which costs it nothing, and by counting calls."""

import pstats
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.contestants import PYTHON, Contestant, command, launch
from benchmarks.scene import Scene

SECONDS = 8.0
WARM_ODDS = 20_000
TOP = 40

_WAITING = ("_worker (concurrent", "EpollSelector.select", "KqueueSelector.select")
_RATE = 400  # samples a second


def sampled(scene: Scene, who: Contestant, folder: Path) -> list[str]:
    """py-spy beside the bridge: lines with the share of each function's own time and of what it calls.

    Writes the stacks, which speedscope and flamegraph.pl read, to a file in `folder`.
    """
    stacks = folder / f"profile-{who.name}.stacks"
    odds, failed = _loaded(
        scene,
        who,
        command(scene, who, prefix := scene.name("sample")),
        prefix,
        beside=lambda pid: [
            *(str(PYTHON.with_name("py-spy")), "record", "--pid", str(pid), "--duration", str(int(SECONDS) - 1)),
            *("--rate", str(_RATE), "--format", "raw", "--output", str(stacks)),
        ],
    )
    if failed:
        return [f"py-spy could not look at the bridge: {failed}"]
    own: Counter[str] = Counter()
    whole: Counter[str] = Counter()
    for line in stacks.read_text(encoding="utf-8").splitlines():
        stack, _, samples = line.rpartition(" ")
        frames = stack.split(";")
        if frames[-1].startswith(_WAITING):
            continue
        own[frames[-1]] += int(samples)
        whole.update(dict.fromkeys(frames, int(samples)))
    total = sum(own.values())
    lines = [f"{who.title}: {total:,} samples, {odds:,.0f} odds/s; stacks in {stacks}", "", "   own   whole  line"]
    lines += [f"{n / total:6.1%}  {whole[frame] / total:6.1%}  {frame}" for frame, n in own.most_common(TOP)]
    return lines


def counted(scene: Scene, who: Contestant, folder: Path) -> list[str]:
    """Lines with calls and times, by cProfile in the bridge, which makes each Python call several times as slow."""
    file = folder / f"profile-{who.name}.pstats"
    prefix = scene.name("count")
    arguments = command(scene, who, prefix)[1:]
    line = [sys.executable, "-m", "cProfile", "-o", str(file), "-m", "bridge", *arguments]
    odds, _ = _loaded(scene, who, line, prefix)
    stats: dict[Any, Any] = pstats.Stats(str(file)).stats  # type: ignore[attr-defined]
    rows = sorted(((own, whole, calls, place) for place, (_, calls, own, whole, _) in stats.items()), reverse=True)
    lines = [f"{who.title}: {odds:,.0f} odds/s under cProfile; all of it in {file}", "", "  own s  whole s      calls"]
    for own, whole, calls, place in rows[:TOP]:
        lines.append(f"{own:7.2f} {whole:8.2f} {calls:10,}  {_shown(place)}")
    return lines


def _shown(place: tuple[str, int, str]) -> str:
    file, line, function = place
    if "epoll" in function or "kqueue" in function:
        return f"{function}  (waiting)"
    if file == "~":
        return function
    short = file.rpartition("site-packages/")[2].rpartition("lib/")[2]
    parts = short.split("/")
    return f"{'/'.join(parts[parts.index('bridge') :] if 'bridge' in parts else parts)}:{line} {function}"


def _loaded(
    scene: Scene, who: Contestant, line: list[str], prefix: str, beside: Callable[[int], list[str]] | None = None
) -> tuple[float, str]:
    """A command line under load, and what runs beside it; returns its odds a second, and why the other failed."""
    scene.topics.make(prefix)
    child = launch(scene, who, prefix, line)
    failed = ""
    try:
        scene.upstream.flat(30, WARM_ODDS)
        there = scene.topics.stable(prefix)
        other = _start(beside(child.pid)) if beside else None
        sent = scene.upstream.flat(SECONDS)
        ended = scene.topics.quiet(prefix, at_least=there + sent["odds"])
        if other is not None:
            text, _ = other.communicate(timeout=30)
            failed = text.decode(errors="replace").strip()[-500:] if other.returncode else ""
    finally:
        child.stop()
    scene.topics.remove(prefix)
    return float(sent["odds"]) / float(ended - sent["began"]), failed


def _start(line: list[str]) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)  # noqa: S603 - our own command
