"""The API key: where it comes from. No message here ever holds it, and from its first reading on no log line does."""

from collections.abc import Callable
from pathlib import Path

from bridge.config.kinds import unusable_key
from bridge.config.settings import Settings
from bridge.errors import ConfigError
from bridge.logs import hide

MAX_KEY_FILE = 64 * 1024
"""Bytes; whoever names a larger file by mistake learns so, instead of sending it as a header."""


def read_key(settings: Settings) -> Callable[[], str]:
    """How to get the key, reading its file anew at each call, so that it can be rotated under a running bridge.

    The key is read once here, so that a bridge without a usable one doesn't start. The returned function
    blocks for a file's read; call it off the event loop.

    Raises:
        ConfigError: There is no key, or its file can't be read or holds none. The returned function raises it too.
    """
    upstream = settings.upstream
    if upstream.api_key is not None:
        key = upstream.api_key.get_secret_value()
        hide(key)
        return lambda: key
    if upstream.api_key_file is None:
        raise ConfigError(
            "upstream: there is no API key",
            hint="set the environment variable ODDSBRIDGE_UPSTREAM__API_KEY, or upstream.api_key_file",
        )
    path = upstream.api_key_file
    from_file(path)
    return lambda: from_file(path)


def from_file(path: Path) -> str:
    """The key that is all of the file at `path`, white space around it apart.

    Raises:
        ConfigError: The file can't be read, or doesn't hold a usable key.
    """
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_KEY_FILE + 1)
    except OSError as error:
        raise ConfigError(
            f"upstream.api_key_file: {path} can't be read: {error.strerror or type(error).__name__}",
            hint="name a file that holds the key and that this user may read",
        ) from None
    if len(raw) > MAX_KEY_FILE:
        raise ConfigError(f"upstream.api_key_file: {path} is far too large for a key", hint="name the key's own file")
    key = raw.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "replace").strip()
    if problem := unusable_key(key):
        raise ConfigError(f"upstream.api_key_file: the key in {path} {problem}", hint="leave only the key in the file")
    hide(key)
    return key
