"""The guided run: a real Kafka, a simulated OpticOdds and the daemon, from the start to the last process's end."""

import asyncio
import contextlib
import logging
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from bridge.demo import consumer
from bridge.demo.acts import Acts, Schedule
from bridge.demo.children import SimulatorChild
from bridge.demo.count import Read
from bridge.demo.jars import KAFKA_VERSION
from bridge.demo.kafka import EmbeddedKafka
from bridge.demo.live import screen_for
from bridge.demo.screen import Screen
from bridge.demo.stage import Stage
from bridge.demo.watcher import Watcher
from bridge.errors import DemoUnavailable

RATE = 500
"""Odds a second for each odds and copilot stream."""


def run(out: TextIO, *, schedule: Schedule, keep: bool = False, read: Read = consumer.read) -> bool:
    """Play the demo. Nothing that it started outlives it.

    Args:
        out: Where it tells what happens: a live view if it is a terminal, or else plain lines.
        schedule: How long odds flow.
        keep: Leave all of it running after the count, until Ctrl-C.
        read: The reader of the count.

    Returns:
        Whether every entry is in Kafka exactly once, and after a gap the topics equal upstream.

    Raises:
        DemoUnavailable: A part of it can't be had, ended by itself, or took too long.
        KafkaFailure: The topics can't be read.
        KeyboardInterrupt: Ctrl-C before the end.
    """
    started = time.monotonic()
    kafka = EmbeddedKafka()
    with contextlib.ExitStack() as stack:
        stack.callback(kafka.stop, timeout=0)
        watcher = stack.enter_context(Watcher("oddsbridge-demo-"))
        stack.enter_context(_libraries_log_to(watcher.folder / "demo.log"))
        screen = stack.enter_context(screen_for(out))
        acts: Acts | None = None
        try:
            screen.line(f"starting Apache Kafka {KAFKA_VERSION}, a simulated OpticOdds, and oddsbridge …")
            simulator = SimulatorChild(watcher, rate=RATE)
            simulator.start()
            kafka.start()
            stage = Stage(screen, kafka, simulator, watcher)
            acts = Acts(stage, screen, schedule, read)
            asyncio.run(_play(acts, stage, started, keep=keep))
        except KeyboardInterrupt:
            screen.close()
            screen.line("\nstopping all of it")
            if acts is None or acts.right is None:
                raise
        except Exception:
            if acts is not None:  # before that, the error itself has all that there is
                _save_logs(watcher.folder, kafka, screen)
            raise
        if not acts.right:
            _save_logs(watcher.folder, kafka, screen)
        return bool(acts.right)


async def _play(acts: Acts, stage: Stage, started: float, *, keep: bool) -> None:
    async with stage:
        await acts.play(started)
        if keep:
            await acts.keep()


@contextlib.contextmanager
def _libraries_log_to(file: Path) -> Iterator[None]:
    """What the Kafka client warns of while the broker is away is no news on the screen."""
    handler = logging.FileHandler(file)
    root = logging.getLogger()
    root.addHandler(handler)
    try:
        yield
    finally:
        root.removeHandler(handler)
        handler.close()


def _save_logs(folder: Path, kafka: EmbeddedKafka, screen: Screen) -> None:
    """Keep what the processes printed, whose own folders go with them."""
    kept = Path(tempfile.mkdtemp(prefix="oddsbridge-demo-logs-"))
    with contextlib.suppress(DemoUnavailable, OSError):  # there may be no broker
        shutil.copy(kafka.log_path, kept)
    for file in folder.glob("*.*"):
        shutil.copy(file, kept)
    screen.line(f"\nlogs of all processes: {kept}")
