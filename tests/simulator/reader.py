"""A reader of the simulator's streams that shares no code with the bridge."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import aiohttp

from bridge.simulator import Simulator

BOOKS = ["DraftKings", "Pinnacle"]


@dataclass(frozen=True)
class Frame:
    event: str
    id: str | None
    retry: str | None
    data: str

    @property
    def body(self) -> Any:
        return json.loads(self.data)

    @property
    def entry_id(self) -> Any:
        return self.body["entry_id"]


def frame(text: str) -> Frame:
    fields: dict[str, list[str]] = {}
    for line in text.split("\n"):
        name, _, value = line.partition(": ")
        fields.setdefault(name, []).append(value)
    unknown = set(fields) - {"event", "id", "retry", "data"}
    assert not unknown, unknown
    assert len(fields["event"]) == 1
    return Frame(
        fields["event"][0], fields.get("id", [None])[0], fields.get("retry", [None])[0], "\n".join(fields["data"])
    )


class Reader:
    """What came on one connection; `ended` says how it ended."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self.response = response
        self.raw = b""
        self.ended: str | None = None
        self._frames: list[Frame] = []
        self._parsed = 0

    @property
    def frames(self) -> list[Frame]:
        """The whole ones; only what is new is parsed."""
        *whole, _ = self.raw[self._parsed :].split(b"\n\n")
        for part in whole:
            self._parsed += len(part) + 2
            self._frames.append(frame(part.decode(errors="surrogateescape")))
        return self._frames

    @property
    def entries(self) -> list[Frame]:
        return [f for f in self.frames if f.event not in {"connected", "ping"}]

    async def read(self) -> bool:
        """Take what is there; False at the end."""
        try:
            chunk = await self.response.content.readany()
        except aiohttp.ClientPayloadError:
            self.ended = "torn"
        except (aiohttp.ClientConnectionError, ConnectionError):
            self.ended = "reset"
        else:
            self.raw += chunk
            if not chunk:
                self.ended = "eof"
        return self.ended is None

    async def until(self, done: Callable[[], bool]) -> None:
        """Read until a condition holds; the test's own time limit is what ends the wait."""
        while not done():
            assert await self.read(), f"ended ({self.ended}) after {[(f.event, f.id) for f in self.frames[-3:]]}"

    async def entries_until(self, count: int) -> list[Frame]:
        await self.until(lambda: len(self.entries) >= count)
        return self.entries

    async def to_end(self) -> str:
        while await self.read():
            pass
        assert self.ended is not None
        return self.ended

    async def silent(self, seconds: float) -> bool:
        """Whether nothing at all comes for so long."""
        before = len(self.raw)
        try:
            async with asyncio.timeout(seconds):
                await self.read()
        except TimeoutError:
            return len(self.raw) == before
        return False


def path(feed: str = "odds", sport: str = "basketball") -> str:
    return f"/stream/copilot/{sport}/odds" if feed == "copilot" else f"/stream/{feed}/{sport}"


def query(feed: str, params: dict[str, Any]) -> list[tuple[str, str]]:
    given = {"sportsbook": BOOKS, **params} if feed == "odds" else params
    return [(k, v) for k, vs in given.items() for v in (vs if isinstance(vs, list) else [vs])]


@asynccontextmanager
async def asked(
    sim: Simulator, feed: str = "odds", sport: str = "basketball", key: str | None = "demo-key", **params: Any
) -> AsyncIterator[aiohttp.ClientResponse]:
    """One request, whatever is answered."""
    headers = {} if key is None else {"X-Api-Key": key}
    async with (
        aiohttp.ClientSession(headers=headers, timeout=aiohttp.ClientTimeout(total=None)) as session,
        session.get(sim.base_url + path(feed, sport), params=query(feed, params), allow_redirects=False) as response,
    ):
        yield response


@asynccontextmanager
async def reading(
    sim: Simulator, feed: str = "odds", sport: str = "basketball", **params: Any
) -> AsyncIterator[Reader]:
    """A stream that must be let in."""
    async with asked(sim, feed, sport, **params) as response:
        assert response.status == 200, await response.text()
        yield Reader(response)


def items(entry: Frame) -> tuple[tuple[str, str], ...]:
    """Keys and hashes of an entry's verbatim odds, cut out of the body by the standard library's decoder."""
    start = entry.data.index('"data"') + len('"data"')
    start = entry.data.index(":", start) + 1
    start += len(entry.data[start:]) - len(entry.data[start:].lstrip())
    decoder = json.JSONDecoder()
    if entry.data[start] != "[":
        if entry.data.startswith('{"data":', start):  # nested: the inner object names the fixture
            start += len('{"data":')
        value, end = decoder.raw_decode(entry.data, start)
        return ((value["fixture_id"], _sha(entry.data[start:end])),)
    found: list[tuple[str, str]] = []
    at = start + 1
    while True:
        at += len(entry.data[at:]) - len(entry.data[at:].lstrip(" ,"))
        if entry.data[at] == "]":
            return tuple(found)
        odd, end = decoder.raw_decode(entry.data, at)
        found.append((odd["id"], _sha(entry.data[at:end])))
        at = end


async def eventually(holds: Callable[[], Awaitable[bool]], *, every: float = 0.01) -> None:
    """Wait until something holds; the test's own time limit is what ends the wait."""
    while True:
        if await holds():
            return
        await asyncio.sleep(every)


def _sha(text: str) -> str:
    return sha256(text.encode()).hexdigest()


def numbers(entry_id: str) -> tuple[int, int]:
    ms, seq = entry_id.split("-")
    return int(ms), int(seq)


def is_subsequence(part: list[Any], whole: list[Any]) -> bool:
    """Whether `part` stands in `whole` as one run."""
    if not part:
        return True
    starts = [n for n, one in enumerate(whole) if one == part[0]]
    return any(whole[n : n + len(part)] == part for n in starts)
