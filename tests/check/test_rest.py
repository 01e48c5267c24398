"""The REST client against raw sockets: what it sends, what it takes, and how it says what went wrong."""

import asyncio
import gzip
import time
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import parse_qsl

import msgspec
import pytest

from bridge.errors import Disconnected, NotAStream, Refused, UpstreamError
from bridge.upstream import rest as module
from bridge.upstream.rest import Rest
from tests.check.rest_wire import SECRET, answers, client, page
from tests.upstream.wire import Upstream, Wire


@pytest.fixture
async def upstream() -> AsyncIterator[Upstream]:
    async with Upstream() as one:
        yield one


async def all_pages(upstream: Upstream) -> list[list[Any]]:
    async with client(upstream) as rest:
        return [items async for items in rest.pages("/things", [("sport", "x"), ("id", "1"), ("id", "2")])]


def asked(upstream: Upstream) -> list[str]:
    return [request.split()[1].removeprefix("/api/v3") for request in upstream.requests]


async def test_the_key_is_in_a_header_and_nowhere_else(upstream: Upstream) -> None:
    answers(upstream, ("200 OK\nContent-Type: application/json", b'{"data":[{"id":"nba"}]}'))
    async with client(upstream) as rest:
        assert await rest.get("/leagues", [("sport", "ice hockey"), ("id", "a&b")]) == {"data": [{"id": "nba"}]}
    (request,) = upstream.requests
    line, *headers = request.splitlines()
    assert line == "GET /api/v3/leagues?sport=ice+hockey&id=a%26b HTTP/1.1"
    assert f"X-Api-Key: {SECRET}" in headers
    assert request.count(SECRET) == 1
    assert "Accept-Encoding: identity" in headers


async def test_an_answer_may_be_kept_as_upstreams_own_bytes(upstream: Upstream) -> None:
    class Body(msgspec.Struct):
        data: list[msgspec.Raw]

    answers(upstream, ("200 OK", b'{"data": [ {"a":1.50},{"b":"\\u00e3"} ]}'))
    async with client(upstream) as rest:
        body = await rest.get("/x", type=Body)
    assert [bytes(raw) for raw in body.data] == [b'{"a":1.50}', b'{"b":"\\u00e3"}']


async def test_pages_by_has_more(upstream: Upstream) -> None:
    answers(upstream, page([1, 2], page=1, has_more=True), page([3], page=2, has_more=False))
    assert await all_pages(upstream) == [[1, 2], [3]]
    assert asked(upstream) == ["/things?sport=x&id=1&id=2", "/things?sport=x&id=1&id=2&page=2"]


async def test_pages_by_total_pages(upstream: Upstream) -> None:
    answers(upstream, *(page([n], page=n, total_pages=3) for n in (1, 2, 3)))
    assert await all_pages(upstream) == [[1], [2], [3]]
    assert asked(upstream)[-1].endswith("&page=3")


async def test_pages_by_cursor(upstream: Upstream) -> None:
    answers(upstream, page([1], next_cursor="a/b+c=="), page([2], cursor="c", has_more=True), page([3], cursor=""))
    assert await all_pages(upstream) == [[1], [2], [3]]
    assert [parse_qsl(path.partition("?")[2])[3:] for path in asked(upstream)] == [
        [],
        [("cursor", "a/b+c==")],
        [("cursor", "c")],
    ]


async def test_where_a_cursor_is_told_but_not_taken_it_goes_on_by_numbers(upstream: Upstream) -> None:
    first = page([1], page=1, has_more=True, cursor="x")
    answers(upstream, first, first, page([2], page=2, has_more=True), page([3], page=3, has_more=False))
    assert await all_pages(upstream) == [[1], [2], [3]]
    assert [path.rpartition("&")[2] for path in asked(upstream)] == ["id=2", "cursor=x", "page=2", "page=3"]


async def test_one_page_without_a_word_of_more_is_all(upstream: Upstream) -> None:
    answers(upstream, page([1]))
    assert await all_pages(upstream) == [[1]]
    assert len(upstream.requests) == 1


async def test_an_empty_page_in_between_is_not_the_end(upstream: Upstream) -> None:
    answers(upstream, page([1], has_more=True), page([], has_more=True, page=2), page([3], has_more=False))
    assert await all_pages(upstream) == [[1], [], [3]]


@pytest.mark.parametrize("same", [page([1], page=1, has_more=True), page([1], has_more=True), page([1], cursor="a")])
async def test_an_upstream_that_pages_in_a_circle_is_left(upstream: Upstream, same: tuple[str, bytes]) -> None:
    answers(upstream, same)
    with pytest.raises(UpstreamError) as caught:
        await all_pages(upstream)
    assert caught.value.reason == "paging"
    assert len(upstream.requests) <= 3


async def test_pages_without_an_end_are_left(upstream: Upstream, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_PAGES", 5)
    answers(upstream, *(page([n], has_more=True) for n in range(1, 20)))
    with pytest.raises(UpstreamError, match="more than 5 pages"):
        await all_pages(upstream)
    assert len(upstream.requests) == 5


@pytest.mark.parametrize(
    ("head", "body", "kind", "words"),
    [
        ("401 Unauthorized", b'{"error":"Invalid or inactive API key"}', Refused, "Invalid or inactive API key"),
        ("400 Bad Request", b"sportsbook is required", Refused, "sportsbook is required"),
        ("404 Not Found", b"", Refused, "404"),
        ("302 Found\nLocation: https://elsewhere.example/x?key=1", b"", NotAStream, "elsewhere.example/x"),
        ("502 Bad Gateway", b"<html>oops", NotAStream, "502"),
        ("200 OK\nContent-Type: text/html", b"<html>", UpstreamError, "not JSON (text/html"),
        ("200 OK", b'{"data": 5}', UpstreamError, "not what was expected"),
    ],
)
async def test_errors_are_the_bridges_own_and_hold_no_key(
    upstream: Upstream, head: str, body: bytes, kind: type[UpstreamError], words: str
) -> None:
    answers(upstream, (head, body + SECRET.encode() if b"{" not in body else body))
    async with client(upstream) as rest:
        with pytest.raises(kind) as caught:
            async for _ in rest.pages("/x"):
                pass
    assert words in str(caught.value)
    assert SECRET not in repr(caught.value) + str(caught.value.__cause__) + str(caught.value.__context__)
    assert len(upstream.requests) == 1


async def test_no_answer_is_waited_for_forever(upstream: Upstream) -> None:
    async with client(upstream, timeout_s=0.2) as rest:
        with pytest.raises(Disconnected) as caught:
            await rest.get("/x")
    assert caught.value.reason == "timeout"


async def test_a_body_that_trickles_is_not_waited_for_forever(upstream: Upstream) -> None:
    async def answer(wire: Wire) -> None:
        await wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{")
        gone = asyncio.create_task(wire.gone())
        while not gone.done():
            await wire.send(b" ")
            await asyncio.wait([gone], timeout=0.02)

    upstream.answer = answer
    async with client(upstream, timeout_s=0.3) as rest:
        with pytest.raises(Disconnected) as caught:
            await rest.get("/x")
    assert caught.value.reason == "timeout"


async def test_a_torn_body_is_no_answer(upstream: Upstream) -> None:
    async def answer(wire: Wire) -> None:
        await wire.send(b'HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{"data":[]}')

    upstream.answer = answer
    async with client(upstream) as rest:
        with pytest.raises(Disconnected) as caught:
            await rest.get("/x")
    assert caught.value.reason == "torn"


async def test_nobody_there(upstream: Upstream) -> None:
    async with Rest("http://127.0.0.1:1/api/v3", lambda: SECRET) as rest:
        with pytest.raises(Disconnected) as caught:
            await rest.get("/x")
    assert caught.value.reason == "refused"


@pytest.mark.parametrize(("size", "good"), [(2000, True), (2001, False), (10_000_000, False)])
async def test_a_body_over_the_limit_is_not_held(upstream: Upstream, size: int, good: bool) -> None:
    answers(upstream, ("200 OK", b'"' + b"x" * (size - 2) + b'"'))
    async with client(upstream, max_bytes=2000) as rest:
        if good:
            assert len(await rest.get("/x")) == size - 2
            return
        with pytest.raises(UpstreamError) as caught:
            await rest.get("/x")
    assert caught.value.reason == "too-large"


async def test_a_body_without_an_end_is_not_read_to_its_end(upstream: Upstream) -> None:
    async def answer(wire: Wire) -> None:
        await wire.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            await wire.chunk(b" " * 1000)

    upstream.answer = answer
    async with client(upstream, max_bytes=100_000) as rest:
        with pytest.raises(UpstreamError) as caught:
            await rest.get("/x")
    assert caught.value.reason == "too-large"


async def test_a_compressed_answer_is_not_blown_up(upstream: Upstream) -> None:
    answers(upstream, ("200 OK\nContent-Encoding: gzip", gzip.compress(b'"' + b"0" * 10_000_000 + b'"')))
    async with client(upstream) as rest:
        with pytest.raises(UpstreamError, match="not JSON"):
            await rest.get("/x")


async def test_each_answer_is_told_with_its_times(upstream: Upstream) -> None:
    heard: list[tuple[float, float, str]] = []
    answers(upstream, ("401 No\nDate: Fri, 15 Jan 2027 08:00:00 GMT", b"{}"))
    before = time.time()
    async with client(upstream, heard=lambda sent, got, headers: heard.append((sent, got, headers["Date"]))) as rest:
        with pytest.raises(Refused):
            await rest.get("/x")
    ((sent, received, date),) = heard
    assert before <= sent <= received <= time.time()
    assert date == "Fri, 15 Jan 2027 08:00:00 GMT"


@pytest.mark.parametrize("key", ["", "two words\nand lines", "schlüssel"])
async def test_a_key_that_cannot_be_sent_is_not(upstream: Upstream, key: str) -> None:
    async with Rest(upstream.url, lambda: key) as rest:
        with pytest.raises(UpstreamError) as caught:
            await rest.get("/x")
    assert caught.value.reason == "key"
    assert upstream.requests == []
