"""Puts the parts together: from the configuration to shards with their streams, and what each stream runs."""

import asyncio
import hashlib
import time
from collections.abc import Callable, Iterable
from functools import partial

import orjson

from bridge.announce import Announcer
from bridge.buffer import Buffer
from bridge.burial import Burial
from bridge.config import Settings, StreamSettings, Topics, topic_names
from bridge.continuity import Board, Coverage, Position, Room
from bridge.entries import EntryId
from bridge.health import Health
from bridge.kafka.batches import fits
from bridge.kafka.catalogue import Catalogue
from bridge.kafka.checkpoints import Stored, read
from bridge.kafka.connection import Access
from bridge.kafka.ownership import Identity, Ownership
from bridge.kafka.plan import event_topics, locks, shard_of
from bridge.kafka.producer import Producer
from bridge.kafka.states import Take, read_states
from bridge.kafka.writer import Writer
from bridge.metrics import Metrics
from bridge.orphans import Orphans
from bridge.publisher import Publisher
from bridge.reconcile import OddsComparison, Reconciler, ResultsComparison
from bridge.reconcile.look import Comparison
from bridge.records import Explode
from bridge.restore import Home, restore
from bridge.running import Running
from bridge.shard import MakeStream, Shard
from bridge.sources import Sources
from bridge.stream import Stream
from bridge.successor import Connection
from bridge.upstream.client import Client
from bridge.upstream.feeds import query, url_path
from bridge.upstream.polled import last_polled
from bridge.upstream.rest import Rest
from bridge.upstream.results import Results
from bridge.upstream.snapshot import Snapshot

READ_S = 15.0
"""Seconds that reading a shard's checkpoints may take: longer than an open transaction of somebody else's lasts."""

COMPARE_AT_ONCE = 8
"""Streams that are compared with upstream's snapshot at a time: a bound on requests and memory."""


class Assembly:
    """Makes the shards of one process.

    Args:
        settings: The configuration, checked.
        identity: This process.
        access: The way to Kafka.
        catalogue: The topics.
        client: Opens streams.
        rest: Asks for snapshots.
        health: Where states are told.
        metrics: Where the work is counted.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        identity: Identity,
        access: Access,
        catalogue: Catalogue,
        client: Client,
        rest: Rest,
        health: Health,
        metrics: Metrics,
    ) -> None:
        self._settings = settings
        self._identity = identity
        self._access = access
        self._catalogue = catalogue
        self._client = client
        self._rest = rest
        self._health = health
        self._metrics = metrics
        names = topic_names(settings)
        self._checkpoints = names.checkpoints
        self._dead_letters = names.dead_letters
        self._announcer = Announcer(names.bridge_events, identity.instance)
        self._heals = settings.upstream.continuity == "reconcile"
        self._turn = asyncio.Semaphore(COMPARE_AT_ONCE)
        room = Room()
        self._homes = {
            stream.name: Home(
                stream.name,
                state_topic(topic_names(settings, stream.topic_prefix), stream),
                coverage(stream),
                Board(room),
            )
            for stream in settings.streams
            if self._heals and stream.feed != "results"
        }
        kept = {home.topic for home in self._homes.values()}
        left = {topic: lock for topic, lock in locks(settings).items() if topic not in kept}
        self._orphans = Orphans(left, self._departed, self._read_states)
        self._adopted: set[str] = set()
        self._running: dict[str, Running] = {}

    # --- shards ---------------------------------------------------------------------------------------------------

    def shards(self) -> list[Shard]:
        """The shards that have streams, and the first one, which arbitrates."""
        by_shard: dict[int, list[StreamSettings]] = {0: []}
        for stream in self._settings.streams:
            by_shard.setdefault(shard_of(stream.name, self._settings.kafka.shards), []).append(stream)
        return [self._shard(number, streams) for number, streams in sorted(by_shard.items())]

    def _shard(self, number: int, streams: list[StreamSettings]) -> Shard:
        kafka = self._settings.kafka
        exactly_once = kafka.delivery == "exactly-once"
        compression = None if kafka.compression == "none" else kafka.compression
        make = partial(
            Producer,
            self._access.options(number),
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
            streams={stream.name: self._stream(stream) for stream in streams},
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
            burial=Burial(self._dead_letters, lambda: self._catalogue.topics, partial(fits, compression)),
            buffer=buffer,
            restore=self.restore,
            bury=self._orphans.bury if number == 0 and self._heals else None,
            health=self._health.shard(number),
            metrics=self._metrics,
        )

    async def _read(self, shard: int, *, wait: bool) -> Stored:
        options = self._access.options(f"{shard}-reader")
        return await read(options, self._checkpoints, shard, deadline_s=READ_S, wait=wait)

    async def _departed(self) -> set[str]:
        """The streams of earlier configurations: they have checkpoints."""
        stored = [await self._read(shard, wait=False) for shard in range(self._settings.kafka.shards)]
        return {name for one in stored for name in one.checkpoints} - {stream.name for stream in self._settings.streams}

    async def _mine(self, shard: int) -> bool:
        """Whoever has the first shard has them all: of two processes started by mistake, one stays."""
        if shard == 0:
            return False
        claim = (await self._read(0, wait=True)).claim
        return claim is not None and claim.instance == self._identity.instance

    async def restore(self, positions: dict[str, Position]) -> None:
        """Read back what was published of some streams.

        Args:
            positions: What is committed of each.

        Raises:
            KafkaFailure: it can't be read, and that doesn't heal by itself.
        """
        homes = [self._homes[name] for name in positions if name in self._homes]
        elsewhere = [home for name, home in self._homes.items() if name not in positions]
        self._adopted |= await restore(homes, self._read_states, elsewhere)

    async def _read_states(self, topics: Iterable[str], take: Take, progress: Callable[[int], None]) -> int:
        return await read_states(self._access.options("state-reader"), topics, take, progress)

    def demand(self) -> None:
        """Have every stream compared with upstream's snapshot now."""
        for running in self._running.values() if self._heals else ():
            running.demand()

    # --- streams --------------------------------------------------------------------------------------------------

    def _stream(self, stream: StreamSettings) -> MakeStream:
        upstream = self._settings.upstream
        path = url_path(stream)
        health, metrics = self._health.stream(stream.name), self._metrics.stream(stream.name)
        home = self._homes.get(stream.name)
        if home is not None:
            board = home.board
            metrics.known = lambda: len(board)

        async def connect(last: EntryId | None, begun: Callable[[], None]) -> Connection:
            return await self._client.connect(path, query(stream, last), begun)

        def make(position: Position, buffer: Buffer) -> Running:
            publisher = self._publisher(stream, position, buffer)
            reader = Stream(
                stream.name,
                connect=connect,
                publisher=publisher,
                buffer=buffer,
                max_event_bytes=upstream.max_event_bytes,
                renew_after_s=upstream.renew_after_s,
                health=health,
                metrics=metrics,
            )
            beside = list(self._beside(stream, publisher, buffer)) if self._heals else []
            running = Running(publisher, [reader, *beside], adopted=stream.name in self._adopted)
            self._running[stream.name] = running
            return running

        return make

    def _publisher(self, stream: StreamSettings, position: Position, buffer: Buffer) -> Publisher:
        names = topic_names(self._settings, stream.topic_prefix)
        home = self._homes.get(stream.name)
        return Publisher(
            explode=Explode(
                stream=stream.name,
                topics=event_topics(names),
                unknown_prefix=names.unknown_events,
                odds_format=stream.odds_format or "AMERICAN" if stream.feed == "odds" else None,
                state_topic="" if home is None else home.topic,
            ),
            announcer=self._announcer,
            position=position,
            board=None if home is None else home.board,
            buffer=buffer,
            scope=scope(stream, names),
            health=self._health.stream(stream.name),
            metrics=self._metrics.stream(stream.name),
            now_ms=lambda: int(time.time() * 1000),
            heals=self._heals,
        )

    def _beside(self, stream: StreamSettings, publisher: Publisher, buffer: Buffer) -> "Iterable[Reconciler | Sources]":
        """What runs beside a stream's connection, so that its topics stay what upstream offers."""
        upstream = self._settings.upstream
        comparison: Comparison
        home = self._homes.get(stream.name)
        if home is None:
            comparison = ResultsComparison(publisher=publisher, results=Results(self._rest, stream))
        else:
            comparison = OddsComparison(
                publisher=publisher,
                snapshot=Snapshot(self._rest, stream),
                coverage=home.coverage,
                adopted=home.adopted,
                buffer=buffer,
                copilot=stream.feed == "copilot",
                statuses=bool(stream.include_fixture_updates),
            )
        metrics = self._metrics.stream(stream.name)
        yield Reconciler(
            publisher=publisher,
            comparison=comparison,
            turn=self._turn,
            audit_s=upstream.audit_minutes * 60,
            grace_s=self._settings.kafka.state_grace_s,
            health=self._health.stream(stream.name),
            metrics=metrics,
        )
        if stream.feed == "odds" and stream.league and upstream.source_silent_s:
            polled = partial(last_polled, self._rest, stream.league, stream.sportsbook or [])
            yield Sources(publisher=publisher, polled=polled, silent_s=upstream.source_silent_s, metrics=metrics)


def state_topic(names: Topics, stream: StreamSettings) -> str:
    """The topic that has the latest of each of a stream's odds."""
    return names.copilot_odds_state if stream.feed == "copilot" else names.odds_state


def coverage(stream: StreamSettings) -> Coverage:
    """What a stream takes."""
    return Coverage(
        sport=stream.sport,
        sportsbook=stream.sportsbook,
        league=stream.league,
        market=stream.market,
        fixture_id=stream.fixture_id,
    )


def scope(stream: StreamSettings, names: Topics) -> str:
    """A digest of what a stream asks upstream for, and where that is kept: when it changes, all is compared anew.

    Args:
        stream: The stream's settings.
        names: The names of its topics.
    """
    asked = {name: value for name, value in stream.parameters().items() if name != "last_entry_id"}
    kept = names.fixture_results if stream.feed == "results" else state_topic(names, stream)
    text = orjson.dumps([stream.feed, stream.sport, asked, kept], option=orjson.OPT_SORT_KEYS)
    return hashlib.sha256(text).hexdigest()[:16]
