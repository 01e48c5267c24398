"""What became of a round whose commit is unknown: three answers, by what the shard's partition says."""

from collections.abc import Mapping

from hypothesis import given
from hypothesis import strategies as st

from bridge.continuity import Position
from bridge.kafka.checkpoints import Checkpoint, Claim, Stored
from bridge.kafka.ownership import Outcome, Stamp, outcome
from bridge.kafka.writer import Round

ME, OTHER = "me", "other"


def stored(found: Mapping[str, Stamp], claim: Stamp | None = (ME, 1)) -> Stored:
    return Stored(
        None if claim is None else Claim(claim[0], claim[1], "host", 1, 0),
        {name: Checkpoint(Position(), instance, serial, 0) for name, (instance, serial) in found.items()},
    )


def test_its_own_stamp_on_a_checkpoint_says_that_it_is_committed() -> None:
    said = stored({"nba": (ME, 5), "nfl": (ME, 3)})
    assert outcome(Round(5), said, {"nba": (ME, 4), "nfl": (ME, 3)}, ME) is Outcome.COMMITTED


def test_a_round_without_entries_is_known_by_the_claim() -> None:
    said = stored({"nba": (ME, 3)}, claim=(ME, 5))
    assert outcome(Round(5), said, {"nba": (ME, 3)}, ME) is Outcome.COMMITTED
    assert outcome(Round(6), said, {"nba": (ME, 3)}, ME) is Outcome.NOT_COMMITTED


def test_what_stands_there_as_before_says_that_it_isnt() -> None:
    assert outcome(Round(5), stored({"nba": (ME, 4)}), {"nba": (ME, 4)}, ME) is Outcome.NOT_COMMITTED
    assert outcome(Round(5), stored({"nba": (OTHER, 9)}), {"nba": (OTHER, 9)}, ME) is Outcome.NOT_COMMITTED
    assert outcome(Round(5), stored({}, claim=None), {"nba": None}, ME) is Outcome.NOT_COMMITTED


def test_the_same_serial_of_another_instance_isnt_its_own() -> None:
    assert outcome(Round(5), stored({}, claim=(OTHER, 5)), {"nba": None}, ME) is Outcome.NOT_COMMITTED
    assert outcome(Round(5), stored({"nba": (OTHER, 5)}), {"nba": (ME, 4)}, ME) is Outcome.SUPERSEDED


def test_a_checkpoint_that_somebody_else_moved_supersedes() -> None:
    assert outcome(Round(5), stored({"nba": (OTHER, 1)}), {"nba": (ME, 4)}, ME) is Outcome.SUPERSEDED


def test_a_first_checkpoint_by_somebody_else_supersedes_too() -> None:
    assert outcome(Round(5), stored({"nba": (OTHER, 1)}), {"nba": None}, ME) is Outcome.SUPERSEDED


def test_somebody_elses_write_weighs_more_than_its_own() -> None:
    said = stored({"nba": (ME, 5), "nfl": (OTHER, 1)})
    assert outcome(Round(5), said, {"nba": (ME, 4), "nfl": (ME, 3)}, ME) is Outcome.SUPERSEDED


def test_streams_that_it_doesnt_run_say_nothing() -> None:
    said = stored({"nba": (ME, 4), "of another configuration": (OTHER, 77)})
    assert outcome(Round(5), said, {"nba": (ME, 4)}, ME) is Outcome.NOT_COMMITTED


stamps = st.tuples(st.sampled_from([ME, OTHER]), st.integers(1, 4))
streams = st.sampled_from(["a", "b", "c"])


@given(st.dictionaries(streams, st.none() | stamps), st.dictionaries(streams, stamps), stamps, st.integers(1, 5))
def test_there_is_no_fourth_answer(
    known: dict[str, Stamp | None], found: dict[str, Stamp], claim: Stamp, serial: int
) -> None:
    answer = outcome(Round(serial), stored(found, claim), known, ME)
    moved = any(name in known and stamp not in {known[name], (ME, serial)} for name, stamp in found.items())
    written = (ME, serial) in {claim, *found.values()}
    if moved:
        assert answer is Outcome.SUPERSEDED
    else:
        assert answer is (Outcome.COMMITTED if written else Outcome.NOT_COMMITTED)
