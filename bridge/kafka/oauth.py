"""OAUTHBEARER by client credentials: tokens fetched over HTTPS, and kept until shortly before they expire."""

import asyncio
import base64
import json
import ssl
import time
from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import quote_plus

import aiohttp
from aiokafka.abc import AbstractTokenProvider
from aiokafka.errors import AuthenticationFailedError, KafkaConnectionError
from typing_extensions import override

from bridge.errors import ConfigError
from bridge.logs import hidden

FETCH_S: Final = 8.0
"""Seconds that fetching a token may take: less than one conversation with the cluster."""

MARGIN_S: Final = 60.0
"""A token is renewed so many seconds before it expires, or when a fifth of its life is left, if that is later."""

UNKNOWN_LIFE_S: Final = 60.0
"""How long a token counts as good of which nobody says when it expires."""

MAX_ANSWER: Final = 256 * 1024
_MAX_WORDS: Final = 300


class ClientCredentials(AbstractTokenProvider):  # type: ignore[misc]  # aiokafka has no types
    """Exchanges a client's id and secret for tokens; one for all connections of the process.

    Args:
        url: The token URL.
        client_id: Who the bridge is there.
        secret: Reads the client's secret as it is now; may block.
        scope: What to ask for, or None.
        extensions: SASL extensions that the brokers want.
        tls: Trusts who may vouch for the URL.
        clock: Monotonic seconds.
    """

    def __init__(
        self,
        url: str,
        client_id: str,
        secret: Callable[[], str],
        *,
        scope: str | None = None,
        extensions: Mapping[str, str] | None = None,
        tls: ssl.SSLContext | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._url = url
        self._client_id = client_id
        self._secret = secret
        self._scope = scope
        self._extensions = dict(extensions or {})
        self._tls = tls
        self._clock = clock
        self._token = ""
        self._expires = 0.0
        self._renew = 0.0
        self._fetching = asyncio.Lock()

    @override
    def extensions(self) -> dict[str, str]:
        """The SASL extensions."""
        return self._extensions

    @override
    async def token(self) -> str:
        """A token that is good for a while yet.

        Raises:
            AuthenticationFailedError: The token URL refuses, or answers what isn't a token.
            KafkaConnectionError: It can't be reached, or has a fault of its own; aiokafka tries again later.
        """
        async with self._fetching:
            if self._clock() >= self._renew:
                try:
                    async with asyncio.timeout(FETCH_S):
                        await self._fetch()
                except TimeoutError:
                    self._bear(KafkaConnectionError(f"the token URL didn't answer within {FETCH_S:g} s"))
                except KafkaConnectionError as error:
                    self._bear(error)
            return self._token

    def _bear(self, error: KafkaConnectionError) -> None:
        """An outage of the token URL is no trouble while the last token is still good."""
        if self._clock() >= self._expires:
            raise error

    async def _fetch(self) -> None:
        try:
            secret = await asyncio.to_thread(self._secret)
        except ConfigError as error:
            raise AuthenticationFailedError(str(error)) from None
        form = {"grant_type": "client_credentials"} | ({"scope": self._scope} if self._scope else {})
        # RFC 6749, 2.3.1: both are form-encoded before they become user name and password.
        pair = f"{quote_plus(self._client_id)}:{quote_plus(secret)}"
        headers = {
            "Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}",
            "Accept": "application/json",
            "Accept-Encoding": "identity",
        }
        asked = self._clock()
        try:
            async with (
                aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=self._tls or True)) as session,
                session.post(self._url, data=form, headers=headers, allow_redirects=False) as answer,
            ):
                body = await _start_of(answer)
                self._take(answer.status, body, asked)
        except (aiohttp.ClientError, OSError) as error:
            raise KafkaConnectionError(f"the token URL can't be reached: {type(error).__name__} {error}") from None

    def _take(self, status: int, body: bytes, asked: float) -> None:
        answer = _object(body)
        if status >= 500 or status in {408, 429}:
            raise KafkaConnectionError(f"the token URL answers {status}{_words(answer)}")
        if status != 200:
            raise AuthenticationFailedError(f"the token URL refuses with {status}{_words(answer)}")
        token = answer.get("access_token")
        if not isinstance(token, str) or not token or not token.isascii() or not token.isprintable() or " " in token:
            raise AuthenticationFailedError("the token URL answers 200 without an access_token")
        life = _seconds(answer.get("expires_in")) or _life_told_by(token)
        self._token = token
        self._expires = asked + life
        self._renew = asked + max(life - MARGIN_S, 0.8 * life)


async def _start_of(answer: aiohttp.ClientResponse) -> bytes:
    body = bytearray()
    async for part in answer.content.iter_any():
        body += part
        if len(body) > MAX_ANSWER:
            raise AuthenticationFailedError(f"the token URL answers more than {MAX_ANSWER} bytes")
    return bytes(body)


def _object(body: bytes) -> dict[str, Any]:
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return answer if isinstance(answer, dict) else {}


def _words(answer: Mapping[str, Any]) -> str:
    """The reason, as RFC 6749 (5.2) has it; never the rest of the answer."""
    words = [str(answer[name]) for name in ("error", "error_description") if isinstance(answer.get(name), str)]
    return f": {hidden(' '.join(words))[:_MAX_WORDS]}" if words else ""


def _seconds(value: object) -> float:
    try:
        seconds = float(str(value))
    except ValueError:
        return 0.0
    return seconds if 0 < seconds < 10**9 else 0.0


def _life_told_by(token: str) -> float:
    """Seconds until a JWT expires, by its own word; a short while when it doesn't tell."""
    try:
        payload = token.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        return _seconds(claims["exp"] - time.time()) or UNKNOWN_LIFE_S
    except (IndexError, KeyError, TypeError, ValueError):
        return UNKNOWN_LIFE_S
