"""A REST client and the raw upstream that it talks to."""

import json
from collections.abc import Iterable
from typing import Any

from bridge.upstream.rest import Rest
from tests.upstream.wire import Upstream, Wire

SECRET = "s3cret/key+with=signs"


def client(upstream: Upstream, **more: Any) -> Rest:
    return Rest(upstream.url + "/api/v3", lambda: SECRET, **{"timeout_s": 5.0, "patience_s": 0.0, **more})


def answers(upstream: Upstream, *bodies: tuple[str, bytes]) -> None:
    """One answer after the other, each by its status line's end with headers; the last one stays."""
    rest = list(bodies)

    async def answer(wire: Wire) -> None:
        head, body = rest.pop(0) if len(rest) > 1 else rest[0]
        status, *headers = head.splitlines()
        lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close", *headers, "", ""]
        await wire.send("\r\n".join(lines).encode() + body)

    upstream.answer = answer


def page(items: Iterable[object], **more: object) -> tuple[str, bytes]:
    return "200 OK\nContent-Type: application/json", json.dumps({"data": list(items), **more}).encode()
