"""What isn't an odd, or can't be read as one."""

import pytest
from aiokafka.structs import ConsumerRecord

from bridge.book import NewerRecord
from tests.book.made import book, event, headers, message, odd, record, state_of, told

ODD_ID = "game:pinnacle:moneyline:heat"

DEAD = b'{"v":1,"stream":"nba","reason":"malformed","detail":"","event":"odds","entry_id":null,"topic":"t","key":""}'


@pytest.mark.parametrize(
    ("other", "counted"),
    [
        (record([], b"nba", b'{"v":1,"entry_id":"5-0"}'), "ignored"),  # a checkpoint
        (record([], None, None), "ignored"),
        (record(headers("odds", (1, 0, 0)), None, b'{"id":"id"}'), "malformed"),
        (record([("event", b"odds")], b"id", b'{"v":1,"stream":"","order":"5","locked":false,"odd":{}}'), "malformed"),
        (record([("event", b"odds")], b"id", b'{"id":"id"}'), "ignored"),
        (record(headers("odds", (1, 0, 0)), b"nba", DEAD), "ignored"),  # a dead letter has its entry's headers
        (record(headers("fixture-status", (1, 0, 0)), b"nba", DEAD), "ignored"),
        (record([("event", b"odds"), ("stream", b"nba")], b"nba", DEAD), "ignored"),
        (record(headers("fixture-results", (1, 0, 0)), b"F1", b'{"fixture_id":"F1"}'), "ignored"),
        (record(headers("futures", (1, 0, 0)), b"nba", b'{"data":[]}'), "ignored"),
        (record([("order", b"1-2"), ("event", b"odds")], b"id", b"{}"), "malformed"),
        (record([("order", b"1-x-0"), ("event", b"odds")], b"id", b"{}"), "malformed"),
        (record(headers("fixture-status", (1, 0, 0)), b"F1", b"["), "malformed"),
        (record([("event", b"alive"), ("stream", b"nba")], b"nba", b"{}"), "malformed"),
    ],
)
def test_other_records_are_ignored_and_counted(other: ConsumerRecord, counted: str) -> None:
    for each in (other, message(other)):
        made = book()
        assert not made.feed(each)
        assert len(made) == 0
        counts = made.counts
        assert (counts.fed, getattr(counts, counted)) == (1, 1)
        assert counts.ignored + counts.malformed == 1


def test_upstream_may_call_a_field_v_too() -> None:
    fields = {"v": 3, **odd()}
    log = told(fields)
    assert log.value
    compact = record(log.headers, log.key, log.value.replace(b'{"v": 3', b'{"v":3'))
    found = book(compact).odd(ODD_ID)
    assert found
    assert found.fields() == fields
    found = book(state_of(compact)).odd(ODD_ID)
    assert found
    assert found.fields() == fields


@pytest.mark.parametrize("newer", [state_of(told(odd()), v=2), event("alive", v=2), event("of-tomorrow", v=2)])
def test_a_newer_version_is_not_passed_over(newer: ConsumerRecord) -> None:
    with pytest.raises(NewerRecord, match="version 2"):
        book().feed(newer)


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"nothing",
        b"[1]",
        b'"text"',
        b'{"fixture_id":7,"market":["x"],"price":{}}',
        b"[" * 100_000,
        b'{"price":NaN}',
    ],
)
def test_an_odd_that_cannot_be_read_is_known_and_has_no_price(value: bytes) -> None:
    made = book(record(headers("odds", (1, 0, 0)), b"id", value))
    found = made.odd("id")
    assert found
    assert (found.state, found.decimal, found.fixture_id, found.market) == ("open", None, "", "")
    assert found.price is None or found.price != found.price  # NaN
    assert made.best("", "", vouched_only=False) == []
    assert made.feed(told(odd("id"), (2, 0, 0)))
    assert [quote.id for quote in made.best("F1", "Moneyline", vouched_only=False)] == ["id"]


def test_fields_of_a_wrong_type_count_as_missing_and_the_others_do_not() -> None:
    found = book(told(odd(price="", points="", is_main="", name=7, market="Total Points"))).odd(ODD_ID)
    assert found
    assert (found.price, found.points, found.is_main, found.name, found.market) == (
        None,
        None,
        False,
        "",
        "Total Points",
    )
    assert found.sportsbook == "Pinnacle"
