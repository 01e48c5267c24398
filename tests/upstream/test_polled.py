"""When upstream last asked each book."""

import json
import time
from typing import Any

import pytest

from bridge.errors import Disconnected, NotAStream, RateLimited, Refused, UpstreamError
from bridge.upstream.polled import last_polled
from bridge.upstream.rest import Rest
from tests.upstream.asking import MALFORMED, US_BOOKS, client, requests
from tests.upstream.conftest import Simulate
from tests.upstream.wire import Upstream, Wire


async def test_each_book_of_the_leagues(simulate: Simulate) -> None:
    sim = await simulate()
    async with client(sim) as rest:
        before = time.time()
        polled = await last_polled(rest, ["NBA", "ncaab", "NBA"], US_BOOKS)
    assert set(polled) == set(US_BOOKS)
    assert all(before - 20 < at <= time.time() for at in polled.values())
    asked = [request["params"] for request in await requests(sim, "/sportsbooks/last-polled")]
    books = [["sportsbook", book] for book in US_BOOKS]
    assert sorted(asked) == [[["league", "NBA"], *books], [["league", "ncaab"], *books]]


async def test_books_are_told_as_they_are_spelled_and_unknown_ones_are_missing(simulate: Simulate) -> None:
    sim = await simulate()
    async with client(sim) as rest:
        books = ["betfair_exchange", "PINNACLE", "bet365", "Betano", "DraftKings", "Nobody & Co", "Novig"]
        polled = await last_polled(rest, ["England - Premier League"], books)
        # Novig doesn't cover soccer.
        assert set(polled) == {"betfair_exchange", "PINNACLE", "bet365", "Betano", "DraftKings"}
    assert [len(request["params"]) for request in await requests(sim, "/sportsbooks/last-polled")] == [6, 3]


async def test_without_a_league_or_a_book_nothing_is_asked(simulate: Simulate) -> None:
    sim = await simulate()
    async with client(sim) as rest:
        assert await last_polled(rest, [], US_BOOKS) == {}
        assert await last_polled(rest, ["NBA"], []) == {}
    assert await sim.control.requests() == []


async def test_the_newest_counts_and_what_is_no_time_does_not(upstream: Upstream) -> None:
    def row(*books: Any) -> dict[str, Any]:
        return {"league": {"id": "x"}, "fixture_id": None, "sportsbooks": list(books)}

    rows = {
        "A": [
            row({"id": "one", "name": "One", "timestamp": 1788420426}, {"id": "two", "timestamp": None}),
            row(
                {"id": "stranger", "name": "Stranger", "timestamp": 1788420426}, {"name": "Three", "timestamp": "soon"}
            ),
            {"sportsbooks": None},
        ],
        "B": [
            row({"id": "one", "name": "One", "timestamp": 1788420440.5}, {"id": "three", "timestamp": True}),
            row({"id": "one", "name": "One", "timestamp": 1788420001}, {}),
        ],
    }

    async def answer(wire: Wire) -> None:
        league = upstream.requests[-1].partition("league=")[2][0]
        body = json.dumps({"data": rows[league]}).encode()
        await wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%b" % (len(body), body))

    upstream.answer = answer
    async with Rest(upstream.url, lambda: "demo-key", limit=1) as rest:
        assert await last_polled(rest, ["A", "B"], ["One", "two", "three"]) == {"One": 1788420440.5}


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ({"kind": "rest-refuse", "status": 500}, NotAStream),
        ({"kind": "rest-refuse", "status": 429, "retry_after": "300"}, RateLimited),
        ({"kind": "rest-tear"}, Disconnected),
        ({"kind": "rest-slow", "seconds": 600}, Disconnected),
        ({"kind": "unlicensed"}, Refused),
    ],
)
async def test_trouble_is_told(simulate: Simulate, fault: dict[str, Any], kind: type[UpstreamError]) -> None:
    sim = await simulate()
    async with client(sim, timeout_s=1.0 if "seconds" in fault else 20.0) as rest:
        await sim.control.fault(**fault, path="/sportsbooks/last-polled", times=1)
        with pytest.raises(kind):
            await last_polled(rest, ["NBA"], US_BOOKS)


async def test_malformed_answers_are_errors_and_an_empty_one_says_nothing(simulate: Simulate) -> None:
    sim = await simulate()
    async with client(sim) as rest:
        await sim.control.fault("rest-malformed", path="/sportsbooks/last-polled", times=MALFORMED)
        for _ in range(MALFORMED):
            with pytest.raises(UpstreamError) as caught:
                await last_polled(rest, ["NBA"], US_BOOKS)
            assert caught.value.reason == "body"
        await sim.control.fault("empty", path="/sportsbooks/last-polled", times=1)
        assert await last_polled(rest, ["NBA"], US_BOOKS) == {}
        assert set(await last_polled(rest, ["NBA"], US_BOOKS)) == set(US_BOOKS)
