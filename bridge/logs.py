"""Logs: one way out for the process's own lines and all libraries', and no secret ever on it.

On a terminal lines are readable, elsewhere each is a JSON object. Healthy operation logs nothing but what the
process itself has to say: libraries speak from `warning` on (all of it at level `debug`), a library that repeats
itself is held back (`bridge.flood`), and of a failure inside Kafka's client library only the error is told: the bridge
meets each of them by a recovery, and the library's own traceback would look like a crash.
"""

import copy
import logging
import os
import re
import sys
import threading
from collections.abc import Iterable, Mapping, MutableMapping, Sequence
from datetime import date
from enum import Enum
from pathlib import PurePath
from types import TracebackType
from typing import Any, TextIO, cast

import orjson
import structlog
from structlog.typing import EventDict, Processor, WrappedLogger
from typing_extensions import override

from bridge.flood import OURS, Flood
from bridge.spellings import spellings

HIDDEN = "***"
_KAFKA_CLIENT = "aiokafka"
_MAX_DEPTH = 8
_FIRST = ("timestamp", "level", "logger", "event")
_MULTILINE = frozenset({"exception", "stack"})
_CONTROL = {code: f"\\x{code:02x}" for code in [*range(32), *range(127, 160)] if chr(code) != "\t"}


class _Secrets:
    """What no line may hold, in every spelling that it could take on its way into one."""

    def __init__(self) -> None:
        self._spellings: set[str] = set()
        self._pattern: re.Pattern[str] | None = None

    def add(self, secret: str) -> None:
        if secret in self._spellings:
            return
        self._spellings.update(spellings(secret))
        if self._spellings:
            longest_first = sorted(self._spellings, key=len, reverse=True)
            self._pattern = re.compile("|".join(map(re.escape, longest_first)))

    def hide(self, text: str) -> str:
        return text if self._pattern is None else self._pattern.sub(HIDDEN, text)


_secrets = _Secrets()


def hide(secret: str) -> None:
    """From now on `secret` is `***` in every line: for a key that was read anew from its file."""
    _secrets.add(secret)


def hidden(text: str) -> str:
    """`text` without any secret, for what goes out by another way than the log."""
    return _secrets.hide(text)


def get_logger(name: str) -> structlog.stdlib.BoundLogger:
    """The logger called `name`, usually the module's; its methods take an event and key-value pairs."""
    logger: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger(name)
    return logger


def configure(
    level: str = "info",
    format: str = "auto",  # noqa: A002 — the setting's name
    secrets: Iterable[str] = (),
    *,
    stream: TextIO | None = None,
    flood: Flood | None = None,
) -> None:
    """Sends all logs of the process to `stream`. Called again, it replaces what it did before; secrets add up.

    Args:
        level: `debug`, `info`, `warning` or `error`; libraries are at `warning` at least, except with `debug`.
        format: `console`, `json`, or `auto`: console on a terminal, JSON elsewhere.
        secrets: What must not appear in any line, in any spelling.
        stream: Where to; by default stderr.
        flood: What holds back libraries that repeat themselves.
    """
    for secret in secrets:
        hide(secret)
    out = sys.stderr if stream is None else stream
    readable = format == "console" or (format == "auto" and out.isatty())
    handler = _Handler(out, flood or Flood())
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*_SHARED, structlog.stdlib.ExtraAdder()],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                _in_order,
                _without_secrets,
                *(_console(colors=out.isatty() and "NO_COLOR" not in os.environ) if readable else [_json]),
            ],
        )
    )
    root = logging.getLogger()
    for before in [known for known in root.handlers if isinstance(known, _Handler)]:
        root.removeHandler(before)
        before.close()
    root.addHandler(handler)
    number: int = getattr(logging, level.upper())
    root.setLevel(number if number == logging.DEBUG else max(number, logging.WARNING))
    for ours in OURS:
        logging.getLogger(ours).setLevel(number)
    logging.captureWarnings(capture=True)


def catch_unhandled() -> None:
    """Logs exceptions that nobody caught, in the main thread, other threads and finalizers, instead of printing them.

    Python prints those to stderr by itself, past every processor here.
    """
    log = get_logger("bridge.unhandled")

    def unhandled(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        log.critical("an exception that nobody caught", exc_info=(kind, error, trace))

    def in_thread(args: threading.ExceptHookArgs) -> None:
        if args.exc_value is not None and not isinstance(args.exc_value, SystemExit):
            name = args.thread.name if args.thread else ""
            log.error("an exception ended a thread", thread=name, exc_info=args.exc_value)

    def in_finalizer(args: "sys.UnraisableHookArgs") -> None:
        log.error("an exception in a finalizer", where=repr(args.object), exc_info=args.exc_value)

    sys.excepthook = unhandled
    threading.excepthook = in_thread
    sys.unraisablehook = in_finalizer


class _Handler(logging.StreamHandler[TextIO]):
    """Writes what gets through the flood control."""

    def __init__(self, stream: TextIO, flood: Flood) -> None:
        super().__init__(stream)
        self._flood = flood

    @override
    def emit(self, record: logging.LogRecord) -> None:
        for admitted in self._flood.admit(record):
            super().emit(_met(admitted))

    @override
    def handleError(self, record: logging.LogRecord) -> None:
        # The standard handler prints the record's arguments as they are. A line that can't be written is not worth
        # an exception either: stderr may be gone.
        error = sys.exc_info()[1]
        if isinstance(error, OSError | ValueError) and self.stream.closed:
            return
        told = f"a line of {record.name} could not be logged ({type(error).__name__}): {record.msg!r} {record.args!r}"
        line = orjson.dumps({"level": "error", "logger": "bridge.logs", "event": hidden(told)}).decode()
        try:
            self.stream.write(line + "\n")
        except (OSError, ValueError):
            return

    @override
    def close(self) -> None:
        for count in self._flood.over():
            super().emit(count)
        super().close()


def _met(record: logging.LogRecord) -> logging.LogRecord:
    """`record`, without the traceback when it is one of Kafka's client library and the level isn't `debug`."""
    error = record.exc_info[1] if record.exc_info else None
    if error is None or logging.getLogger().level <= logging.DEBUG:
        return record
    # The library also leaves failed tasks behind, which asyncio then reports.
    source = type(error).__module__ if record.name == "asyncio" else record.name
    if source.split(".", 1)[0] != _KAFKA_CLIENT:
        return record
    short = copy.copy(record)  # other handlers get the record too
    short.exc_info = short.exc_text = None
    short.__dict__["error"] = f"{type(error).__name__}: {error}"
    return short


def _in_order(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    return {name: event.pop(name) for name in _FIRST if name in event} | dict(event)


def _without_secrets(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    return cast("EventDict", _plain(event, 0))


def _plain(value: Any, depth: int) -> Any:
    """`value` as something that JSON can hold, without secrets: an object's own text may hold one as well."""
    if value is None or isinstance(value, bool | float):
        return value
    if isinstance(value, int) and not isinstance(value, Enum):
        return value if -(2**63) <= value < 2**63 else str(value)
    if isinstance(value, Mapping) and depth < _MAX_DEPTH:
        return {_text(key): _plain(item, depth + 1) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset) and depth < _MAX_DEPTH:
        return [_plain(item, depth + 1) for item in value]
    return _text(value)


def _text(value: object) -> str:
    if isinstance(value, bytes | bytearray | memoryview):
        text = bytes(value).decode("utf-8", "backslashreplace")
    elif isinstance(value, str):
        text = str(value)
    else:
        try:
            text = str(value) if isinstance(value, PurePath | date | Enum) else repr(value)
        except Exception as error:  # noqa: BLE001 — a foreign object's repr must not cost the line
            text = f"<{type(value).__name__} whose repr raises {type(error).__name__}>"
    return _secrets.hide(text).encode("utf-8", "backslashreplace").decode()  # half a surrogate pair isn't UTF-8


def _json(_: WrappedLogger, __: str, event: EventDict) -> str:
    return orjson.dumps(event).decode()


def _console(*, colors: bool) -> Sequence[Processor]:
    renderer = structlog.dev.ConsoleRenderer(
        colors=colors, sort_keys=False, exception_formatter=structlog.dev.plain_traceback
    )
    return [_printable, renderer]


def _printable(_: WrappedLogger, __: str, event: EventDict) -> MutableMapping[str, Any]:
    """Text from outside must not steer the terminal, nor look like a line of its own."""
    return {
        name: value.translate(_CONTROL) if isinstance(value, str) and name not in _MULTILINE else value
        for name, value in event.items()
    }


_SHARED: Sequence[Processor] = (
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.StackInfoRenderer(),
)

# Done on import, so that a line written before `configure` goes to the standard library's logging too.
structlog.configure(
    processors=[
        structlog.stdlib.filter_by_level,
        *_SHARED,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.format_exc_info,
        structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
    ],
    logger_factory=structlog.stdlib.LoggerFactory(),
    wrapper_class=structlog.stdlib.BoundLogger,
    cache_logger_on_first_use=True,
)
