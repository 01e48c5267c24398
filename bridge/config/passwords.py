"""The secrets and files of `[kafka.security]`: read, and never shown. What is read is hidden from the log at once."""

from collections.abc import Iterator
from pathlib import Path

from pydantic import SecretStr

from bridge.config.problems import Problem
from bridge.config.security import FILES, PLACE, SECRETS, SecuritySettings, unusable_secret
from bridge.errors import ConfigError
from bridge.logs import hide

MAX_SECRET_FILE = 64 * 1024
"""Bytes; whoever names a larger file by mistake learns so."""


def read_secret(security: SecuritySettings, name: str) -> str | None:
    """The secret called `name` as it is now, from the settings or its file; None when neither is set.

    Blocks for a file's read.

    Raises:
        ConfigError: Its file can't be read, or holds no usable secret.
    """
    given: SecretStr | None = getattr(security, name)
    path: Path | None = getattr(security, f"{name}_file")
    if given is not None:
        secret = given.get_secret_value()
    elif path is not None:
        secret = _from_file(path, f"{name}_file")
    else:
        return None
    hide(secret)
    return secret


def file_problems(security: SecuritySettings) -> Iterator[Problem]:
    """What is wrong with the files that the section names."""
    for setting in FILES:
        path: Path | None = getattr(security, setting)
        if path is None:
            continue
        try:
            if setting.removesuffix("_file") in SECRETS:
                _from_file(path, setting)
            else:
                _read(path, setting)
        except ConfigError as error:
            yield Problem((*PLACE, setting), error.message.split(": ", 1)[1], error.hint, shows_value=False)


def _from_file(path: Path, setting: str) -> str:
    raw = _read(path, setting)
    if len(raw) > MAX_SECRET_FILE:
        raise _wrong(setting, f"{path} is far too large", "name the file that holds the secret and nothing else")
    secret = raw.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "replace").rstrip("\r\n")
    if problem := unusable_secret(secret):
        raise _wrong(setting, f"what is in {path} {problem}", "leave only the secret in the file")
    return secret


def _read(path: Path, setting: str) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(MAX_SECRET_FILE + 1)
    except OSError as error:
        why = error.strerror or type(error).__name__
        raise _wrong(setting, f"{path} can't be read: {why}", "name a file that this user may read") from None


def _wrong(setting: str, message: str, hint: str) -> ConfigError:
    return ConfigError(f"{'.'.join(PLACE)}.{setting}: {message}", hint=hint)
