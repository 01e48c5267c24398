"""The API key as it is at the moment of a request: a key in a file can be rotated."""

import asyncio
from collections.abc import Callable

from bridge.errors import OddsbridgeError, UpstreamError


async def current_key(read_key: Callable[[], str]) -> str:
    """The key, fit for a header.

    The error is raised behind the `except` blocks: what it would be chained to may hold bytes of the key.

    Args:
        read_key: Gives the key; asked in a thread, since it may read a file.

    Raises:
        UpstreamError: it can't be read or used (reason "key").
    """
    try:
        key = (await asyncio.to_thread(read_key)).strip()
    except OddsbridgeError:
        raise
    except (OSError, ValueError) as error:
        told = type(error).__name__  # a decoding error's own text would have bytes of the key
        lost = UpstreamError(f"the API key can't be read: {told}", hint="check api_key_file", reason="key")
    else:
        if key and key.isascii() and key.isprintable():
            return key
        hint = "it must be one line of printable ASCII"
        lost = UpstreamError("the API key is empty or unusable", hint=hint, reason="key")
    raise lost
