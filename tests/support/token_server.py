"""A token server for OAUTHBEARER: client credentials in, tokens out that nobody signed, on a port of this machine."""

import asyncio
import base64
import json
import ssl
import time
from typing import Any
from urllib.parse import unquote_plus

from aiohttp import BasicAuth, web

from bridge.serving import HttpServer


class TokenServer:
    """Answers `url`. What it answers can be changed; what it was asked is kept.

    Attributes:
        asked: The form and the client's id and secret of each request.
        answer: What to answer instead of a token: status, body, headers; None for a token.
        life_s: Seconds until a token expires.
        tells_life: Whether the answer has `expires_in`.
        issued: The tokens that were given out.
        may_answer: While it isn't set, requests hang.
    """

    def __init__(self, secret: str, *, tls: ssl.SSLContext | None = None, life_s: float = 3600.0) -> None:
        self.secret = secret
        self.asked: list[tuple[dict[str, str], BasicAuth]] = []
        self.answer: tuple[int, str, dict[str, str]] | None = None
        self.life_s = life_s
        self.tells_life = True
        self.issued: list[str] = []
        self.may_answer = asyncio.Event()
        self.may_answer.set()
        self._tls = tls
        application = web.Application()
        application.router.add_post("/token", self._token)
        self._server = HttpServer(application, shutdown_timeout_s=1.0)
        self._port = 0

    async def __aenter__(self) -> "TokenServer":
        _, self._port = await self._server.start("127.0.0.1", 0, self._tls)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._server.stop()

    @property
    def url(self) -> str:
        return f"http{'s' * (self._tls is not None)}://127.0.0.1:{self._port}/token"

    async def _token(self, request: web.Request) -> web.Response:
        form = {name: str(value) for name, value in (await request.post()).items()}
        client = BasicAuth.decode(request.headers["Authorization"])
        self.asked.append((form, client))
        await self.may_answer.wait()
        if self.answer is not None:
            status, body, headers = self.answer
            return web.Response(status=status, text=body, headers=headers)
        if unquote_plus(client.password) != self.secret:
            return web.json_response({"error": "invalid_client", "error_description": "who?"}, status=401)
        token = unsigned(unquote_plus(client.login), self.life_s)
        self.issued.append(token)
        life = {"expires_in": int(self.life_s)} if self.tells_life else {}
        return web.json_response({"access_token": token, "token_type": "Bearer", **life})


def unsigned(subject: str, life_s: float) -> str:
    """A JWT that is signed by nobody."""
    now = time.time()
    return f"{_part({'alg': 'none'})}.{_part({'sub': subject, 'iat': now, 'exp': now + life_s})}."


def _part(value: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()
