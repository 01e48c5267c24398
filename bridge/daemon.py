"""The process: shards and their streams, signals, the way in and the way out."""

import asyncio
import os
import secrets
import signal
import socket
from collections.abc import Callable
from functools import partial

from bridge import __version__
from bridge.admin import AdminServer
from bridge.assembly import Assembly
from bridge.config import Settings, read_key
from bridge.continuity import Position
from bridge.errors import KafkaFailure
from bridge.health import Health
from bridge.kafka.catalogue import Catalogue
from bridge.kafka.cluster import Cluster
from bridge.kafka.connection import Access
from bridge.kafka.ownership import Identity
from bridge.kafka.plan import topic_sets, topics_of
from bridge.logs import get_logger
from bridge.memory import give_back
from bridge.metrics import Metrics
from bridge.shard import Shard
from bridge.summary import summarize
from bridge.upstream.budget import ConnectBudget
from bridge.upstream.client import Client
from bridge.upstream.rest import Rest

log = get_logger("oddsbridge")


class Daemon:
    """One instance of the bridge.

    Args:
        settings: The configuration, checked.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._health = Health(silence_s=2 * settings.upstream.silence_s)
        self._metrics = Metrics()
        self._budget = ConnectBudget()
        self._metrics.watch_budget(self._budget.used, self._budget.held_s)
        self._identity = Identity(f"{socket.gethostname()}-{secrets.token_hex(4)}", socket.gethostname(), os.getpid())
        self._stop = asyncio.Event()
        self._demand: Callable[[], None] = _nothing
        kafka = settings.kafka
        self._access = Access(kafka, self._identity.instance)
        self._topics = topics_of(settings)
        self._metrics.expect_topics(topic.name for topic in self._topics)
        self._catalogue = Catalogue(
            Cluster(self._access.options("admin"), replication_factor=kafka.replication_factor),
            self._topics,
            shards=kafka.shards,
            unknown_prefixes=[names.unknown_events for names in topic_sets(settings).values()],
            partitions=kafka.partitions,
        )

    async def run(self) -> None:
        """Run until a signal, then drain.

        Raises:
            OddsbridgeError: the process can't go on; what was read is committed as far as possible.
        """
        self._listen_for_signals()
        address = self._settings.admin.address
        admin = AdminServer(address.host, address.port, self._health, self._metrics)
        await admin.start()
        summary = asyncio.create_task(summarize(self._metrics, self._health))
        tidying = asyncio.create_task(give_back())
        watching = asyncio.create_task(self._access.watch())
        log.info(
            "oddsbridge starts",
            version=__version__,
            instance=self._identity.instance,
            streams=len(self._settings.streams),
            admin=f"http://{address.host}:{admin.port}",
        )
        try:
            upstream, key = self._settings.upstream, read_key(self._settings)
            async with (
                Client(upstream.base_url, key, upstream.silence_s, self._budget) as client,
                Rest(upstream.base_url, key) as rest,
            ):
                assembly = Assembly(
                    self._settings,
                    identity=self._identity,
                    access=self._access,
                    catalogue=self._catalogue,
                    client=client,
                    rest=rest,
                    health=self._health,
                    metrics=self._metrics,
                )
                await self._run_shards(assembly)
        finally:
            summary.cancel()
            tidying.cancel()
            watching.cancel()
            await admin.stop()
            log.info("oddsbridge has ended")

    def _listen_for_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, partial(self._on_signal, number))
        loop.add_signal_handler(signal.SIGUSR1, self._on_demand)

    def _on_demand(self) -> None:
        log.info("comparing all streams with upstream's snapshot", signal="SIGUSR1")
        self._demand()

    def _on_signal(self, number: signal.Signals) -> None:
        if self._stop.is_set():
            log.warning("second signal: quitting at once", signal=number.name)
            os._exit(128 + number)
        log.info("draining", signal=number.name, seconds=self._settings.process.drain_s)
        self._stop.set()

    async def _run_shards(self, assembly: Assembly) -> None:
        shards = assembly.shards()
        self._demand = assembly.demand
        starting = asyncio.create_task(self._start(shards, assembly))
        stopping = asyncio.create_task(self._stop.wait())
        runs: dict[asyncio.Task[None], Shard] = {}
        try:
            await asyncio.wait([starting, stopping], return_when=asyncio.FIRST_COMPLETED)
            if not starting.done():
                return
            starting.result()
            runs = {asyncio.create_task(shard.run(), name=f"shard {shard.number}"): shard for shard in shards}
            await asyncio.wait([*runs, stopping], return_when=asyncio.FIRST_COMPLETED)
            await self._drain(runs)
            for run in runs:
                run.result()
        finally:
            stopping.cancel()
            starting.cancel()
            await asyncio.gather(starting, return_exceptions=True)
            if not runs:
                await asyncio.gather(*(shard.give_up() for shard in shards))

    async def _start(self, shards: list[Shard], assembly: Assembly) -> None:
        """Prepare the topics and take the shards: the first alone, since whoever has it has them all.

        What was published is read back when all are taken: nobody else writes any more.
        """
        tries = 0
        while True:
            try:
                await self._catalogue.prepare()
                break
            except KafkaFailure as error:
                if not error.heals:
                    raise
                if not tries:
                    log.warning("Kafka can't be asked yet", why=str(error))
                tries += 1
                await asyncio.sleep(min(0.5 * tries, 5.0))
        await shards[0].take()
        takes = [asyncio.create_task(shard.take()) for shard in shards[1:]]
        try:
            await asyncio.gather(*takes)
        finally:
            for take in takes:
                take.cancel()
            await asyncio.gather(*takes, return_exceptions=True)
        positions: dict[str, Position] = {}
        for shard in shards:
            positions |= shard.positions()
        await assembly.restore(positions)

    async def _drain(self, runs: dict[asyncio.Task[None], Shard]) -> None:
        """End the streams, then commit what they read, within the deadline."""
        await asyncio.gather(*(shard.close() for run, shard in runs.items() if not run.done()))
        _, late = await asyncio.wait(runs, timeout=self._settings.process.drain_s)
        for run in late:
            run.cancel()
        await asyncio.gather(*runs, return_exceptions=True)  # all are looked at, so asyncio reports none as overlooked
        await asyncio.gather(*(runs[run].give_up() for run in late))
        for run in runs:
            if run not in late:
                run.result()  # why a shard has left says more than that another one was late
        if late:
            entries = sum(len(runs[run].buffer) for run in late)
            raise KafkaFailure(
                f"{entries} entries were read and could not be committed within {self._settings.process.drain_s:g} s",
                hint="the next start asks upstream for them again",
            )


def _nothing() -> None:
    """Before there are streams, nothing can be compared."""
