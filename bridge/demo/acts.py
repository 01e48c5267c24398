"""The acts: odds flow, the daemon is killed, a connection torn, Kafka killed; the count; then a gap."""

import asyncio
import contextlib
import sys
import time
from dataclasses import dataclass

from bridge.demo.count import STREAM, Read, count
from bridge.demo.gap import mend_a_gap
from bridge.demo.screen import Screen, sample
from bridge.demo.stage import PREFIX, STREAMS, Stage, TooLong
from bridge.errors import DemoUnavailable

SAMPLES = ("odds", "locked-odds", "fixture-results", "copilot-odds", "fixture-status")
"""Events of which a record is shown, three of them, the first ones first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """How long odds flow, in seconds: before the first fault, and after each."""

    before_s: float = 8.0
    after_s: float = 5.0


class Acts:
    """Plays all of it.

    Args:
        stage: All parts; the daemon wasn't started yet.
        screen: Where it tells what happens.
        schedule: How long odds flow.
        read: The reader of the count.
    """

    def __init__(self, stage: Stage, screen: Screen, schedule: Schedule, read: Read) -> None:
        self._stage = stage
        self._screen = screen
        self._schedule = schedule
        self._read = read
        self.right: bool | None = None
        """Whether everything arrived exactly once, and the gap was mended; None before the end."""

    async def play(self, started: float) -> None:
        """Every act.

        Args:
            started: Monotonic seconds at which the run began.

        Raises:
            DemoUnavailable: A part of the demo ended by itself, or took too long.
            KafkaFailure: The topics can't be read.
        """
        await self._odds_flow()
        async with self._stage.follower:
            await self._stage.flow(self._schedule.before_s)
            snapshot = self._stage.follower.by_origin["snapshot"]
            self._screen.line(f"{snapshot:,} of these records are the board as it was, from upstream's snapshot")
            resumed_s = await self._kill_the_daemon()
            await self._tear_a_connection()
            await self._kill_kafka()
            await self._stop_upstream()
            right = await self._count()
            self._screen.line(f"{resumed_s:.1f} s from the kill of the daemon to the first new committed record")
            if right:
                right = await mend_a_gap(self._stage, self._screen)
            self.right = right
        self._screen.close()
        self._screen.line(f"the whole run took {time.monotonic() - started:.0f} s")

    async def _odds_flow(self) -> None:
        stage = self._stage
        self._screen.act("act 1: odds flow")
        stage.daemon.start()
        await stage.until(stage.ready, "the daemon is ready")
        self._screen.say(
            f"OpticOdds, simulated ({stage.base_url}) → oddsbridge, the real daemon (process {stage.daemon.pid}) → "
            f"Apache Kafka ({stage.kafka.bootstrap_servers}). "
            f"{len(STREAMS)} streams: {', '.join(str(stream['name']) for stream in STREAMS)}."
        )
        stage.begin()

    async def _kill_the_daemon(self) -> float:
        stage = self._stage
        self._screen.act("act 2: kill -9 of the daemon")
        pid, killed = stage.daemon.pid, time.monotonic()
        stage.daemon.kill()
        stage.follower.watch_from()
        stage.daemon.start()
        self._screen.line(f"killed process {pid}; process {stage.daemon.pid} starts in its place")
        resumed_s = await stage.first_record(killed)
        self._screen.line(f"the first new record was committed {resumed_s:.1f} s after the kill")
        await stage.until(stage.all_up, "all streams are up again")
        await stage.flow(self._schedule.after_s)
        return resumed_s

    async def _tear_a_connection(self) -> None:
        stage = self._stage
        self._screen.act("act 3: a connection breaks in the middle of an event")
        connects, torn = stage.connects("nba"), time.monotonic()
        await stage.control.fault("tear", inside=True, feed="odds", sport="basketball")
        self._screen.line("upstream tears nba's connection; what had come of the event is thrown away")
        await stage.until(lambda: stage.connects("nba") > connects and stage.all_up(), "nba is up again")
        self._screen.line(f"nba was up again after {time.monotonic() - torn:.1f} s, and asked for what it missed")
        await stage.flow(self._schedule.after_s)

    async def _kill_kafka(self) -> None:
        stage = self._stage
        self._screen.act("act 4: kill -9 of Kafka")
        connects, pid, killed = stage.connects(), stage.kafka.pid, time.monotonic()
        stage.kafka.kill()
        stage.follower.watch_from()
        self._screen.line(f"killed process {pid}; the daemon reads on and holds what comes")
        await stage.restart_kafka()
        self._screen.line(f"Kafka serves again after {time.monotonic() - killed:.1f} s")
        resumed_s = await stage.first_record(killed)
        self._screen.line(
            f"the first new record was committed {resumed_s:.1f} s after the kill; "
            f"connections to upstream that it cost: {stage.connects() - connects}"
        )
        await stage.flow(self._schedule.after_s)

    async def _stop_upstream(self) -> None:
        stage = self._stage
        self._screen.act("act 5: the count")
        await stage.control.pause()
        stopped = time.monotonic()
        items = sum(row["items"] for row in await stage.control.channels())
        self._screen.line(f"upstream stops; it has delivered {items:,} odds and results")
        stage.hush()
        with contextlib.suppress(TooLong):  # then the count tells what is missing
            await stage.until(lambda: stage.follower.by_origin[STREAM] >= items, "all is in Kafka", within_s=20)
            self._screen.line(f"a reader that ran along had the last of them {time.monotonic() - stopped:.1f} s later")
        stage.daemon.terminate()
        await stage.until(lambda: stage.daemon.ended() is not None, "the daemon has drained")
        if stage.daemon.ended():
            raise DemoUnavailable(
                f"the daemon ended with {stage.daemon.ended()} after SIGTERM; its last lines:\n{stage.daemon.tail()}"
            )
        self._screen.line("the daemon was told to end (SIGTERM), and did so in order")

    async def _count(self) -> bool:
        stage, screen = self._stage, self._screen
        screen.close()
        screen.line("a fresh reader takes every topic from offset 0, read_committed, and compares byte by byte …")
        verdict, last = await count(stage.control, stage.kafka.bootstrap_servers, PREFIX, read=self._read)
        for event in [event for event in SAMPLES if event in last][:3]:
            screen.line()
            for line in sample(last[event]):
                screen.line(line)
        screen.line()
        screen.line(str(verdict))
        for complaint in verdict.complaints():
            screen.line(f"  {complaint}")
        return verdict.clean

    async def keep(self) -> None:
        """Let all of it run on, and say where it is, until cancelled.

        Raises:
            DemoUnavailable: A part of it ended by itself.
        """
        stage, screen = self._stage, self._screen
        if stage.daemon.ended() is not None:  # the last act, which starts it, wasn't played
            stage.daemon.start()
        await stage.control.settings(replay="full")
        await stage.control.resume()
        await stage.until(stage.ready, "the daemon is ready")
        servers, control = stage.kafka.bootstrap_servers, f"{stage.base_url.removesuffix('/api/v3')}/_sim"
        screen.act("all of it runs on, until Ctrl-C")
        for name, what in (
            ("Kafka", servers),
            ("status page", f"{stage.daemon.admin}/"),
            ("readiness", f"{stage.daemon.admin}/readyz"),
            ("metrics", f"{stage.daemon.admin}/metrics"),
            ("simulator", f"{control}/channels"),
            ("tear all", f"""curl -d '{{"kind":"tear"}}' {control}/faults"""),
            ("read along", f"{sys.executable} -m bridge.demo.consumer {servers} {PREFIX}odds"),
            ("configuration", str(stage.daemon.config)),
            ("logs", str(stage.daemon.output.parent)),
        ):
            screen.line(f"{name:<15}{what}")
        while True:
            await asyncio.sleep(1)
            stage.simulator.check()
            stage.daemon.check()
