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
from bridge.buffer import Buffer
from bridge.burial import Burial
from bridge.config import Settings, StreamSettings, read_key, topic_names
from bridge.continuity import Position
from bridge.entries import EntryId
from bridge.errors import KafkaFailure
from bridge.health import Health
from bridge.kafka.batches import fits
from bridge.kafka.catalogue import Catalogue
from bridge.kafka.checkpoints import Stored, read
from bridge.kafka.cluster import Cluster
from bridge.kafka.connection import Access
from bridge.kafka.ownership import Identity, Ownership
from bridge.kafka.plan import event_topics, shard_of, topic_sets, topics_of
from bridge.kafka.producer import Producer
from bridge.kafka.writer import Writer
from bridge.logs import get_logger
from bridge.metrics import Metrics
from bridge.records import Explode
from bridge.shard import MakeStream, Shard
from bridge.stream import Connection, Stream
from bridge.summary import summarize
from bridge.upstream.budget import ConnectBudget
from bridge.upstream.client import Client
from bridge.upstream.feeds import query, url_path

READ_S = 15.0
"""Seconds that reading a shard's checkpoints may take: longer than an open transaction of somebody else's lasts."""

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
        kafka = settings.kafka
        self._access = Access(kafka, self._identity.instance)
        self._topics = topics_of(settings)
        self._metrics.expect_topics(topic.name for topic in self._topics)
        self._checkpoints = topic_names(settings).checkpoints
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
        watching = asyncio.create_task(self._access.watch())
        log.info(
            "oddsbridge starts",
            version=__version__,
            instance=self._identity.instance,
            streams=len(self._settings.streams),
            admin=f"http://{address.host}:{admin.port}",
        )
        try:
            upstream = self._settings.upstream
            async with Client(upstream.base_url, read_key(self._settings), upstream.silence_s, self._budget) as client:
                await self._run_shards(client)
        finally:
            summary.cancel()
            watching.cancel()
            await admin.stop()
            log.info("oddsbridge has ended")

    def _listen_for_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, partial(self._on_signal, number))

    def _on_signal(self, number: signal.Signals) -> None:
        if self._stop.is_set():
            log.warning("second signal: quitting at once", signal=number.name)
            os._exit(128 + number)
        log.info("draining", signal=number.name, seconds=self._settings.process.drain_s)
        self._stop.set()

    async def _run_shards(self, client: Client) -> None:
        shards = self._make_shards(client)
        starting = asyncio.create_task(self._start(shards))
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

    async def _start(self, shards: list[Shard]) -> None:
        """Prepare the topics and take the shards: the first alone, since whoever has it has them all."""
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

    def _make_shards(self, client: Client) -> list[Shard]:
        """The shards that have streams, and the first one, which arbitrates."""
        by_shard: dict[int, list[StreamSettings]] = {0: []}
        for stream in self._settings.streams:
            by_shard.setdefault(shard_of(stream.name, self._settings.kafka.shards), []).append(stream)
        return [self._make_shard(number, streams, client) for number, streams in sorted(by_shard.items())]

    def _make_shard(self, number: int, streams: list[StreamSettings], client: Client) -> Shard:
        kafka = self._settings.kafka
        options = self._access.options(number)
        exactly_once = kafka.delivery == "exactly-once"
        compression = None if kafka.compression == "none" else kafka.compression
        make = partial(
            Producer,
            options,
            transactional_id=kafka.transactional_id(number) if exactly_once else None,
            transaction_timeout_ms=kafka.transaction_timeout_ms,
            compression=compression,
        )
        writer = Writer(
            make,
            topics=lambda: self._catalogue.topics,
            checkpoints=self._checkpoints,
            shard=number,
            deadline_s=kafka.transaction_timeout_ms / 1000 * 0.8,
        )
        buffer = Buffer(kafka.buffer_bytes)
        metrics = self._metrics.shard(number)
        metrics.watch_buffer(lambda: buffer.size, buffer.limit)
        return Shard(
            number,
            streams={stream.name: self._make_stream(stream, client) for stream in streams},
            ownership=Ownership(
                number,
                identity=self._identity,
                writer=writer,
                read=partial(self._read, number),
                arbiter=self._mine,
                fences=exactly_once,
            ),
            writer=writer,
            catalogue=self._catalogue,
            burial=Burial(
                topic_names(self._settings).dead_letters, lambda: self._catalogue.topics, partial(fits, compression)
            ),
            buffer=buffer,
            health=self._health.shard(number),
            metrics=self._metrics,
        )

    async def _read(self, shard: int, *, wait: bool) -> Stored:
        options = self._access.options(f"{shard}-reader")
        return await read(options, self._checkpoints, shard, deadline_s=READ_S, wait=wait)

    async def _mine(self, shard: int) -> bool:
        """Whoever has the first shard has them all: of two processes started by mistake, one stays."""
        if shard == 0:
            return False
        claim = (await self._read(0, wait=True)).claim
        return claim is not None and claim.instance == self._identity.instance

    def _make_stream(self, stream: StreamSettings, client: Client) -> MakeStream:
        names = topic_names(self._settings, stream.topic_prefix)
        explode = Explode(
            stream=stream.name,
            topics=event_topics(names),
            unknown_prefix=names.unknown_events,
            odds_format=stream.odds_format or "AMERICAN" if stream.feed == "odds" else None,
        )
        path = url_path(stream)

        async def connect(last: EntryId | None, begun: Callable[[], None]) -> Connection:
            return await client.connect(path, query(stream, last), begun)

        def make(position: Position, buffer: Buffer) -> Stream:
            return Stream(
                stream.name,
                connect=connect,
                explode=explode,
                position=position,
                buffer=buffer,
                max_event_bytes=self._settings.upstream.max_event_bytes,
                health=self._health.stream(stream.name),
                metrics=self._metrics.stream(stream.name),
            )

        return make
