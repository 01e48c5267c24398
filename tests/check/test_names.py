import pytest

from bridge.check.findings import Level
from bridge.check.names import Known, judge, listed, nearest

BOOKS = [
    Known("draftkings", "DraftKings"),
    Known("bet365", "Bet365"),
    Known("bet_rivers", "Bet Rivers"),
    Known("betmgm", "BetMGM"),
    Known("old_book", "Old Book", active=False),
]
LEAGUES = [
    Known("nba", "NBA"),
    Known("england_-_premier_league", "England - Premier League"),
    Known("acb", "Spain - ACB"),
]


@pytest.mark.parametrize("name", ["DraftKings", "draftkings", "Bet Rivers", "bet_rivers"])
def test_a_name_and_an_id_are_known(name: str) -> None:
    (finding,) = judge("sportsbook", [name], BOOKS, where="")
    assert finding.level is Level.OK
    assert name in finding.text


@pytest.mark.parametrize(
    ("name", "right"),
    [("Draft King", "DraftKings"), ("DraftKingz", "DraftKings"), ("Bet 356", "Bet365"), ("BetRiver", "Bet Rivers")],
)
def test_an_unknown_name_is_wrong_and_gets_the_nearest(name: str, right: str) -> None:
    (finding,) = judge("sportsbook", [name], BOOKS, where="")
    assert finding.level is Level.WRONG
    assert finding.about == name
    assert repr(name) in finding.text
    assert finding.fix.startswith(f"did you mean {right!r}")


@pytest.mark.parametrize(("name", "right"), [("Draft Kings", "DraftKings"), ("BET_RIVERS", "Bet Rivers"), ("nba", "")])
def test_another_spelling_of_a_known_name_is_told(name: str, right: str) -> None:
    (finding,) = judge("x", [name], [*BOOKS, *LEAGUES], where="")
    assert finding.level is (Level.WARNING if right else Level.OK)
    assert repr(right) in finding.fix or not right


def test_a_part_of_a_long_name_finds_it() -> None:
    assert nearest("Premier League", LEAGUES) == ["England - Premier League"]
    assert nearest("ACB", LEAGUES) == ["Spain - ACB"]


def test_what_is_near_to_nothing_is_told_where_to_look() -> None:
    (finding,) = judge("sportsbook", ["Zzzzz"], BOOKS, where="")
    assert finding.level is Level.WRONG
    assert finding.fix == "upstream has DraftKings, Bet365, Bet Rivers, BetMGM, Old Book"
    many = [Known(f"book_{n}", f"Book {n}") for n in range(100)]
    (finding,) = judge("sportsbook", ["Zzzzz"], many, where="")
    assert (finding.level, finding.fix) == (Level.WRONG, "look it up in upstream's /sportsbooks")


def test_a_sport_stands_in_a_path_and_is_known_by_its_id_alone() -> None:
    sports = [Known("basketball", "Basketball"), Known("table_tennis", "Table Tennis")]
    right, wrong = (judge("sport", [name], sports, where="", by_id=True)[0] for name in ("basketball", "Basketball"))
    assert (right.level, wrong.level) == (Level.OK, Level.WARNING)
    assert "'basketball'" in wrong.fix
    assert nearest("table-tenis", sports, by_id=True) == ["table_tennis"]


def test_a_book_that_is_not_active_is_told() -> None:
    (finding,) = judge("sportsbook", ["Old Book"], BOOKS, where="")
    assert finding.level is Level.WARNING


def test_many_names_are_one_good_line_and_a_line_for_each_that_is_not() -> None:
    findings = judge("sportsbook", ["DraftKings", "Nope1", "Bet365", "Nope2"], BOOKS, where="")
    assert [finding.level for finding in findings] == [Level.OK, Level.WRONG, Level.WRONG]
    assert "DraftKings, Bet365" in findings[0].text


def test_an_empty_list_proves_nothing() -> None:
    (finding,) = judge("league", ["NBA"], [], where=" of basketball")
    assert finding.level is Level.WARNING
    assert judge("league", [], [], where="") == []


def test_what_upstream_lists_is_read_with_tolerance() -> None:
    items = [
        {"id": "nba", "name": "NBA", "is_active": True, "sport": {"id": "basketball"}},
        {"id": "x", "name": None, "is_active": False},
        {"name": "Only Name"},
        "plain",
        {"id": 7},
        None,
    ]
    assert listed(items) == [
        Known("nba", "NBA"),
        Known("x", "x", active=False),
        Known("Only Name", "Only Name"),
        Known("plain", "plain"),
    ]
