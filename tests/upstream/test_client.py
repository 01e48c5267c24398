"""The client against an upstream that answers with exact bytes, and breaks."""

import asyncio
import socket
import traceback
from collections.abc import AsyncIterator, Callable
from typing import TypeVar

import pytest

from bridge import __version__
from bridge.errors import Disconnected, NotAStream, OddsbridgeError, RateLimited, Refused, UpstreamError
from bridge.upstream.budget import ConnectBudget
from bridge.upstream.client import Client, Connection
from tests.upstream.wire import STREAM, Upstream, Wire

_KEY = "s3cr3t-k3y"
_PATH = "/stream/odds/a%2Fb"
_QUERY = [("sportsbook", "Bet 365"), ("sportsbook", "A&B"), ("is_live", "true")]


_Kind = TypeVar("_Kind", bound=UpstreamError)


@pytest.fixture
def budget() -> ConnectBudget:
    return ConnectBudget()


@pytest.fixture
async def client(upstream: Upstream, budget: ConnectBudget) -> AsyncIterator[Client]:
    async with Client(upstream.url + "/api/v3/", lambda: _KEY, 10.0, budget) as running:
        yield running


def _impatient(upstream: Upstream, silence_s: float = 0.05) -> Client:
    return Client(upstream.url, lambda: _KEY, silence_s, ConnectBudget())


def _everything_told(error: BaseException) -> str:
    """All that a log could make of an error: its text, its attributes, its traceback, and the errors behind it."""
    told = "".join(traceback.format_exception(error)) + repr(error) + repr(vars(error))
    for behind in (error.__cause__, error.__context__):
        if behind is not None:
            told += _everything_told(behind)
    return told


async def _fails(client: Client, kind: type[_Kind]) -> _Kind:
    """Connect, and expect this error, without the key or the query anywhere in it."""
    with pytest.raises(kind) as caught:
        await client.connect(_PATH, _QUERY)
    told = _everything_told(caught.value)
    assert _KEY not in told
    assert "Bet" not in told
    return caught.value


async def _lost(connection: Connection, reason: str) -> None:
    with pytest.raises(Disconnected) as caught:
        await connection.read()
    assert caught.value.reason == reason
    assert _KEY not in _everything_told(caught.value)


async def _until(condition: Callable[[], object]) -> None:
    while not condition():  # noqa: ASYNC110 - what is waited for tells nobody
        await asyncio.sleep(0.001)


# -- what is sent -----------------------------------------------------------------------------------------------------


async def test_the_request(client: Client, upstream: Upstream) -> None:
    upstream.says("200 OK\nContent-Type: text/event-stream")
    (await client.connect(_PATH, _QUERY)).close()
    line, *headers = upstream.requests[0].strip().split("\r\n")
    assert line == "GET /api/v3/stream/odds/a%2Fb?sportsbook=Bet+365&sportsbook=A%26B&is_live=true HTTP/1.1"
    assert sorted(header for header in headers if not header.startswith("Host:")) == [
        "Accept-Encoding: identity",
        "Accept: text/event-stream",
        "Cache-Control: no-cache",
        f"User-Agent: oddsbridge/{__version__}",
        f"X-Api-Key: {_KEY}",
    ]
    assert _KEY not in line


async def test_the_key_is_read_anew_at_each_connect(upstream: Upstream, budget: ConnectBudget) -> None:
    upstream.says("401 Unauthorized")
    keys = iter(["first\n", "second"])
    async with Client(upstream.url, lambda: next(keys), 10.0, budget) as client:
        for _ in range(2):
            with pytest.raises(Refused):
                await client.connect("/x", [])
    assert ["X-Api-Key: first" in request for request in upstream.requests] == [True, False]
    assert ["X-Api-Key: second" in request for request in upstream.requests] == [False, True]


@pytest.mark.parametrize("key", ["", " \n", "a\r\nX: y", "ключ", "a\x00b"])
async def test_a_key_that_fits_no_header_is_not_sent(upstream: Upstream, key: str) -> None:
    async with Client(upstream.url, lambda: key, 10.0, ConnectBudget()) as client:
        with pytest.raises(UpstreamError) as caught:
            await client.connect("/x", [])
    assert caught.value.reason == "key"
    assert upstream.requests == []
    assert not key.strip() or key not in _everything_told(caught.value)


@pytest.mark.parametrize(
    "error", [FileNotFoundError(2, "gone"), UnicodeDecodeError("utf-8", _KEY.encode(), 0, 1, "bad")]
)
async def test_a_key_that_cant_be_read(upstream: Upstream, error: Exception) -> None:
    def read_key() -> str:
        raise error

    async with Client(upstream.url, read_key, 10.0, ConnectBudget()) as client:
        assert (await _fails(client, UpstreamError)).reason == "key"


async def test_the_errors_of_read_key_itself_pass() -> None:
    def read_key() -> str:
        raise OddsbridgeError("told already")

    async with Client("http://127.0.0.1:1", read_key, 10.0, ConnectBudget()) as client:
        with pytest.raises(OddsbridgeError, match="told already"):
            await client.connect("/x", [])


async def test_each_connect_takes_a_place_in_the_budget(
    client: Client, upstream: Upstream, budget: ConnectBudget
) -> None:
    upstream.says("500 Oops")
    await _fails(client, NotAStream)
    await _fails(client, NotAStream)
    assert budget.used() == 2


# -- answers that aren't a stream -------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [400, 401, 403, 404])
async def test_refusals(client: Client, upstream: Upstream, status: int) -> None:
    upstream.says(f"{status} No\nContent-Type: application/json", b'{"error":"not with ' + _KEY.encode() + b' you"}')
    error = await _fails(client, Refused)
    assert error.status == status
    assert "not with [key] you" in str(error)


async def test_429_holds_every_connect(client: Client, upstream: Upstream, budget: ConnectBudget) -> None:
    upstream.says("429 Too Many\nRetry-After: 40", b"slow down")
    error = await _fails(client, RateLimited)
    assert error.retry_after == 40
    assert 15 < budget.held_s() <= 40
    waiting = asyncio.create_task(client.connect("/x", []))
    await asyncio.sleep(0)
    assert not waiting.done()
    waiting.cancel()
    assert len(upstream.requests) == 1


async def test_429_without_a_time_holds_for_fifteen_seconds(
    client: Client, upstream: Upstream, budget: ConnectBudget
) -> None:
    upstream.says("429 Too Many")
    await _fails(client, RateLimited)
    assert 10 < budget.held_s() <= 15


async def test_503_keeps_retry_after_for_the_stream_alone(
    client: Client, upstream: Upstream, budget: ConnectBudget
) -> None:
    upstream.says("503 Busy\nRetry-After: 7")
    error = await _fails(client, NotAStream)
    assert (error.reason, error.retry_after, budget.held_s()) == ("http-503", 7, 0)


async def test_a_redirect_is_not_followed(client: Client, upstream: Upstream, elsewhere: Upstream) -> None:
    upstream.says(f"302 Found\nLocation: {elsewhere.url}/x?key={_KEY}")
    error = await _fails(client, NotAStream)
    assert error.reason == "redirect"
    assert "127.0.0.1/x" in str(error)
    assert elsewhere.requests == []


@pytest.mark.parametrize("header", ["Content-Type: text/html", "Content-Type: application/json", "X-None: 1"])
async def test_200_with_another_content_type(client: Client, upstream: Upstream, header: str) -> None:
    upstream.says(f"200 OK\n{header}", b"<html>welcome")
    error = await _fails(client, NotAStream)
    assert error.reason == "content-type"
    assert "welcome" in str(error)


async def test_an_error_without_end_is_read_in_part(upstream: Upstream) -> None:
    async def answer(wire: Wire) -> None:
        await wire.send(b"HTTP/1.1 500 Oops\r\n\r\n")
        while True:
            await wire.send(b"because " * 1000)

    upstream.answer = answer
    async with _impatient(upstream, 10.0) as client:
        assert "because because" in str(await _fails(client, NotAStream))


async def test_an_error_that_stalls_in_its_body_is_told_all_the_same(
    client: Client, upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bridge.upstream.client._BODY_TIMEOUT_S", 0.05)

    async def answer(wire: Wire) -> None:
        await wire.send(b"HTTP/1.1 401 No\r\nContent-Length: 1000\r\n\r\nbad key " + _KEY.encode()[:-1])
        await wire.gone()

    upstream.answer = answer
    assert "bad key [key]" in str(await _fails(client, Refused))


# -- no answer --------------------------------------------------------------------------------------------------------


async def test_no_answer_at_all(upstream: Upstream) -> None:
    async with _impatient(upstream) as client:
        assert (await _fails(client, Disconnected)).reason == "connect-timeout"


async def test_nobody_listens() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        async with Client(f"http://127.0.0.1:{unused.getsockname()[1]}", lambda: _KEY, 10.0, ConnectBudget()) as client:
            assert (await _fails(client, Disconnected)).reason == "refused"


async def test_no_such_name(monkeypatch: pytest.MonkeyPatch) -> None:
    def getaddrinfo(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    async with Client("http://nowhere.example", lambda: _KEY, 10.0, ConnectBudget()) as client:
        assert (await _fails(client, Disconnected)).reason == "dns"


async def test_no_tls_at_the_other_end() -> None:
    def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        async with Client(f"https://127.0.0.1:{port}", lambda: _KEY, 10.0, ConnectBudget()) as client:
            assert (await _fails(client, Disconnected)).reason == "tls"


@pytest.mark.parametrize(("answer", "reason"), [(b"", "reset"), (b"SSH-2.0-OpenSSH\r\n\r\n", "not-http")])
async def test_no_http_at_the_other_end(client: Client, upstream: Upstream, answer: bytes, reason: str) -> None:
    async def speak(wire: Wire) -> None:
        await wire.send(answer)

    upstream.answer = speak
    assert (await _fails(client, Disconnected)).reason == reason


async def test_the_client_needs_its_context() -> None:
    with pytest.raises(RuntimeError):
        await Client("http://127.0.0.1:1", lambda: _KEY, 10.0, ConnectBudget()).connect("/x", [])


# -- reading a stream -------------------------------------------------------------------------------------------------


async def test_bytes_then_a_clean_end(client: Client, upstream: Upstream) -> None:
    async def answer(wire: Wire) -> None:
        await wire.send(STREAM)
        await wire.chunk(b"data: x\n\n")
        await wire.send(b"0\r\n\r\n")

    upstream.answer = answer
    connection = await client.connect(_PATH, _QUERY)
    assert await connection.read() == b"data: x\n\n"
    assert await connection.read() == b""
    assert await connection.read() == b""
    connection.close()


async def test_a_stream_that_is_empty(client: Client, upstream: Upstream) -> None:
    upstream.says("200 OK\nContent-Type: text/event-stream")
    connection = await client.connect(_PATH, _QUERY)
    assert await connection.read() == b""
    connection.close()


async def test_a_stream_without_length_ends_with_its_connection(client: Client, upstream: Upstream) -> None:
    async def answer(wire: Wire) -> None:
        await wire.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: x\n\n")

    upstream.answer = answer
    connection = await client.connect(_PATH, _QUERY)
    assert await connection.read() == b"data: x\n\n"
    assert await connection.read() == b""
    connection.close()


async def test_silence(upstream: Upstream) -> None:
    async def answer(wire: Wire) -> None:
        await wire.send(STREAM)
        await wire.chunk(b"data: x\n\n")
        await wire.gone()

    upstream.answer = answer
    async with _impatient(upstream) as client:
        connection = await client.connect(_PATH, _QUERY)
        assert await connection.read() == b"data: x\n\n"
        await _lost(connection, "silence")
        connection.close()


async def test_time_outside_of_read_is_not_silence(upstream: Upstream) -> None:
    go_on = asyncio.Event()

    async def answer(wire: Wire) -> None:
        await wire.send(STREAM)
        await go_on.wait()
        await wire.chunk(b"data: x\n\n")
        await wire.gone()

    upstream.answer = answer
    async with _impatient(upstream, silence_s=0.5) as client:
        connection = await client.connect(_PATH, _QUERY)
        await _until(lambda: connection.age_s > 0.6)
        go_on.set()
        assert await connection.read() == b"data: x\n\n"
        connection.close()


@pytest.mark.parametrize(("how", "reason"), [("end", "torn"), ("nonsense", "torn"), ("reset", "reset")])
async def test_a_stream_that_breaks_off_in_a_chunk(client: Client, upstream: Upstream, how: str, reason: str) -> None:
    break_now = asyncio.Event()

    async def answer(wire: Wire) -> None:
        await wire.send(STREAM + b"ff\r\nhalf of it")
        await break_now.wait()
        if how == "nonsense":
            await wire.send(b"x" * 245 + b"\r\nnot a chunk\r\n")
        elif how == "reset":
            wire.reset()

    upstream.answer = answer
    connection = await client.connect(_PATH, _QUERY)
    assert await connection.read() == b"half of it"
    break_now.set()
    if how == "nonsense":
        assert await connection.read() == b"x" * 245
    await _lost(connection, reason)
    connection.close()


async def test_a_stream_without_length_that_is_reset(client: Client, upstream: Upstream) -> None:
    break_now = asyncio.Event()

    async def answer(wire: Wire) -> None:
        await wire.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\nhalf of it")
        await break_now.wait()
        wire.reset()

    upstream.answer = answer
    connection = await client.connect(_PATH, _QUERY)
    assert await connection.read() == b"half of it"
    break_now.set()
    await _lost(connection, "reset")
    connection.close()


async def test_what_came_before_the_break_is_handed_out(client: Client, upstream: Upstream) -> None:
    async def answer(wire: Wire) -> None:
        await wire.send(STREAM)
        await wire.chunk(b"data: x\n\n")

    upstream.answer = answer
    connection = await client.connect(_PATH, _QUERY)
    await _until(connection._response.content.exception)
    assert await connection.read() == b"data: x\n\n"
    await _lost(connection, "torn")
    connection.close()


async def test_a_reader_that_stops_stops_upstream(client: Client, upstream: Upstream) -> None:
    sent = 0
    stalled = asyncio.Event()

    async def answer(wire: Wire) -> None:
        nonlocal sent
        await wire.send(STREAM)
        try:
            while True:
                async with asyncio.timeout(0.3):
                    await wire.chunk(b"x" * 60_000)
                sent += 1
        except TimeoutError:
            stalled.set()
        await wire.gone()

    upstream.answer = answer
    connection = await client.connect(_PATH, _QUERY)
    await stalled.wait()
    assert connection._response.content.total_bytes <= 2 * 256 * 1024 + 300_000
    assert len(await connection.read()) > 0
    connection.close()


async def test_close_drops_the_connection_at_once(client: Client, upstream: Upstream) -> None:
    dropped = asyncio.Event()

    async def answer(wire: Wire) -> None:
        await wire.send(STREAM)
        await wire.gone()
        dropped.set()

    upstream.answer = answer
    connection = await client.connect(_PATH, _QUERY)
    reading = asyncio.create_task(_lost(connection, "closed-here"))
    await asyncio.sleep(0)
    connection.close()
    connection.close()
    await reading
    await _lost(connection, "closed-here")
    await dropped.wait()


async def test_leaving_the_client_drops_its_connections(upstream: Upstream) -> None:
    dropped = asyncio.Event()

    async def answer(wire: Wire) -> None:
        await wire.send(STREAM)
        await wire.gone()
        dropped.set()

    upstream.answer = answer
    async with _impatient(upstream, 10.0) as client:
        connection = await client.connect(_PATH, _QUERY)
    await dropped.wait()
    await _lost(connection, "torn")
    connection.close()
