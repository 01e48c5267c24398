"""The snapshot against the simulator, and what an upstream in trouble makes of it."""

import asyncio
import json
import time
from contextlib import aclosing
from typing import Any

import pytest

from bridge.errors import Disconnected, NotAStream, RateLimited, Refused, UpstreamError
from bridge.simulator import Simulator
from bridge.upstream.abreast import AT_ONCE
from bridge.upstream.rest import Rest
from bridge.upstream.snapshot import Snapshot
from tests.simulator.reader import reading
from tests.support.waiting import until
from tests.upstream.asking import (
    MALFORMED,
    US_BOOKS,
    client,
    essence,
    named,
    offered,
    open_odds,
    requests,
    stream,
    taken,
)
from tests.upstream.conftest import Simulate
from tests.upstream.wire import Upstream, Wire

# -- which fixtures there are -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("paging", ["has_more", "total_pages", "cursor"])
async def test_the_active_fixtures_of_a_sport_from_all_pages(simulate: Simulate, paging: str) -> None:
    sim = await simulate(fixtures=51, paging=paging)
    async with client(sim) as rest:
        snapshot = Snapshot(rest, stream())
        active = await snapshot.active()
    assert len(active) == 102
    assert snapshot.requests == 2
    odds = {odd["fixture_id"]: odd for odd in (await open_odds(sim)).values()}
    assert set(odds) == set(active)
    for fixture_id, odd in odds.items():
        row = active[fixture_id]
        assert row.id == fixture_id
        # In the stream's words, not in the list's.
        assert (row.game_id, row.sport, row.league) == (odd["game_id"], odd["sport"], odd["league"])
        assert row.league_id == odd.get("league_id", row.league_id)
        assert row.is_live == odd["is_live"]
        assert row.home
        assert row.away
        assert row.start_date
        assert row.status


@pytest.mark.parametrize("league", ["NCAAB", "ncaab"])
async def test_leagues_are_passed_on_as_they_are_configured(simulate: Simulate, league: str) -> None:
    sim = await simulate()
    async with client(sim) as rest:
        active = await Snapshot(rest, stream(league=[league])).active()
    assert {row.league for row in active.values()} == {"NCAAB"}
    [request] = await requests(sim, "/fixtures/active")
    assert request["params"] == [["sport", "basketball"], ["league", league]]


async def test_chosen_fixtures_are_asked_for_by_id_and_ids_stay_texts(simulate: Simulate) -> None:
    sim = await simulate(fixtures=20)
    async with client(sim) as rest:
        every = await Snapshot(rest, stream(sport="baseball")).active()
        chosen = [*list(every)[:30], "no-such-fixture"]
        assert any(fixture_id.isdigit() for fixture_id in chosen)
        assert any(":" in fixture_id for fixture_id in chosen)
        snapshot = Snapshot(rest, stream(sport="baseball", fixture_id=chosen))
        assert await snapshot.active() == {i: every[i] for i in chosen[:30]}
        assert set(named(await taken(snapshot, chosen))) == set(chosen[:30])
    asked = [r["params"] for r in await requests(sim, "/fixtures/active")][1:]
    assert sorted(value for params in asked for name, value in params if name == "id") == sorted(chosen)
    assert all(["sport", "baseball"] in params for params in asked)
    assert len(asked) == 2


async def test_only_live_or_only_other_fixtures(simulate: Simulate) -> None:
    sim = await simulate()
    async with client(sim) as rest:
        every = await Snapshot(rest, stream()).active()
        for is_live in (True, False):
            active = await Snapshot(rest, stream(is_live=is_live)).active()
            assert active == {i: row for i, row in every.items() if row.is_live == is_live} != {}


async def test_a_fixture_that_falls_between_shifting_pages_is_found_by_its_id(simulate: Simulate) -> None:
    sim = await simulate(fixtures=51)
    async with client(sim) as rest:
        snapshot = Snapshot(rest, stream())
        every = await snapshot.active()
        assert len(every) == 102
        await sim.control.fault("shift", path="/fixtures/active", effect="missed", times=1)
        shifted = await snapshot.active()
        [missed] = set(every) - set(shifted)
        assert await snapshot.rows([missed]) == {missed: every[missed]}
        await sim.control.fault("shift", path="/fixtures/active", effect="doubled", times=1)
        assert await snapshot.active() == every


async def test_an_empty_list_is_empty_and_nothing_is_asked_about_nothing(simulate: Simulate) -> None:
    sim = await simulate()
    async with client(sim) as rest:
        snapshot = Snapshot(rest, stream())
        assert await snapshot.rows([]) == {}
        assert await taken(snapshot, []) == []
        assert await sim.control.requests() == []
        await sim.control.fault("empty", path="/fixtures/active")
        assert await snapshot.active() == {}


# -- their odds -------------------------------------------------------------------------------------------------------


async def test_two_hundred_fixtures_are_asked_for_in_fives_and_side_by_side(simulate: Simulate) -> None:
    sim = await simulate(fixtures=100)
    async with client(sim) as rest:
        snapshot = Snapshot(rest, stream())
        active = await snapshot.active()
        assert len(active) == 200
        before = time.time()
        # Else one answer is done before the next question comes.
        await sim.control.fault("rest-slow", path="/fixtures/odds", seconds=0.5, times=AT_ONCE)
        answers = await taken(snapshot, active)
    assert sorted(named(answers)) == sorted(active)
    assert {row.id: row for answer in answers for row, _ in answer.fixtures} == active
    assert essence(offered(answers)) == essence(await open_odds(sim))
    assert len(answers) == 40 == snapshot.requests - 2
    for answer in answers:
        assert answer.books == tuple(US_BOOKS)
        assert set(named([answer])) == set(answer.asked)
        assert len(answer.asked) == 5
        assert before * 1000 - 1 <= answer.sent_ms <= time.time() * 1000
    asked = await requests(sim, "/fixtures/odds")
    assert {request["key_in"] for request in asked} == {"header"}
    began = [(request["at"], 1) for request in asked]
    ended = [(request["at"] + request["ms"] / 1000, -1) for request in asked]
    at_once, most = 0, 0
    for _, step in sorted(began + ended):
        at_once += step
        most = max(most, at_once)
    assert most == AT_ONCE


async def test_odds_are_upstreams_own_bytes(simulate: Simulate, upstream: Upstream) -> None:
    odds = b'[{"id":"a","price":-110.0, "name":"S\\u00e3o"},{"points":1e2,"id":"b"} ]'
    upstream.says("200 OK", b'{"data":[{"odds":' + odds + b',"id":"0012","status":"live"}]}')
    async with Rest(upstream.url, lambda: "demo-key") as rest:
        [answer] = await taken(Snapshot(rest, stream()), ["0012"])
    [(row, found)] = answer.fixtures
    assert (row.id, row.status) == ("0012", "live")
    assert [bytes(raw) for raw in found] == [
        b'{"id":"a","price":-110.0, "name":"S\\u00e3o"}',
        b'{"points":1e2,"id":"b"}',
    ]


async def test_the_streams_filters_are_passed_on_and_encoded(simulate: Simulate) -> None:
    sim = await simulate()
    more: dict[str, Any] = {
        "market": ["Player Points", "Points + Rebounds", "1st Half & More", "São=?#%2B"],
        "is_main": False,
        "is_live": True,
        "odds_format": "DECIMAL",
        "exclude_fees": True,
        "include_deep_link": True,
        "sportsbook": ["Novig", "fanduel"],
    }
    async with client(sim) as rest:
        snapshot = Snapshot(rest, stream(**more))
        active = list(await snapshot.active())[:1]
        found = offered(await taken(snapshot, active))
    [request] = await requests(sim, "/fixtures/odds")
    assert request["params"] == [
        *(["sportsbook", book] for book in more["sportsbook"]),
        *(["market", market] for market in more["market"]),
        ["is_main", "false"],
        ["odds_format", "DECIMAL"],
        ["exclude_fees", "true"],
        ["include_deep_link", "true"],
        ["fixture_id", active[0]],
    ]
    wanted = await sim.control.board("basketball", odds_format="DECIMAL", exclude_fees="true", include_deep_link="true")
    whole = {i: json.loads(odd) for i, (locked, odd) in wanted.items() if not locked and i in found}
    assert essence(found) == essence(whole)
    assert {odd["sportsbook"] for odd in found.values()} == {"Novig", "FanDuel"}
    assert {odd["market"] for odd in found.values()} == {"Player Points"}


@pytest.mark.parametrize("is_live", [True, False])
async def test_a_fixture_on_the_other_side_of_is_live_is_named_with_nothing(simulate: Simulate, is_live: bool) -> None:
    """A stream of pre-match odds has to lock those of a game that went live: left out, they would stay open."""
    sim = await simulate()
    async with client(sim) as rest:
        every = await Snapshot(rest, stream()).active()
        answers = await taken(Snapshot(rest, stream(is_live=is_live)), every)
    assert sorted(named(answers)) == sorted(every)
    board = {i: odd for i, odd in (await open_odds(sim)).items() if odd["is_live"] == is_live}
    assert essence(offered(answers)) == essence(board)
    assert {bool(odds) for answer in answers for row, odds in answer.fixtures if row.is_live != is_live} == {False}
    assert {r["params"][-1][0] for r in await requests(sim, "/fixtures/odds")} == {"fixture_id"}


async def test_an_odds_own_word_on_is_live_counts_and_without_any_word_it_stays(upstream: Upstream) -> None:
    odds = b'[{"id":"a","is_live":true},{"id":"b","is_live":false},{"id":"c"},7]'
    upstream.says("200 OK", b'{"data":[{"id":"A","is_live":false,"odds":%b},{"id":"B","odds":%b}]}' % (odds, odds))
    async with Rest(upstream.url, lambda: "demo-key") as rest:
        [answer] = await taken(Snapshot(rest, stream(is_live=True)), ["A", "B"])
    kept = {row.id: [bytes(raw) for raw in found] for row, found in answer.fixtures}
    assert kept == {"A": [b'{"id":"a","is_live":true}', b"7"], "B": [b'{"id":"a","is_live":true}', b'{"id":"c"}', b"7"]}


async def test_copilots_odds(simulate: Simulate) -> None:
    sim = await simulate()
    async with client(sim) as rest:
        snapshot = Snapshot(rest, stream("copilot", "baseball", market=["Moneyline", "Total Runs"], is_main=True))
        active = await snapshot.active()
        answers = await taken(snapshot, active)
    assert sorted(named(answers)) == sorted(active)
    assert {answer.books for answer in answers} == {("",)}
    board = await open_odds(sim, "baseball", copilot=True)
    wanted = {i: o for i, o in board.items() if o["market"] in {"Moneyline", "Total Runs"} and o["is_main"]}
    assert essence(offered(answers)) == essence(wanted)
    for request in await requests(sim, "/copilot/fixtures/odds"):
        assert request["params"][:3] == [["market", "Moneyline"], ["market", "Total Runs"], ["is_main", "true"]]
        assert 1 <= len(request["params"][3:]) <= 5


# -- what an answer doesn't vouch for ---------------------------------------------------------------------------------


async def test_fixtures_that_are_not_in_the_answer_are_not_vouched_for(simulate: Simulate) -> None:
    sim = await simulate()
    async with client(sim) as rest:
        snapshot = Snapshot(rest, stream())
        known = list(await snapshot.active())[:3]
        [answer] = await taken(snapshot, [known[0], "gone", *known[1:], known[0]])
        assert named([answer]) == known
        assert answer.asked == (known[0], "gone", *known[1:])
        assert await snapshot.rows(["gone"]) == {}
        await sim.control.fault("empty", path="/fixtures/odds", times=1)
        assert named(await taken(snapshot, known)) == []


async def test_a_key_that_is_not_licensed_for_copilot_vouches_for_nothing(simulate: Simulate) -> None:
    """It gets 200 and no odds; taken at its word, all that is known would be locked."""
    sim = await simulate()
    async with client(sim) as rest:
        snapshot = Snapshot(rest, stream("copilot", "baseball"))
        active = await snapshot.active()
        await sim.control.fault("unlicensed", path="/copilot/fixtures/odds")
        answers = await taken(snapshot, active)
        assert answers
        assert named(answers) == []


@pytest.mark.parametrize(
    ("data", "vouched"),
    [
        (b'[{"id":"A","odds":[]}]', {"A": 0}),
        (b'[{"id":"A","odds":null}]', {"A": 0}),
        (b'[{"id":"A"}]', {}),
        (b'[{"odds":[{"id":"a"}]}]', {}),
        (b'[{"id":7,"odds":[]}]', {}),
        (b'[{"id":"stranger","odds":[{"id":"a"}]},{"id":"B","odds":[{"id":"b"}]}]', {"B": 1}),
        (b'[{"id":"A","odds":[{"id":"a"}]},{"id":"A","odds":[{"id":"b"}]}]', {"A": 2}),
        (b'[{"id":"A","odds":[{"id":"a"}],"updated_at":"0001-01-01T00:00:00Z"}]', {}),
        (b"[]", {}),
        (b"null", {}),
    ],
)
async def test_what_vouches(upstream: Upstream, data: bytes, vouched: dict[str, int]) -> None:
    upstream.says("200 OK", b'{"data":' + data + b"}")
    async with Rest(upstream.url, lambda: "demo-key") as rest:
        [answer] = await taken(Snapshot(rest, stream()), ["A", "B"])
    assert {row.id: len(odds) for row, odds in answer.fixtures} == vouched


async def test_a_board_that_came_in_pages_would_be_read_whole(upstream: Upstream) -> None:
    pages = [b'{"data":[{"id":"A","odds":[{"id":"a"}]}],"has_more":true}', b'{"data":[{"id":"A","odds":[{"id":"b"}]}]}']

    came = list[float]()

    async def answer(wire: Wire) -> None:
        body = pages.pop(0)
        came.append(time.time())
        await asyncio.sleep(0.05)  # the pages are that far apart
        await wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))

    upstream.answer = answer
    async with Rest(upstream.url, lambda: "demo-key") as rest:
        [found] = await taken(Snapshot(rest, stream()), ["A"])
    assert {row.id: len(odds) for row, odds in found.fixtures} == {"A": 2}
    assert found.sent_ms <= came[0] * 1000, "the older page decides"


async def test_a_half_missing_board_and_a_stale_one_come_as_they_are(simulate: Simulate) -> None:
    """Whether to believe them is for those who know what was there before."""
    sim = await simulate(rate=4000)
    async with client(sim) as rest:
        snapshot = Snapshot(rest, stream())
        active = await snapshot.active()
        before = offered(await taken(snapshot, active))
        moment = time.time()
        async with reading(sim, sportsbook=US_BOOKS) as reader:
            await reader.entries_until(80)
        await sim.control.pause()
        now = offered(await taken(snapshot, active))
        assert essence(now) != essence(before)

        await sim.control.fault("half-board", sportsbook="betmgm")
        half = await taken(snapshot, active)
        assert sorted(named(half)) == sorted(active)
        assert offered(half) == {i: odd for i, odd in now.items() if odd["sportsbook"] != "BetMGM"}
        await sim.control.clear_faults()

        await sim.control.fault("stale", path="/fixtures/odds", moment=moment)
        asked = time.time()
        stale = await taken(snapshot, active)
        assert essence(offered(stale)) == essence(before)
        assert all(answer.sent_ms >= asked * 1000 - 1 for answer in stale)


async def test_a_fixture_that_ends_while_it_is_read_about_is_told_with_nothing_open(simulate: Simulate) -> None:
    sim = await simulate(rate=4000, life=6)
    async with client(sim) as rest:
        snapshot = Snapshot(rest, stream())
        active = await snapshot.active()
        async with reading(sim, sportsbook=US_BOOKS, include_fixture_updates="true") as reader:
            await reader.until(lambda: any(b'"new_status":"completed"' in f.data.encode() for f in reader.entries))
        await sim.control.pause()
        over = set(active) - set(await snapshot.active())
        assert over
        answers = await taken(snapshot, active)
        assert sorted(named(answers)) == sorted(active)
        told = {row.id: (row.status, len(odds)) for a in answers for row, odds in a.fixtures if row.id in over}
        assert set(told) == over
        assert {status for status, _ in told.values()} <= {"completed", "cancelled"}
        assert {count for _, count in told.values()} == {0}
        rows = await snapshot.rows(over)
        assert {i: row.status for i, row in rows.items()} == {i: status for i, (status, _) in told.items()}


# -- an upstream in trouble -------------------------------------------------------------------------------------------


async def failing(sim: Simulator, kind: type[UpstreamError], **more: Any) -> UpstreamError:
    """Ask for many fixtures, of which one question fails; gives the error."""
    async with client(sim) as rest, client(sim, **more) as asked_of:
        active = await Snapshot(rest, stream()).active()
        with pytest.raises(kind) as caught:
            await taken(Snapshot(asked_of, stream()), active)
        asked = len(await requests(sim, "/fixtures/odds"))
        # The siblings ended with it: nothing is under way, and nothing more is asked.
        await until(
            lambda: requests(sim, "/fixtures/odds"),
            lambda seen: all(request["status"] for request in seen),
            within=5,
            what="the others have ended",
        )
        assert len(await requests(sim, "/fixtures/odds")) == asked
    return caught.value


@pytest.mark.parametrize(
    ("fault", "kind", "reason"),
    [
        ({"kind": "rest-refuse", "status": 500}, NotAStream, "http-500"),
        ({"kind": "rest-refuse", "status": 302}, NotAStream, "redirect"),
        ({"kind": "rest-tear"}, Disconnected, "torn"),
        ({"kind": "rest-tear", "how": "reset"}, Disconnected, None),
        ({"kind": "rest-tear", "at": 0}, Disconnected, None),
        ({"kind": "unlicensed"}, Refused, "400"),
    ],
)
async def test_the_first_that_fails_is_told(
    simulate: Simulate, fault: dict[str, Any], kind: type[UpstreamError], reason: str | None
) -> None:
    sim = await simulate(fixtures=20)
    await sim.control.fault(**fault, path="/fixtures/odds", times=1)
    error = await failing(sim, kind)
    assert len(await requests(sim, "/fixtures/odds")) <= AT_ONCE + 3
    assert reason in {None, error.reason}


async def test_slow_answers_are_waited_for_but_not_forever(simulate: Simulate) -> None:
    sim = await simulate()
    async with client(sim) as rest:
        snapshot = Snapshot(rest, stream())
        active = await snapshot.active()
        for inside in (False, True):
            await sim.control.fault("rest-slow", path="/fixtures/odds", times=1, seconds=0.5, inside=inside)
            assert sorted(named(await taken(snapshot, active))) == sorted(active)
    await sim.control.fault("rest-slow", path="/fixtures/odds", times=1, seconds=600)
    error = await failing(sim, Disconnected, timeout_s=3.0)
    assert error.reason == "timeout"


async def test_malformed_answers_are_errors(simulate: Simulate) -> None:
    sim = await simulate()
    async with client(sim) as rest:
        snapshot = Snapshot(rest, stream())
        active = await snapshot.active()
        five = list(active)[:5]
        await sim.control.fault("rest-malformed", path="/fixtures/odds", times=MALFORMED)
        for _ in range(MALFORMED):
            with pytest.raises(UpstreamError) as caught:
                await taken(snapshot, five)
            assert caught.value.reason == "body"
        await sim.control.fault("rest-malformed", path="/fixtures/active", times=MALFORMED)
        for _ in range(MALFORMED):
            with pytest.raises(UpstreamError) as caught:
                await snapshot.active()
            assert caught.value.reason == "body"
        assert named(await taken(snapshot, five)) == five


async def test_what_came_before_the_failure_was_handed_out(simulate: Simulate) -> None:
    sim = await simulate(fixtures=20)
    async with client(sim) as rest:
        snapshot = Snapshot(rest, stream())
        active = await snapshot.active()
        got = []
        with pytest.raises(NotAStream):  # noqa: PT012 — what comes before the failure is looked at
            async with aclosing(snapshot.odds(active)) as answers:
                async for answer in answers:
                    got.append(answer)
                    if len(got) == 3:
                        await sim.control.fault("rest-refuse", path="/fixtures/odds", times=1)
        assert 3 <= len(got) < 8
        assert all(len(named([answer])) == 5 for answer in got)


# -- the rate limit ---------------------------------------------------------------------------------------------------


async def test_429_with_a_short_retry_after_is_waited_for(simulate: Simulate) -> None:
    """And nobody is sent meanwhile but those who were under way already."""
    sim = await simulate(fixtures=20)
    async with client(sim) as rest:
        snapshot = Snapshot(rest, stream())
        active = await snapshot.active()
        await sim.control.fault("rest-refuse", path="/fixtures/odds", status=429, retry_after="1", times=1)
        answers = await taken(snapshot, active)
    assert sorted(named(answers)) == sorted(active)
    asked = await requests(sim, "/fixtures/odds")
    [refused] = [request["at"] for request in asked if request["status"] == 429]
    assert sum(refused < request["at"] < refused + 0.9 for request in asked) < AT_ONCE
    assert len(asked) == 9


@pytest.mark.parametrize(("retry_after", "seconds"), [(None, 15), ("300", 300)])
async def test_429_that_asks_for_more_than_patience_is_told_with_its_time(
    simulate: Simulate, retry_after: str | None, seconds: int
) -> None:
    sim = await simulate(fixtures=20)
    more = {} if retry_after is None else {"retry_after": retry_after}
    await sim.control.fault("rest-refuse", path="/fixtures/odds", status=429, **more)
    # Upstream's headers would tell the end of its window, which is what counts where there is no Retry-After.
    await sim.control.settings(rest_limit=0)
    error = await failing(sim, RateLimited)
    assert error.retry_after == pytest.approx(seconds, abs=3)


async def test_two_hundred_streams_wait_in_line_without_a_refusal(simulate: Simulate) -> None:
    """Each stream waits for much longer than its patience, but not in front of the line."""
    sim = await simulate(rest_limit=40, rest_window_s=1.0)
    async with client(sim, patience_s=3.0) as rest:
        ids = list(await Snapshot(rest, stream()).active())
        streams = [Snapshot(rest, stream()) for _ in range(200)]
        began = time.monotonic()
        found = await asyncio.gather(*(snapshot.rows(ids[:5]) for snapshot in streams))
        assert time.monotonic() - began > 3.0
    assert all(sorted(rows) == sorted(ids[:5]) for rows in found)
    asked = await requests(sim, "/fixtures")
    assert [request["status"] for request in asked] == [200] * 200
