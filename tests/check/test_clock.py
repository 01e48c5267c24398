import pytest

from bridge.check.clock import Reading, ahead, judge, reading
from bridge.check.findings import Level

NOW = 1_800_000_000.0


def readings(ahead_s: float, *, rtt_s: float = 0.1, parts: tuple[float, ...] = (0.0, 0.3, 0.6, 0.9)) -> list[Reading]:
    """Answers of an upstream with a right clock, as a machine sees them that is ahead of it by so much."""
    return [
        Reading(NOW + part + ahead_s, NOW + part + rtt_s + ahead_s, float(int(NOW + part + rtt_s / 2)))
        for part in parts
    ]


@pytest.mark.parametrize("off", [-30.0, -2.5, -1.0, -0.4, 0.0, 0.4, 1.0, 2.5, 30.0])
@pytest.mark.parametrize("rtt", [0.0, 0.1, 0.8, 3.0])
def test_the_true_difference_lies_within_what_is_told(off: float, rtt: float) -> None:
    found = ahead(readings(off, rtt_s=rtt))
    assert found is not None
    low, high = found
    assert low - 1e-6 <= off <= high + 1e-6
    assert high - low <= 1 + rtt + 1e-6


def test_several_answers_tell_more_than_a_second() -> None:
    low, high = ahead(readings(0.0, rtt_s=0.0, parts=(0.02, 0.98))) or (-9.0, 9.0)
    assert high - low < 0.1


def test_where_two_servers_disagree_the_quickest_decides() -> None:
    quick, slow = Reading(NOW, NOW + 0.1, NOW), Reading(NOW, NOW + 2.0, NOW + 60)
    assert ahead([quick, slow]) == ahead([slow, quick]) == ahead([quick])


@pytest.mark.parametrize(
    ("off", "level", "word"),
    [
        (0.0, Level.OK, "agrees"),
        (0.9, Level.OK, "agrees"),
        (-0.9, Level.OK, "agrees"),
        (3.0, Level.WARNING, "ahead of upstream's"),
        (-3.0, Level.WARNING, "behind upstream's"),
        (25.0, Level.WRONG, "ahead of upstream's"),
        (-25.0, Level.WRONG, "behind upstream's"),
    ],
)
def test_a_second_is_agreed_more_is_told_and_ten_are_wrong(off: float, level: Level, word: str) -> None:
    finding = judge(readings(off))
    assert finding.level is level
    assert word in finding.text
    assert bool(finding.fix) is (level is not Level.OK)


def test_a_slow_answer_is_not_taken_for_a_wrong_clock() -> None:
    assert judge([Reading(NOW, NOW + 9, NOW + 4)]).level is Level.OK


def test_no_answer_tells_no_time() -> None:
    assert ahead([]) is None
    assert judge([]).level is Level.WARNING


def test_a_cache_and_a_broken_date_tell_no_time() -> None:
    date = "Fri, 15 Jan 2027 08:00:00 GMT"
    assert reading(1.0, 2.0, {"Date": date}) == Reading(1.0, 2.0, NOW)
    assert reading(1.0, 2.0, {"Date": date, "Age": "0"}) is not None
    assert reading(1.0, 2.0, {"Date": date, "Age": "17"}) is None
    assert reading(1.0, 2.0, {"Date": "yesterday"}) is None
    assert reading(1.0, 2.0, {}) is None
