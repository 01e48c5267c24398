"""The half-board safeguard: most of a book gone at once is published only where two answers agree."""

import pytest

from bridge.continuity import Change, Difference, Locks, Place, Withheld


def change(n: int) -> Change:
    return Change(b"%d" % n, None, (1, n, 0))


def difference(locked: range, *, open: int, fixture: str = "F1", book: str = "Pinnacle") -> Difference:  # noqa: A002
    return Difference(Place(fixture, book), locked=[change(n) for n in locked], open=open)


def locks(*differences: Difference) -> Locks:
    found = Locks()
    for one in differences:
        found.add(one)
    return found


def keys(changes: list[Change]) -> list[int]:
    return [int(one.key) for one in changes]


@pytest.mark.parametrize(
    ("gone", "open", "waits"),
    [(0, 0, False), (0, 9, False), (1, 1, True), (1, 2, False), (5, 10, False), (6, 10, True), (10, 10, True)],
)
def test_locks_of_more_than_half_of_a_book_wait(gone: int, open: int, waits: bool) -> None:  # noqa: A002
    passed, withheld = locks(difference(range(gone), open=open)).judged()
    assert keys(passed) == ([] if waits else list(range(gone)))
    assert [w._replace(locked=[]) for w in withheld] == ([Withheld("Pinnacle", open, [], {"F1"})] if waits else [])
    assert [keys(w.locked) for w in withheld] == ([list(range(gone))] if waits else [])


def test_a_book_is_judged_over_the_whole_pass() -> None:
    passed, withheld = locks(
        difference(range(4), open=4),  # all of one fixture, but few of the book
        difference(range(4, 5), open=20, fixture="F2"),
        difference(range(5, 9), open=6, book="FanDuel"),
        difference(range(0), open=2, fixture="F2", book="FanDuel"),
        difference(range(9, 10), open=0, fixture="F3", book="fan duel"),
    ).judged()
    assert keys(passed) == [0, 1, 2, 3, 4]
    assert [(w.sportsbook, w.open, keys(w.locked), w.fixtures) for w in withheld] == [
        ("FanDuel", 8, [5, 6, 7, 8, 9], {"F1", "F3"})
    ]


def test_what_two_answers_agree_on_is_published() -> None:
    (withheld,) = locks(difference(range(8), open=10)).judged()[1]
    second = locks(difference(range(2, 12), open=12), difference(range(20, 30), open=10, book="FanDuel"))
    confirmed = second.confirm(withheld)
    assert keys(confirmed.locked) == [2, 3, 4, 5, 6, 7]
    assert (confirmed.suspicious, confirmed.locks, confirmed.open) == (False, 10, 12)


def test_the_locks_are_those_of_the_second_answer() -> None:
    (withheld,) = locks(difference(range(1), open=1)).judged()[1]
    again = Change(b"0", None, (2, 0, 0))
    second = locks(Difference(Place("F1", "Pinnacle"), locked=[again], open=1))
    assert second.confirm(withheld).locked == [again], "the odd may have been told in between"


@pytest.mark.parametrize(("gone", "open"), [(0, 10), (3, 10), (5, 10)])
def test_a_second_answer_that_does_not_agree_is_suspicious(gone: int, open: int) -> None:  # noqa: A002
    (withheld,) = locks(difference(range(8), open=10)).judged()[1]
    confirmed = locks(difference(range(gone), open=open)).confirm(withheld)
    assert keys(confirmed.locked) == list(range(gone)), "what both lack is gone"
    assert (confirmed.suspicious, confirmed.locks, confirmed.open) == (True, gone, open)


def test_a_second_answer_without_the_book_is_suspicious_and_locks_nothing() -> None:
    (withheld,) = locks(difference(range(8), open=10)).judged()[1]
    confirmed = locks(difference(range(8), open=8, book="FanDuel")).confirm(withheld)
    assert (confirmed.locked, confirmed.suspicious) == ([], True)
