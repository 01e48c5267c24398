"""The rule of readiness, and what the report tells."""

import pytest

from bridge.health import WHY_LIMIT, Health, ShardState, State
from tests.support.clock import Clock


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def health(clock: Clock) -> Health:
    """A process that is ready: two shards run, two streams stream."""
    health = Health(silence_s=30, clock=clock)
    for shard in (0, 1):
        health.shard(shard).to(ShardState.RUNNING)
    for name in ("nba", "nhl"):
        health.stream(name).connected()
    assert health.ready()
    assert health.troubles() == []
    return health


def test_nothing_is_ready_before_anything_runs() -> None:
    health = Health()
    assert not health.ready()
    health.shard(0).to(ShardState.RUNNING)
    assert not health.ready()
    assert health.troubles() == ["nothing runs yet"]


@pytest.mark.parametrize("state", [state for state in ShardState if state is not ShardState.RUNNING])
def test_one_shard_that_does_not_run_makes_the_process_unready(health: Health, state: ShardState) -> None:
    health.shard(1).to(state, "the broker is away")
    assert health.troubles() == [f"shard 1: {state}: the broker is away"]


@pytest.mark.parametrize("state", [State.REFUSED, State.CRASHED, State.STOPPED])
def test_a_broken_stream_makes_the_process_unready_however_fresh_it_is(health: Health, state: State) -> None:
    health.stream("nhl").to(state, "no entry for nhl in the key's plan")
    assert health.troubles() == [f"stream nhl: {state}: no entry for nhl in the key's plan"]


@pytest.mark.parametrize(
    "state", [State.STARTING, State.WAITING, State.CONNECTING, State.BACKING_OFF, State.BLOCKED, State.STREAMING]
)
def test_a_stream_that_is_held_up_is_ready_until_it_has_been_silent_for_too_long(
    health: Health, clock: Clock, state: State
) -> None:
    nhl = health.stream("nhl")
    clock.now += 10
    nhl.to(state, "next try in 2 s")
    clock.now += 20
    assert health.ready()
    clock.now += 0.5
    health.stream("nba").last_ping = clock.now
    assert health.troubles() == [f"stream nhl: nothing heard for 30 s; {state}: next try in 2 s"]


@pytest.mark.parametrize("state", [State.STARTING, State.WAITING, State.CONNECTING, State.BACKING_OFF])
def test_a_stream_that_never_connected_is_not_ready(health: Health, state: State) -> None:
    health.stream("mlb").to(state)
    assert health.troubles() == [f"stream mlb: hasn't connected yet; {state}"]


@pytest.mark.parametrize("heard", ["last_event", "last_ping"])
def test_events_and_pings_each_keep_a_stream_ready(health: Health, clock: Clock, heard: str) -> None:
    clock.now += 100
    assert len(health.troubles()) == 2
    for stream in health.streams.values():
        setattr(stream, heard, clock.now - 29)
    assert health.ready()


def test_connecting_again_heals(health: Health, clock: Clock) -> None:
    nba = health.stream("nba")
    nba.to(State.REFUSED, "401: Invalid or inactive API key")
    clock.now += 300
    health.stream("nhl").last_event = clock.now
    assert not health.ready()
    nba.connected()
    assert health.ready()
    assert (nba.state, nba.why, nba.connects) == (State.STREAMING, "", 2)


def test_a_state_keeps_its_time_when_only_the_reason_changes(health: Health, clock: Clock) -> None:
    nba = health.stream("nba")
    clock.now += 5
    nba.to(State.BACKING_OFF, "next try in 1 s")
    clock.now += 5
    nba.to(State.BACKING_OFF, "next try in 2 s")
    shard = health.shard(0)
    shard.to(ShardState.RUNNING, "again")
    assert (nba.since, nba.why) == (1_005, "next try in 2 s")
    assert (shard.since, shard.why) == (1_000, "again")


def test_long_reasons_are_cut(health: Health) -> None:
    health.stream("nba").to(State.BACKING_OFF, "x" * 100_000)
    health.shard(0).to(ShardState.BLOCKED, "y" * 100_000)
    assert len(health.stream("nba").why) == len(health.shard(0).why) == WHY_LIMIT


def test_the_report_tells_each_state_and_why(health: Health, clock: Clock) -> None:
    nba = health.stream("nba")
    nba.last_event = 1_000.5
    nba.last_ping = 1_001.0
    nba.last_entry_id = "1760000000000-7"
    nba.owes, nba.owes_why = "gap", "upstream answered 503"
    clock.now = 1_002.25
    health.stream("nhl").to(State.REFUSED, "403: not enabled")
    assert health.report() == {
        "ready": False,
        "why": ["stream nhl: refused: 403: not enabled"],
        "shards": {
            "0": {"state": "running", "why": "", "state_age_s": 2.25},
            "1": {"state": "running", "why": "", "state_age_s": 2.25},
        },
        "streams": {
            "nba": {
                "state": "streaming",
                "why": "",
                "ready": True,
                "state_age_s": 2.25,
                "last_event_age_s": 1.75,
                "last_ping_age_s": 1.25,
                "last_entry_id": "1760000000000-7",
                "connects": 1,
                "reconciled": False,
                "unreconciled": "gap: upstream answered 503",
            },
            "nhl": {
                "state": "refused",
                "why": "403: not enabled",
                "ready": False,
                "state_age_s": 0.0,
                "last_event_age_s": None,
                "last_ping_age_s": None,
                "last_entry_id": None,
                "connects": 1,
                "reconciled": True,
                "unreconciled": "",
            },
        },
    }
