import logging

import pytest

from bridge.flood import Flood
from tests.support.clock import Clock


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def flood(clock: Clock) -> Flood:
    return Flood(told_every_s=60, quiet_s=30, most=3, clock=clock)


def _record(text: str, *args: object, name: str = "aiokafka.conn", level: int = logging.WARNING) -> logging.LogRecord:
    return logging.LogRecord(name, level, __file__, 1, text, args, None)


def _told(records: list[logging.LogRecord]) -> list[tuple[str, int | None, float | None, bool]]:
    return [
        (r.getMessage(), getattr(r, "repeated", None), getattr(r, "within_s", None), getattr(r, "over", False))
        for r in records
    ]


def test_one_line_then_silence_then_a_count_each_minute_and_at_the_end(flood: Flood, clock: Clock) -> None:
    told = []
    for second in range(130):
        clock.now = 1000.0 + second
        for _ in range(20):
            told += [(second, *one) for one in _told(flood.admit(_record("no broker %s", second)))]
    assert told == [
        (0, "no broker 0", None, None, False),
        (60, "no broker 60", 19 + 59 * 20 + 1, 60.0, False),
        (120, "no broker 120", 60 * 20, 60.0, False),
    ]
    clock.now += 30
    # The end is told with whatever line comes next, from wherever.
    after = flood.admit(_record("a summary", name="oddsbridge", level=logging.INFO))
    assert _told(after) == [("no broker 129", 19 + 9 * 20, 9.0, True), ("a summary", None, None, False)]
    assert _told(flood.admit(_record("no broker %s", 1))) == [("no broker 1", None, None, False)]


def test_the_end_of_a_line_that_came_once_is_silent(flood: Flood, clock: Clock) -> None:
    flood.admit(_record("once"))
    clock.now += 31
    assert flood.over(clock.now) == []
    assert len(flood.admit(_record("once"))) == 1


def test_kinds_are_told_apart_by_logger_level_and_template_not_by_numbers(flood: Flood) -> None:
    assert len(flood.admit(_record("node 1 at 0xab12"))) == 1
    assert flood.admit(_record("node 2 at 0xff")) == []
    assert len(flood.admit(_record("node 1 at 0xab12", name="aiokafka.client"))) == 1
    assert len(flood.admit(_record("node 1 at 0xab12", level=logging.ERROR))) == 1


@pytest.mark.parametrize("name", ["bridge", "bridge.stream", "oddsbridge", "oddsbridge.shard"])
def test_our_own_lines_always_get_through(flood: Flood, name: str) -> None:
    assert [len(flood.admit(_record("down", name=name))) for _ in range(3)] == [1, 1, 1]


def test_what_is_below_a_warning_gets_through(flood: Flood) -> None:
    assert [len(flood.admit(_record("sent", level=logging.DEBUG))) for _ in range(3)] == [1, 1, 1]


def test_memory_is_bounded_and_a_forgotten_flood_is_counted(flood: Flood) -> None:
    for _ in range(3):
        flood.admit(_record("first"))
    for text in "ab":
        flood.admit(_record(text))
    assert _told(flood.admit(_record("c"))) == [("first", 2, 0.0, False), ("c", None, None, False)]


def test_the_end_of_the_process_tells_the_counts(flood: Flood, clock: Clock) -> None:
    for _ in range(5):
        flood.admit(_record("no broker"))
        clock.now += 1
    assert _told(flood.over()) == [("no broker", 4, 4.0, True)]
    assert flood.over() == []


def test_a_count_does_not_repeat_the_traceback(flood: Flood) -> None:
    try:
        raise ValueError
    except ValueError as error:
        info = (type(error), error, error.__traceback__)
    for _ in range(2):
        record = _record("boom")
        record.exc_info = info
        flood.admit(record)
    assert record.exc_info is info
    (count,) = flood.over()
    assert count.exc_info is None
