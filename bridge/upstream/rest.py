"""The REST side of OpticOdds: one answer, or page after page, as parsed JSON.

The same care as in `client`: the key travels in a header only and is read anew for each request, redirects aren't
followed, bodies and times are bounded, and aiohttp's errors, which hold the key, never leave this module. That is why
failures are raised behind their `except` blocks.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from email.utils import parsedate_to_datetime
from types import TracebackType
from typing import Any, Final, Generic, NamedTuple, Self, TypeVar, overload

import aiohttp
import msgspec
from yarl import URL

from bridge import __version__
from bridge.backoff import RATE_LIMIT_HOLD_S
from bridge.errors import Disconnected, RateLimited, UpstreamError
from bridge.upstream.answers import MAX_BODY_BYTES, failure, retry_after_s, scrub, unreachable
from bridge.upstream.key import current_key

T = TypeVar("T")

MAX_ANSWER_BYTES: Final = 32 * 2**20
"""The largest answer that is read, in bytes. Observed: 5 MB at most."""

MAX_PAGES: Final = 1000
"""Pages of one question; upstream's own limits end far below it."""

MAX_RESET_S: Final = 60.0
"""The longest wait, in seconds, that `x-ratelimit-reset` can ask for: its window is 15 s."""

_HEADERS = {
    "Accept": "application/json",
    "Accept-Encoding": "identity",  # a small answer can't become a large one
    "Cache-Control": "no-cache",
    "User-Agent": f"oddsbridge/{__version__}",
}
_LEAST_HOLD_S = 1.0  # after a 429, whatever it says: a loop without a wait would be an attack
_CHUNK_BYTES = 64 * 2**10
_BROKEN = (aiohttp.ClientError, OSError, RuntimeError)

Params = Sequence[tuple[str, str]]
"""Names and values, not encoded; an array repeats its name."""

Heard = Callable[[float, float, Mapping[str, str]], None]
"""Told of each answer: when its request was sent, when it came (both in seconds of the epoch), its headers."""


class _Answer(NamedTuple):
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


class Rest:
    """Asks REST questions. An async context manager; leaving it drops every connection.

    Args:
        base_url: Where OpticOdds is, without a slash at the end.
        read_key: Gives the key; asked in a thread for each request, so that a key in a file can be rotated.
        timeout_s: Seconds that one answer may take, its body included.
        patience_s: Seconds that one question may wait for upstream's rate limit; past that it is an error.
        max_bytes: The largest answer that is read.
        heard: Told of each answer.
        limit: Requests at the same time.
    """

    def __init__(
        self,
        base_url: str,
        read_key: Callable[[], str],
        *,
        timeout_s: float = 20.0,
        patience_s: float = 30.0,
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
        self._held_until = 0.0  # of the monotonic clock
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
        number, step, last = 1, list[tuple[str, str]](), b""
        while True:
            answer = await self._ask(path, [*params, *step])
            page: _Page[Any] = self._parsed(answer, _Page[type])
            if number > 1 and (answer.body == last or (isinstance(page.page, int) and page.page != number)):
                raise UpstreamError(f"upstream gives the same page of {path} again and again", reason="paging")
            yield page.data or []
            cursor = page.next_cursor or page.cursor
            if isinstance(cursor, str) and cursor and page.has_more is not False:
                step = [("cursor", cursor)]
            elif page.has_more is True or (
                page.has_more is None and isinstance(page.total_pages, int) and number < page.total_pages
            ):
                step = [("page", str(number + 1))]
            else:
                return
            number, last = number + 1, answer.body
            if number > MAX_PAGES:
                raise UpstreamError(f"upstream has more than {MAX_PAGES} pages of {path}", reason="paging")

    def _parsed(self, answer: _Answer, wanted: Any) -> Any:
        try:
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
        patience_s = self._patience_s
        while True:
            wait_s = max(0.0, self._held_until - time.monotonic())
            if wait_s > patience_s:
                raise RateLimited(
                    f"upstream's rate limit is used up for another {wait_s:.0f} s", reason="429", retry_after=wait_s
                )
            patience_s -= wait_s
            await asyncio.sleep(wait_s)
            key = await current_key(self._read_key)
            async with self._turn:
                answer = await self._exchange(url, key)
            self._hold(answer)
            if answer.status == 200:
                return answer
            if answer.status == 429:
                continue  # it waits, or loses patience
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
                body = await self._read(response)
            if len(body) <= self._max_bytes:
                return _Answer(response.status, response.headers, body)
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

    def _hold(self, answer: _Answer) -> None:
        """Let nobody ask while upstream's limit is used up, as its headers tell."""
        wait_s = _until_reset_s(answer.headers)
        if answer.status == 429:
            asked = retry_after_s(answer.headers)
            wait_s = max(_LEAST_HOLD_S, asked if asked is not None else wait_s or RATE_LIMIT_HOLD_S)
        elif answer.headers.get("x-ratelimit-remaining", "").strip() != "0":
            return
        self._held_until = max(self._held_until, time.monotonic() + wait_s)


def _until_reset_s(headers: Mapping[str, str]) -> float:
    """Seconds until upstream counts anew, by its own clock if it tells it; 0 when it doesn't say."""
    value = headers.get("x-ratelimit-reset", "").strip()
    if not (value.isascii() and value.isdigit() and len(value) < 16):
        return 0.0
    now = _date_s(headers)
    return min(max(0.0, float(value) - (time.time() if now is None else now)), MAX_RESET_S)


def _date_s(headers: Mapping[str, str]) -> float | None:
    try:
        return parsedate_to_datetime(headers.get("Date", "")).timestamp()
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
