import asyncio
import io
import json
import logging
import sys
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
from aiokafka.errors import UnknownError

from bridge import logs
from bridge.flood import Flood

SECRET = 's3cr/t+ke"y%\\'


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    """Logging is the process's: what a test configures is taken back."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    hooks = sys.excepthook, threading.excepthook, sys.unraisablehook
    yield
    logging.captureWarnings(capture=False)
    root.handlers[:] = handlers
    root.setLevel(level)
    for name in ("bridge", "oddsbridge"):
        logging.getLogger(name).setLevel(logging.NOTSET)
    sys.excepthook, threading.excepthook, sys.unraisablehook = hooks


@pytest.fixture
def out() -> io.StringIO:
    return io.StringIO()


def _lines(out: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.getvalue().splitlines()]


def test_a_json_line_has_time_level_logger_event_and_pairs(out: io.StringIO) -> None:
    logs.configure("info", "json", stream=out)
    logs.get_logger("bridge.x").info(
        "connected to %s", "upstream", stream="nba", seconds=1.5, big=2**70, path=Path("/x")
    )
    (line,) = _lines(out)
    timestamp = line.pop("timestamp")
    assert timestamp.endswith("Z")
    assert timestamp[10] == "T"
    assert line == {
        "level": "info", "logger": "bridge.x", "event": "connected to upstream", "stream": "nba", "seconds": 1.5,
        "big": str(2**70), "path": "/x",
    }  # fmt: skip


def test_a_terminal_gets_readable_lines_and_a_pipe_json(out: io.StringIO) -> None:
    terminal = Terminal()
    logs.configure("info", "auto", stream=terminal)
    logs.get_logger("bridge").info("hello", stream="nba")
    assert "hello" in terminal.getvalue()
    assert not terminal.getvalue().startswith("{")
    logs.configure("info", "auto", stream=out)
    logs.get_logger("bridge").info("hello")
    assert _lines(out)[0]["event"] == "hello"
    assert terminal.getvalue().count("\n") == 1, "configured again, it goes to the new place only"


def test_console_colours_only_on_a_terminal_that_wants_them(monkeypatch: pytest.MonkeyPatch, out: io.StringIO) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    coloured, plain = Terminal(), Terminal()
    logs.configure("info", "console", stream=coloured)
    logs.get_logger("bridge").info("hello")
    monkeypatch.setenv("NO_COLOR", "1")
    logs.configure("info", "console", stream=plain)
    logs.get_logger("bridge").info("hello")
    logs.configure("info", "console", stream=out)
    logs.get_logger("bridge").info("hello")
    assert "\x1b" in coloured.getvalue()
    assert "\x1b" not in plain.getvalue() + out.getvalue()


def test_text_from_outside_cannot_steer_the_terminal() -> None:
    out = io.StringIO()
    logs.configure("info", "console", stream=out)
    logs.get_logger("bridge").warning("refused \x1b[2J", text="a\nb\x9b")
    assert "\x1b" not in out.getvalue()
    assert "\x9b" not in out.getvalue()
    assert out.getvalue().count("\n") == 1


@pytest.mark.parametrize("name", ["bridge.x", "oddsbridge.x"])
def test_levels(out: io.StringIO, name: str) -> None:
    logs.configure("info", "json", stream=out)
    logs.get_logger(name).debug("no")
    logs.get_logger(name).info("yes")
    logging.getLogger("aiohttp.access").info("GET /metrics")
    logging.getLogger("aiokafka").warning("library")
    assert [line["event"] for line in _lines(out)] == ["yes", "library"]


def test_debug_shows_the_libraries_and_error_only_errors(out: io.StringIO) -> None:
    logs.configure("debug", "json", stream=out)
    logging.getLogger("aiokafka").debug("d")
    logs.configure("error", "json", stream=out)
    logging.getLogger("aiokafka").warning("w")
    logs.get_logger("bridge").warning("w")
    logs.get_logger("bridge").error("e")
    assert [line["event"] for line in _lines(out)] == ["d", "e"]


SPELLINGS = [SECRET, quote(SECRET), quote(SECRET, safe=""), quote_plus(SECRET), quote(SECRET, safe="").lower()]


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("form", ["json", "console"])
@pytest.mark.parametrize("library", [False, True])
def test_no_secret_in_any_place_of_a_line(spelling: str, form: str, *, library: bool) -> None:
    out = io.StringIO()
    logs.configure("debug", form, [SECRET], stream=out)
    if library:
        log: Any = logging.getLogger("aiokafka.conn")
        log.info("message %s", f"url?key={spelling}", extra={"header": {"X-Api-Key": [spelling, spelling.encode()]}})
    else:
        log = logs.get_logger("bridge.x")
        log.info(
            "message %s", spelling, url=f"http://h?key={spelling}&x=1", nested={"a": [spelling], spelling: (spelling,)},
            raw=spelling.encode(), error=ValueError(spelling), mapping={1: {spelling}},
        )  # fmt: skip
        log.bind(bound=spelling).info(f"in the event {spelling}")
    try:
        raise ValueError(f"in an error {spelling}")
    except ValueError:
        log.exception("failed")
    try:
        try:
            raise ValueError(spelling)
        except ValueError as error:
            raise KeyError(spelling) from error
    except KeyError:
        log.warning("with a cause", exc_info=True)
    text = out.getvalue()
    assert "***" in text
    assert "in an error ***" in text
    for shape in {spelling, json.dumps(spelling)[1:-1], repr(spelling)[1:-1], json.dumps(repr(spelling))[2:-2]}:
        assert shape not in text
    if form == "json":
        assert SECRET not in str(_lines(out))


def test_a_secret_that_came_later_is_hidden_too(out: io.StringIO) -> None:
    logs.configure("info", "json", stream=out)
    logs.hide("came-later")
    logs.hide("")
    logs.get_logger("bridge").info("with came-later inside")
    assert _lines(out)[0]["event"] == "with *** inside"


def test_a_line_that_cannot_be_formatted_leaks_nothing_and_is_told(out: io.StringIO) -> None:
    logging.getLogger().handlers.clear()  # pytest's own handlers would raise
    logs.configure("info", "json", [SECRET], stream=out)
    logging.getLogger("aiokafka").warning("%s and %s", *[SECRET])
    (line,) = _lines(out)
    assert line["event"].startswith("a line of aiokafka could not be logged (TypeError)")
    assert SECRET not in str(line)


def test_odd_values_do_not_cost_the_line(out: io.StringIO) -> None:
    class Odd:
        def __repr__(self) -> str:
            raise RuntimeError

    logging.getLogger().handlers.clear()  # pytest's own handlers would raise
    loop: list[Any] = []
    loop.append(loop)
    logs.configure("info", "json", stream=out)
    logs.get_logger("bridge").info("odd", odd=Odd(), half="\ud800", nan=float("nan"), loop=loop, raw=b"\xff")
    (line,) = _lines(out)
    assert (line["odd"], line["half"], line["nan"], line["raw"]) == (
        "<Odd whose repr raises RuntimeError>", "\\ud800", None, "\\xff"
    )  # fmt: skip


def test_warnings_go_the_same_way(out: io.StringIO) -> None:
    logs.configure("info", "json", [SECRET], stream=out)
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(capture=True)
        warnings.warn(f"old {SECRET}", stacklevel=1)
    (line,) = _lines(out)
    assert line["logger"] == "py.warnings"
    assert "old ***" in line["event"]


def test_a_library_that_repeats_itself_is_held_back(out: io.StringIO) -> None:
    now = [0.0]
    logs.configure("info", "json", stream=out, flood=Flood(clock=lambda: now[0]))
    for _ in range(1200):
        now[0] += 0.05
        logging.getLogger("aiokafka.conn").warning("Unable connect to node %s", 1)
        logs.get_logger("bridge").debug("nothing")
    assert [line.get("repeated") for line in _lines(out)] == [None]
    now[0] += 60
    logs.get_logger("oddsbridge").info("a minute")
    assert [(line["event"], line.get("repeated")) for line in _lines(out)] == [
        ("Unable connect to node 1", None), ("Unable connect to node 1", 1199), ("a minute", None)
    ]  # fmt: skip


def test_the_counts_are_told_when_the_process_ends(out: io.StringIO) -> None:
    logs.configure("info", "json", stream=out)
    for _ in range(3):
        logging.getLogger("aiokafka").warning("again")
    (handler,) = [one for one in logging.getLogger().handlers if isinstance(one, logs._Handler)]
    handler.close()
    assert [line.get("repeated") for line in _lines(out)] == [None, 2]
    assert _lines(out)[1]["over"] is True


def _fails_with(error: Exception, logger: str) -> None:
    try:
        raise error
    except Exception:
        logging.getLogger(logger).exception("Unexpected error in sender routine")


@pytest.mark.parametrize(
    ("error", "logger"), [(UnknownError(SECRET), "aiokafka.producer.sender"), (UnknownError(SECRET), "asyncio"),
                          (OSError(SECRET), "aiokafka.conn")],
)  # fmt: skip
def test_a_failure_inside_the_kafka_client_is_told_without_its_traceback(
    out: io.StringIO, error: Exception, logger: str
) -> None:
    logs.configure("info", "json", [SECRET], stream=out)
    _fails_with(error, logger)
    (line,) = _lines(out)
    assert line["event"] == "Unexpected error in sender routine"
    assert line["error"] in {"UnknownError: [Error -1] UnknownError: ***", "OSError: ***"}
    assert "exception" not in line
    assert "Traceback" not in out.getvalue()


@pytest.mark.parametrize(
    ("level", "error", "logger"),
    [("debug", UnknownError(), "aiokafka.conn"), ("info", UnknownError(), "bridge.shard"),
     ("info", ValueError(), "asyncio"), ("info", ValueError(), "aiohttp.server")],
)  # fmt: skip
def test_every_other_traceback_is_told(out: io.StringIO, level: str, error: Exception, logger: str) -> None:
    logs.configure(level, "json", stream=out)
    _fails_with(error, logger)
    (line,) = _lines(out)
    assert "Traceback" in line["exception"]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_exceptions_that_nobody_caught_are_logged_without_secrets(out: io.StringIO) -> None:
    def fail() -> None:
        raise ValueError(SECRET)

    logs.configure("info", "json", [SECRET], stream=out)
    logs.catch_unhandled()
    thread = threading.Thread(target=fail, name="worker")
    thread.start()
    thread.join()
    try:
        fail()
    except ValueError as error:
        sys.excepthook(type(error), error, error.__traceback__)

        class Args:
            object = fail
            exc_value = error

        sys.unraisablehook(Args)  # type: ignore[arg-type]  # the real type can't be made by hand
    in_thread, uncaught, in_finalizer = _lines(out)
    assert in_thread["thread"] == "worker"
    for line in (in_thread, uncaught, in_finalizer):
        assert "ValueError: ***" in line["exception"]
        assert SECRET not in str(line)


async def test_asyncio_reports_lost_exceptions_the_same_way(out: io.StringIO) -> None:
    logs.configure("info", "json", [SECRET], stream=out)
    loop = asyncio.get_running_loop()
    loop.call_exception_handler({"message": "Task exception was never retrieved", "exception": ValueError(SECRET)})
    (line,) = _lines(out)
    assert line["logger"] == "asyncio"
    assert "ValueError: ***" in line["exception"]


def test_a_closed_stderr_costs_nothing() -> None:
    out = io.StringIO()
    logs.configure("info", "json", stream=out)
    out.close()
    logs.get_logger("bridge").info("into the void")
    assert out.closed
