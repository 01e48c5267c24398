"""What is known of a stream's fixtures."""

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.continuity import OVER, Fixtures

JSON = st.recursive(st.none() | st.integers(-9, 9) | st.text('é9,"', max_size=4), st.lists).map(orjson.dumps)


def status(word: str | None, start: str | None = None) -> bytes:
    return orjson.dumps({"new_status": word, "new_start_date": start})


def test_the_last_status_and_start_that_were_told_are_known() -> None:
    fixtures = Fixtures()
    fixtures.note("fixture-status", "F1", status("live", "2026-01-01"), 1.0)
    fixtures.note("fixture-status", "F1", status(None, "2026-01-02"), 2.0)
    fixtures.note("fixture-status", "F1", status("delayed"), 3.0)
    assert (fixtures.statuses, fixtures.starts) == ({"F1": "delayed"}, {"F1": "2026-01-02"})
    assert fixtures.over == set()


@pytest.mark.parametrize("word", sorted(OVER))
def test_a_fixture_is_over_since_it_was_first_told(word: str) -> None:
    fixtures = Fixtures()
    fixtures.note("fixture-status", "F1", status(word), 100.0)
    fixtures.told("F1", word, "", 200.0)
    assert fixtures.over == {"F1"}
    assert fixtures.over_since(99.9) == set()
    assert fixtures.over_since(100.0) == {"F1"}


def test_a_fixture_that_goes_on_isnt_over() -> None:
    fixtures = Fixtures()
    fixtures.told("F1", "completed", "", 100.0)
    fixtures.told("F1", "live", "", 200.0)
    assert fixtures.over == fixtures.over_since(1e9) == set()
    fixtures.told("F1", "completed", "", 300.0)
    assert fixtures.over_since(299.0) == set(), "it is over since the second time"


def test_a_result_is_known_with_its_time_and_its_status_counts() -> None:
    fixtures = Fixtures()
    value = orjson.dumps({"status": "completed", "score": {}})
    fixtures.note("fixture-results", "F1", value, 100.0)
    assert (fixtures.results, fixtures.result_at("F1"), fixtures.over) == ({"F1": value}, 100.0, {"F1"})
    assert fixtures.result_at("F2") == 0.0


def test_a_result_that_was_made_up_has_no_time() -> None:
    fixtures = Fixtures()
    fixtures.note("fixture-results", "F1", b"{}", 100.0)
    fixtures.note("fixture-results", "F1", b"{}", 0.0)
    assert fixtures.result_at("F1") == 0.0


def test_nothing_is_known_of_what_is_forgotten() -> None:
    fixtures = Fixtures()
    fixtures.note("fixture-status", "F1", status("completed", "2026-01-01"), 1.0)
    fixtures.note("fixture-results", "F1", b'{"status":"completed"}', 1.0)
    fixtures.note("fixture-status", "F2", status("completed"), 1.0)
    fixtures.forget(["F1", "F3"])
    assert (fixtures.statuses, fixtures.starts, fixtures.results) == ({"F2": "completed"}, {}, {})
    assert (fixtures.over, fixtures.result_at("F1")) == ({"F2"}, 0.0)


@given(
    st.sampled_from(["fixture-status", "fixture-results"]),
    st.one_of(st.binary(max_size=40), JSON),
)
def test_what_cant_be_read_tells_nothing_of_a_status(event: str, value: bytes) -> None:
    fixtures = Fixtures()
    fixtures.note(event, "F1", value, 1.0)
    assert (fixtures.statuses, fixtures.over) == ({}, set())
