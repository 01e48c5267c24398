"""What the acts play on: Kafka, the simulator, the daemon and a reader that runs along; and what is told each second.

Whatever waits does so in steps of a tenth of a second, each of which looks whether all parts are alive.
"""

import asyncio
import contextlib
import os
import signal
import time
from collections import Counter
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

import aiohttp

from bridge.demo.children import DaemonChild, SimulatorChild
from bridge.demo.follower import Follower
from bridge.demo.kafka import EmbeddedKafka
from bridge.demo.screen import Moment, Screen
from bridge.demo.watcher import Watcher
from bridge.errors import DemoUnavailable
from bridge.simulator.control import SimulatorControl

PREFIX = "opticodds."
PARTITIONS = 3
"""Of each topic: with fewer of them a killed broker serves again sooner on a small machine."""

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

WITHIN_S = 60.0
"""Seconds that anything may take before the demo gives up and says what it waited for."""

_STEP_S = 0.1


class TooLong(DemoUnavailable):
    """Something didn't come within its time."""


class Stage:
    """All parts of the demo; an async context manager, which starts none of them.

    Args:
        screen: Is told every second what is the case.
        kafka: The broker, which serves.
        simulator: The simulator, which was started.
        watcher: Ends the daemon with this process.
    """

    def __init__(self, screen: Screen, kafka: EmbeddedKafka, simulator: SimulatorChild, watcher: Watcher) -> None:
        self.kafka = kafka
        self.simulator = simulator
        self.base_url = simulator.base_url()
        self.daemon = DaemonChild(
            watcher,
            {
                "upstream": {"base_url": self.base_url},
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
        self.control = SimulatorControl(self.base_url)
        self.follower = Follower(kafka.bootstrap_servers, PREFIX)
        self._screen = screen
        self._report: dict[str, Any] = {}
        self._connects: dict[str, int] = {}
        self._began: float | None = None
        self._flows = False
        self._ticked = time.monotonic()
        self._told: Counter[str] = Counter()
        self._kafka_up = True

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.control.close()
        await self._session.close()

    # --- what is the case -----------------------------------------------------------------------------------------

    def ready(self) -> bool:
        """Whether the daemon says that it does its work."""
        return bool(self._report.get("ready"))

    def all_up(self) -> bool:
        """Whether every stream reads."""
        streams = self._report.get("streams", {}).values()
        return len(streams) == len(STREAMS) and all(stream["state"] == "streaming" for stream in streams)

    def connects(self, stream: str | None = None) -> int:
        """Connections that this run of the daemon made to upstream, for one stream or all."""
        return sum(number for name, number in self._connects.items() if stream in (None, name))

    # --- waiting --------------------------------------------------------------------------------------------------

    async def until(self, holds: Callable[[], bool], what: str, *, within_s: float = WITHIN_S) -> None:
        """Wait until something is the case.

        Raises:
            TooLong: It isn't, after `within_s` seconds.
            DemoUnavailable: A part of the demo ended by itself.
        """
        end = time.monotonic() + within_s
        while not holds():
            if time.monotonic() > end:
                raise TooLong(
                    f"waited {within_s:g} s until {what}; readiness: {self._report.get('why')}; "
                    f"the daemon's last lines:\n{self.daemon.tail()}"
                )
            await self._step()

    async def flow(self, seconds: float) -> None:
        """Let odds flow."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            await self._step()

    async def first_record(self, since: float) -> float:
        """Wait for the first record that the daemon received after `follower.watch_from`.

        Args:
            since: Monotonic seconds.

        Returns:
            How many seconds after `since` a reader had it.
        """
        await self.until(lambda: self.follower.first_after is not None, "a new record is committed")
        return (self.follower.first_after or since) - since

    async def restart_kafka(self) -> None:
        """Start the killed broker again, and wait until it serves."""
        self._kafka_up = False
        restart = asyncio.create_task(asyncio.to_thread(self.kafka.restart))
        try:
            await self.until(restart.done, "Kafka serves again")
        except BaseException:
            while not restart.done():  # its thread would wait until the broker serves, and Ctrl-C for the thread
                with contextlib.suppress(DemoUnavailable, OSError):
                    os.kill(self.kafka.pid, signal.SIGKILL)
                await asyncio.sleep(_STEP_S)
            restart.exception()
            raise
        restart.result()
        self._kafka_up = True

    def begin(self) -> None:
        """Odds flow from now on, or again."""
        self._ticked = time.monotonic()
        self._began = self._began or self._ticked
        self._flows = True

    def hush(self) -> None:
        """They don't any longer."""
        self._flows = False

    async def _step(self) -> None:
        await asyncio.sleep(_STEP_S)
        self.simulator.check()
        self.daemon.check()
        self.follower.check()
        self._report = await self.daemon.ready(self._session)
        for name, stream in self._report.get("streams", {}).items():
            self._connects[name] = stream["connects"]
        now = time.monotonic()
        if now - self._ticked >= 1:
            self._tick(now)

    def _tick(self, now: float) -> None:
        came = Counter(self.follower.by_stream)
        rates = {name: (came[name] - self._told[name]) / (now - self._ticked) for name in came}
        self._told = came
        self._ticked = max(self._ticked + 1, now - 0.5)  # on the second, however long the last step took
        received_ms, now_s = self.follower.newest_ms, time.time()
        self._screen.moment(
            Moment(
                seconds=None if self._began is None or not self._flows else now - self._began,
                report=self._report,
                streams=[str(stream["name"]) for stream in STREAMS],
                odds_s=sum(rates.values()),
                rates=rates,
                locks={name: now - then for name, then in self.follower.locked.items()},
                newest=self.follower.newest,
                record_age_s=None if received_ms is None else max(now_s - received_ms / 1000, 0.0),
                kafka=self.kafka.bootstrap_servers,
                kafka_up=self._kafka_up,
                now_s=now_s,
            )
        )
