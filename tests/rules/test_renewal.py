"""Make before break: the next connection is opened beside the old one, and takes over without a gap."""

import asyncio

import pytest

from bridge.continuity.handover import FOREIGN_S, QUIET_S, SETTLED_S
from bridge.entries import EntryId
from bridge.errors import Disconnected, Refused, UpstreamError
from bridge.health import State
from bridge.stream import JOIN_S, RENEW_AGAIN_S, RENEWAL_TRIES
from tests.support.ids import NOW
from tests.support.lines import Lines, reading
from tests.support.scripted import CONNECTED, PING, entries

RENEW_S = 100.0
Patch = pytest.MonkeyPatch


def torn() -> Disconnected:
    return Disconnected("it broke", reason="torn")


def renewals(scene: Lines) -> dict[str, int]:
    return {name: n for name, n in scene.metrics.renewals.counts.items() if n}


async def renewing(scene: Lines) -> None:
    """Let the connection's time come."""
    await scene.send(0, CONNECTED + entries(1, 3))
    await scene.wait(RENEW_S)
    await scene.send(len(scene.lines) - 1, PING)
    assert len(scene.lines) == 2


async def test_the_next_connection_takes_over_once_both_bring_the_same(monkeypatch: Patch) -> None:
    async with reading(monkeypatch) as scene:
        await renewing(scene)
        assert scene.asked == [None, None], "the second connection asks for no replay"
        await scene.send(1, CONNECTED)
        await scene.send(0, entries(4, 5))
        assert not scene.lines[0].closed
        await scene.send(1, entries(4, 7))
        assert scene.lines[0].closed
        assert scene.ids == [1, 2, 3, 4, 5, 6, 7]
        await scene.send(1, entries(8, 8))
        assert scene.ids == [1, 2, 3, 4, 5, 6, 7, 8]
        assert renewals(scene) == {"joined": 1}
        assert scene.metrics.duplicates.counts["handover"] == 2
        assert (scene.health.connects, scene.health.state) == (2, State.STREAMING)
        assert [said["event"] for said in scene.said] == ["up"], "nobody has to know"


async def test_an_old_connection_that_is_behind_is_waited_for(monkeypatch: Patch) -> None:
    async with reading(monkeypatch) as scene:
        await renewing(scene)
        await scene.send(1, CONNECTED + entries(6, 9))
        await scene.send(0, entries(4, 5))
        assert scene.ids == [1, 2, 3, 4, 5]
        await scene.send(0, entries(6, 7))
        assert scene.lines[0].closed
        assert scene.ids == list(range(1, 10))
        assert not scene.told("gap")


async def test_a_second_copy_of_an_old_entry_joins_nothing(monkeypatch: Patch) -> None:
    async with reading(monkeypatch) as scene:
        await renewing(scene)
        await scene.send(1, CONNECTED + entries(2, 3) + entries(8, 8))
        assert not scene.lines[0].closed
        await scene.send(0, entries(4, 8))
        await scene.wait(SETTLED_S)
        await scene.send(0, PING)
        assert scene.lines[0].closed
        assert scene.ids == list(range(1, 9))


async def test_when_nothing_comes_nothing_is_missed(monkeypatch: Patch) -> None:
    async with reading(monkeypatch) as scene:
        await renewing(scene)
        await scene.send(1, CONNECTED)
        await scene.wait(QUIET_S - 1)
        await scene.send(0, PING)
        await scene.wait(1)
        await scene.send(1, PING)
        assert scene.lines[0].closed
        assert renewals(scene) == {"quiet": 1}
        await scene.send(1, entries(4, 4))
        assert scene.ids == [1, 2, 3, 4]


async def test_an_old_connection_that_stands_still_is_a_gap(monkeypatch: Patch) -> None:
    async with reading(monkeypatch) as scene:
        await renewing(scene)
        await scene.send(1, CONNECTED)
        await scene.wait(QUIET_S)
        await scene.send(1, PING)
        assert not scene.lines[0].closed
        await scene.send(0, Disconnected("silent", reason="silence"))
        await scene.wait(JOIN_S)
        assert [gap["reason"] for gap in scene.told("gap")] == ["silence"]
        assert scene.lines[0].closed


async def test_other_ids_on_the_second_connection_end_it(monkeypatch: Patch) -> None:
    async with reading(monkeypatch) as scene:
        await renewing(scene)
        await scene.send(1, CONNECTED + entries(101, 103))
        await scene.wait(FOREIGN_S)
        await scene.send(0, entries(4, 6))
        assert [line.closed for line in scene.lines] == [False, True]
        assert renewals(scene) == {"foreign": 1}
        await scene.send(0, entries(7, 7))
        assert scene.ids == list(range(1, 8))
        await scene.wait(RENEW_AGAIN_S)
        await scene.send(0, PING)
        assert len(scene.lines) == 3


async def test_a_second_connection_that_is_refused_costs_nothing_and_is_tried_three_times(monkeypatch: Patch) -> None:
    async with reading(monkeypatch) as scene:
        await scene.send(0, CONNECTED + entries(1, 1))
        scene.answers += [
            Refused(403, "one connection is enough"),
            UpstreamError("no", reason="connect"),
            ValueError("nobody foresaw this"),
        ]  # fmt: skip
        await scene.wait(RENEW_S)
        for n in range(RENEWAL_TRIES):
            assert len(scene.asked) == 1 + n
            await scene.send(0, PING)
            await scene.wait(RENEW_AGAIN_S)
        for n in range(3):
            await scene.send(0, entries(2 + n, 2 + n))
            await scene.wait(RENEW_S)
        assert len(scene.asked) == 1 + RENEWAL_TRIES, "no other one is opened any more"
        assert renewals(scene) == {"failed": RENEWAL_TRIES}
        assert scene.ids == [1, 2, 3, 4]
        assert scene.log.told == [("warning", "no second connection any more: upstream doesn't let it take over")]
        assert [said["event"] for said in scene.said] == ["up"]
        assert scene.metrics.crashes == 0


async def test_a_change_that_went_well_begins_the_count_anew(monkeypatch: Patch) -> None:
    async with reading(monkeypatch) as scene:
        await scene.send(0, CONNECTED + entries(1, 1))
        scene.answers += [UpstreamError("no", reason="connect")] * (RENEWAL_TRIES - 1)
        await scene.wait(RENEW_S)
        for _ in range(RENEWAL_TRIES):
            await scene.send(0, PING)
            await scene.wait(RENEW_AGAIN_S)
        await scene.send(1, CONNECTED + entries(2, 3))
        await scene.send(0, entries(2, 3))
        assert renewals(scene) == {"failed": RENEWAL_TRIES - 1, "joined": 1}
        scene.answers += [UpstreamError("no", reason="connect")] * (RENEWAL_TRIES - 1)
        await scene.wait(RENEW_S)
        for _ in range(RENEWAL_TRIES):
            await scene.send(1, PING)
            await scene.wait(RENEW_AGAIN_S)
        assert len(scene.lines) == 3


@pytest.mark.parametrize("end", [b"", torn()])
async def test_a_second_connection_that_ends_is_given_up(monkeypatch: Patch, end: bytes | Exception) -> None:
    async with reading(monkeypatch) as scene:
        await renewing(scene)
        await scene.send(1, CONNECTED + entries(5, 5), end)
        await scene.send(0, entries(4, 5))
        assert [line.closed for line in scene.lines] == [False, True]
        assert renewals(scene) == {"failed": 1}
        assert scene.ids == [1, 2, 3, 4, 5]
        assert not scene.told("gap")


@pytest.mark.parametrize("end", [b"", torn()])
async def test_the_old_one_may_end_before_they_have_joined(monkeypatch: Patch, end: bytes | Exception) -> None:
    async with reading(monkeypatch) as scene:
        await renewing(scene)
        await scene.send(1, CONNECTED)
        await scene.send(0, entries(4, 5), end)
        await scene.wait(JOIN_S - 1)
        await scene.send(1, entries(4, 6))
        assert scene.ids == [1, 2, 3, 4, 5, 6]
        assert renewals(scene) == {"joined": 1}
        assert not scene.told("gap")
        assert not scene.told("down")
        assert scene.lines[0].closed


async def test_when_they_dont_join_in_time_the_gap_is_told_once(monkeypatch: Patch) -> None:
    async with reading(monkeypatch) as scene:
        await renewing(scene)
        await scene.send(1, CONNECTED + entries(8, 9))
        await scene.send(0, entries(4, 5), torn())
        assert scene.ids == [1, 2, 3, 4, 5]
        await scene.wait(JOIN_S)
        assert scene.ids == [1, 2, 3, 4, 5, 8, 9]
        await scene.send(1, entries(10, 10))
        (gap,) = scene.told("gap")
        assert (gap["reason"], gap["last_entry_id"], gap["first_entry_id"]) == ("torn", f"{NOW + 5}-0", f"{NOW + 8}-0")
        assert gap["seconds"] == JOIN_S
        assert renewals(scene) == {"open": 1}
        assert scene.health.owes == scene.publisher.continuity.position.owes == "gap"
        assert (scene.lines[0].closed, scene.lines[1].closed) == (True, False)


async def test_a_quiet_old_one_that_ends_leaves_no_gap(monkeypatch: Patch) -> None:
    async with reading(monkeypatch) as scene:
        await renewing(scene)
        await scene.send(1, CONNECTED)
        await scene.wait(SETTLED_S)
        await scene.send(0, PING, b"")
        assert renewals(scene) == {"quiet": 1}
        await scene.send(1, entries(4, 4))
        assert scene.ids == [1, 2, 3, 4]
        assert not scene.told("gap")


async def test_without_a_second_connection_yet_the_old_ones_end_is_an_end(monkeypatch: Patch) -> None:
    async with reading(monkeypatch) as scene:
        scene.answers.append(asyncio.Event())  # it is being made, for ever
        await scene.send(0, CONNECTED + entries(1, 3))
        await scene.wait(RENEW_S)
        await scene.send(0, PING)
        await scene.send(0, torn())
        assert scene.asked == [None, None, EntryId(NOW + 1, 0)], "the next one asks for a replay"
        assert [said["event"] for said in scene.said] == ["up", "down", "up"]
        assert scene.lines[0].closed
        assert renewals(scene) == {}


async def test_both_ending_is_an_end(monkeypatch: Patch) -> None:
    async with reading(monkeypatch) as scene:
        await renewing(scene)
        await scene.send(1, CONNECTED + entries(5, 5))
        await scene.send(0, torn())
        await scene.send(1, b"")
        assert scene.asked[2:] == [EntryId(NOW + 1, 0)]
        assert [said["reason"] for said in scene.told("down")] == ["torn"]
        assert [line.closed for line in scene.lines] == [True, True, False]
        await scene.send(2, CONNECTED + entries(1, 5))
        assert scene.ids == [1, 2, 3, 4, 5]
        assert not scene.told("gap"), "the replay brought what the second connection had held"


async def test_no_second_connection_where_none_is_wanted(monkeypatch: Patch) -> None:
    async with reading(monkeypatch, renew_after_s=0.0) as scene:
        await scene.send(0, CONNECTED)
        for _ in range(5):
            await scene.wait(10**6)
            await scene.send(0, PING)
        assert len(scene.asked) == 1


async def test_a_stream_that_is_stopped_closes_both(monkeypatch: Patch) -> None:
    async with reading(monkeypatch) as scene:
        await renewing(scene)
    assert [line.closed for line in scene.lines] == [True, True]
    assert renewals(scene) == {}
