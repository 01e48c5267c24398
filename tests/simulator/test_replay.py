from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from bridge.simulator import Logged, Simulator
from tests.simulator.conftest import Start
from tests.simulator.reader import Reader, numbers, reading


async def emitted(sim: Simulator, count: int) -> list[Logged]:
    """Let a channel emit so many entries, then nothing more; gives its log."""
    async with reading(sim) as reader:
        await reader.entries_until(count)
    await sim.control.pause()
    [channel] = await sim.control.channels()
    return await sim.control.log(channel["id"])


@asynccontextmanager
async def resumed(sim: Simulator, last_entry_id: str | None) -> AsyncIterator[Reader]:
    """Reconnect with an id; what comes before the event that marks "now" is the replay."""
    async with reading(sim, last_entry_id=last_entry_id) as reader:
        await reader.read()
        await sim.control.emit("mark", "now", entry_id=None)
        await reader.until(lambda: any(f.event == "mark" for f in reader.frames))
        yield reader


async def replayed(sim: Simulator, last_entry_id: str | None) -> list[str | None]:
    async with resumed(sim, last_entry_id) as reader:
        return [f.id for f in reader.entries if f.event != "mark"]


async def test_full_replay_brings_all_that_is_newer_then_goes_on(start: Start) -> None:
    sim = await start(rate=3000)
    log = await emitted(sim, 40)
    size = len(log)
    assert await replayed(sim, log[4].entry_id) == [e.wire_id for e in log[5:]]
    assert await replayed(sim, log[-1].entry_id) == []
    async with resumed(sim, log[30].entry_id) as reader:
        await sim.control.resume()
        await reader.until(lambda: len(reader.entries) > len(log) - 31 + 20)
        await sim.control.pause()
        [channel] = await sim.control.channels()
        log = [e for e in await sim.control.log(channel["id"]) if e.wire_id is not None]
        await reader.until(lambda: reader.entries[-1].id == log[-1].wire_id)
        got = [f.id for f in reader.entries if f.id is not None]
    assert got == [e.wire_id for e in log[31:]]
    assert [c["replayed"] for c in await sim.control.connects()][:2] == [0, size - 5]


async def test_no_replay_starts_at_now(start: Start) -> None:
    sim = await start(rate=3000, replay="none")
    log = await emitted(sim, 20)
    assert await replayed(sim, log[3].entry_id) == []


@pytest.mark.parametrize(
    "bogus", ["0-0", "1-1", "not an id", "-", "9" * 30 + "-0", "\u0661-\u0662", "99999999999999-0"]
)
async def test_any_id_is_accepted_and_starts_at_now(start: Start, bogus: str) -> None:
    sim = await start(rate=3000)
    await emitted(sim, 5)
    assert await replayed(sim, bogus) == []
    connect = (await sim.control.connects())[-1]
    assert (connect["status"], connect["last_entry_id"]) == (200, bogus)


async def test_a_window_is_settable_from_nothing_to_everything(start: Start) -> None:
    sim = await start(rate=3000, replay="window", window_s=3600)
    log = await emitted(sim, 20)
    assert await replayed(sim, log[5].entry_id) == [e.wire_id for e in log[6:]]
    await sim.control.settings(window_s=0)
    assert await replayed(sim, log[5].entry_id) == []


async def test_the_window_ends_between_old_and_young(start: Start) -> None:
    sim = await start(rate=3000, replay="window", window_s=30, epoch_ms=1_730_000_000_000)
    log = await emitted(sim, 20)
    # The made-up clock: 7 ms an entry, so 35 ms reach back to the sixth newest.
    await sim.control.settings(window_s=0.0351)
    assert await replayed(sim, log[0].entry_id) == [e.wire_id for e in log[-6:]]


@pytest.mark.parametrize("by", ["id", "arrival"])
async def test_replay_by_id_and_by_arrival_differ_under_reorder_and_duplicates(start: Start, by: Any) -> None:
    sim = await start(rate=0, replay_by=by)
    async with reading(sim):
        pass
    await sim.control.fault("reorder", p=0.3, distance=6)
    await sim.control.fault("duplicates", p=0.3, distance=6)
    await sim.control.rate(5000)
    log = await emitted(sim, 200)
    ids = [numbers(e.entry_id or "") for e in log]
    assert ids != sorted(ids)
    assert len(ids) > len(set(ids))
    differ = 0
    for last in (log[50], log[90], log[120]):
        first = ids.index(numbers(last.entry_id or ""))
        higher = [e.wire_id for e in log if numbers(e.entry_id or "") > numbers(last.entry_id or "")]
        later = [e.wire_id for e in log[first + 1 :]]
        assert await replayed(sim, last.entry_id) == (higher if by == "id" else later)
        differ += higher != later
    assert differ > 0


async def test_replay_goes_over_injected_events_too(start: Start) -> None:
    sim = await start(rate=3000)
    first = await emitted(sim, 5)
    await sim.control.fault("malformed", times=3)
    await sim.control.fault("unknown", event="surprise", data="{}")
    [channel] = await sim.control.channels()
    log = await sim.control.log(channel["id"])
    assert len(log) == len(first) + 4
    assert await replayed(sim, first[-1].entry_id) == [e.wire_id for e in log[len(first) :]]
