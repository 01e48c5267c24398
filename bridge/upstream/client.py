"""HTTP to OpticOdds: opens a stream, hands on its bytes, and says in the bridge's own errors what went wrong.

aiohttp's errors hold the request with its headers, and with them the key: none of them leaves this module, not even as
the cause of another. That is why failures are raised behind their `except` blocks.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Self

import aiohttp
from yarl import URL

from bridge import __version__
from bridge.backoff import rate_limited_delay
from bridge.errors import Disconnected, RateLimited, UpstreamError
from bridge.upstream.answers import MAX_BODY_BYTES, failure, unreachable
from bridge.upstream.budget import ConnectBudget
from bridge.upstream.key import current_key

_HEADERS = {
    "Accept": "text/event-stream",
    "Accept-Encoding": "identity",
    "Cache-Control": "no-cache",
    "User-Agent": f"oddsbridge/{__version__}",
}
_READ_BUFFER_BYTES = 256 * 2**10
"""aiohttp stops reading a socket once twice this is waiting to be read here: the most that one stream can hold back."""
_BODY_TIMEOUT_S = 2.0
_BROKEN = (aiohttp.ClientError, OSError, RuntimeError)  # aiohttp says RuntimeError when it reads a closed connection


class Connection:
    """An open event stream. Made by `Client.connect`; whoever has it closes it."""

    def __init__(self, response: aiohttp.ClientResponse, silence_s: float) -> None:
        self._response = response
        self._silence_s = silence_s
        self._opened = time.monotonic()
        self._closed = False
        connection = response.connection
        self._lost = connection.protocol.closed if connection is not None and connection.protocol is not None else None
        if self._lost is not None:
            self._lost.add_done_callback(self._on_lost)

    @property
    def age_s(self) -> float:
        """Seconds since the stream was opened."""
        return time.monotonic() - self._opened

    async def read(self) -> bytes:
        """The next bytes, as many as there are; b"" when upstream ended the stream cleanly.

        Only the time spent waiting here counts as silence: a bridge that stopped reading because Kafka is slow
        must not blame upstream for it.

        Raises:
            Disconnected: Nothing came for `silence_s` ("silence"), the body broke off ("torn"), the connection was
                lost ("reset"), or this end closed it ("closed-here"). What arrived before was handed out first.
        """
        if self._closed:
            raise self._break()
        content = self._response.content
        if content.exception() is not None:
            # aiohttp's public calls raise as soon as the connection is lost, although entries that arrived before are
            # still in its buffer, and upstream may never send them again.
            rest = content._read_nowait(-1)  # noqa: SLF001
            if rest:
                return rest
        try:
            async with asyncio.timeout(self._silence_s):
                part = await content.readany()
        except TimeoutError:
            # When this process itself stood still (SIGSTOP, a machine asleep), the timer is due before anybody read:
            # epoll_wait, interrupted, reports nothing. One more turn of the loop, and the socket is read.
            await asyncio.sleep(0)
            rest = content._read_nowait(-1)  # noqa: SLF001
            if rest:
                return rest
            failed = Disconnected(f"upstream was silent for {self._silence_s:g} s", reason="silence")
        except _BROKEN:
            failed = self._break()
        else:
            if part or not self._was_reset():
                return part
            failed = self._break()  # aiohttp takes the reset of a body without length for its end
        raise failed

    def _break(self) -> Disconnected:
        """How the stream broke off."""
        if self._closed:
            return Disconnected("the connection was closed by the bridge", reason="closed-here")
        if self._was_reset():
            return Disconnected("the connection was reset", reason="reset")
        return Disconnected("the stream broke off in the middle", reason="torn")

    def _was_reset(self) -> bool:
        lost = self._lost
        return lost is not None and lost.done() and not lost.cancelled() and lost.exception() is not None

    def _on_lost(self, _: asyncio.Future[None]) -> None:
        """Wake a reader whose connection is gone: aiohttp doesn't if it closed it itself, over bad chunk framing."""
        content = self._response.content
        if not self._was_reset() and not content.is_eof() and content.exception() is None:
            content.set_exception(aiohttp.ClientPayloadError("the framing of the body is broken"))

    def close(self) -> None:
        """Drop the connection at once, without a word to upstream; it never waits and may be called again."""
        self._closed = True
        connection = self._response.connection
        if connection is not None and connection.transport is not None:
            connection.transport.abort()
        self._response.close()


class Client:
    """Opens streams. An async context manager; leaving it drops every connection.

    Args:
        base_url: Where OpticOdds is, without a slash at the end.
        read_key: Gives the key; asked in a thread at each connect, so that a key in a file can be rotated.
        silence_s: Seconds without a byte after which a connection counts as dead; also for the answer to a connect.
        budget: The connect budget that all clients of the process share.
    """

    def __init__(self, base_url: str, read_key: Callable[[], str], silence_s: float, budget: ConnectBudget) -> None:
        self._base_url = base_url.rstrip("/")
        self._read_key = read_key
        self._silence_s = silence_s
        self._budget = budget
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            # No limit: aiohttp allows 100 connections by default. No reuse: a stream ends with its connection
            # (force_close would tell upstream `Connection: close`, as no other client of a stream does).
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=0),
            timeout=aiohttp.ClientTimeout(total=None, connect=None, sock_connect=None, sock_read=None),
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
            headers=_HEADERS,
            read_bufsize=_READ_BUFFER_BYTES,
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session is not None:
            await self._session.close()

    async def connect(
        self, path: str, query: Sequence[tuple[str, str]], begun: Callable[[], None] = lambda: None
    ) -> Connection:
        """Wait for a place in the connect budget, then open a stream.

        Args:
            path: The path below the base URL, percent-encoded (`feeds.url_path`).
            query: Names and values, not encoded (`feeds.query`).
            begun: Called when the budget gave a place.

        Raises:
            Refused: 4xx: asking again won't help soon.
            RateLimited: 429. The budget holds every further connect already.
            NotAStream: A redirect, a 5xx, or 200 with another content type.
            Disconnected: No connection, or no answer within `silence_s`.
            UpstreamError: The key can't be read or used (reason "key").
        """
        if self._session is None:
            raise RuntimeError("the client is used outside of its context")
        await self._budget.acquire()
        begun()
        key = await current_key(self._read_key)
        url = URL(self._base_url + path, encoded=True).with_query(query)
        lost: UpstreamError
        try:
            async with asyncio.timeout(self._silence_s):
                response = await self._session.get(url, headers={"X-Api-Key": key}, allow_redirects=False)
        except TimeoutError:
            lost = Disconnected(f"no answer from {url.host} within {self._silence_s:g} s", reason="connect-timeout")
        except (aiohttp.ClientError, OSError) as error:
            lost = unreachable(error, url.host or "")
        else:
            if response.status == 200 and response.content_type == "text/event-stream":
                return Connection(response, self._silence_s)
            body = await _beginning(response)
            lost = failure(response.status, response.headers, body, key)
        if isinstance(lost, RateLimited):
            self._budget.hold(rate_limited_delay(lost.retry_after))
        raise lost


async def _beginning(response: aiohttp.ClientResponse) -> bytes:
    """The first bytes of an error's body, whatever comes of them in a short time."""
    body = b""
    try:
        async with asyncio.timeout(_BODY_TIMEOUT_S):
            while len(body) < MAX_BODY_BYTES and (part := await response.content.read(MAX_BODY_BYTES - len(body))):
                body += part
    except (TimeoutError, *_BROKEN):
        pass  # half an explanation is better than none
    finally:
        response.close()
    return body
