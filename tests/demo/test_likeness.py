"""The demo's rules of comparing boards: pure."""

import json

import pytest

from bridge.demo.likeness import Facts, Likeness, offered

STREAMS = (
    {"name": "nba", "feed": "odds", "sport": "basketball", "league": ["NBA"], "sportsbook": ["DraftKings"]},
    {"name": "soccer", "feed": "odds", "sport": "soccer", "sportsbook": ["Bet365"]},
    {"name": "scores", "feed": "results", "sport": "tennis"},
    {"name": "pilot", "feed": "copilot", "sport": "basketball", "league": ["NBA"]},
)
A: Facts = (-110, 3.5, True, False)
B: Facts = (120, None, False, True)


def odd(**fields: object) -> bytes:
    usual = {"sport": "basketball", "league": "NBA", "price": -110, "points": 3.5, "is_main": True, "is_live": False}
    return json.dumps({**usual, **fields}).encode()


def test_what_upstream_offers_to_the_streams() -> None:
    board = [
        ("open", (False, odd(sportsbook="DraftKings"))),
        ("locked", (True, odd(sportsbook="DraftKings"))),
        ("another book", (False, odd(sportsbook="FanDuel"))),
        ("another league", (False, odd(sportsbook="DraftKings", league="NCAAB"))),
        ("no points", (False, odd(sportsbook="Bet365", sport="soccer", league="any", points=""))),
        ("copilot", (False, odd(price=-105))),
        ("no copilot", (False, odd(sport="soccer"))),
        ("no odds", (False, odd(sport="tennis", sportsbook="Bet365"))),
    ]
    assert offered(board, STREAMS) == {
        "open": (-110, 3.5, True, False),
        "no points": (-110, None, True, False),
        "copilot": (-105, 3.5, True, False),
    }


def test_the_same_board_twice_is_equal() -> None:
    found = Likeness({"a": A, "b": B}, {"logs": {"b": B, "a": A}, "states": {"a": A, "b": B}})
    assert found.equal
    assert str(found) == "topics equal upstream: 2 of 2 odds"
    assert list(found.complaints()) == []


@pytest.mark.parametrize(
    ("board", "said", "complaint"),
    [
        ({"a": A}, "1 of 2 odds", "states: b: upstream has (120, None, False, True), the topics have None"),
        ({"a": A, "b": A}, "1 of 2 odds", "states: b: upstream has (120, None, False, True), the topics have (-110, "),
        ({"a": A, "b": B, "c": A}, "2 of 2 odds, and 1 that upstream doesn't offer", "states: c: upstream has None, "),
    ],
)
def test_a_difference_in_one_of_them_is_one(board: dict[str, Facts], said: str, complaint: str) -> None:
    found = Likeness({"a": A, "b": B}, {"logs": {"a": A, "b": B}, "states": board})
    assert not found.equal
    assert str(found) == f"topics do not equal upstream: {said}"
    (told,) = found.complaints()
    assert told.startswith(complaint)


def test_many_are_counted_and_a_few_are_named() -> None:
    found = Likeness({str(n): A for n in range(20)}, {"logs": {}})
    assert list(found.complaints())[-1] == "logs: … and 15 more"


def test_nothing_at_all_proves_nothing() -> None:
    found = Likeness({}, {"logs": {}, "states": {}})
    assert not found.equal
    assert list(found.complaints()) == ["upstream offers nothing, so nothing is shown"]
