"""The guided run: a real Kafka, a simulated OpticOdds and the daemon; faults one after another; then the count."""

import asyncio
import contextlib
import logging
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import AsyncGenerator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from bridge.demo import consumer
from bridge.demo.audit import Audit, Seen, Verdict
from bridge.demo.children import DaemonChild, SimulatorChild
from bridge.demo.consumer import Follower
from bridge.demo.jars import KAFKA_VERSION
from bridge.demo.kafka import EmbeddedKafka
from bridge.demo.screen import Screen, sample, tick
from bridge.demo.watcher import Watcher
from bridge.errors import DemoUnavailable
from bridge.simulator.control import SimulatorControl

PREFIX = "opticodds."
RATE = 500
"""Odds a second for each odds and copilot stream."""
PARTITIONS = 3
"""Of each topic: fewer are quicker to recover for a killed broker on a small machine."""
WITHIN_S = 60.0
"""Seconds that anything may take before the demo gives up and says what it waited for."""

STREAMS: tuple[dict[str, object], ...] = (
    {
        "name": "nba",
        "feed": "odds",
        "sport": "basketball",
        "league": ["NBA"],
        "sportsbook": ["DraftKings", "FanDuel", "BetMGM"],
    },
    {"name": "soccer", "feed": "odds", "sport": "soccer", "sportsbook": ["Bet365", "Pinnacle"]},
    {"name": "nba-results", "feed": "results", "sport": "basketball", "league": ["NBA"]},
    {"name": "nba-copilot", "feed": "copilot", "sport": "basketball", "league": ["NBA"]},
)

SAMPLES = ("odds", "locked-odds", "fixture-results", "copilot-odds", "fixture-status")
"""Events of which a record is shown, three of them, the first ones first."""

Read = Callable[[str, str], AsyncGenerator[Seen, None]]
"""Gives every record of the topics of a prefix, from a bootstrap address."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """How long odds flow, in seconds: before the first fault, and after each."""

    before_s: float = 10.0
    after_s: float = 6.0


def run(screen: Screen, *, schedule: Schedule, keep: bool = False, read: Read = consumer.read) -> bool:
    """Play the demo. Nothing that it started outlives it.

    Args:
        screen: Where it tells what happens.
        schedule: How long odds flow.
        keep: Leave all of it running after the count, until Ctrl-C.
        read: The reader of the count.

    Returns:
        Whether every entry is in Kafka exactly once.

    Raises:
        DemoUnavailable: A part of it can't be had, ended by itself, or took too long.
        KeyboardInterrupt: Ctrl-C before the count was told.
    """
    started = time.monotonic()
    with contextlib.ExitStack() as stack:
        kafka = EmbeddedKafka()
        stack.callback(kafka.stop, timeout=0)
        watcher = stack.enter_context(Watcher("oddsbridge-demo-"))
        stack.enter_context(_libraries_log_to(watcher.folder / "demo.log"))
        demo: _Demo | None = None
        try:
            screen.line(f"starting Apache Kafka {KAFKA_VERSION}, a simulated OpticOdds, and oddsbridge …")
            simulator = SimulatorChild(watcher, rate=RATE)
            simulator.start()
            kafka.start()
            demo = _Demo(screen, kafka=kafka, simulator=simulator, watcher=watcher, schedule=schedule, read=read)
            asyncio.run(demo.play(started, keep=keep))
        except KeyboardInterrupt:
            screen.line("\nstopping all of it")
            if demo is None or demo.verdict is None:
                raise
        except Exception:
            _save_logs(watcher.folder, kafka, screen)
            raise
        if demo.verdict is None:
            return False
        if not demo.verdict.clean:
            _save_logs(watcher.folder, kafka, screen)
        return demo.verdict.clean


async def count(
    control: SimulatorControl, servers: str, prefix: str, *, read: Read = consumer.read
) -> tuple[Verdict, dict[str, Seen]]:
    """Compare the simulator's log with what a fresh reader finds in the topics.

    Args:
        control: The simulator's.
        servers: Where Kafka is.
        prefix: What the topics' names begin with.
        read: The reader.

    Returns:
        The verdict, and the last record of each event.

    Raises:
        KafkaFailure: The topics can't be read to their end.
    """
    audit = Audit(await control.logs())
    last: dict[str, Seen] = {}
    async with contextlib.aclosing(read(servers, prefix)) as records:
        async for record in records:
            audit.see(record)
            last[record.headers.get("event", "")] = record
    return audit.verdict(), last


class _Demo:
    def __init__(
        self,
        screen: Screen,
        *,
        kafka: EmbeddedKafka,
        simulator: SimulatorChild,
        watcher: Watcher,
        schedule: Schedule,
        read: Read,
    ) -> None:
        self._screen = screen
        self._kafka = kafka
        self._simulator = simulator
        self._folder = watcher.folder
        self._schedule = schedule
        self._read = read
        self._base_url = simulator.base_url()
        self._daemon = DaemonChild(
            watcher,
            {
                "upstream": {"base_url": self._base_url},
                "kafka": {
                    "bootstrap_servers": kafka.bootstrap_servers,
                    "topic_prefix": PREFIX,
                    "partitions": PARTITIONS,
                },
                "admin": {"listen": "127.0.0.1:0"},
                "log": {"format": "json"},
            },
            STREAMS,
        )
        self._follower = Follower(kafka.bootstrap_servers, PREFIX)
        self._report: dict[str, Any] = {}
        self._began = self._ticked = 0.0
        self._told_records = 0
        self.verdict: Verdict | None = None
        """What the count gave; None before it."""

    async def play(self, started: float, *, keep: bool) -> None:
        """All acts, of a run that started at that monotonic second."""
        async with aiohttp.ClientSession() as self._session, SimulatorControl(self._base_url) as self._control:
            await self._odds_flow()
            async with self._follower:
                await self._flow(self._schedule.before_s)
                resumed_s = await self._kill_the_daemon()
                await self._tear_a_connection()
                await self._kill_kafka()
                await self._stop_upstream()
            await self._count(resumed_s, started)
            if keep:
                await self._keep()

    # --- the acts -------------------------------------------------------------------------------------------------

    async def _odds_flow(self) -> None:
        self._screen.act("act 1: odds flow")
        self._daemon.start()
        await self._until(lambda: bool(self._report.get("ready")), "the daemon is ready")
        self._screen.say(
            f"OpticOdds, simulated ({self._base_url}) → oddsbridge, the real daemon (process {self._daemon.pid}) → "
            f"Apache Kafka ({self._kafka.bootstrap_servers}). "
            f"{len(STREAMS)} streams: {', '.join(str(stream['name']) for stream in STREAMS)}."
        )
        self._began = self._ticked = time.monotonic()

    async def _kill_the_daemon(self) -> float:
        self._screen.act("act 2: kill -9 of the daemon")
        pid, killed = self._daemon.pid, time.monotonic()
        self._daemon.kill()
        self._follower.watch_from()
        self._daemon.start()
        self._screen.line(f"killed process {pid}; process {self._daemon.pid} starts in its place")
        resumed_s = await self._first_record(killed)
        self._screen.line(f"the first new record was committed {resumed_s:.1f} s after the kill")
        await self._until(self._all_up, "all streams are up again")
        await self._flow(self._schedule.after_s)
        return resumed_s

    async def _tear_a_connection(self) -> None:
        self._screen.act("act 3: a connection breaks in the middle of an event")
        connects, torn = self._connects("nba"), time.monotonic()
        await self._control.fault("tear", inside=True, feed="odds", sport="basketball")
        self._screen.line("upstream tears nba's connection; what had come of the event is thrown away")
        await self._until(lambda: self._connects("nba") > connects and self._all_up(), "nba is up again")
        self._screen.line(f"nba was up again after {time.monotonic() - torn:.1f} s, and asked for what it missed")
        await self._flow(self._schedule.after_s)

    async def _kill_kafka(self) -> None:
        self._screen.act("act 4: kill -9 of Kafka")
        connects, pid, killed = self._connects(), self._kafka.pid, time.monotonic()
        self._kafka.kill()
        self._follower.watch_from()
        self._screen.line(f"killed process {pid}; the daemon reads on and holds what comes")
        await self._restart_kafka()
        self._screen.line(f"Kafka serves again after {time.monotonic() - killed:.1f} s")
        resumed_s = await self._first_record(killed)
        self._screen.line(
            f"the first new record was committed {resumed_s:.1f} s after the kill; "
            f"connections to upstream that it cost: {self._connects() - connects}"
        )
        await self._flow(self._schedule.after_s)

    async def _restart_kafka(self) -> None:
        restart = asyncio.create_task(asyncio.to_thread(self._kafka.restart))
        try:
            await self._until(restart.done, "Kafka serves again")
        except BaseException:
            with contextlib.suppress(DemoUnavailable, OSError):
                os.kill(self._kafka.pid, signal.SIGKILL)  # else the thread waits for it to serve, and Ctrl-C for that
            raise
        restart.result()

    async def _stop_upstream(self) -> None:
        self._screen.act("act 5: the count")
        await self._control.pause()
        stopped = time.monotonic()
        items = sum(row["items"] for row in await self._control.channels())
        self._screen.line(f"upstream stops; it has delivered {items:,} odds and results")
        with contextlib.suppress(_TooLong):  # then the count tells what is missing
            await self._until(lambda: self._follower.records >= items, "all is in Kafka", within_s=20)
            self._screen.line(f"a reader that ran along had the last of them {time.monotonic() - stopped:.1f} s later")
        self._daemon.terminate()
        await self._until(lambda: self._daemon.ended() is not None, "the daemon has drained")
        if self._daemon.ended():
            raise DemoUnavailable(
                f"the daemon ended with {self._daemon.ended()} after SIGTERM; its last lines:\n{self._daemon.tail()}"
            )
        self._screen.line("the daemon was told to end (SIGTERM), and did so in order")

    async def _count(self, resumed_s: float, started: float) -> None:
        self._screen.line("a fresh reader takes every topic from offset 0, read_committed, and compares byte by byte …")
        verdict, last = await count(self._control, self._kafka.bootstrap_servers, PREFIX, read=self._read)
        for event in [event for event in SAMPLES if event in last][:3]:
            self._screen.line()
            for line in sample(last[event]):
                self._screen.line(line)
        self._screen.line()
        self._screen.line(str(verdict))
        for complaint in verdict.complaints():
            self._screen.line(f"  {complaint}")
        self._screen.line(f"{resumed_s:.1f} s from the kill of the daemon to the first new committed record")
        self._screen.line(f"the whole run took {time.monotonic() - started:.0f} s")
        self.verdict = verdict

    async def _keep(self) -> None:
        await self._control.resume()
        self._daemon.start()
        await self._until(lambda: bool(self._report.get("ready")), "the daemon is ready", quiet=True)
        servers = self._kafka.bootstrap_servers
        self._screen.act("all of it runs on, until Ctrl-C")
        for name, what in (
            ("Kafka", servers),
            ("simulator", f"{self._base_url.removesuffix('/api/v3')}/_sim/channels"),
            ("status page", f"{self._daemon.admin}/"),
            ("readiness", f"{self._daemon.admin}/readyz"),
            ("metrics", f"{self._daemon.admin}/metrics"),
            ("configuration", str(self._daemon.config)),
            ("logs", str(self._folder)),
            ("read along", f"{sys.executable} -m bridge.demo.consumer {servers} {PREFIX}odds"),
            ("tear", f'curl -d \'{{"kind":"tear"}}\' {self._base_url.removesuffix("/api/v3")}/_sim/faults'),
        ):
            self._screen.line(f"{name:<15}{what}")
        while True:
            await asyncio.sleep(1)
            self._simulator.check()
            self._daemon.check()

    # --- waiting --------------------------------------------------------------------------------------------------

    async def _first_record(self, since: float) -> float:
        await self._until(lambda: self._follower.first_after is not None, "a new record is committed")
        return (self._follower.first_after or 0.0) - since

    def _all_up(self) -> bool:
        streams = self._report.get("streams", {}).values()
        return len(streams) == len(STREAMS) and all(stream["state"] == "streaming" for stream in streams)

    def _connects(self, name: str | None = None) -> int:
        streams = self._report.get("streams", {}).items()
        return sum(stream["connects"] for known, stream in streams if name in (None, known))

    async def _flow(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            await self._step()

    async def _until(
        self, holds: Callable[[], bool], what: str, *, within_s: float = WITHIN_S, quiet: bool = False
    ) -> None:
        until = time.monotonic() + within_s
        while not holds():
            if time.monotonic() > until:
                raise _TooLong(
                    f"waited {within_s:g} s until {what}; readiness: {self._report.get('why')}; "
                    f"the daemon's last lines:\n{self._daemon.tail()}"
                )
            await self._step(quiet=quiet)

    async def _step(self, *, quiet: bool = False) -> None:
        """A tenth of a second: are all alive, how is the daemon; and the line of a second when one is over."""
        await asyncio.sleep(0.1)
        self._simulator.check()
        self._daemon.check()
        self._follower.check()
        self._report = await self._daemon.ready(self._session)
        now = time.monotonic()
        if not self._began or quiet or now - self._ticked < 1:
            return
        records = self._follower.records
        odds_s = (records - self._told_records) / (now - self._ticked)
        self._told_records = records
        self._ticked = max(self._ticked + 1, now - 0.5)  # on the second, whatever this one took
        self._screen.line(
            tick(
                now - self._began,
                self._report,
                streams=len(STREAMS),
                odds_s=odds_s,
                newest=self._follower.newest,
                now_s=time.time(),
            )
        )


class _TooLong(DemoUnavailable):
    """Something didn't come within its time."""


@contextlib.contextmanager
def _libraries_log_to(file: Path) -> Iterator[None]:
    """The Kafka client's warnings while the broker is away are no news on the screen."""
    handler = logging.FileHandler(file)
    root = logging.getLogger()
    root.addHandler(handler)
    try:
        yield
    finally:
        root.removeHandler(handler)
        handler.close()


def _save_logs(folder: Path, kafka: EmbeddedKafka, screen: Screen) -> None:
    """Keep what the processes printed: their folder goes with them."""
    kept = Path(tempfile.mkdtemp(prefix="oddsbridge-demo-logs-"))
    with contextlib.suppress(DemoUnavailable):
        shutil.copy(kafka.log_path, kept)
    for file in folder.glob("*.*"):
        shutil.copy(file, kept)
    screen.line(f"\nlogs of all processes: {kept}")
