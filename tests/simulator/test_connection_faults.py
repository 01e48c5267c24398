"""Faults of a connection, seen by a plain HTTP client or a raw socket."""

import asyncio
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import pytest

from bridge.simulator import Simulator
from tests.simulator.conftest import Start
from tests.simulator.reader import asked, eventually, frame, numbers, path, reading


async def test_a_tear_cuts_an_event_in_the_middle(start: Start) -> None:
    sim = await start()
    async with reading(sim) as reader:
        await reader.entries_until(2)
        done = await sim.control.fault("tear", inside=True)
        assert done == {"id": 0, "connections": [1]}
        assert await reader.to_end() == "torn"
    tail = reader.raw.rsplit(b"\n\n", 1)[1]
    assert tail.startswith(b"event: ")
    assert len(tail) > 20


async def test_a_tear_at_a_byte_leaves_exactly_the_bytes_before(start: Start) -> None:
    sim = await start()
    await sim.control.fault("tear", at=1234, times=2)
    for _ in range(2):
        async with reading(sim) as reader:
            assert await reader.to_end() == "torn"
        assert len(reader.raw) == 1234
    async with reading(sim) as reader:
        await reader.entries_until(3)
    await sim.control.fault("tear", at=7, for_s=60)
    async with reading(sim) as reader:
        await reader.to_end()
    assert reader.raw == b"event: "
    await sim.control.clear_faults()
    async with reading(sim) as reader:
        await reader.entries_until(3)


async def test_a_tear_after_some_more_bytes_and_a_reset(start: Start) -> None:
    sim = await start(rate=0)
    async with reading(sim) as reader:
        await reader.read()
        before = len(reader.raw)
        await sim.control.fault("tear", after=5)
        await sim.control.emit("odds", "{}")
        assert await reader.to_end() == "torn"
    assert len(reader.raw) == before + 5
    host, port = urlsplit(sim.base_url).hostname, urlsplit(sim.base_url).port
    in_, out = await asyncio.open_connection(host, port)
    out.write(f"GET /api/v3{path()}?sportsbook=Pinnacle&key=demo-key HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    await in_.readuntil(b"ok go\n\n")
    await sim.control.fault("tear", how="reset")
    with pytest.raises(ConnectionResetError):
        await in_.read()
    out.close()


async def test_a_clean_end(start: Start) -> None:
    sim = await start()
    async with reading(sim) as reader:
        await reader.entries_until(2)
        await sim.control.fault("eof")
        assert await reader.to_end() == "eof"
    assert reader.raw.endswith(b"\n\n")


async def test_a_stall_is_silent_until_it_is_released(start: Start) -> None:
    sim = await start(ping_s=0.02)
    async with reading(sim) as reader:
        await reader.entries_until(2)
        await sim.control.fault("stall")
        while not await reader.silent(0.2):
            pass
        [channel] = await sim.control.channels()
        assert channel["clients"] == 1
        await sim.control.clear_faults()
        await reader.entries_until(len(reader.entries) + 2)
    ids = [numbers(e.entry_id) for e in reader.entries]
    assert ids == sorted(set(ids))


async def test_a_stall_in_the_middle_of_an_event_ends_by_itself_and_loses_nothing(start: Start) -> None:
    sim = await start(rate=0, ping_s=0.05)
    async with reading(sim) as reader:
        await reader.read()
        await sim.control.fault("stall", inside=True, seconds=1.5)
        await sim.control.emit("odds", '{"data":[],"entry_id":"@entry_id@"}')
        await reader.read()
        assert len(reader.frames) == 1
        assert await reader.silent(0.1)
        await reader.entries_until(1)
    assert reader.entries[0].entry_id == reader.entries[0].id


async def test_a_tear_ends_a_stall(start: Start) -> None:
    sim = await start()
    async with reading(sim) as reader:
        await reader.entries_until(1)
        await sim.control.fault("stall")
        await sim.control.fault("tear")
        assert await reader.to_end() == "torn"


async def test_a_reader_that_takes_nothing_is_torn_all_the_same(start: Start) -> None:
    sim = await start(rate="max")
    async with reading(sim) as reader:
        await reader.entries_until(1)

        made = [-1]

        async def full() -> bool:
            [channel] = await sim.control.channels()
            made.append(channel["made"])
            return made[-1] == made[-2]

        await eventually(full, every=0.05)  # back-pressure: at "max" nothing is made that can't be sent
        await sim.control.fault("tear")

        async def gone() -> bool:
            return bool((await sim.control.channels())[0]["clients"] == 0)

        await eventually(gone)
        assert await reader.to_end() in {"torn", "reset"}


@pytest.mark.parametrize(("how", "ended"), [("eof", "eof"), ("close", "torn")])
async def test_drops_now_and_again_and_again(start: Start, how: str, ended: str) -> None:
    sim = await start()
    async with reading(sim) as one, reading(sim, "results") as two:
        await one.read()
        await two.read()
        done = await sim.control.fault("drop", how=how)
        assert len(done["connections"]) == 2
        assert (await one.to_end(), await two.to_end()) == (ended, ended)
    await sim.control.fault("drop", how=how, every_s=0.1, feed="odds")
    async with reading(sim, "results") as two:
        for _ in range(2):
            async with reading(sim) as one:
                assert await one.to_end() == ended
        await two.entries_until(len(two.entries) + 2)
    await sim.control.clear_faults()
    assert await sim.control.faults() == []


async def test_sessions_end_at_an_age(start: Start) -> None:
    sim = await start()
    async with reading(sim) as old:
        await old.entries_until(1)
        await sim.control.fault("max-age", min_s=0.05, max_s=0.1, how="eof")
        assert await old.to_end() == "eof"
    async with reading(sim) as reader:
        assert await reader.to_end() == "eof"


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        ({"status": 429, "retry_after": "3"}, {"status": 429, "Retry-After": "3"}),
        ({"status": 503}, {"status": 503, "Content-Type": "application/json", "body": '{"error":"refused on demand"}'}),
        ({"status": 403, "body": "no", "content_type": "text/plain"}, {"status": 403, "body": "no"}),
        ({"status": 301}, {"status": 301, "Location": "/_sim/trap"}),
        ({"status": 302, "location": "http://127.0.0.1:1/x"}, {"status": 302, "Location": "http://127.0.0.1:1/x"}),
        (
            {"status": 200, "content_type": "text/html", "body": "<html>maintenance</html>"},
            {"status": 200, "Content-Type": "text/html", "body": "<html>maintenance</html>"},
        ),
    ],
)
async def test_refusals(start: Start, fault: dict[str, Any], expected: dict[str, Any]) -> None:
    sim = await start(rate=0)
    await sim.control.fault("refuse", times=2, feed="odds", **fault)
    for _ in range(2):
        async with asked(sim) as response:
            body = await response.text()
            got = {"status": response.status, "body": body, **response.headers}
            assert got | expected == got
    async with asked(sim, "results") as other, asked(sim) as response:
        assert (other.status, response.status) == (200, 200)
    assert [c["status"] for c in await sim.control.connects()] == [fault["status"]] * 2 + [200, 200]


async def test_a_refusal_for_a_time_ends(start: Start) -> None:
    sim = await start(rate=0)
    await sim.control.fault("refuse", status=500, for_s=0.2)

    async def let_in() -> bool:
        async with asked(sim) as response:
            return response.status == 200

    await eventually(let_in)
    statuses = [c["status"] for c in await sim.control.connects()]
    assert statuses == [500] * (len(statuses) - 1) + [200]
    assert len(statuses) > 1


async def test_a_client_that_follows_a_redirect_is_seen_in_the_trap(start: Start) -> None:
    sim = await start(rate=0)
    await sim.control.fault("refuse", status=307)
    async with aiohttp.ClientSession(headers={"X-Api-Key": "demo-key"}) as session:
        response = await session.get(sim.base_url + path())
        assert await response.text() == "you followed a redirect"
    trapped = (await sim.control.connects())[-1]
    assert (trapped["path"], trapped["key_in"]) == ("/_sim/trap", "header")


async def test_a_slow_connect_is_answered_late(start: Start) -> None:
    sim = await start(rate=0)
    await sim.control.fault("slow-connect", seconds=0.3, times=1)
    for late in (True, False):
        before = asyncio.get_running_loop().time()
        async with reading(sim):
            pass
        assert (asyncio.get_running_loop().time() - before >= 0.3) == late or not late


async def raw_chunks(sim: Simulator, count: int) -> list[bytes]:
    """Bodies of the first chunks on the wire."""
    parts = urlsplit(sim.base_url)
    in_, out = await asyncio.open_connection(parts.hostname, parts.port)
    out.write(f"GET /api/v3{path()}?sportsbook=Pinnacle&key=demo-key HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    await in_.readuntil(b"\r\n\r\n")
    chunks = []
    for _ in range(count):
        size = int(await in_.readuntil(b"\r\n"), 16)
        chunks.append((await in_.readexactly(size + 2))[:-2])
    out.close()
    return chunks


async def test_one_byte_at_a_time(start: Start) -> None:
    sim = await start()
    done = await sim.control.fault("one-byte")
    chunks = await raw_chunks(sim, 400)
    assert {len(chunk) for chunk in chunks} == {1}
    assert b"".join(chunks).startswith(b"event: connected\nretry: 5000\ndata: ok go\n\n")
    await sim.control.clear_faults(done["id"])
    assert max(map(len, await raw_chunks(sim, 3))) > 20


async def test_crlf_line_ends(start: Start) -> None:
    sim = await start()
    async with reading(sim) as reader:
        await reader.entries_until(1)
        before = len(reader.raw)
        await sim.control.fault("crlf")
        await reader.until(lambda: b"\r\n\r\n" in reader.raw[before:])
    async with reading(sim) as reader:
        await reader.until(lambda: reader.raw.count(b"\r\n\r\n") > 4)
        text = reader.raw.decode()
        assert text.count("\n") == text.count("\r\n")
        frames = [frame(part.replace("\r\n", "\n")) for part in text.split("\r\n\r\n")[:-1]]
    assert frames[0].data == "ok go"
    assert all(f.entry_id == f.id for f in frames[1:])


async def test_faults_are_limited_to_their_place(start: Start) -> None:
    sim = await start()
    async with reading(sim, "odds", "tennis") as tennis, reading(sim) as one, reading(sim, sportsbook="Novig") as two:
        for reader in (tennis, one, two):
            await reader.entries_until(1)
        await sim.control.fault("tear", sport="tennis")
        assert await tennis.to_end() == "torn"
        channels = await sim.control.channels()
        novig = next(c["id"] for c in channels if c["params"].get("sportsbook") == ["Novig"])
        await sim.control.fault("eof", channel=novig)
        assert await two.to_end() == "eof"
        await one.entries_until(len(one.entries) + 3)
