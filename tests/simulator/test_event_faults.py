"""Faults that change what is emitted, seen on the wire and in the log."""

import json
from functools import partial
from hashlib import sha256
from typing import Any

import pytest

from bridge.simulator import Logged, Simulator
from tests.simulator.conftest import Start
from tests.simulator.reader import Reader, eventually, items, numbers, reading


async def one_log(sim: Simulator) -> list[Logged]:
    [channel] = await sim.control.channels()
    return await sim.control.log(channel["id"])


async def ended(sim: Simulator) -> bool:
    [channel] = await sim.control.channels()
    return bool(channel["ended"])


async def disordered(sim: Simulator, count: int, *faults: dict[str, Any]) -> tuple[list[Any], list[Logged]]:
    """Emit with faults in effect until they are cleared; what one reader got, and the log."""
    async with reading(sim) as reader:
        await reader.read()
        for fault in faults:
            await sim.control.fault(**fault)
        await sim.control.rate(6000)
        await reader.entries_until(count)
        await sim.control.rate(0)
        await sim.control.clear_faults()
        log = await one_log(sim)
        await reader.entries_until(len(log))
    return reader.entries, log


async def test_duplicates_come_again_within_their_distance(start: Start) -> None:
    sim = await start(rate=0)
    entries, log = await disordered(sim, 200, {"kind": "duplicates", "p": 0.3, "distance": 3})
    assert [e.entry_id for e in entries] == [row.entry_id for row in log]
    again = [n for n, row in enumerate(log) if row.flags == ("duplicate",)]
    assert 0.15 < len(again) / len(log) < 0.4
    for n in again:
        first = next(m for m in range(n) if log[m].entry_id == log[n].entry_id)
        assert log[first].odds == log[n].odds
        assert n - first <= 3 + len([m for m in again if first < m < n]) + 1
    assert all(log[n].flags == () for n in range(len(log)) if n not in again)


async def test_late_entries_keep_their_ids_and_none_is_lost(start: Start) -> None:
    sim = await start(rate=0)
    entries, log = await disordered(sim, 200, {"kind": "reorder", "p": 0.2, "distance": 4})
    ids = [numbers(row.entry_id or "") for row in log]
    assert [numbers(e.entry_id) for e in entries] == ids
    assert len(set(ids)) == len(ids)
    [channel] = await sim.control.channels()
    assert channel["made"] == len(log)
    late = [n for n, row in enumerate(log) if "late" in row.flags]
    assert 0.1 < len(late) / len(log) < 0.3
    in_order = [i for n, i in enumerate(ids) if n not in late]
    assert in_order == sorted(in_order)
    overtaken = [n for n in late if ids[n] < max(ids[:n])]
    assert len(overtaken) > len(late) / 2


async def test_every_connection_sees_the_same_disorder(start: Start) -> None:
    sim = await start(rate=0)
    async with reading(sim) as other:
        await other.read()
        entries, log = await disordered(
            sim, 100, {"kind": "reorder", "p": 0.3}, {"kind": "duplicates", "p": 0.3, "distance": 10}
        )
        await other.entries_until(len(log))
    assert other.entries == entries


async def test_the_same_seed_gives_the_same_bytes_and_the_same_disorder(start: Start) -> None:
    runs = []
    for _ in range(2):
        sim = await start(rate=0, epoch_ms=1_730_079_534_000, life=20)
        async with reading(sim, include_fixture_updates="true") as reader:
            await reader.read()
            await sim.control.fault("duplicates", p=0.2)
            await sim.control.fault("reorder", p=0.2)
            await sim.control.fault("malformed", p=0.1)
            await sim.control.rate(9000, limit=150)
            await eventually(partial(ended, sim))
            log = await one_log(sim)
            await reader.entries_until(len(log))
        runs.append([f for f in reader.frames if f.event != "ping"])
    assert runs[0] == runs[1]


async def injected(start: Start, kind: str, count: int = 1, **fields: Any) -> tuple[Reader, list[Logged]]:
    sim = await start()
    async with reading(sim) as reader:
        await reader.entries_until(3)
        done = await sim.control.fault(kind, times=count, **fields)
        assert len(done["channels"]) == 1
        await sim.control.pause()
        log = await one_log(sim)
        await reader.entries_until(len(log))
    assert [row.flags for row in log if row.flags] == [(kind,)] * count
    return reader, [row for row in log if row.flags]


async def test_malformed_bodies_are_hashed_whole(start: Start) -> None:
    reader, rows = await injected(start, "malformed", 6)
    by_id = {f.id: f for f in reader.frames}
    broken = 0
    for row in rows:
        data = by_id[row.wire_id].data.encode(errors="surrogateescape")
        assert row.odds == (("", sha256(data).hexdigest()),)
        try:
            assert not isinstance(json.loads(data), dict) or not isinstance(json.loads(data)["data"], list)
        except ValueError:
            broken += 1
    assert broken == 4  # cut short, HTML, not UTF-8, trailing brace; two are JSON of another shape


async def test_odds_without_an_id(start: Start) -> None:
    reader, [row] = await injected(start, "no-odd-id")
    entry = next(e for e in reader.entries if e.id == row.wire_id)
    assert [odd.get("id") for odd in entry.body["data"]] == [None, "", None]
    assert [key for key, _ in row.odds] == ["", "", ""]
    assert len({digest for _, digest in row.odds}) == 3


async def test_events_without_any_id_repeat_odds_of_the_board(start: Start) -> None:
    reader, rows = await injected(start, "no-id", 2)
    assert [(row.entry_id, row.wire_id) for row in rows] == [(None, None)] * 2
    nameless = [e for e in reader.entries if e.id is None]
    assert [items(e) for e in nameless] == [row.odds for row in rows]
    assert all("entry_id" not in e.body for e in nameless)
    named = {items(e) for e in reader.entries if e.id is not None}
    assert {items(e) for e in nameless} <= named


async def test_unknown_events_have_the_name_and_body_given(start: Start) -> None:
    reader, [row] = await injected(start, "unknown", event="futures", data='{"x":"é","entry_id":"@entry_id@"}')
    entry = next(e for e in reader.entries if e.event == "futures")
    assert entry.body == {"x": "é", "entry_id": row.entry_id}
    assert row.event == "futures"
    assert row.odds == (("", sha256(entry.data.encode()).hexdigest()),)


@pytest.mark.parametrize("lines", [1, 50])
@pytest.mark.parametrize("size", [100_000, 6_000_000])
async def test_oversized_events_are_correct_json_in_one_line_or_many(start: Start, lines: int, size: int) -> None:
    sim = await start(rate=0)
    async with reading(sim) as reader:
        await reader.read()
        await sim.control.fault("oversized", bytes=size, lines=lines)
        await reader.entries_until(1)
    [entry], [row] = reader.entries, await one_log(sim)
    assert entry.data.count("\n") == lines - 1
    assert size < len(entry.data) < size * 1.01 + 1000
    assert entry.entry_id == entry.id == row.entry_id
    [odd] = entry.body["data"]
    assert sum(map(len, odd["filler"])) == size
    if size < 4_000_000:
        assert row.odds == items(entry)
    else:
        assert row.odds == (("", sha256(entry.data.encode()).hexdigest()),)


async def test_injections_by_share_come_along_with_entries_until_cleared(start: Start) -> None:
    sim = await start(rate=0)
    _, log = await disordered(
        sim, 150, {"kind": "malformed", "p": 0.2, "times": 5}, {"kind": "unknown", "p": 0.2, "feed": "odds"}
    )
    flags = [row.flags for row in log]
    assert flags.count(("malformed",)) == 5
    assert 0.05 < flags.count(("unknown",)) / len(log) < 0.35
    assert flags.count(()) == (await sim.control.channels())[0]["made"]
    async with reading(sim) as reader:
        await sim.control.rate(5000)
        await reader.entries_until(50)
    assert all(row.flags == () for row in (await one_log(sim))[len(log) :])


async def test_a_tear_inside_an_injected_event_cuts_it(start: Start) -> None:
    sim = await start(rate=0)
    async with reading(sim) as reader:
        await reader.read()
        await sim.control.fault("tear", inside=True)
        await sim.control.fault("oversized", bytes=300_000)
        assert await reader.to_end() == "torn"
    assert 100_000 < len(reader.raw) < 200_000
