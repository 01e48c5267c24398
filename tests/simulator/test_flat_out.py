"""At "max": nothing is emitted that isn't sent, nothing is lost, and the log is still exact."""

import asyncio
import sys
import time
from collections.abc import Iterable
from itertools import pairwise
from urllib.parse import urlsplit

from bridge.simulator import Logged
from tests.simulator.conftest import Start
from tests.simulator.reader import Frame, eventually, items, numbers, path, reading


def told(entries: Iterable[Frame | Logged]) -> list[tuple[str, str | None]]:
    return [(e.event, e.entry_id) for e in entries]


async def test_flat_out_is_exact_and_ends_at_its_limit(start: Start) -> None:
    sim = await start(rate="max", limit=3_000, ping_s=0.1)
    async with reading(sim) as reader:
        await reader.entries_until(3_000)
        await reader.until(lambda: reader.frames[-1].event == "ping")
    [channel] = await sim.control.channels()
    log = await sim.control.log(channel["id"])
    assert (channel["ended"], channel["made"], len(log)) == (True, 3_000, 3_000)
    assert channel["items"] == sum(len(e.odds) for e in log)
    assert told(reader.entries) == told(log)
    assert [e.id for e in reader.entries] == [e.wire_id for e in log]
    seen: dict[str, tuple[tuple[str, str], ...]] = {}
    for entry, row in zip(reader.entries, log, strict=True):
        body = entry.data.replace(entry.entry_id, "")
        if body not in seen:
            seen[body] = items(entry)
        assert seen[body] == row.odds
    ids = [numbers(e.entry_id) for e in reader.entries]
    assert all(a < b for a, b in pairwise(ids))
    assert max(seq for _, seq in ids) >= 10  # so that comparing ids as text would go wrong
    assert {len(e.odds) for e in log} >= set(range(1, 15))
    assert 5 <= channel["items"] / 3_000 <= 20


async def test_flat_out_waits_for_a_reader_and_goes_on_where_it_was(start: Start) -> None:
    sim = await start(rate="max", limit=2_000)
    async with reading(sim) as reader:
        await reader.entries_until(100)

    async def alone() -> bool:
        [channel] = await sim.control.channels()
        return bool(channel["clients"] == 0)

    await eventually(alone)
    [channel] = await sim.control.channels()
    async with reading(sim, last_entry_id=reader.entries[-1].entry_id) as again:
        await again.until(lambda: len(reader.entries) + len(again.entries) >= 2_000)
    log = await sim.control.log(channel["id"])
    assert told([*reader.entries, *again.entries]) == told(log)


async def test_flat_out_moves_on_alone_at_its_idle_rate(start: Start) -> None:
    sim = await start(rate="max", idle_rate=3000)
    async with reading(sim) as reader:
        await reader.entries_until(1)
    [channel] = await sim.control.channels()

    async def moved() -> bool:
        [later] = await sim.control.channels()
        return bool(later["clients"] == 0 and later["made"] > channel["made"] + 50)

    await eventually(moved)
    assert [c["status"] for c in await sim.control.connects()] == [200]


async def test_flat_out_with_disorder_is_exact(start: Start) -> None:
    sim = await start(rate=0)
    await sim.control.fault("duplicates", p=0.05)
    await sim.control.fault("reorder", p=0.05)
    async with reading(sim) as one, reading(sim) as two:
        await asyncio.gather(one.read(), two.read())
        await sim.control.rate("max", limit=1_000)
        await asyncio.gather(one.entries_until(1_000), two.entries_until(1_000))
        [channel] = await sim.control.channels()
        log = await sim.control.log(channel["id"])
        await asyncio.gather(one.entries_until(len(log)), two.entries_until(len(log)))
    assert channel["ended"]
    assert told(one.entries) == told(two.entries) == told(log)
    assert {e.flags for e in log} >= {(), ("late",), ("duplicate",)}
    assert len({e.entry_id for e in log}) == 1_000


async def test_the_rate_flat_out_is_measured(start: Start) -> None:
    """Reported, not asserted: reader and simulator share one event loop here, so a bridge alone gets more."""
    sim = await start(rate="max")
    parts = urlsplit(sim.base_url)
    in_, out = await asyncio.open_connection(parts.hostname, parts.port, limit=2**20)
    out.write(f"GET /api/v3{path()}?sportsbook=Pinnacle&key=demo-key HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    await in_.readuntil(b"ok go\n\n")
    [before] = await sim.control.channels()
    began, got = time.monotonic(), 0
    while time.monotonic() - began < 1:
        chunk = await in_.read(2**20)
        assert chunk
        got += len(chunk)
    took = time.monotonic() - began
    [after] = await sim.control.channels()
    out.close()
    rate = (after["items"] - before["items"]) / took
    sys.stdout.write(f"flat out: {rate:,.0f} odds/s, {got / took / 1e6:,.0f} MB/s\n")
    assert after["items"] > before["items"]
