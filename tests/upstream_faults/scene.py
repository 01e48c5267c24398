"""A bridge between the simulator and Kafka, with many streams, each of which may have its own trouble."""

from collections import Counter
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from bridge.demo.kafka import EmbeddedKafka
from bridge.simulator.catalog import SPORTS
from bridge.simulator.control import Logged, SimulatorControl
from bridge.simulator.options import SimulatorOptions
from bridge.simulator.server import Simulator
from tests.support.bridge import Bridge, toml
from tests.support.oracle import Fact, assert_ordered, assert_same, published
from tests.support.reader import Seen, read
from tests.support.waiting import until
from tests.upstream_faults.leaks import everything

HOSTILE_KEY = "k3y-%41&<x>\"y'z\\u0041/+=~"
"""A key that looks different once it is quoted, escaped or encoded."""

LAUNCHER = "tests.upstream_faults.launch"
UNPUBLISHABLE = {"duplicate", "malformed", "no-odd-id", "oversized"}

Stream = Mapping[str, object]


def odds(name: str, sport: str, book: str = "", **more: object) -> Stream:
    """A stream of one book's odds; the sport's first book if none is named."""
    return {"name": name, "feed": "odds", "sport": sport, "sportsbook": [book or SPORTS[sport].books[0]], **more}


def other(name: str, feed: str, sport: str) -> Stream:
    """A stream of another feed."""
    return {"name": name, "feed": feed, "sport": sport}


@dataclass
class Outcome:
    """What is left when all has ended: the simulator's account, and a reader's."""

    logs: dict[str, list[Logged]]
    """By stream."""
    records: list[Seen]
    """All that was published, the bridge's own topics apart."""
    dead_letters: list[Seen]
    metrics: dict[str, float]
    ready: dict[str, Any]
    lines: list[dict[str, Any]]
    """The bridge's log."""
    connects: dict[str, list[dict[str, Any]]]
    """Every attempt to connect, by stream: its feed and sport are no other stream's."""

    def of(self, stream: str) -> list[Seen]:
        """The stream's records."""
        return [record for record in self.records if record.headers["stream"] == stream]

    def assert_complete(self, stream: str) -> None:
        """Nothing of the stream is lost, doubled, unexpected or out of order."""
        log = self.logs[stream]
        assert_same(publishable(stream, log), published(self.of(stream)))
        late = frozenset(entry.entry_id or "" for entry in log if "late" in entry.flags)
        assert_ordered(self.of(stream), late=late)

    def count(self, metric: str, stream: str, *labels: str) -> float:
        """The sum of a metric's samples of the stream, or of those with all of the labels."""
        wanted = (f'stream="{stream}"', *labels)
        return sum(
            n for name, n in self.metrics.items() if name.split("{")[0] == metric and all(w in name for w in wanted)
        )

    def told(self, stream: str, level: str = "") -> list[dict[str, Any]]:
        """The log's lines about the stream."""
        return [line for line in self.lines if line.get("stream") == stream and level in line.get("level", "")]


def publishable(stream: str, log: Iterable[Logged]) -> Counter[Fact]:
    """What should be on the topics of a stream; what has no key has the stream's name.

    An event that nobody knows has no id in its body here: its id line counts.
    """
    return Counter(
        (entry.event, (entry.wire_id if "unknown" in entry.flags else entry.entry_id) or "", key or stream, digest)
        for entry in log
        if not UNPUBLISHABLE & set(entry.flags)
        for key, digest in entry.odds
    )


@dataclass
class Scene:
    """What runs."""

    simulator: Simulator
    bridge: Bridge
    kafka: EmbeddedKafka
    prefix: str
    streams: list[Stream]
    pages: list[str] = field(default_factory=list)
    """What the admin port said before the bridge was stopped."""

    @property
    def control(self) -> SimulatorControl:
        return self.simulator.control

    async def row(self, stream: str) -> dict[str, Any]:
        """The simulator's account of the stream's channel."""
        wanted = next(s for s in self.streams if s["name"] == stream)
        rows = [
            row
            for row in await self.control.channels()
            if (row["feed"], row["sport"]) == (wanted["feed"], wanted["sport"])
            and row["params"].get("sportsbook", []) == wanted.get("sportsbook", [])
        ]
        assert len(rows) == 1, f"{stream}: {rows}"
        return rows[0]

    async def channel(self, stream: str) -> str:
        return str((await self.row(stream))["id"])

    async def fault(self, stream: str, kind: str, **fields: object) -> int:
        """A fault of this stream alone; gives its number, 0 if it has happened already."""
        return int((await self.control.fault(kind, channel=await self.channel(stream), **fields))["id"])

    async def count(self, metric: str, stream: str, *labels: str) -> float:
        return await self.bridge.sum(metric, f'stream="{stream}"', *labels)

    async def until_count(self, n: float, metric: str, stream: str, *labels: str, within: float = 60) -> None:
        """Wait until a metric of the stream is at least `n`."""

        async def look() -> float:
            return await self.count(metric, stream, *labels)

        await until(look, lambda seen: seen >= n, within=within, what=f"{stream}: {metric} {labels} >= {n}")

    async def until_flowing(self, entries: int = 20, *, within: float = 60) -> None:
        """Wait until every stream has received some more entries."""
        before = await self.bridge.metrics()
        name = "oddsbridge_entries_total"

        async def look() -> dict[str, float]:
            now = await self.bridge.metrics()
            more: dict[str, float] = {str(s["name"]): 0 for s in self.streams}
            for sample, n in now.items():
                if sample.startswith(name + "{"):
                    more[sample.split('stream="')[1].split('"')[0]] += n - before.get(sample, 0)
            return more

        await until(look, lambda more: min(more.values()) >= entries, within=within, what="entries on all streams")

    async def finish(self, *, within: float = 90) -> Outcome:
        """End all trouble and emission, wait until the bridge has committed it all, stop it, and read what it wrote."""
        await self.control.clear_faults()
        await self.control.pause()
        logs = await self._last_words(within)
        held = partial(self.bridge.sum, "oddsbridge_buffer_bytes")
        await until(held, lambda n: n == 0, within=within, what="all committed, and so counted")
        self.pages += [await self.bridge.get(path) for path in ("/metrics", "/readyz", "/")]
        metrics, ready = await self.bridge.metrics(), await self.bridge.ready()
        assert await self.bridge.stop() == 0, self.bridge.text[-3_000:]
        servers = self.kafka.bootstrap_servers
        return Outcome(
            logs=logs,
            records=await read(servers, self.prefix),
            dead_letters=await read(servers, self.prefix, topics=["dead-letters"]),
            metrics=metrics,
            ready=ready,
            lines=self.bridge.lines(),
            connects={str(s["name"]): await self.connects(s) for s in self.streams},
        )

    async def connects(self, stream: Stream) -> list[dict[str, Any]]:
        """Attempts to connect with the stream's feed and sport."""
        spot = (stream["feed"], stream["sport"])
        return [row for row in await self.control.connects() if (row["feed"], row["sport"]) == spot]

    async def _last_words(self, within: float) -> dict[str, list[Logged]]:
        """Emit an entry with the highest id on each channel; whoever has it has all that came before."""
        data = b'{"data":[{"id":"the:last:one","price":100}],"entry_id":"@entry_id@","type":"odds"}'
        last = await self.control.emit("odds", data)
        logs, ids = {}, {}
        for stream in self.streams:
            name = str(stream["name"])
            channel = await self.channel(name)
            logs[name] = await self.control.log(channel)
            ids[name] = next(e.entry_id for e in logs[name] if e.ordinal == last[channel])

        async def missing() -> list[str]:
            report = (await self.bridge.ready()).get("streams", {})
            return [name for name, wanted in ids.items() if report.get(name, {}).get("last_entry_id") != wanted]

        await until(missing, lambda names: not names, within=within, what="streams without the last entry")
        return logs

    async def everything(self) -> dict[str, str]:
        """All that the bridge has let out so far."""
        return await everything(self.bridge, self.pages, self.kafka.bootstrap_servers, self.prefix)


@asynccontextmanager
async def scene(
    kafka: EmbeddedKafka,
    unique: str,
    folder: Path,
    streams: list[Stream],
    *,
    options: SimulatorOptions | None = None,
    upstream: Mapping[str, object] | None = None,
    log: Mapping[str, object] | None = None,
    environment: Mapping[str, str] | None = None,
    key_file: Path | None = None,
    name: str = "bridge",
    ready: bool = True,
) -> AsyncIterator[Scene]:
    """Start it all; the streams are connected when it begins, unless `ready` is false.

    The simulator lets reconnect at once and pings often, and the bridge gives a silent connection up early, so that
    tests don't wait; its own back-off is as it is. The key is in the environment, or in `key_file`.
    """
    options = options or SimulatorOptions(rate=60.0, results_rate=60.0)
    options.key, options.retry_ms, options.ping_s = HOSTILE_KEY, 50, 0.5
    async with Simulator(options) as simulator:
        config = toml(
            simulator.base_url,
            kafka.bootstrap_servers,
            unique,
            streams,
            upstream={"silence_s": 4.0, **({"api_key_file": str(key_file)} if key_file else {}), **(upstream or {})},
            log=log,
        )
        given = {"ODDSBRIDGE_UPSTREAM__API_KEY": HOSTILE_KEY, **(environment or {})}
        async with Bridge(folder, config, name=name, environment=given, module=LAUNCHER) as bridge:
            if key_file:
                del bridge.environment["ODDSBRIDGE_UPSTREAM__API_KEY"]
            await bridge.start(ready=ready)
            yield Scene(simulator, bridge, kafka, f"{unique}.", streams)
