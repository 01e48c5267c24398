"""Answers that aren't a stream: which error, and what of the text is told."""

import errno
import os
import ssl
import time
from email.utils import formatdate

import aiohttp
import pytest
from aiohttp.client_reqrep import ConnectionKey

from bridge.errors import NotAStream, RateLimited, Refused
from bridge.upstream.answers import failure, retry_after_s, scrub, unreachable

_KEY = "s3cr3t-key/with+signs"


@pytest.mark.parametrize(
    ("status", "headers", "kind", "reason"),
    [
        *[(status, {}, Refused, str(status)) for status in (400, 401, 403, 404, 405, 410, 418, 422)],
        (429, {}, RateLimited, "429"),
        *[(status, {}, NotAStream, f"http-{status}") for status in (204, 408, 425, 500, 502, 503, 504, 599)],
        *[(status, {"Location": "https://else.where/x"}, NotAStream, "redirect") for status in (301, 302, 307, 308)],
        (302, {}, NotAStream, "redirect"),
        (302, {"Location": "http://[x"}, NotAStream, "redirect"),
        (200, {"Content-Type": "text/html"}, NotAStream, "content-type"),
        (200, {}, NotAStream, "content-type"),
    ],
)
def test_which_error(status: int, headers: dict[str, str], kind: type, reason: str) -> None:
    error = failure(status, headers, b'{"error":"because"}', _KEY)
    assert type(error) is kind
    assert error.reason == reason
    assert str(status) in str(error)
    assert reason == "redirect" or "because" in str(error)


@pytest.mark.parametrize("status", [401, 403, 404, 400])
def test_a_refusal_says_what_to_do(status: int) -> None:
    assert failure(status, {}, b"", _KEY).hint


def test_retry_after_is_kept_where_waiting_helps() -> None:
    for status in (429, 500, 503):
        assert failure(status, {"Retry-After": "77"}, b"", _KEY).retry_after == 77


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("0", 0),
        ("20", 20),
        ("9" * 9, 3600),
        ("Wed, 21 Oct 2099 07:28:30 GMT", 3600),
        (" 20 ", 20),
        ("", None),
        ("-1", None),
        ("1.5", None),
        ("soon", None),
        ("1e3", None),
        ("9" * 99, None),
        ("\u0663", None),
        ("Wed, 99 Foo 2026", None),
    ],
)
def test_retry_after_in_seconds(value: str, seconds: float | None) -> None:
    assert retry_after_s({"Retry-After": value}) == seconds


def test_retry_after_as_a_date_is_read_by_upstreams_clock() -> None:
    headers = {"Retry-After": "Wed, 21 Oct 2015 07:28:30 GMT", "Date": "Wed, 21 Oct 2015 07:28:00 GMT"}
    assert retry_after_s(headers) == 30
    headers["Date"] = "Wed, 21 Oct 2015 07:29:00 GMT"
    assert retry_after_s(headers) == 0
    later = retry_after_s({"Retry-After": formatdate(time.time() + 100, usegmt=True)})
    assert later is not None
    assert 50 < later <= 100


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b'{"error":"maximum 5 sportsbooks allowed"}', "maximum 5 sportsbooks allowed"),
        (b"sportsbook is  required\r\n", "sportsbook is required"),
        (b"", "no explanation"),
        (b'{"error": 5}', '{"error": 5}'),
        (b"\x1b[31mred\x00\xff", "[31mred \ufffd"),
        (b'{"error":"bad key ' + _KEY.encode() + b'"}', "bad key [key]"),
        (b'{"error":"bad key s3cr3t-key\\/with\\u002bsigns"}', "bad key [key]"),
        (b"no s3cr3t-key%2Fwith%2Bsigns here", "no [key] here"),
        (b"GET /stream/odds/x?league=NBA&key=1 failed", "GET /stream/odds/x?… failed"),
        (b"cut here: s3cr3t-k", "cut here: [key]"),
    ],
)
def test_what_is_told(body: bytes, told: str) -> None:
    assert failure(400, {}, body, _KEY).message == f"upstream refused with 400: {told}"


def test_what_is_told_is_short() -> None:
    assert len(scrub("x " * 5000, _KEY)) <= 200


def test_a_redirects_target_is_told_without_its_query() -> None:
    location = f"https://user:pw@else.where/path?key={_KEY}#{_KEY}"
    error = failure(302, {"Location": location}, b"", _KEY)
    assert "else.where/path " in f"{error.message} "
    assert _KEY not in repr(error)
    assert "pw" not in error.message


_TARGET = ConnectionKey("api.example", 443, is_ssl=True, ssl=True, proxy=None, proxy_auth=None, proxy_headers_hash=None)


def _certificate_error() -> ssl.SSLCertVerificationError:
    error = ssl.SSLCertVerificationError(1, "certificate verify failed")
    error.verify_message = "self-signed certificate"
    return error


@pytest.mark.parametrize(
    ("error", "reason", "told"),
    [
        (aiohttp.ClientConnectorCertificateError(_TARGET, _certificate_error()), "tls", "self-signed certificate"),
        (aiohttp.ClientConnectorSSLError(_TARGET, ssl.SSLError(1, "odd")), "tls", "TLS failed"),
        (aiohttp.ClientConnectorDNSError(_TARGET, OSError(-2, "unknown")), "dns", "isn't found"),
        (
            aiohttp.ClientConnectorError(_TARGET, ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused")),
            "refused",
            "Connection refused",
        ),
        (
            aiohttp.ClientConnectorError(_TARGET, OSError(errno.ENETUNREACH, os.strerror(errno.ENETUNREACH))),
            "unreachable",
            "unreachable",
        ),
        (aiohttp.ServerDisconnectedError(), "reset", "before it answered"),
        (aiohttp.ClientOSError(errno.ECONNRESET, "reset"), "reset", "before it answered"),
        (aiohttp.InvalidURL("https://x/?key=1"), "connect", "InvalidURL"),
    ],
)
def test_why_there_is_no_answer(error: Exception, reason: str, told: str) -> None:
    failed = unreachable(error, "api.example")
    assert failed.reason == reason
    assert told in str(failed)
    assert "api.example" in str(failed)
    assert "?" not in str(failed)
