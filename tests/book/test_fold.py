"""The fold: whatever the order in which records are fed, the highest `order` of each odd is what the book knows."""

from dataclasses import dataclass
from random import Random
from typing import Literal

import pytest
from aiokafka.structs import ConsumerRecord
from hypothesis import given
from hypothesis import strategies as st

from bridge.book import OddsBook
from tests.book.made import (
    NOW_MS,
    Order,
    alive,
    board,
    book,
    headers,
    message,
    odd,
    record,
    state_of,
    status,
    told,
    tombstone,
)

IDS = ("game:pinnacle:moneyline:heat", "game:são_paulo", "1:-1:F1:moneyline:heat")
EVENTS = ("odds", "locked-odds", "copilot-odds", "copilot-locked-odds", "copilot-settled-odds")


@dataclass(frozen=True)
class Step:
    """What happens to an odd at one place in order."""

    odd_id: str
    order: Order
    event: str
    form: Literal["log", "state", "both", "gone"]
    fields: dict[str, object]

    def records(self) -> list[ConsumerRecord]:
        if self.form == "gone":
            return [tombstone(self.odd_id, self.order)]
        log = told(self.fields, self.order, event=self.event, received_ms=NOW_MS - self.order[0] % 1_000)
        return {"log": [log], "state": [state_of(log)], "both": [log, state_of(log)]}[self.form]


# Whether text or integers are compared shows with 9 and 10.
orders = st.tuples(
    st.sampled_from([9, 10, 99, 100, 1_795_308_724_001]), st.integers(0, 11), st.sampled_from([0, 1, 9, 10])
)
markets = st.sampled_from(["Moneyline", "Total Points", "", None])


@st.composite
def stories(draw: st.DrawFn, forms: tuple[str, ...] = ("log", "state", "both", "gone")) -> list[Step]:
    places = draw(st.lists(orders, unique=True, max_size=12))
    return [
        Step(
            odd_id := draw(st.sampled_from(IDS)),
            order,
            draw(st.sampled_from(EVENTS)),
            draw(st.sampled_from(forms)),
            odd(
                odd_id,
                draw(st.sampled_from([-110, 105, None])),
                fixture_id=draw(st.sampled_from(["F1", "F2", None])),
                market=draw(markets),
            ),
        )
        for order in places
    ]


@given(stories(), st.randoms(use_true_random=False))
def test_any_order_of_feeding_gives_the_same_board(story: list[Step], random: Random) -> None:
    last = {step.odd_id: step for step in sorted(story, key=lambda step: step.order)}
    records = [made for step in story for made in step.records()]
    random.shuffle(records)
    made = book(*records)
    known = board(made, IDS)
    assert known.keys() == {odd_id for odd_id, step in last.items() if step.form != "gone"}
    assert len(made) == len(known)
    for odd_id, found in known.items():
        step = last[odd_id]
        assert found.order == step.order
        assert found.value == step.records()[0].value or step.form == "state"
        assert found.fields() == step.fields
        states = {"odds": "open", "locked-odds": "locked", "settled-odds": "settled"}
        assert found.state == states[step.event.removeprefix("copilot-")]
        assert found.feed == ("copilot" if "copilot" in step.event else "odds")
    # The index knows the same odds, in the places where their last records put them.
    assert {found.id for found in made.active()} == {found.id for found in known.values() if found.state == "open"}
    for fixture_id in ("F1", "F2", ""):
        here = {found.id for found in known.values() if found.fixture_id == fixture_id}
        assert (fixture_id in made.fixtures()) == bool(here)
        assert {found.id for found in made.active(fixture_id)} <= here
        for market in ("moneyline", "total_points", ""):
            assert {found.id for found in made.active(fixture_id, market)} == {
                found.id
                for found in known.values()
                if found.id in here and found.state == "open" and found.market.lower().replace(" ", "_") == market
            }


@given(stories(("log",)), st.data())
def test_the_logs_and_odds_state_give_the_same_board(story: list[Step], data: st.DataObject) -> None:
    logs = [made for step in story for made in step.records()]
    in_order = sorted(story, key=lambda step: step.order)
    last = {step.odd_id: step for step in in_order}
    # Compaction leaves at least the last record of each odd.
    left = [step for step in in_order if last[step.odd_id] is step or data.draw(st.booleans())]
    full = data.draw(st.booleans())
    states = [state_of(made, all_headers=full) for step in left for made in step.records()]
    assert board(book(*logs), IDS) == board(book(*states), IDS)
    assert board(book(*logs, *states), IDS) == board(book(*logs), IDS)


def test_of_two_with_the_same_order_the_one_fed_later_stays() -> None:
    one, other = told(odd(price=100), (5, 0, 0)), told(odd(price=200), (5, 0, 0), event="locked-odds")
    found = book(one, other).odd(IDS[0])
    assert found
    assert (found.state, found.price) == ("locked", 200)
    found = book(other, one).odd(IDS[0])
    assert found
    assert (found.state, found.price) == ("open", 100)


def test_order_is_three_integers_not_text() -> None:
    made = book(told(odd(price=100), (5, 10, 0)), told(odd(price=200), (5, 9, 0)), told(odd(price=300), (5, 10, 0)))
    found = made.odd(IDS[0])
    assert found
    assert found.price == 300
    assert (made.counts.odds, made.counts.late) == (2, 1)


def test_what_the_bridge_makes_up_comes_behind_its_entry() -> None:
    lock = told(odd(), (5, 0, 1), event="locked-odds")
    made = book(lock, told(odd(), (5, 0, 0)))
    found = made.odd(IDS[0])
    assert found
    assert (found.state, found.origin) == ("locked", "reconcile")


def test_a_tombstone_takes_an_odd_away_and_a_later_record_brings_it_back() -> None:
    made = book(told(odd(), (5, 0, 0)), tombstone(IDS[0], (5, 0, 1)))
    assert made.odd(IDS[0]) is None
    assert (len(made), IDS[0] in made, made.fixtures(), made.active()) == (0, False, [], [])
    assert not made.feed(told(odd(), (5, 0, 0))), "late"
    assert not made.feed(tombstone(IDS[0], (4, 0, 1))), "late"
    assert made.feed(told(odd(), (6, 0, 0)))
    assert IDS[0] in made
    assert (made.counts.tombstones, made.counts.late) == (1, 2)
    assert not made.feed(tombstone(IDS[0], (5, 0, 1)))
    assert IDS[0] in made


def test_a_tombstone_is_remembered_for_an_hour_and_not_for_ever() -> None:
    minute = 60_000

    def buried(odd_id: str, minutes: int) -> ConsumerRecord:
        return tombstone(odd_id, (5, 0, 1), received_ms=NOW_MS + minutes * minute)

    for then in (0, 1, 59):
        made = book(buried("first", 0), buried(IDS[0], then))
        for minutes in range(then + 1, then + 60):
            made.feed(buried(f"other-{minutes}", minutes))
        assert not made.feed(told(odd(), (5, 0, 0)))
        for minutes in (then + 125, then + 250):
            made.feed(buried("another", minutes))
        assert made.feed(told(odd(), (5, 0, 0))), "memory is bounded"


def test_what_entries_share_is_kept_for_some_entries_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bridge.book.fold._STAMPS", 3)
    made = book(*(told(odd(f"odd-{n}"), (n, 0, 0)) for n in range(10)))
    assert [quote.order[0] for quote in board(made, [f"odd-{n}" for n in range(10)]).values()] == list(range(10))
    assert len(made._fold._stamps) <= 3


def test_forget_drops_a_fixture() -> None:
    made = book(
        told(odd("a", fixture_id="F1")),
        told(odd("b", fixture_id="F1", market="Total Points")),
        told(odd("c", fixture_id="F2")),
        status("F1", (1, 0, 0), "completed"),
    )
    assert made.forget("F1") == 2
    assert made.forget("F1") == 0
    assert made.fixtures() == ["F2"]
    assert made.fixture("F1") is None
    assert "a" not in made


# --- both clients -------------------------------------------------------------------------------------------------


@given(stories(), st.sampled_from(["completed", "live"]))
def test_confluents_messages_and_aiokafkas_records_are_the_same(story: list[Step], new_status: str) -> None:
    records = [made for step in story for made in step.records()]
    records += [alive(), status("F1", (1, 0, 0), new_status)]
    of_aiokafka, of_confluent = book(), book()
    for made in records:
        assert of_aiokafka.feed(made) == of_confluent.feed(message(made))
    assert board(of_aiokafka, IDS) == board(of_confluent, IDS)
    assert of_aiokafka.counts == of_confluent.counts
    assert of_aiokafka.fixture("F1") == of_confluent.fixture("F1")
    assert of_aiokafka.standing("nba") == of_confluent.standing("nba")


@pytest.mark.parametrize("deserialized", [("id", b"{}"), (b"id", "{}"), (b"id", {"id": "id"})])
def test_what_a_deserializer_made_is_refused(deserialized: tuple[bytes, bytes]) -> None:
    with pytest.raises(TypeError, match="deserializers"):
        OddsBook().feed(record(headers("odds", (1, 0, 0)), *deserialized))


# --- fixtures -----------------------------------------------------------------------------------------------------


@given(
    st.permutations(
        [
            ((1, 0, 0), "live", None),
            ((2, 0, 0), None, "2026-11-28"),
            ((10, 0, 0), "completed", None),
            ((11, 0, 0), None, "2026-11-29"),
        ]
    )
)
def test_status_and_start_are_folded_each_by_itself(told_in: list[tuple[Order, str | None, str | None]]) -> None:
    made = book(*(status("F1", order, new, start) for order, new, start in told_in))
    fixture = made.fixture("F1")
    assert fixture
    assert (fixture.status, fixture.start, fixture.over) == ("completed", "2026-11-29", True)


def test_fixtures_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bridge.book.fixtures.KEPT", 2)
    made = book(*(status(fixture, (n, 0, 0), "live") for n, fixture in enumerate(["F1", "F2", "F1", "F3"])))
    assert [fixture for fixture in ("F1", "F2", "F3") if made.fixture(fixture)] == ["F1", "F3"]
