"""Checkpoints and claims: what is written is read back, and what can't be read says so."""

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.continuity import Position
from bridge.entries import EntryId
from bridge.errors import KafkaFailure, NewerCheckpoint
from bridge.kafka.checkpoints import CLAIM_KEY, VERSION, Checkpoint, Claim, Stored
from bridge.positions import Positions
from bridge.records import Held
from tests.support.schemas import problems

CLAIM = Claim("host-1a2b", 7, "host", 4711, 1_790_000_000_000)


def position(count: int = 300, *, step: int = 10) -> Position:
    made = Position()
    for n in range(count):
        made.add("odds" if n % 3 else "locked-odds", EntryId(1_790_000_000_000 + n * step, n % 2))
    for n in range(count):
        made.add("odds", EntryId(n, 0), by_line=True)
    made.counter = 5
    return made


def encoded(stream: str = "nba", **changed: Any) -> bytes:
    body = json.loads(Checkpoint(position(), "host-1a2b", 7, 1_790_000_000_000).encode(stream))
    return json.dumps({name: value for name, value in (body | changed).items() if value != "gone"}).encode()


def test_what_is_written_is_read_back() -> None:
    made = position()
    written = Checkpoint(made, "host-1a2b", 7, 1_790_000_000_123)
    stored = Stored.of({b"nba": written.encode("nba"), CLAIM_KEY: CLAIM.encode(), b"gone": None})
    assert stored.claim == CLAIM
    assert list(stored.checkpoints) == ["nba"]
    back = stored.checkpoints["nba"]
    assert (back.instance, back.serial, back.written_ms) == ("host-1a2b", 7, 1_790_000_000_123)
    assert back.position.encode() == made.encode()


def test_a_partition_that_says_nothing() -> None:
    assert Stored.of({}) == Stored(None, {})


def test_a_checkpoint_names_its_last_entry_for_people() -> None:
    assert json.loads(encoded())["last_entry_id"] == str(position().highest)
    assert json.loads(Checkpoint(Position(), "i", 1, 0).encode("nba"))["last_entry_id"] is None


def test_a_newer_version_stops_the_start() -> None:
    for key, value in ((b"nba", encoded(v=VERSION + 1)), (CLAIM_KEY, b'{"v":%d}' % (VERSION + 1))):
        with pytest.raises(NewerCheckpoint, match=f"version {VERSION + 1}") as raised:
            Stored.of({key: value})
        assert not raised.value.heals


@pytest.mark.parametrize(
    "value",
    [b"", b"no json", b"5", b'"x"', b"[]", b"null", b"{}", encoded(v="one"), encoded(recent="gone"),
     encoded(recent=5), encoded(recent={}), encoded(recent=[]), encoded(serial="gone"), encoded(instance="gone")],
)  # fmt: skip
def test_what_nobody_can_read_is_told_with_its_key(value: bytes) -> None:
    with pytest.raises(KafkaFailure, match="'nba' can't be read") as raised:
        Stored.of({b"nba": value})
    assert raised.value.reason == "bad-checkpoint"


@given(st.binary(max_size=80), st.sampled_from([b"nba", CLAIM_KEY, b"\xff"]))
def test_any_bytes_are_read_or_told(value: bytes, key: bytes) -> None:
    with suppress(KafkaFailure):  # anything else fails
        Stored.of({key: value})


@pytest.mark.parametrize("count", [0, 1, 2, 128, 129, 1_000])
@pytest.mark.parametrize("step", [1, 10**9])
def test_a_checkpoint_is_as_its_schema_says(count: int, step: int) -> None:
    value = Checkpoint(position(count, step=step), "host-1a2b", 7, 1_790_000_000_000).encode("nba")
    assert problems("checkpoint", value) == []
    assert len(value) < 2_048


def test_a_claim_is_as_its_schema_says() -> None:
    assert problems("claim", CLAIM.encode()) == []


def test_the_schemas_bite() -> None:
    assert problems("checkpoint", encoded(v=2))
    assert problems("checkpoint", encoded(last_entry_id="1"))
    assert problems("checkpoint", encoded(more=1))
    assert problems("claim", b"{}")
    assert problems("dead-letter", b"{}")


def test_a_claim_tells_a_person_who_and_when() -> None:
    assert str(CLAIM).startswith("host-1a2b (pid 4711 on host, last heard ")


# --- the committed positions of a shard ---------------------------------------------------------------------------


def held(stream: str, entry_id: EntryId | None, *, by_line: bool = False) -> Held:
    return Held(stream, "odds", entry_id, 0, [], 1, [], by_line, counts=entry_id is None)


def test_a_round_moves_what_is_committed_only_when_it_is_kept() -> None:
    positions = Positions(["nba", "nfl"], "me")
    positions.adopt(Stored())
    assert positions.stamps == {"nba": None, "nfl": None}
    aside = held("nba", EntryId(9, 9), by_line=True)
    entries = [held("nba", EntryId(1, 0)), held("nba", None), held("nba", EntryId(3, 0)), aside]
    after = positions.after(entries)
    assert set(after) == {"nba"}
    assert (after["nba"].highest, after["nba"].counter) == (EntryId(3, 0), 1)
    assert positions.of("nba").highest is None, "not committed yet"
    assert positions.after(entries)["nba"].counter == 1, "a second try counts from the same place"
    positions.keep(after, 5)
    assert positions.of("nba").highest == EntryId(3, 0)
    assert positions.stamps == {"nba": ("me", 5), "nfl": None}


def test_what_a_stream_does_with_its_position_doesnt_move_what_is_committed() -> None:
    positions = Positions(["nba"], "me")
    positions.adopt(Stored())
    positions.of("nba").add("odds", EntryId(9, 0))
    assert positions.of("nba").highest is None


def test_checkpoints_say_who_wrote_them_and_in_which_transaction() -> None:
    positions = Positions(["nba", "nfl"], "me")
    positions.adopt(Stored())
    after = positions.after([held("nba", EntryId(1, 0)), held("nfl", EntryId(2, 0))])
    stored = Stored.of(dict(positions.checkpoints(after, 5)))
    assert {name: (found.instance, found.serial) for name, found in stored.checkpoints.items()} == {
        "nba": ("me", 5),
        "nfl": ("me", 5),
    }
    assert stored.checkpoints["nfl"].position.highest == EntryId(2, 0)
    positions.adopt(stored)
    assert positions.stamps == {"nba": ("me", 5), "nfl": ("me", 5)}
