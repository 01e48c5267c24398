"""A bridge that heals, between a simulator and Kafka; what the topics say is compared with the simulator's board."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bridge.demo.kafka import EmbeddedKafka
from bridge.simulator.control import Logged, SimulatorControl
from bridge.simulator.options import SimulatorOptions
from bridge.simulator.server import Simulator
from tests.support.boards import Offered, Stream, board_of, differences
from tests.support.bridge import Bridge, toml
from tests.support.follower import Follower
from tests.support.told import Fact, Told
from tests.support.waiting import until

LAUNCHER = "tests.upstream_faults.launch"
SOON: dict[str, object] = {
    "bridge.reconcile.reconciler.SECOND_LOOK_S": 2.0,
    "bridge.reconcile.reconciler.TIDY_S": 0.5,
    "bridge.continuity.compare.LIVE_MARGIN_MS": 2_000,
    "bridge.reconcile.differences.LIVE_MARGIN_MS": 2_000,
    "bridge.reconcile.odds.LIVE_MARGIN_MS": 2_000,
}
"""Patches: 2 s and less for what the bridge allows 10 s or a minute. The simulator's snapshots are never old."""

LAST = '{"data":[],"entry_id":"@entry_id@"}'
"""An entry with no odds: whoever has received it has all that came before."""


def odds(name: str, sport: str, *books: str, **more: object) -> Stream:
    """A stream of the odds feed."""
    return {"name": name, "feed": "odds", "sport": sport, "sportsbook": list(books), **more}


def other(name: str, feed: str, sport: str, **more: object) -> Stream:
    """A stream of another feed."""
    return {"name": name, "feed": feed, "sport": sport, **more}


@dataclass
class Scene:
    """What runs."""

    simulator: Simulator
    bridge: Bridge
    follower: Follower
    streams: Sequence[Stream]
    told: Told = field(default_factory=Told)
    logs: dict[str, list[Logged]] = field(default_factory=dict)
    """By stream, what the simulator emitted."""
    _channels: dict[str, str] = field(default_factory=dict)

    @property
    def control(self) -> SimulatorControl:
        return self.simulator.control

    # --- the topics -----------------------------------------------------------------------------------------------

    async def read(self) -> Told:
        """Read on, to the end."""
        self.told.take(await self.follower.catch_up())
        return self.told

    async def until_told(self, stream: str, event: str, *, after: int = 0, within: float = 60, **wanted: object) -> Any:
        """Wait for one of a stream's bridge-events behind the first `after` of them; returns it."""

        async def look() -> list[Any]:
            await self.read()
            return [told for told in self.told.events[stream][after:] if told["event"] != "alive" or event == "alive"]

        def those(events: list[Any]) -> list[Any]:
            return [told for told in events if told["event"] == event and wanted.items() <= told.items()]

        return those(await until(look, those, within=within, what=f"{stream}: {event} {wanted}"))[0]

    async def until_reconciled(self, *, within: float = 60) -> None:
        """Wait until no stream owes anything but its second look."""

        async def owing() -> dict[str, str]:
            rows = (await self.bridge.ready()).get("streams", {})
            return {
                name: row["unreconciled"] or row["state"]
                for name, row in rows.items()
                if not row["reconciled"] or row["state"] != "streaming"
            } or ({} if rows else {"": "nothing answers"})

        await until(owing, lambda owed: not owed, within=within, what="all streams reconciled")

    async def until_settled(self, *, within: float = 60) -> None:
        """Wait until every stream's second look is over, too."""

        async def again() -> float:
            metrics = await self.bridge.metrics()
            return min(
                metrics.get(f'oddsbridge_reconciles_total{{reason="again",stream="{stream["name"]}"}}', 0)
                for stream in self.streams
            )

        await until(again, lambda n: n > 0, within=within, what="a second look at each stream")

    # --- the simulator's side -------------------------------------------------------------------------------------

    async def channel(self, stream: str) -> str:
        """The id of a stream's channel."""
        if stream not in self._channels:
            wanted = next(s for s in self.streams if s["name"] == stream)
            books, leagues = wanted.get("sportsbook"), wanted.get("league")
            found = [
                row["id"]
                for row in await self.control.channels()
                if (row["feed"], row["sport"]) == (wanted["feed"], wanted["sport"])
                and row["params"].get("sportsbook") == books
                and len(row["params"].get("league") or []) == len(leagues or [])
            ]
            assert len(found) == 1, f"{stream}: {found}"
            self._channels[stream] = found[0]
        return self._channels[stream]

    async def follow_logs(self) -> None:
        """Take over what was emitted since the last time."""
        for stream in self.streams:
            log = self.logs.setdefault(stream["name"], [])
            log += await self.control.log(await self.channel(stream["name"]), after=len(log) - 1)

    async def fault(self, stream: str, kind: str, **fields: object) -> int:
        """A fault of one stream's channel."""
        return int((await self.control.fault(kind, channel=await self.channel(stream), **fields))["id"])

    async def board(self) -> Offered:
        """The odds that upstream offers and that a stream carries."""
        return await board_of(self.control, self.streams)

    # --- the comparison -------------------------------------------------------------------------------------------

    async def pause(self) -> None:
        """Stop the emission, and wait until the bridge has received all that it can."""
        await self.control.pause()
        await self.received()

    async def received(self, *, within: float = 60) -> None:
        """Wait until the bridge has received an entry that comes last on each channel of its streams."""
        channels = {stream["name"]: await self.channel(stream["name"]) for stream in self.streams}
        ordinals = await self.control.emit("odds", LAST)
        wanted: dict[str, str | None] = {
            name: (await self.control.log(channel, after=ordinals[channel] - 1))[0].entry_id
            for name, channel in channels.items()
        }

        async def missing() -> dict[str, str | None]:
            rows = (await self.bridge.ready()).get("streams", {})
            return {n: wanted[n] for n in wanted if rows.get(n, {}).get("last_entry_id") != wanted[n]}

        await until(missing, lambda names: not names, within=within, what="the last entries received")

    async def until_equal(self, *, within: float = 20) -> None:
        """Wait until the topics, read in all four ways, equal the simulator's board. The emission is paused."""
        board = await self.board()
        assert board, "an empty board shows nothing"

        async def look() -> list[str]:
            return differences(board, await self.read())

        await until(look, lambda found: not found, within=within, what="topics equal to the board")

    def emitted(self, stream: str) -> Counter[Fact]:
        """What should be in the topics of a stream, once each, if nothing was lost."""
        return Counter(
            Fact(entry.event, entry.entry_id or "", key, digest)
            for entry in self.logs[stream]
            for key, digest in entry.odds
        )

    def assert_nothing_doubled(self) -> None:
        """What came on the streams stands in the topics once at most, as upstream sent it, and nothing else does."""
        for name in self.logs:
            emitted, found = self.emitted(name), self.told.facts[name]
            more = [(fact, found[fact], emitted[fact]) for fact in found - emitted]
            assert not more, f"{name}: {len(more)} doubled or unexpected, e.g. (what, found, emitted) {more[:2]}"

    def assert_nothing_lost(self) -> None:
        """Nor is anything missing."""
        self.assert_nothing_doubled()
        for name in self.logs:
            lost = self.emitted(name) - self.told.facts[name]
            assert not lost, f"{name}: {lost.total()} of {self.emitted(name).total()} lost, e.g. {list(lost)[:2]}"

    async def change(self, streams: Sequence[Stream], config: str) -> None:
        """Configure something else for the next start."""
        self.streams = streams
        self._channels.clear()
        self.bridge.config.write_text(config)

    async def still(self) -> None:
        """Pause, compare, and take over what was emitted."""
        await self.pause()
        await self.until_equal()
        await self.follow_logs()

    async def equal(self) -> None:
        """The same, and go on."""
        await self.still()
        await self.control.resume()


@asynccontextmanager
async def scene(
    kafka: EmbeddedKafka,
    unique: str,
    folder: Path,
    streams: Sequence[Stream],
    *,
    options: SimulatorOptions,
    upstream: Mapping[str, object] | None = None,
    kafka_settings: Mapping[str, object] | None = None,
    patches: Mapping[str, object] | None = None,
    start: bool = True,
) -> AsyncIterator[Scene]:
    """Start it all; every stream is reconciled when it begins, unless `start` is false.

    Args:
        kafka: The broker.
        unique: A name for topics and all.
        folder: Where files go.
        streams: What is configured.
        options: The simulator's.
        upstream: Settings of `[upstream]`.
        kafka_settings: Settings of `[kafka]`.
        patches: Constants of the bridge to replace, see the launcher.
        start: Whether to start the bridge.
    """
    options.retry_ms, options.ping_s = 300, 0.5
    async with Simulator(options) as simulator:
        config = configuration(simulator, kafka, unique, streams, upstream=upstream, kafka_settings=kafka_settings)
        given = {"TEST_SET": json.dumps(patches or {})}
        async with Bridge(folder, config, environment=given, module=LAUNCHER) as bridge:
            follower = Follower(kafka.bootstrap_servers, f"{unique}.")
            try:
                running = Scene(simulator, bridge, follower, streams)
                if start:
                    await bridge.start()
                    await running.until_reconciled()
                yield running
            finally:
                await follower.close()


def configuration(
    simulator: Simulator,
    kafka: EmbeddedKafka,
    unique: str,
    streams: Sequence[Stream],
    *,
    upstream: Mapping[str, object] | None = None,
    kafka_settings: Mapping[str, object] | None = None,
) -> str:
    """The bridge's file."""
    return toml(
        simulator.base_url,
        kafka.bootstrap_servers,
        unique,
        list(streams),
        kafka=kafka_settings,
        upstream={"continuity": "reconcile", **(upstream or {})},
    )


async def together(*steps: Any) -> None:
    """Run some steps side by side; the first that fails ends the test."""
    async with asyncio.TaskGroup() as group:
        for step in steps:
            group.create_task(step)
