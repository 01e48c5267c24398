"""Delays: doubling, jitter, floors and caps."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.backoff import (
    MAX_FLOOR_S,
    MAX_RETRY_AFTER_S,
    REFUSED_S,
    STABLE_AFTER_S,
    Backoff,
    rate_limited_delay,
    refused_delay,
)

_ALMOST_ONE = math.nextafter(1.0, 0.0)


def test_the_step_doubles_from_one_second_to_sixty() -> None:
    backoff = Backoff(rng=lambda: _ALMOST_ONE)
    assert [round(backoff.failed(), 6) for _ in range(9)] == [1, 2, 4, 8, 16, 32, 60, 60, 60]


def test_the_jitter_goes_down_to_half_the_step() -> None:
    backoff = Backoff(rng=lambda: 0.0)
    assert [backoff.failed() for _ in range(8)] == [0.5, 1, 2, 4, 8, 16, 30, 30]


def test_only_stability_begins_again() -> None:
    backoff = Backoff(rng=lambda: 0.0)
    assert [backoff.failed() for _ in range(3)] == [0.5, 1, 2]
    backoff.stable()
    assert [backoff.failed() for _ in range(2)] == [0.5, 1]


def test_retry_is_a_floor_that_the_step_outgrows() -> None:
    backoff = Backoff(rng=lambda: 0.0)
    assert [backoff.failed(5.0) for _ in range(6)] == [5, 5, 5, 5, 8, 16]


def test_an_absurd_retry_doesnt_stop_a_stream_for_good() -> None:
    assert Backoff().failed(1e12) == MAX_FLOOR_S


@given(st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.floats(0, 100)), min_size=1))
def test_every_delay_is_between_floor_and_cap(draws: list[tuple[float, float]]) -> None:
    numbers = iter([number for number, _ in draws])
    backoff = Backoff(first=1.0, cap=60.0, rng=lambda: next(numbers))
    for failures, (_, floor) in enumerate(draws):
        step = min(60.0, 2.0**failures)
        delay = backoff.failed(floor)
        assert max(floor, step / 2) <= delay <= max(floor, step)


def test_a_refusal_waits_minutes() -> None:
    assert refused_delay(lambda: 0.0) == REFUSED_S[0] == 180
    assert refused_delay(lambda: 0.5) == 240
    assert REFUSED_S[0] <= refused_delay() < REFUSED_S[1]


@pytest.mark.parametrize(
    ("retry_after", "delay"),
    [(None, 15), (0, 15), (14.9, 15), (15, 15), (20, 20), (1e12, MAX_RETRY_AFTER_S), (math.nan, 15), (-5, 15)],
)
def test_a_rate_limit_waits_fifteen_seconds_or_longer(retry_after: float | None, delay: float) -> None:
    assert rate_limited_delay(retry_after) == delay


def test_stability_takes_longer_than_noticing_a_dead_connection() -> None:
    assert STABLE_AFTER_S > 15
