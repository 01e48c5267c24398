"""A stream's position: what its checkpoint holds, and that a restart from it publishes each entry once."""

import random
from collections.abc import Sequence
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.continuity import ASIDE, KEPT_AT_GAP, RECENT, RECENT_BYTES, Continuity, Position, Replay, Verdict
from bridge.entries import EntryId
from tests.support.ids import NOW, Named, live, near, position_of

ids = st.builds(EntryId, st.integers(0, 2**64 - 1), st.integers(0, 2**64 - 1))
names = st.sampled_from(["odds", "locked-odds", "fixture-status", "ein neues Ereignis: ü", "x" * 200])


def words(position: Position) -> str:
    return str(position.encode()["ids"])


# --- what a checkpoint holds --------------------------------------------------------------------------------------


@given(st.lists(st.tuples(names, st.one_of(ids, near)), unique=True, max_size=400), st.integers(0, 2**40))
def test_any_ids_in_any_order_fit_and_come_back_as_they_were_written(entries: list[Named], counter: int) -> None:
    position = position_of(entries)
    position.counter = counter
    encoded = position.encode()
    assert len(str(encoded["ids"])) <= RECENT_BYTES
    assert len(position.marks()) <= 2 * RECENT
    back = Position.decode(encoded)
    assert back.encode() == encoded
    assert back.counter == counter
    kept = set(position.marks())
    assert set(back.marks()) <= kept
    assert back.marks() == [mark for mark in position.marks() if mark in set(back.marks())], "the order of coming"
    if entries:
        assert back.resume_from is not None
        assert back.highest is not None
        assert back.resume_from <= back.highest


@given(st.lists(near, unique=True, min_size=1, max_size=RECENT // 2))
def test_a_position_of_few_ids_loses_none(entries: list[EntryId]) -> None:
    position = position_of([("odds", entry_id) for entry_id in entries])
    back = Position.decode(position.encode())
    assert back.marks() == [("odds", entry_id) for entry_id in entries]
    assert back.highest == max(entries)
    assert back.resume_from == min(entries), "an id that upstream has given: another it may not know"


def test_an_empty_position_asks_for_nothing() -> None:
    position = Position.decode(Position().encode())
    assert position.highest is None
    assert position.resume_from is None
    assert position.marks() == []


def test_the_same_id_of_another_event_is_another_entry() -> None:
    position = position_of([("odds", EntryId(NOW, 1)), ("locked-odds", EntryId(NOW, 1))])
    assert Position.decode(position.encode()).marks() == [("odds", EntryId(NOW, 1)), ("locked-odds", EntryId(NOW, 1))]


def test_ids_are_compared_as_numbers() -> None:
    position = position_of([("odds", EntryId(NOW, 2)), ("odds", EntryId(NOW, 10)), ("odds", EntryId(999, 99))])
    assert position.highest == EntryId(NOW, 10)
    assert position.resume_from == EntryId(999, 99)


def test_the_highest_ids_are_those_that_stay() -> None:
    entries = live(0, 1_000)
    back = Position.decode(position_of(entries).encode())
    assert back.highest == entries[-1][1]
    assert {entry_id for _, entry_id in entries[-100:]} <= {entry_id for _, entry_id in back.marks()}
    assert back.resume_from is not None
    assert back.resume_from in {entry_id for _, entry_id in entries[-100:-50]}


def test_an_id_far_ahead_of_its_time_neither_sticks_nor_grows() -> None:
    position = Position()
    far = EntryId(NOW + 10**9, 0)
    position.add("odds", far)
    for event, entry_id in live(0, 2_000):
        position.add(event, entry_id)
    back = Position.decode(position.encode())
    assert len(position.marks()) <= 2 * RECENT
    assert back.highest == far
    assert ("odds", far) in back.marks(), "else a replay by id would bring it again"
    assert back.resume_from is not None
    assert back.resume_from >= live(1_800, 1)[0][1], "asking from long ago would bring what is forgotten"


@pytest.mark.parametrize("ahead", [1, RECENT // 2, 100, RECENT - 1, RECENT, 500])
def test_an_upstream_whose_ids_go_back_doesnt_fill_the_checkpoint(ahead: int) -> None:
    position = Position()
    for n in range(ahead):
        position.add("odds", EntryId(NOW + 3_600_000 + n, 0))
    for n, (event, entry_id) in enumerate(live(0, 1_500)):
        position.add(event, entry_id)
        assert len(position.marks()) <= 2 * RECENT
        if not n % 50:
            assert len(words(position)) <= RECENT_BYTES
    back = Position.decode(position.encode())
    assert back.resume_from is not None
    assert live(1_300, 1)[0][1] <= back.resume_from <= live(1_480, 1)[0][1], "the stream goes on from where it is now"


def test_ids_in_descending_order_dont_fill_it_either() -> None:
    position = Position()
    for n in range(3_000):
        position.add("odds", EntryId(NOW - n, 0))
    assert len(position.marks()) <= 2 * RECENT
    assert len(words(position)) <= RECENT_BYTES


def test_ids_of_id_lines_are_known_again_and_never_resumed_from() -> None:
    position = position_of(live(0, 300))
    before = position.highest, position.resume_from, words(position)
    for n in range(40):
        position.add("odds", EntryId(n, 5), by_line=True)
    assert (position.highest, position.resume_from, words(position)) == before
    back = Position.decode(position.encode())
    assert back.marks()[:ASIDE] == [("odds", EntryId(n, 5)) for n in range(40 - ASIDE, 40)]
    assert back.encode() == position.encode()


def test_where_no_body_has_an_id_those_of_lines_count_until_one_has() -> None:
    position = Position()
    for event, entry_id in live(0, 300):
        position.add(event, entry_id, by_line=True)
    back = Position.decode(position.encode())
    assert back.by_line
    assert (back.highest, back.resume_from) == (position.highest, position.resume_from)
    assert back.highest == live(299, 1)[0][1]
    back.add("odds", EntryId(5, 0))
    assert not back.by_line
    assert back.highest == back.resume_from == EntryId(5, 0)
    assert live(299, 1)[0] in back.marks(), "what was published last is known still"


def test_a_copy_goes_its_own_way() -> None:
    position = position_of(live(0, 300))
    position.add("odds", EntryId(1, 5), by_line=True)
    before = position.encode()
    twin = position.copy()
    twin.add("odds", EntryId(2, 5), by_line=True)
    twin.add("odds", EntryId(NOW + 10**6, 0))
    twin.counter += 1
    assert position.encode() == before
    assert twin.highest == EntryId(NOW + 10**6, 0)


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"from_ms": 1, "ids": "0:0-0"},
        {"from_ms": 1, "ids": "0:0-0", "events": "odds"},
        {"from_ms": 1, "ids": "0:0-0", "events": []},
        {"from_ms": 1, "ids": "0:x-0", "events": ["odds"]},
        {"from_ms": 1, "ids": "nothing", "events": ["odds"]},
        {"from_ms": None, "ids": "", "events": []},
        {"from_ms": 1, "ids": "0:0-0", "events": ["odds"], "floor": 3},
        {"from_ms": 1, "ids": "0:0-0", "events": ["odds"], "floor": "low"},
        {"from_ms": 1, "ids": "", "events": [], "counter": "many"},
        {"from_ms": 1, "ids": "", "events": [], "aside": "odds 1-0"},
        {"from_ms": 1, "ids": "", "events": [], "aside": ["odds"]},
        {"from_ms": 1, "ids": "", "events": [], "aside": ["odds 1-x"]},
    ],
)
def test_what_isnt_a_position_is_a_value_error(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r".+"):
        Position.decode(wrong)


# --- restarts: nothing twice, nothing lost ------------------------------------------------------------------------


@dataclass(frozen=True)
class Upstream:
    """What an upstream emitted, in the order of emission, second copies among it."""

    log: tuple[Named, ...]

    def replay(self, last: EntryId, until: int, *, by: str) -> list[Named]:
        """What a full replay brings; only ids that were given are known."""
        place = next(n for n, (_, entry_id) in enumerate(self.log[:until]) if entry_id == last)
        if by == "arrival":
            return list(self.log[place + 1 : until])
        return [entry for entry in self.log[:until] if entry[1] > last]

    @property
    def entries(self) -> list[Named]:
        return list(dict.fromkeys(self.log))


def disorderly(seed: int, count: int, *, gap: int, late: int, copies: int) -> Upstream:
    """An upstream whose entries come up to `late` places late, and again up to `copies` places behind."""
    rng = random.Random(seed)
    ms, seq = NOW, 0
    places: list[tuple[float, int, Named]] = []
    for n in range(count):
        ms, seq = (ms, seq + 1) if rng.random() < 0.3 else (ms + rng.randint(1, gap), 0)
        entry = (rng.choice(["odds", "locked-odds"]), EntryId(ms, seq))
        place = n + (rng.randint(1, late) + 0.5 if late and rng.random() < 0.15 else 0)
        places.append((place, 0, entry))
        if copies and rng.random() < 0.15:
            places.append((place + rng.randint(0, copies) + 0.6, 1, entry))
    return Upstream(tuple(entry for _, _, entry in sorted(places)))


def restarts(upstream: Upstream, cuts: Sequence[int], *, by: str) -> list[Named]:
    """What is published when the bridge is killed at each cut, and remembers only what its checkpoint holds.

    While it is down upstream goes on, so that only a replay brings what comes meanwhile.
    """
    published: list[Named] = []
    checkpoint = Position().encode()
    for n, cut in enumerate((*cuts, len(upstream.log))):
        continuity = Continuity(Position.decode(checkpoint))
        committed = Position.decode(checkpoint)
        alone = len({entry_id for _, entry_id in committed.marks()}) == 1  # what is asked from isn't shown again
        last = continuity.connecting()
        assert (last is None) == (n == 0)
        for event, entry_id in upstream.log[:cut] if last is None else upstream.replay(last, cut, by=by):
            if continuity.judge(event, entry_id) is not Verdict.DUPLICATE:
                published.append((event, entry_id))
                continuity.remember(event, entry_id)
                committed.add(event, entry_id)
        assert alone or continuity.replay is not Replay.UNPROVEN
        checkpoint = committed.encode()
    return published


@settings(max_examples=60)
@given(
    seed=st.integers(0, 2**32),
    gap=st.sampled_from([1, 20, 10**5, 10**7]),
    late=st.sampled_from([0, 1, 8]),
    copies=st.sampled_from([0, 1, 8]),
    by=st.sampled_from(["id", "arrival"]),
    data=st.data(),
)
def test_a_restart_with_full_replay_publishes_each_entry_once_in_order(
    *, seed: int, gap: int, late: int, copies: int, by: str, data: st.DataObject
) -> None:
    upstream = disorderly(seed, 700, gap=gap, late=late, copies=copies)
    places = st.integers(20, len(upstream.log))
    cuts = data.draw(st.lists(places, min_size=1, max_size=8, unique=True).map(sorted))
    assert restarts(upstream, cuts, by=by) == upstream.entries


@pytest.mark.parametrize("by", ["id", "arrival"])
def test_a_restart_before_much_was_published_loses_nothing(by: str) -> None:
    upstream = disorderly(1, 40, gap=20, late=0, copies=2)
    for cut in range(1, 30):
        assert restarts(upstream, [cut, cut + 2], by=by) == upstream.entries


def test_a_second_copy_behind_the_place_where_a_replay_starts_is_known() -> None:
    entries = live(0, 500)
    asked = position_of(entries).resume_from
    place = next(n for n, entry in enumerate(entries) if entry[1] == asked)
    upstream = Upstream((*entries[: place + 1], entries[place - 1], *entries[place + 1 :]))
    assert restarts(upstream, [len(upstream.log)], by="arrival") == entries


def test_late_entries_in_a_checkpoint_that_was_cut_bring_nothing_twice() -> None:
    step = 3_600_000  # an entry an hour: each takes more bytes, so the checkpoint holds fewer than RECENT
    entries = live(0, 500, step=step)
    late = entries.pop(440)
    entries.insert(445, late)
    position = position_of(entries)
    assert len(Position.decode(position.encode()).marks()) < RECENT
    for by in ("id", "arrival"):
        assert restarts(Upstream(tuple(entries)), [446, 470, 500], by=by) == entries


# --- a gap --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("before", [0, 1, KEPT_AT_GAP, RECENT, 3 * RECENT])
def test_after_a_gap_a_replay_is_asked_from_behind_it(before: int) -> None:
    position = Position()
    for n in range(before):
        position.add("odds", EntryId(n + 1, 0))
    position.cut()
    highest = EntryId(before, 0) if before else None
    assert position.highest == highest
    assert len(position.marks()) == min(before, KEPT_AT_GAP)
    for n in range(3 * KEPT_AT_GAP):
        position.add("odds", EntryId(10_000 + n, 0))
    resumed = position.resume_from
    assert resumed is not None
    assert resumed >= EntryId(10_000, 0)
    assert Position.decode(position.encode()).marks() == position.marks()


def test_what_a_gap_lost_and_a_later_replay_brings_makes_nobody_forget_what_came_since() -> None:
    position = Position()
    for n in range(RECENT):
        position.add("odds", EntryId(n, 0))
    position.cut()
    since = [EntryId(10_000 + n, 0) for n in range(40)]
    for entry_id in since:
        position.add("odds", entry_id)
    asked_from = position.resume_from
    assert asked_from is not None
    lost = [EntryId(1_000 + n, 0) for n in range(200)]
    for entry_id in lost:
        if entry_id > asked_from:  # an upstream that has them brings what it is asked for
            position.add("odds", entry_id)
    assert {entry_id for _, entry_id in position.marks()} >= set(since)
