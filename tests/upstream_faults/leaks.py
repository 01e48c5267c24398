"""The search for a key in all that a bridge has let out, however it is spelled. It shares no code with the bridge."""

import base64
import html
import json
from collections.abc import Iterable
from urllib.parse import quote

from tests.support.bridge import Bridge
from tests.support.reader import OWN, read


async def everything(bridge: Bridge, pages: Iterable[str], servers: str, prefix: str) -> dict[str, str]:
    """By where it is: the output, the admin pages, and the topics as any reader may see them, aborted records too."""
    found = {"output": bridge.text, "pages": "\n".join(pages)}
    for topics in ((), OWN):
        for seen in await read(servers, prefix, topics=topics, committed=False):
            text = f"{seen.key} {seen.value.decode(errors='replace')} {seen.headers}\n"
            found[seen.topic] = found.get(seen.topic, "") + text
    return found


def assert_no_leak(found: dict[str, str], *keys: str) -> None:
    """No key in any spelling, and something was searched at each place."""
    for where, text in found.items():
        assert text.strip(), f"{where} is empty, so nothing is shown"
        for key in keys:
            for spelling in _spellings(key):
                at = text.find(spelling)
                assert at < 0, f"{where}: {text[max(0, at - 200) : at + 200]!r}"


def _spellings(key: str) -> set[str]:
    raw = key.encode()
    quoted, escaped = quote(key, safe=""), json.dumps(key)[1:-1]
    found = {key, quoted, quote(quoted, safe=""), escaped, json.dumps(escaped)[1:-1], repr(key)[1:-1], html.escape(key)}
    found |= {html.escape(escaped), "".join(f"%{byte:02x}" for byte in raw), raw.hex()}
    found |= {"".join(piece.lower() if "%" in piece else piece for piece in _pieces(spelling)) for spelling in found}
    # base64 at each of the three places that the key may have in a longer text, without the ends that others share
    for before in range(3):
        encoded = base64.b64encode(b"x" * before + raw).decode().rstrip("=")
        core = encoded[before + 1 if before else 0 : -1]
        found |= {core, core.replace("+", "-").replace("/", "_")}
    return found


def _pieces(text: str) -> list[str]:
    """The text with each %XX on its own."""
    first, *rest = text.split("%")
    return [first, *(part for piece in rest for part in ("%" + piece[:2], piece[2:]))]
