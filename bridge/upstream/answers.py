"""Upstream's answers that aren't a stream, as the errors of the bridge. Pure.

What upstream wrote goes into logs and health, so it is cut short and cleaned: the key and queries are never in it.
"""

import ssl
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from re import compile as pattern
from urllib.parse import urlsplit

import aiohttp
import msgspec

from bridge.backoff import MAX_RETRY_AFTER_S
from bridge.errors import Disconnected, NotAStream, RateLimited, Refused, UpstreamError
from bridge.spellings import spellings

MAX_BODY_BYTES = 2048
"""How much of an error's body is read at most, in bytes."""

_MAX_TEXT = 200  # characters of it that are told
_QUERY = pattern(r"\?[^\s\"'<>]*")
_HEALING = frozenset({408, 425})  # the only 4xx, beside 429, for which asking again soon makes sense
_HINTS = {
    400: "check the stream's parameters, and whether the key is licensed for its sport",
    401: "check the key: ODDSBRIDGE_UPSTREAM__API_KEY or [upstream] api_key_file",
    403: "the key isn't licensed for this stream; ask OpticOdds",
    404: "check [upstream] base_url and the stream's sport",
}


class _Error(msgspec.Struct):
    error: str


def failure(status: int, headers: Mapping[str, str], body: bytes, key: str) -> UpstreamError:
    """The error for an answer that isn't a stream.

    Args:
        status: The HTTP status.
        headers: The answer's headers, by any case.
        body: The beginning of the body.
        key: The key that was sent, to be cut out of whatever is told.
    """
    if 300 <= status < 400:
        return NotAStream(
            f"upstream redirects with {status} to {_target(headers, key)}",
            hint="redirects aren't followed, the key would go with them; check [upstream] base_url",
            reason="redirect",
        )
    text = _text(body, key)
    wait = retry_after_s(headers)
    if status == 429:
        return RateLimited(f"upstream limits the rate of connects with 429: {text}", reason="429", retry_after=wait)
    if 400 <= status < 500 and status not in _HEALING:
        return Refused(status, text, hint=_HINTS.get(status, ""))
    if status == 200:
        kind = scrub(headers.get("Content-Type", "no content type"), key)
        message = f"upstream answered 200 with {kind} instead of an event stream: {text}"
        return NotAStream(message, reason="content-type", retry_after=wait)
    return NotAStream(f"upstream answered {status}: {text}", reason=f"http-{status}", retry_after=wait)


def unreachable(error: Exception, host: str) -> Disconnected:
    """The error for a connect that failed before any answer; `error` itself may hold the key and must not be kept."""
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return Disconnected(f"the name {host} isn't found", hint="check DNS and [upstream] base_url", reason="dns")
    if isinstance(error, (aiohttp.ClientSSLError, aiohttp.ClientConnectorCertificateError, ssl.SSLError)):
        return Disconnected(f"no trusted TLS connection to {host}: {_cause(error)}", reason="tls")
    if isinstance(error, aiohttp.ClientConnectorError):
        reason = "refused" if isinstance(error.os_error, ConnectionRefusedError) else "unreachable"
        return Disconnected(f"can't connect to {host}: {_cause(error)}", reason=reason)
    if isinstance(error, aiohttp.ClientResponseError):
        return Disconnected(f"{host} doesn't speak HTTP", reason="not-http")
    if isinstance(error, (aiohttp.ServerDisconnectedError, OSError)):
        return Disconnected(f"{host} closed the connection before it answered", reason="reset")
    return Disconnected(f"can't connect to {host}: {type(error).__name__}", reason="connect")


def _cause(error: Exception) -> str:
    """What the system or TLS said; never the error's own text, which has the URL and more."""
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        inner: BaseException = error.certificate_error
    else:
        inner = getattr(error, "os_error", error)
    if isinstance(inner, ssl.SSLCertVerificationError):
        return inner.verify_message
    if isinstance(inner, ssl.SSLError):
        return getattr(inner, "reason", None) or "TLS failed"
    if isinstance(inner, OSError) and inner.strerror:
        return inner.strerror
    return type(inner).__name__


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """What `Retry-After` asks for in seconds (it has seconds or a date), at most MAX_RETRY_AFTER_S, or None."""
    value = headers.get("Retry-After", "").strip()
    if value.isascii() and value.isdigit() and len(value) < 16:
        return min(float(value), MAX_RETRY_AFTER_S)
    until = _unix_s(value)
    if until is None:
        return None
    # By upstream's own clock if it tells it: ours may differ.
    now = _unix_s(headers.get("Date", ""))
    return min(max(0.0, until - (time.time() if now is None else now)), MAX_RETRY_AFTER_S)


def _unix_s(date: str) -> float | None:
    try:
        return parsedate_to_datetime(date).timestamp()
    except (ValueError, TypeError, OverflowError, IndexError, AttributeError):
        return None


def _target(headers: Mapping[str, str], key: str) -> str:
    """Where a redirect leads, by host and path."""
    try:
        url = urlsplit(headers.get("Location", ""))
        return scrub(f"{url.hostname or ''}{url.path}", key) or "nowhere"
    except ValueError:
        return "an address that isn't one"


def _text(body: bytes, key: str) -> str:
    """What the body says, for a person."""
    try:
        said = msgspec.json.decode(body, type=_Error).error
    except (ValueError, RecursionError):
        said = body.decode(errors="replace")
    return scrub(said, key) or "no explanation"


def scrub(text: str, key: str) -> str:
    """`text` on one line, short, without the key and without any URL's query.

    Also without the beginning of a key at the end: the text may have been cut there.
    """
    for spelling in spellings(key):
        text = text.replace(spelling, "[key]")
        cut = max((n for n in range(4, len(spelling)) if text.endswith(spelling[:n])), default=0)
        text = text[: len(text) - cut] + "[key]" * bool(cut)
    text = _QUERY.sub("?…", text)
    text = "".join(char if char.isprintable() else " " for char in text)
    return " ".join(text.split())[:_MAX_TEXT]
