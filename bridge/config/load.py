"""From a file and the environment to `Settings`, or to one error that names everything there is to mend."""

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from bridge.config.conflicts import between
from bridge.config.environment import read_environment
from bridge.config.key import from_file
from bridge.config.passwords import file_problems
from bridge.config.problems import Problem
from bridge.config.report import failure, problems_of
from bridge.config.sections import KafkaSettings
from bridge.config.security import FILES, SECRETS
from bridge.config.settings import Settings
from bridge.config.streams import StreamSettings
from bridge.errors import ConfigError

MAX_FILE = 16 * 2**20
"""Bytes of a configuration file at most."""


def load(path: Path | str | None, environ: Mapping[str, str] | None = None, *, need_key: bool = True) -> Settings:
    """Reads and checks the configuration.

    Args:
        path: The TOML file; None when the environment holds everything.
        environ: The environment; by default the process's.
        need_key: Whether a usable API key must be there, and the files of `[kafka.security]`.

    Raises:
        ConfigError: One line for each thing to mend: its place, the value (never a secret's) and the fix.
    """
    file = None if path is None else Path(path)
    text = "" if file is None else _read(file)
    written = _parse(file, text)
    given, origins, problems = read_environment(os.environ if environ is None else environ)
    _make_absolute(written, file)
    data = _joined(written, given)

    # pydantic-settings takes arguments of its own that begin with "_"; from a file they are unknown names.
    problems += [Problem((name,), "is unknown", "remove it", shows_value=False) for name in data if name[:1] == "_"]
    settings: Settings | None = None
    try:
        settings = Settings(**{name: value for name, value in data.items() if name[:1] != "_"})
    except ValidationError as error:
        problems += problems_of(error, data)
        if not any(details["type"] == "conflicts" for details in error.errors()):
            problems += _conflicts_of_the_valid(data)
    problems += _key_problems(data, need_key=need_key)
    if settings is not None and need_key:
        problems += file_problems(settings.kafka.security)
    if problems or settings is None:
        raise failure(problems, path=file, text=text, data=data, origins=origins) from None
    settings.note_key_in_file(standing_there="api_key" in _table(written, "upstream"))
    security = _table(_table(written, "kafka"), "security")
    settings.note_passwords_in_file(tuple(name for name in SECRETS if name in security))
    return settings


def _read(file: Path) -> str:
    try:
        with file.open("rb") as opened:
            raw = opened.read(MAX_FILE + 1)
    except OSError as error:
        raise ConfigError(
            f"{file}: can't be read: {error.strerror or type(error).__name__}",
            hint="name a file that is there and that this user may read: -c FILE",
        ) from None
    if len(raw) > MAX_FILE:
        raise ConfigError(f"{file}: is larger than {MAX_FILE} bytes", hint="name the configuration file")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise ConfigError(f"{file}:{line}: isn't UTF-8", hint="save the file as UTF-8") from None


def _parse(file: Path | None, text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{file}: isn't TOML: {error}", hint="mend the syntax there") from None
    except RecursionError:
        raise ConfigError(f"{file}: is nested too deeply", hint="mend the syntax") from None


def _make_absolute(written: dict[str, Any], file: Path | None) -> None:
    """Files named in the file are looked for beside it, wherever the process was started."""
    if file is None:
        return
    for table, settings in (
        (_table(written, "upstream"), ("api_key_file",)),
        (_table(_table(written, "kafka"), "security"), FILES),
    ):
        for setting in settings:
            named = table.get(setting)
            if isinstance(named, str) and named:
                table[setting] = str(file.parent / Path(named).expanduser())


def _table(data: Mapping[str, Any], name: str) -> dict[str, Any]:
    table = data.get(name)
    return table if isinstance(table, dict) else {}


def _joined(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    joined = dict(below)
    for name, value in above.items():
        beneath = joined.get(name)
        joined[name] = _joined(beneath, value) if isinstance(beneath, dict) and isinstance(value, dict) else value
    return joined


def _conflicts_of_the_valid(data: Mapping[str, Any]) -> list[Problem]:
    """Conflicts among what is right by itself, so that one mistake doesn't hide the others."""
    streams: dict[int, StreamSettings] = {}
    tables = data.get("streams")
    for place, table in enumerate(tables if isinstance(tables, list) else []):
        try:
            streams[place] = StreamSettings.model_validate(table)
        except ValidationError:
            continue  # reported already
    try:
        kafka = KafkaSettings.model_validate(data.get("kafka"))
    except ValidationError:
        kafka = None
    return between(kafka, streams)


def _key_problems(data: Mapping[str, Any], *, need_key: bool) -> list[Problem]:
    upstream = _table(data, "upstream")
    key, file = upstream.get("api_key"), upstream.get("api_key_file")
    if key is not None and file is not None:
        return [Problem(("upstream", "api_key_file"), "the key is given twice", "keep either api_key or api_key_file")]
    if need_key and key is None and file is None:
        hint = "set the environment variable ODDSBRIDGE_UPSTREAM__API_KEY, or api_key_file"
        return [Problem(("upstream",), "there is no API key", hint)]
    if need_key and file:
        try:
            from_file(Path(file))
        except (ConfigError, TypeError) as error:
            hint = error.hint if isinstance(error, ConfigError) else ""
            message = error.message if isinstance(error, ConfigError) else "isn't a path"
            place = ("upstream", "api_key_file")
            return [Problem(place, message.removeprefix(f"{'.'.join(place)}: "), hint, shows_value=False)]
    return []
