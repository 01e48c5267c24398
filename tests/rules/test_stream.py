"""One stream's life, with connections that follow a script and a clock that jumps."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from bridge.backoff import REFUSED_S, STABLE_AFTER_S
from bridge.continuity import PROOF_S, Position
from bridge.entries import EntryId
from bridge.errors import Disconnected, NotAStream, RateLimited, Refused, UpstreamError
from bridge.health import State
from bridge.records import Headers, Held
from tests.support.ids import NOW
from tests.support.scripted import CONNECTED, PING, Scene, Step, entries, frame, playing

Play = Callable[..., Any]


@pytest.fixture
def play(monkeypatch: pytest.MonkeyPatch) -> Play:
    """Play a script to its end, and give the scene."""

    async def run(*script: Any, position: Position | None = None, limit: int = 10**9) -> Scene:
        scene = Scene(monkeypatch, script, position=position or Position(), limit=limit)
        async with playing(scene):
            await scene.over.wait()
        return scene

    return run


def known(*numbers: int) -> Position:
    position = Position()
    for n in numbers:
        position.add("odds", EntryId(NOW + n, 0))
    return position


def torn() -> Disconnected:
    return Disconnected("it broke", reason="torn")


# --- what is read is offered --------------------------------------------------------------------------------------


async def test_an_entry_is_offered_with_its_records_and_the_time_of_receipt(play: Play) -> None:
    scene = await play([frame("odds", NOW + 1, "a", "b")])
    (held,) = scene.held
    assert (held.stream, held.event, held.entry_id) == ("nba", "odds", EntryId(NOW + 1, 0))
    assert held.received_ms == NOW + 1_000_000
    assert [(record.topic, record.key) for record in held.records] == [("p.odds", b"a"), ("p.odds", b"b")]
    assert dict(held.headers)["order"] == f"{NOW + 1}-0-0".encode()
    assert held.size > sum(len(record.value) for record in held.records)
    assert scene.health.last_entry_id == EntryId(NOW + 1, 0)
    assert scene.metrics.entries.counts["odds"] == 1


async def test_control_events_are_no_entries(play: Play) -> None:
    scene = await play([CONNECTED, PING])
    assert scene.held == []
    assert scene.health.last_ping is not None
    assert scene.metrics.entries.total == 0


async def test_an_entry_over_the_limit_is_offered_as_a_reject(play: Play) -> None:
    scene = await play([b"event: odds\nid: 5-0\ndata: " + b"x" * 20_000 + b"\n\n"])
    (held,) = scene.held
    assert held.records == []
    assert [reject.reason for reject in held.rejects] == ["too-large"]
    assert held.entry_id == EntryId(5, 0)


async def test_an_id_is_never_inherited(play: Play) -> None:
    scene = await play([entries(7, 7) + b"id: 9-0\n" + frame("odds", None, "a") + frame("odds", None, "a")])
    assert [held.entry_id for held in scene.held] == [EntryId(NOW + 7, 0), EntryId(9, 0), None]
    orders = [dict(held.headers)["order"].decode() for held in scene.held]
    assert orders == [f"{NOW + 7}-0-0", "9-0-0", f"{NOW + 7}-0-1"]
    assert [dict(held.headers).get("entry_id") for held in scene.held] == [b"%d-0" % (NOW + 7), b"9-0", None]
    assert scene.metrics.without_id == 1
    assert scene.health.last_entry_id == EntryId(NOW + 7, 0), "an id of an id line isn't one that upstream replays from"


async def test_duplicates_are_counted_and_late_entries_published(play: Play) -> None:
    scene = await play(
        [entries(5, 6) + entries(5, 6) + entries(1, 1) + frame("locked-odds", NOW + 5, "a")], [entries(6, 6)]
    )
    assert [held.entry_id and held.entry_id.ms - NOW for held in scene.held] == [5, 6, 1, 5]
    assert scene.metrics.duplicates.counts["window"] == 3
    assert scene.metrics.late == 2
    assert scene.health.last_entry_id == EntryId(NOW + 6, 0)


async def test_what_its_checkpoint_knows_is_a_duplicate(play: Play) -> None:
    scene = await play([entries(1, 4)], position=known(1, 2, 3))
    assert [held.entry_id for held in scene.held] == [EntryId(NOW + 4, 0)]
    assert scene.metrics.duplicates.total == 3


async def test_each_connect_asks_from_what_is_known_then(play: Play) -> None:
    scene = await play([entries(1, 3)], torn(), [entries(4, 300)], [])
    assert scene.asked[:3] == [None, EntryId(NOW + 1, 0), EntryId(NOW + 1, 0)]
    assert scene.asked[3] is not None
    assert EntryId(NOW + 172, 0) <= scene.asked[3] < EntryId(NOW + 250, 0)


# --- back-off -----------------------------------------------------------------------------------------------------


async def test_failures_back_off_from_one_second_to_sixty(play: Play) -> None:
    scene = await play(*(torn() for _ in range(9)))
    for n, seconds in enumerate(scene.slept):
        assert min(60, 2**n) / 2 <= seconds <= min(60, 2**n)
    assert scene.metrics.disconnects.counts["torn"] == 9
    assert scene.closed == 0


async def test_a_clean_end_is_a_failure_to_stay_connected(play: Play) -> None:
    scene = await play([], [], [])
    assert scene.metrics.disconnects.counts["closed"] == 3
    assert scene.slept[2] >= 2
    assert scene.closed == 3


async def test_only_a_stable_connection_begins_again(play: Play) -> None:
    short = [PING, STABLE_AFTER_S - 1, PING]
    scene = await play(torn(), torn(), torn(), short, [PING, STABLE_AFTER_S, PING, torn()])
    assert scene.slept[3] >= 4, "a connection that was short isn't proof"
    assert scene.slept[4] <= 1


async def test_upstreams_retry_is_a_floor(play: Play) -> None:
    scene = await play([b"retry: 5000\n\n"], torn())
    assert scene.slept[0] == 5
    assert scene.slept[1] == 5


async def test_a_rate_limit_waits_as_long_as_upstream_says(play: Play) -> None:
    scene = await play(RateLimited("429", retry_after=40.0))
    assert scene.slept == [40]
    assert scene.metrics.disconnects.counts["rate-limited"] == 1


@pytest.mark.parametrize("status", [400, 401, 403])
async def test_a_refusal_says_so_once_and_asks_again_minutes_later(play: Play, status: int) -> None:
    scene = await play(*(Refused(status, "no") for _ in range(3)))
    assert all(REFUSED_S[0] <= seconds <= REFUSED_S[1] for seconds in scene.slept)
    assert scene.metrics.refusals.counts[str(status)] == 3
    assert scene.log.told == [("warning", "stream is down")]


async def test_a_refused_stream_says_why(play: Play) -> None:
    scene = await play(Refused(401, "Invalid or inactive API key"))
    (why,) = [why for state, why in scene.health.entered if state is State.REFUSED]
    assert "Invalid or inactive API key" in why
    assert scene.health.entered[-1][0] is State.STOPPED


async def test_the_same_trouble_is_told_once_and_its_end_too(play: Play) -> None:
    scene = await play(
        torn(), torn(), NotAStream("503", reason="http-503"), torn(), [PING, STABLE_AFTER_S, PING, torn()]
    )
    assert scene.log.told == [
        ("warning", "stream is down"),
        ("warning", "stream is down"),
        ("warning", "stream is down"),
        ("info", "stream is up again"),
        ("warning", "stream is down"),
    ]


# --- crashes ------------------------------------------------------------------------------------------------------


async def test_a_crash_is_told_once_counted_and_started_again(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    scene = Scene(monkeypatch, [[entries(1, 1)]] * 3 + [[entries(2, 2)]], position=Position(), limit=10**9)
    part = scene.explode.part

    def broken(event: str, items: list[tuple[bytes, bytes]], headers: Headers) -> object:
        if dict(headers)["entry_id"] == f"{NOW + 1}-0".encode():
            raise ZeroDivisionError("nobody foresaw this")
        return part(event, items, headers)

    monkeypatch.setattr(scene.explode, "part", broken)
    async with playing(scene):
        await scene.over.wait()
    assert scene.metrics.crashes == 3
    assert scene.log.told[0] == ("exception", "stream crashed; it starts again")
    assert [level for level, _ in scene.log.told].count("exception") == 1
    assert [held.entry_id for held in scene.held] == [EntryId(NOW + 2, 0)]
    assert scene.closed == 4
    assert scene.slept[2] >= 2, "it backs off"
    assert scene.asked == [None] * 4, "what wasn't handed on isn't known"


async def test_a_stream_that_is_cancelled_closes_its_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    scene = Scene(monkeypatch, [[entries(1, 3)]], position=Position(), limit=1)
    task = asyncio.create_task(scene.stream.run())
    await scene.health.enters(State.BLOCKED)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert scene.closed == 1
    assert scene.health.state is State.STOPPED
    assert len(scene.held) == 3


# --- back-pressure ------------------------------------------------------------------------------------------------


async def test_a_full_buffer_stops_the_reading_and_nothing_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    size = 700  # two entries fill it
    scenes: list[Scene] = []
    steps: list[Step] = [lambda: scenes[0].buffer.clear()]  # noqa: PLW0108 -- what it says of itself is let go, then
    script = [[*steps, *(entries(n, n) for n in range(1, 7))]]
    scene = Scene(monkeypatch, script, position=Position(), limit=size)
    scenes.append(scene)
    got: list[Held] = []
    async with playing(scene):
        for reads in (2, 4, 6):
            await scene.health.enters(State.BLOCKED)
            for _ in range(20):
                await asyncio.sleep(0)
            assert scene.buffer.size >= size
            assert (scene.reads, len(scene.held)) == (reads, 2), "it read on"
            got += scene.held
            scene.buffer.let_go(len(scene.buffer))
        await scene.over.wait()
    assert [entry.entry_id and entry.entry_id.ms - NOW for entry in got] == [1, 2, 3, 4, 5, 6]
    assert scene.asked == [None], "back-pressure costs no connection"


async def test_while_the_buffer_is_full_nothing_is_tried_that_would_be_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Kafka and upstream may both be away for days: what is held stays bounded."""
    scene = Scene(monkeypatch, [torn(), torn(), [entries(1, 1)]], position=Position(), limit=1)
    async with playing(scene):
        for tries in (1, 2):
            await scene.health.enters(State.BACKING_OFF)
            for _ in range(20):
                await asyncio.sleep(0)
            assert scene.buffer.full
            assert len(scene.asked) == tries
            scene.buffer.clear()
        await scene.health.enters(State.BLOCKED)
        assert len(scene.asked) == 3


# --- the proof of a replay ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("steps", "outcome"),
    [
        ([CONNECTED + entries(2, 3)], "proven"),
        ([CONNECTED, entries(2, 2), entries(3, 3), entries(4, 4)], "proven"),
        ([CONNECTED + entries(4, 4) + entries(2, 3)], "unproven"),
        ([CONNECTED, PROOF_S, PING, entries(2, 3)], "unproven"),
        ([CONNECTED, PROOF_S - 0.1, PING, entries(2, 3)], "proven"),
        ([2 * PROOF_S, CONNECTED, entries(2, 3)], "proven"),
        ([CONNECTED], "unproven"),
        ([], "unproven"),
        ([torn()], "unproven"),
    ],
)  # fmt: skip
async def test_each_connection_says_once_what_its_replay_was(play: Play, steps: list[Step], outcome: str) -> None:
    scene = await play(steps, position=known(1, 2, 3))
    counts = scene.metrics.replays.counts
    assert {name: n for name, n in counts.items() if n} == {outcome: 1}


async def test_a_stream_without_a_past_has_nothing_to_prove(play: Play) -> None:
    scene = await play([CONNECTED, entries(1, 3)])
    assert scene.metrics.replays.counts["none"] == 1
    assert scene.metrics.replays.total == 1


async def test_a_connect_that_fails_says_nothing_of_a_replay(play: Play) -> None:
    scene = await play(UpstreamError("no", reason="connect"), position=known(1, 2))
    assert scene.metrics.replays.total == 0
