"""Whether a price can be vouched for: the standing of its stream, its sportsbook, and when it was received."""

import pytest
from aiokafka.structs import ConsumerRecord

from bridge.book import OddsBook, Quote
from tests.book.made import NOW_MS, NOW_S, Clock, alive, book, event, odd, told

S = 1_000  # ms


def price(
    received_s: float = 0, *, order: int = 1, sportsbook: str = "Pinnacle", stream: str = "nba"
) -> ConsumerRecord:
    received_ms = NOW_MS + round(received_s * S)
    return told(odd(sportsbook, sportsbook=sportsbook), (order, 0, 0), received_ms=received_ms, stream=stream)


def at(seconds: float) -> int:
    return NOW_MS + round(seconds * S)


def only(made: OddsBook) -> Quote:
    (quote,) = made.active()
    return quote


def test_nothing_is_vouched_for_before_the_first_bridge_event() -> None:
    made = book(price())
    quote = only(made)
    assert (quote.standing, quote.vouched) == ("unknown", False)
    assert "no bridge-event of nba" in quote.why
    assert made.standing("nba").state == made.standing("never heard of").state == "unknown"
    assert made.best("F1", "Moneyline") == []
    assert [found.why for found in made.best("F1", "Moneyline", vouched_only=False)] == [quote.why]
    assert made.streams() == ["nba"]


@pytest.mark.parametrize(
    "up",
    [alive(), event("up", replay="proven"), event("up", replay="handover"), alive(state="blocked"), alive(state="up")],
)
def test_a_price_of_a_stream_that_is_up_is_vouched_for(up: ConsumerRecord) -> None:
    for made in (book(price(), up), book(up, price())):
        quote = only(made)
        assert (quote.standing, quote.vouched, quote.why) == ("up", True, "")
        assert made.best("F1", "Moneyline") == [quote]
        assert made.standing("nba").since_ms == NOW_MS


def test_streams_stand_each_by_itself() -> None:
    made = book(price(), told(odd("other"), stream="nfl"), alive(), alive(stream="nfl"), event("down", stream="nfl"))
    assert {quote.stream: quote.vouched for quote in made.active()} == {"nba": True, "nfl": False}
    assert {quote.id for quote in made.best("F1", "Moneyline")} == {"Pinnacle"}


@pytest.mark.parametrize(
    ("told_as", "state", "said"),
    [
        (event("down", reason="eof", detail="the session ended"), "down", "nba is down: eof, the session ended"),
        (event("refused", reason="401", detail="Invalid key"), "refused", "upstream refuses nba: 401, Invalid key"),
        (alive(state="refused"), "refused", "upstream refuses nba"),
        (alive(state="backing-off"), "down", "nba is backing-off"),
    ],
)
def test_down_and_refused(told_as: ConsumerRecord, state: str, said: str) -> None:
    made = book(alive(), price(), told_as, alive(state=state, at_ms=at(1)), clock=Clock(NOW_S + 2))
    quote = only(made)
    assert (quote.standing, quote.vouched, quote.why) == (state, False, said)
    assert made.standing("nba").since_ms == NOW_MS
    made.feed(event("up", replay="proven", at_ms=at(2)))
    assert only(made).vouched


# --- gaps ---------------------------------------------------------------------------------------------------------

GAP = event("gap", reason="not-replayed", last_entry_id="1-0", last_ms=at(-20), first_entry_id=None, seconds=20.0)


@pytest.mark.parametrize(
    "doubted",
    [
        GAP,
        event("unreconciled", cause="hydrate", why="429"),
        alive(reconciled=False),
        event("up", replay="none"),
        event("up", replay="open"),
    ],
)
def test_a_gap_casts_doubt_on_what_was_received_before_it(doubted: ConsumerRecord) -> None:
    made = book(alive(), doubted, price(-1), price(+1, sportsbook="Novig"), clock=Clock(NOW_S + 2))
    assert made.standing("nba").state == "gapped"
    assert made.standing("nba").doubt_before_ms == NOW_MS
    before, after = sorted(made.active(), key=lambda quote: quote.received_ms)
    assert (before.standing, before.vouched, before.why) == ("gapped", False, made.standing("nba").why)
    assert (after.standing, after.vouched, after.why) == ("gapped", True, ""), "the stream has said so since"
    assert {quote.id for quote in made.best("F1", "Moneyline")} == {"Novig"}
    made.feed(event("reconciled", cause="gap", seconds=1.0, at_ms=at(3)))
    assert made.standing("nba").state == "up"
    assert all(quote.vouched for quote in made.active())


def test_a_gap_that_was_told_ends_with_reconciled_only() -> None:
    made = book(
        alive(), GAP, price(-1), alive(at_ms=at(1)), alive(at_ms=at(1), reconciled=False), clock=Clock(NOW_S + 2)
    )
    made.feed(event("unreconciled", cause="gap", why="500", at_ms=at(2)))
    made.feed(event("down", at_ms=at(2)))
    made.feed(event("up", replay="proven", at_ms=at(2)))
    made.feed(alive(at_ms=at(2)))
    assert made.standing("nba").doubt_before_ms == NOW_MS
    assert not only(made).vouched
    assert not only(book(*[alive(), GAP, price(0)])).vouched, "at the same moment"
    made.feed(event("gap", reason="again", at_ms=at(3)))
    assert made.standing("nba").doubt_before_ms == at(3)
    made.feed(event("reconciled", cause="gap", seconds=1.0, at_ms=at(4)))
    assert only(made).vouched


def test_a_stream_that_could_not_be_compared_stays_in_doubt_until_it_was() -> None:
    made = book(price(-1), alive(), event("unreconciled", cause="audit", why="500"), alive(at_ms=at(1)))
    assert not only(made).vouched
    made.feed(event("reconciled", cause="again", seconds=1.0, at_ms=at(2)))
    assert only(made).vouched


@pytest.mark.parametrize("soft", [alive(reconciled=False), event("up", replay="none")])
def test_what_is_only_not_known_yet_ends_with_the_next_alive(soft: ConsumerRecord) -> None:
    made = book(soft, price(-1), clock=Clock(NOW_S + 2))
    assert only(made).standing == "gapped"
    made.feed(alive(at_ms=at(1)))
    assert only(made).vouched


def test_after_a_reconnect_the_proof_is_waited_for() -> None:
    """A `gap` may come until 8 s after `up`; an `alive` before that doesn't know of it yet."""
    made = book(alive(), price(-1), event("down"), event("up", replay="open", at_ms=at(1)), clock=Clock(NOW_S + 12))
    for seconds in (2, 7, 10.9):
        made.feed(alive(at_ms=at(seconds)))
        assert only(made).standing == "gapped"
    made.feed(alive(at_ms=at(11)))
    assert only(made).vouched
    made.feed(event("down", at_ms=at(11)))
    made.feed(event("up", replay="open", at_ms=at(12)))
    assert made.standing("nba").doubt_before_ms == at(12)
    made.feed(event("reconciled", cause="gap", seconds=1.0, at_ms=at(12)))
    assert only(made).vouched


def test_a_gap_alone_says_nothing_of_the_connection() -> None:
    made = book(GAP, price(+1), clock=Clock(NOW_S + 2))
    assert only(made).standing == "unknown"


# --- silence ------------------------------------------------------------------------------------------------------


def test_a_bridge_that_is_dead_is_noticed() -> None:
    clock = Clock()
    made = book(price(), alive(), clock=clock)
    clock.now_s = NOW_S + 15
    assert only(made).vouched
    clock.now_s = NOW_S + 15.1
    quote = only(made)
    assert (quote.standing, quote.vouched) == ("silent", False)
    assert "nothing of nba for 15 s" in quote.why
    assert made.standing("nba").since_ms == NOW_MS
    made.feed(event("down", at_ms=at(1)))
    clock.now_s = NOW_S + 60
    assert made.standing("nba").state == "silent", "what it said last is old"


@pytest.mark.parametrize(
    "heard",
    [
        price(+10, order=2),
        price(+10, order=0),
        alive(at_ms=at(10)),
        event("of-tomorrow", at_ms=at(10)),
        event("paused", seconds=3.0, at_ms=at(10)),
    ],
)
def test_any_record_of_a_stream_is_a_sign_of_life(heard: ConsumerRecord) -> None:
    made = book(price(), alive(), heard, clock=Clock(NOW_S + 20))
    assert made.standing("nba").state == "up"
    assert made.standing("nba").heard_ms == at(10)


def test_how_long_silence_may_last_can_be_set() -> None:
    made = book(price(), alive(), clock=Clock(NOW_S + 20), silent_after_s=30)
    assert only(made).vouched


def test_a_reader_that_catches_up_takes_nothing_for_new() -> None:
    """What is read a minute late was true a minute ago: the times of the records count, not the time of reading."""
    clock = Clock(NOW_S + 60)
    made = book(alive(), price(), clock=clock)
    assert only(made).standing == "silent"
    made.feed(alive(at_ms=at(59)))
    assert only(made).vouched


# --- sportsbooks --------------------------------------------------------------------------------------------------


def test_a_sportsbook_that_upstream_does_not_hear_is_flagged() -> None:
    made = book(alive(), price(sportsbook="Bet Rivers"), price(sportsbook="Novig"))
    made.feed(event("source", sportsbook="bet_rivers", seconds=700.0, silent=True))
    assert {quote.sportsbook: quote.vouched for quote in made.active()} == {"Bet Rivers": False, "Novig": True}
    made.feed(event("source", sportsbook="bet_rivers", seconds=1.0, silent=False))
    made.feed(event("source", sportsbook="never silent", seconds=1.0, silent=False))
    assert all(quote.vouched for quote in made.active())


def test_half_a_board_that_was_withheld_is_flagged_until_a_pass_that_began_later() -> None:
    made = book(alive(), price(-1), price(-1, sportsbook="Novig"), clock=Clock(NOW_S + 5))
    made.feed(event("suspicious", sportsbook="Novig", locks=60, open=100, at_ms=at(0)))
    made.feed(event("reconciled", cause="gap", seconds=12.0, at_ms=at(1)))
    assert {quote.sportsbook: quote.vouched for quote in made.active()} == {"Pinnacle": True, "Novig": False}
    made.feed(price(+2, order=2, sportsbook="Novig"))
    assert all(quote.vouched for quote in made.active()), "the stream has said so since"
    made.feed(price(-1, order=3, sportsbook="Novig"))
    made.feed(event("reconciled", cause="audit", seconds=2.0, at_ms=at(4)))
    assert all(quote.vouched for quote in made.active())


def test_a_sportsbook_is_suspect_for_an_hour_at_most() -> None:
    clock = Clock(NOW_S + 1)
    made = book(alive(), price(-1), event("suspicious", sportsbook="Pinnacle", locks=6, open=10), clock=clock)
    for seconds, vouched in ((3_599, False), (3_600, True)):
        made.feed(alive(at_ms=at(seconds)))
        clock.now_s = NOW_S + seconds
        assert only(made).vouched is vouched
