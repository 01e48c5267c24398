"""When the next connection may take over: each transition of the rule, and what a change at the joint never does."""

from collections import deque

from hypothesis import given
from hypothesis import strategies as st

from bridge.continuity import Handover, Joint
from bridge.continuity.handover import FOREIGN_AFTER, FOREIGN_S, JOINED_AFTER, QUIET_S, SETTLED_S
from bridge.continuity.position import Mark

T = 1_000.0


def mark(n: int, event: str = "odds") -> Mark:
    return (n, 0, event)


def test_what_came_on_both_joins_them_whichever_was_first() -> None:
    handover = Handover(T)
    handover.came_on_old(mark(1), T)
    handover.came_on_new(mark(1), T)
    handover.came_on_new(mark(2), T)
    assert handover.look(T) is Joint.OPEN, "one may be a second copy of what came before"
    handover.came_on_old(mark(2), T)
    assert handover.look(T) is Joint.JOINED
    assert handover.look(T + 10**6) is Joint.JOINED


def test_an_id_that_came_twice_is_one_id() -> None:
    handover = Handover(T)
    for _ in range(JOINED_AFTER + 1):
        handover.came_on_old(mark(1), T)
        handover.came_on_new(mark(1), T)
    assert handover.look(T) is Joint.OPEN


def test_one_id_on_both_will_do_when_the_old_one_has_had_time() -> None:
    handover = Handover(T)
    handover.came_on_old(mark(1), T)
    handover.came_on_new(mark(1), T)
    assert handover.look(T + SETTLED_S - 0.1) is Joint.OPEN
    assert handover.look(T + SETTLED_S) is Joint.JOINED


def test_an_id_is_known_with_its_event() -> None:
    handover = Handover(T)
    for n in range(5):
        handover.came_on_old(mark(n), T)
        handover.came_on_new(mark(n, "locked-odds"), T)
    assert handover.look(T + SETTLED_S) is Joint.OPEN


def test_a_quiet_market_has_nothing_to_miss() -> None:
    handover = Handover(T)
    handover.heard_old(T + QUIET_S - 0.1)
    assert handover.look(T + QUIET_S - 0.1) is Joint.OPEN
    assert handover.look(T + QUIET_S) is Joint.QUIET


def test_an_old_connection_that_stands_still_isnt_quiet() -> None:
    handover = Handover(T)
    handover.heard_old(T + SETTLED_S - 0.1)
    assert handover.look(T + 10 * QUIET_S) is Joint.OPEN
    assert handover.old_ended(T + 10 * QUIET_S) is Joint.OPEN, "what it would have brought is lost"


def test_what_came_on_one_only_keeps_it_open() -> None:
    for old in (True, False):
        handover = Handover(T)
        (handover.came_on_old if old else handover.came_on_new)(mark(1), T)
        handover.heard_old(T + QUIET_S)
        assert handover.look(T + 10 * QUIET_S) is Joint.OPEN
        assert handover.old_ended(T + 10 * QUIET_S) is Joint.OPEN


def test_ids_that_never_meet_are_foreign() -> None:
    handover = Handover(T)
    for n in range(FOREIGN_AFTER):
        assert handover.look(T + FOREIGN_S) is Joint.OPEN
        handover.came_on_old(mark(n), T)
        handover.came_on_new(mark(100 + n), T)
    assert handover.look(T + FOREIGN_S - 0.1) is Joint.OPEN
    assert handover.look(T + FOREIGN_S) is Joint.FOREIGN


def test_an_old_one_that_ended_was_quiet_if_it_lived_and_nothing_came() -> None:
    handover = Handover(T)
    handover.heard_old(T + SETTLED_S)
    assert handover.old_ended(T + SETTLED_S) is Joint.QUIET


def test_an_old_one_that_ended_at_once_wasnt() -> None:
    assert Handover(T).old_ended(T + 0.1) is Joint.OPEN


def test_after_its_end_what_it_brought_may_still_come_on_the_new_one() -> None:
    handover = Handover(T)
    handover.came_on_old(mark(1), T)
    handover.came_on_old(mark(2), T)
    assert handover.old_ended(T + 1) is Joint.OPEN
    handover.came_on_new(mark(1), T + 1)
    handover.came_on_new(mark(2), T + 1)
    assert handover.look(T + 1) is Joint.JOINED


# --- whatever the interleaving ------------------------------------------------------------------------------------

OLD, NEW, WAIT = "old", "new", "wait"


@given(
    count=st.integers(0, 30),
    before=st.integers(0, 10),
    behind=st.integers(0, 10),
    turns=st.lists(st.sampled_from([OLD, NEW, WAIT]), max_size=120),
)
def test_a_change_at_the_joint_loses_doubles_and_reorders_nothing(
    count: int, before: int, behind: int, turns: list[str]
) -> None:
    """The old connection is behind or not when the new one begins; each brings the log at its own pace."""
    log = [mark(n) for n in range(before + count)]
    read = max(0, before - behind)  # what the old one had brought
    old, new = deque(log[read:]), deque(log[before:])
    published, held = log[:read], list[Mark]()
    now = T
    handover = Handover(now)
    for turn in turns:
        if turn == WAIT:
            now += 0.5
        elif turn == OLD and old:
            published.append(old.popleft())
            handover.came_on_old(published[-1], now)
        elif turn == NEW and new:
            held.append(new.popleft())
            handover.came_on_new(held[-1], now)
        joint = handover.look(now)
        assert joint in {Joint.OPEN, Joint.JOINED, Joint.FOREIGN}, "the old one wasn't heard, or entries came"
        if joint is Joint.FOREIGN:
            return  # the new one is given up: nothing is changed
        if joint is Joint.JOINED:
            published += [one for one in (*held, *new) if one not in published]
            assert published == log
            return
