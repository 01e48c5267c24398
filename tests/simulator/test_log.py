import asyncio
import json
from typing import Any

import aiohttp
import pytest

from bridge.simulator import ControlError, Simulator
from tests.simulator.conftest import Start
from tests.simulator.reader import eventually, items, reading


async def wire_and_log(sim: Simulator, reader: Any, count: int) -> tuple[list[Any], list[Any]]:
    """The entries that a reader got from the first on, and the same part of the log."""
    await reader.entries_until(count)
    await sim.control.pause()
    [channel] = await sim.control.channels()
    log = await sim.control.log(channel["id"])
    await reader.until(lambda: reader.entries[-1].entry_id == log[-1].entry_id)
    return reader.entries, log[-len(reader.entries) :]


@pytest.mark.parametrize(
    ("feed", "sport"), [("odds", "politics"), ("odds", "soccer"), ("results", "tennis"), ("copilot", "baseball")]
)
async def test_the_log_is_what_came_on_the_wire(start: Start, feed: str, sport: str) -> None:
    sim = await start(rate=3000, results_rate=300, life=20)
    params = {"sportsbook": ["Smarkets", "Bet365"]} if feed == "odds" else {}
    if feed != "results":
        params["include_fixture_updates"] = ["true"]
    async with reading(sim, feed, sport, **params) as reader:
        entries, log = await wire_and_log(sim, reader, 60)
    assert [(e.event, e.entry_id, e.id, items(e)) for e in entries] == [
        (row.event, row.entry_id, row.wire_id, row.odds) for row in log
    ]
    assert all(row.flags == () for row in log)
    assert [row.ordinal for row in log] == list(range(log[0].ordinal, log[0].ordinal + len(log)))


async def test_the_plain_and_the_compact_log_say_the_same_and_go_on_from_an_ordinal(start: Start) -> None:
    sim = await start(rate=3000)
    async with reading(sim) as reader:
        await reader.entries_until(30)
        await sim.control.pause()
    [channel] = await sim.control.channels()
    log = await sim.control.log(channel["id"])
    url = f"{sim.base_url.removesuffix('/api/v3')}/_sim/log"
    async with (
        aiohttp.ClientSession() as session,
        session.get(url, params={"channel": channel["id"], "after": "9"}) as r,
    ):
        plain = [json.loads(line) for line in (await r.text()).splitlines()]
    assert [(p["ordinal"], p["event"], p["entry_id"], p["wire_id"], p["ms"]) for p in plain] == [
        (e.ordinal, e.event, e.entry_id, e.wire_id, e.ms) for e in log[10:]
    ]
    assert [tuple(map(tuple, p["odds"])) for p in plain] == [e.odds for e in log[10:]]
    assert await sim.control.log(channel["id"], after=9) == log[10:]
    with pytest.raises(ControlError, match="no such channel"):
        await sim.control.log("nobody")


@pytest.mark.parametrize("rate", [1500, "max", 20_000])
async def test_the_board_is_what_was_emitted_last(start: Start, rate: Any) -> None:
    sim = await start(rate=0, ping_s=0.05)
    async with reading(sim, sportsbook=["DraftKings", "FanDuel", "BetMGM", "Pinnacle", "Novig"]) as reader:
        await reader.read()
        folded = {key: value for key, value in (await sim.control.board("basketball")).items() if "1:-1:" not in key}
        await sim.control.rate(rate, limit=150)
        await reader.entries_until(150)
        [channel] = await sim.control.channels()
        assert channel["ended"]
        await reader.entries_until(channel["logged"])
        for entry in reader.entries:
            for odd, (key, _) in zip(entry.body["data"], items(entry), strict=True):
                folded[key] = (entry.event == "locked-odds", json.dumps(odd).encode())
        board = {key: value for key, value in (await sim.control.board("basketball")).items() if "1:-1:" not in key}
    opened = {key: json.loads(row) for key, (locked, row) in board.items() if not locked}
    assert opened == {key: json.loads(row) for key, (locked, row) in folded.items() if not locked and key in board}
    assert len(opened) > 500


async def test_old_bodies_are_let_go_and_the_log_still_says_what_they_were(start: Start) -> None:
    # The channel catches up a quarter of a second at most: 140 kB, which a reader that keeps pace has time for.
    sim = await start(rate=800, retain_bytes=300_000)
    async with reading(sim) as reader:
        entries, log = await wire_and_log(sim, reader, 90)
    assert sum(len(e.data) for e in entries) > 400_000
    assert [(e.entry_id, items(e)) for e in entries] == [(row.entry_id, row.odds) for row in log]
    # A reconnect from the start gets what is left of it.
    async with reading(sim, last_entry_id=entries[0].entry_id) as again:
        await again.until(lambda: again.entries[-1:] == entries[-1:])
        assert 0 < len(again.entries) < len(entries)


async def test_a_reader_that_is_too_slow_for_what_is_kept_is_torn(start: Start) -> None:
    sim = await start(rate=4000, retain_bytes=100_000)
    async with reading(sim) as reader:
        await reader.entries_until(1)
        await sim.control.fault("stall")
        [channel] = await sim.control.channels()

        async def far_on() -> bool:
            [later] = await sim.control.channels()
            return bool(later["made"] > channel["made"] + 100)

        await eventually(far_on)
        await sim.control.clear_faults()
        assert await reader.to_end() == "torn"
    assert len(reader.entries) < channel["made"] + 100


async def test_an_event_made_by_a_test_is_emitted_and_logged(start: Start) -> None:
    sim = await start(rate=0)
    async with reading(sim) as reader:
        await reader.read()
        data = '{"data":[{"id":"a:b:c", "price": 1.50}],\n"entry_id":"@entry_id@"}'
        await sim.control.emit("odds", data, feed="odds")
        await sim.control.emit("odds", '{"data":[]}', entry_id=None)
        await sim.control.emit("odds", '{"data":[]}', entry_id="77-1")
        await sim.control.emit("odds", '{"data":[],"entry_id":"@entry_id@"}', wire_id="5-0")
        await sim.control.emit("odds", '{"data":[],"entry_id":"@entry_id@"}', wire_id=None)
        await reader.entries_until(5)
    [channel] = await sim.control.channels()
    log = await sim.control.log(channel["id"])
    first, nothing, given, other, bodied = reader.entries
    assert first.data == data.replace("@entry_id@", first.id or "")
    assert items(first) == log[0].odds
    assert nothing.id is None
    assert given.id == "77-1"
    assert (other.id, other.entry_id == log[3].entry_id) == ("5-0", True)
    assert (bodied.id, bodied.entry_id == log[4].entry_id) == (None, True)
    assert [(e.entry_id, e.wire_id) for e in log[1:3]] == [(None, None), ("77-1", "77-1")]
    assert {e.flags for e in log} == {("injected",)}


async def test_a_bad_control_request_says_what_is_wrong(start: Start) -> None:
    sim = await start(rate=0)
    with pytest.raises(ControlError, match="knid"):
        await sim.control.fault("tear", knid=1)
    with pytest.raises(ControlError, match="Invalid enum value"):
        await sim.control.fault("explode")
    with pytest.raises(ControlError, match="no such fault"):
        await sim.control.clear_faults(99)
    with pytest.raises(ControlError, match="sport must be one of"):
        await sim.control.board("chess")


async def test_pause_stops_entries_and_not_pings(start: Start) -> None:
    sim = await start(rate=1000, ping_s=0.02)
    async with reading(sim) as reader:
        await reader.entries_until(5)
        await sim.control.pause(feed="odds")
        [channel] = await sim.control.channels()
        await reader.until(lambda: reader.entries[-1].entry_id == channel["last_entry_id"])
        seen, pings = len(reader.entries), len(reader.frames)
        await reader.until(lambda: len(reader.frames) > pings + 5)
        assert len(reader.entries) == seen
        await sim.control.resume()
        await reader.entries_until(seen + 5)


async def test_settings_change_while_it_runs(start: Start) -> None:
    sim = await start(rate=0)
    await sim.control.settings(retry_ms=9, ping_s=0.02, key="other")
    async with reading(sim, key="other") as reader:
        await reader.until(lambda: len(reader.frames) > 2)
    assert {f.retry for f in reader.frames} == {"9"}
    await asyncio.sleep(0)
    with pytest.raises(ControlError):
        await sim.control.settings(replay="sometimes")
