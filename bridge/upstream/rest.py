"""The REST side of OpticOdds: one answer, or page after page, as parsed JSON.

The same care as in `client`: the key travels in a header only and is read anew for each request, redirects aren't
followed, bodies and times are bounded, and aiohttp's errors, which hold the key, never leave this module. That is why
failures are raised behind their `except` blocks.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from types import TracebackType
from typing import Any, Final, Generic, NamedTuple, Self, TypeVar, overload

import aiohttp
import msgspec
from yarl import URL

from bridge import __version__
from bridge.errors import Disconnected, UpstreamError
from bridge.upstream.answers import MAX_BODY_BYTES, failure, scrub, unreachable
from bridge.upstream.key import current_key
from bridge.upstream.ratelimit import RateLimit

T = TypeVar("T")

MAX_ANSWER_BYTES: Final = 32 * 2**20
"""The largest answer that is read, in bytes. Observed: 5 MB at most."""

MAX_PAGES: Final = 1000
"""Pages of one question; upstream's own limits end far below it."""

_HEADERS = {
    "Accept": "application/json",
    "Accept-Encoding": "identity",  # a small answer can't become a large one
    "Cache-Control": "no-cache",
    "User-Agent": f"oddsbridge/{__version__}",
}
_CHUNK_BYTES = 64 * 2**10
_BROKEN = (aiohttp.ClientError, OSError, RuntimeError)

Params = Sequence[tuple[str, str]]
"""Names and values, not encoded; an array repeats its name."""

Heard = Callable[[float, float, Mapping[str, str]], None]
"""Told of each answer: when its request was sent, when it came (both in seconds of the epoch), its headers."""


class _Answer(NamedTuple):
    sent: float  # epoch seconds
    status: int
    headers: Mapping[str, str]
    body: bytes


class _Page(msgspec.Struct, Generic[T]):
    """A page, in each of the ways in which upstream has told whether there is another."""

    data: list[T] | None = None
    page: Any = None
    has_more: Any = None
    total_pages: Any = None
    cursor: Any = None
    next_cursor: Any = None


class Page(NamedTuple, Generic[T]):
    """One page of a list.

    Attributes:
        sent: When its request went out, after all waiting; our clock, in seconds of the epoch.
        items: What stood on it.
    """

    sent: float
    items: list[T]


class Rest:
    """Asks REST questions. An async context manager; leaving it drops every connection.

    Args:
        base_url: Where OpticOdds is, without a slash at the end.
        read_key: Gives the key; asked in a thread for each request, so that a key in a file can be rotated.
        timeout_s: Seconds that one answer may take, its body included.
        patience_s: Seconds that one question may wait for upstream's rate limit once it is its turn; past that it is an
            error. By default four of upstream's windows. Waiting for one's turn doesn't count: a queue is no trouble.
        max_bytes: The largest answer that is read.
        heard: Told of each answer.
        limit: Requests at the same time; the others wait for their turn, first come, first served.
    """

    def __init__(
        self,
        base_url: str,
        read_key: Callable[[], str],
        *,
        timeout_s: float = 20.0,
        patience_s: float = 60.0,
        max_bytes: int = MAX_ANSWER_BYTES,
        heard: Heard = lambda sent, received, headers: None,  # noqa: ARG005
        limit: int = 8,
    ) -> None:
        self._base_url = base_url.rstrip("/")
        self._read_key = read_key
        self._timeout_s = timeout_s
        self._patience_s = patience_s
        self._max_bytes = max_bytes
        self._heard = heard
        self._turn = asyncio.Semaphore(limit)
        self._rate = RateLimit(limit)
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=None, connect=None, sock_connect=None, sock_read=None),
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
            auto_decompress=False,
            headers=_HEADERS,
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session is not None:
            await self._session.close()

    @overload
    async def get(self, path: str, params: Params = ()) -> Any: ...
    @overload
    async def get(self, path: str, params: Params = (), *, type: type[T]) -> T: ...
    async def get(self, path: str, params: Params = (), *, type: Any = Any) -> Any:  # noqa: A002 — as msgspec has it
        """One answer.

        Args:
            path: The path below the base URL, percent-encoded.
            params: The query; never the key.
            type: What the JSON has to be, as msgspec takes it; `msgspec.Raw` keeps upstream's own bytes.

        Raises:
            Refused: 4xx: asking again won't help soon.
            RateLimited: 429, or a limit that is used up, and waiting would take longer than `patience_s`.
            Disconnected: No connection, no answer within `timeout_s`, or one that broke off.
            UpstreamError: A redirect, a 5xx, an answer that is too large or isn't what `type` says; or the key can't be
                read or used (reason "key").
        """
        return self._parsed(await self._ask(path, params), type)

    @overload
    def pages(self, path: str, params: Params = ()) -> AsyncIterator[list[Any]]: ...
    @overload
    def pages(self, path: str, params: Params = (), *, type: type[T]) -> AsyncIterator[list[T]]: ...
    async def pages(self, path: str, params: Params = (), *, type: Any = Any) -> AsyncIterator[list[Any]]:  # noqa: A002
        """The items of one page after the other, until upstream says that there is no more.

        Upstream's list may shift while it is read: an item may come twice or be missed. Whoever needs all of them
        asks for those by id that are missing.

        Args:
            path: The path below the base URL, percent-encoded.
            params: The query, without `page` and `cursor`.
            type: What each item has to be.

        Raises:
            UpstreamError: As `get`; or the pages don't end, or come again (reason "paging").
        """
        async for page in self.timed_pages(path, params, type=type):
            yield page.items

    async def timed_pages(self, path: str, params: Params = (), *, type: type[T]) -> AsyncIterator[Page[T]]:  # noqa: A002
        """As `pages`, and when each page was asked for.

        Raises:
            UpstreamError: As `pages`.
        """
        kind: Any = type
        number, step, last, cursors = 1, list[tuple[str, str]](), b"", True
        while True:
            answer = await self._ask(path, [*params, *step])
            page: _Page[T] = self._parsed(answer, _Page[kind])
            if number > 1 and (answer.body == last or (isinstance(page.page, int) and page.page != number)):
                if not (cursors and step[0][0] == "cursor"):
                    raise UpstreamError(f"upstream gives the same page of {path} again and again", reason="paging")
                # Observed: a cursor in the answer, and a reference that knows of none in the question.
                cursors, step = False, [("page", str(number))]
                continue
            yield Page(answer.sent, page.data or [])
            cursor = page.next_cursor or page.cursor
            cursor = cursor if isinstance(cursor, str) else ""
            last_number = page.total_pages if isinstance(page.total_pages, int) else 0
            if not (page.has_more is True or (page.has_more is None and (cursor or number < last_number))):
                return
            number, last = number + 1, answer.body
            step = [("cursor", cursor)] if cursors and cursor else [("page", str(number))]
            if number > MAX_PAGES:
                raise UpstreamError(f"upstream has more than {MAX_PAGES} pages of {path}", reason="paging")

    def _parsed(self, answer: _Answer, wanted: Any) -> Any:
        try:
            # What is skipped or kept raw isn't looked at by msgspec, but what isn't UTF-8 isn't JSON either.
            if not answer.body.isascii():
                answer.body.decode()
            return msgspec.json.decode(answer.body, type=wanted)
        except (ValueError, RecursionError) as error:
            kind = scrub(answer.headers.get("Content-Type", "no content type"), "")
            what = "not what was expected" if isinstance(error, msgspec.ValidationError) else "not JSON"
            lost = UpstreamError(f"upstream's answer is {what} ({kind}, {len(answer.body)} bytes)", reason="body")
        raise lost

    async def _ask(self, path: str, params: Params) -> _Answer:
        """One answer of status 200; waits where upstream's rate limit asks for it."""
        if self._session is None:
            raise RuntimeError("the client is used outside of its context")
        url = URL(self._base_url + path, encoded=True).with_query(params)
        async with self._turn:
            return await self._once_let(url)

    async def _once_let(self, url: URL) -> _Answer:
        """One answer of status 200, for whoever has a turn.

        The wait for the limit is inside the turn: so nobody is sent into it, and only those in front wait for it.
        """
        patience_s = self._patience_s
        while True:
            patience_s = await self._rate.released(patience_s)
            key = await current_key(self._read_key)
            if self._rate.held_s():
                continue  # a 429 came meanwhile
            answer = await self._exchange(url, key)
            if answer.status == 200:
                return answer
            if answer.status != 429:
                raise failure(answer.status, answer.headers, answer.body, key)

    async def _exchange(self, url: URL, key: str) -> _Answer:
        assert self._session is not None  # noqa: S101 — looked at by the caller
        lost: UpstreamError
        sent = time.time()
        try:
            async with (
                asyncio.timeout(self._timeout_s),
                self._session.get(url, headers={"X-Api-Key": key}, allow_redirects=False) as response,
            ):
                self._heard(sent, time.time(), response.headers)
                self._rate.heard(response.status, response.headers)
                body = await self._read(response)
            if len(body) <= self._max_bytes:
                return _Answer(sent, response.status, response.headers, body)
            lost = UpstreamError(f"upstream's answer is larger than {self._max_bytes} bytes", reason="too-large")
        except TimeoutError:
            lost = Disconnected(f"no whole answer from {url.host} within {self._timeout_s:g} s", reason="timeout")
        except aiohttp.ClientPayloadError:
            lost = Disconnected(f"the answer from {url.host} broke off", reason="torn")
        except _BROKEN as error:
            lost = unreachable(error, url.host or "")
        raise lost

    async def _read(self, response: aiohttp.ClientResponse) -> bytes:
        """The body; of an error only the beginning, and never much more than is allowed."""
        most = self._max_bytes if response.status == 200 else MAX_BODY_BYTES
        parts, size = list[bytes](), 0
        async for part in response.content.iter_chunked(_CHUNK_BYTES):
            parts.append(part)
            size += len(part)
            if size > most:
                response.close()
                break
        whole = b"".join(parts)
        return whole if response.status == 200 else whole[:most]
