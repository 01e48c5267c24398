"""A shard's rounds against a modelled partition: whatever fails, each entry is committed once, with its checkpoint."""

import asyncio
from collections.abc import Sequence
from itertools import count
from types import SimpleNamespace
from typing import Any, cast
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge import shard as module
from bridge.buffer import Buffer
from bridge.burial import Burial
from bridge.continuity import Position
from bridge.entries import EntryId
from bridge.errors import CommitUnknown, KafkaFailure, OwnedElsewhere, Unpublishable
from bridge.health import Health
from bridge.kafka.checkpoints import CLAIM_KEY, Checkpoint, Claim, Stored
from bridge.kafka.ownership import Identity, Ownership
from bridge.kafka.topics import Existing
from bridge.kafka.writer import Round
from bridge.metrics import Metrics
from bridge.records import Held, Record
from bridge.shard import Shard

TOPICS = {"p.odds": Existing(3, {}), "p.dead-letters": Existing(1, {})}
_numbers = count(1)
Log = list[EntryId]

OK, LOST, UNSENT, OVERTAKEN, BLOCKED = "ok", "lost", "unsent", "overtaken", "blocked"


class Partition:
    """What is committed: the entries of each stream, and the shard's own records."""

    def __init__(self, logs: dict[str, Log]) -> None:
        self.logs = logs
        self.published: dict[str, Log] = {name: [] for name in logs}
        self.latest: dict[bytes, bytes | None] = {}
        self.complete = asyncio.Event()
        self._others = 0

    def commit(self, held: Sequence[Held], tail: Sequence[tuple[bytes, bytes]]) -> None:
        for one in held:
            assert one.entry_id is not None
            self.published[one.stream].append(one.entry_id)
        self.latest |= dict(tail)
        self.check()

    def check(self) -> None:
        """What a start now would go on from is what is published: nothing less, nothing more."""
        found = self.stored().checkpoints
        for name, published in self.published.items():
            known = [entry_id for _, entry_id in found[name].position.marks()] if name in found else []
            assert known == published, f"{name}: the checkpoint and the records differ"
        if self.published == self.logs:
            self.complete.set()

    def stored(self) -> Stored:
        return Stored.of(self.latest)

    def overtake(self, name: str, entries: int) -> None:
        """Another instance writes the next entries of a stream."""
        done = self.published[name]
        done += self.logs[name][len(done) : len(done) + entries]
        position = Position()
        for entry_id in done:
            position.add("odds", entry_id)
        self._others += 1
        self.latest[name.encode()] = Checkpoint(position, "other", self._others, 0).encode(name)
        self.check()


class ScriptedWriter:
    """Commits rounds to the partition, or fails, by a plan for those that have entries."""

    def __init__(self, partition: Partition, plan: Sequence[str], buffer: Buffer) -> None:
        self._partition = partition
        self._plan = list(plan)
        self._buffer = buffer
        self._open = False
        self.rounds = 0

    async def open(self, _: float) -> None:
        self._open = True

    async def abandon(self) -> None:
        self._open = False

    async def close(self) -> None:
        self._open = False

    async def write(self, transaction: Round) -> None:
        assert self._open, "a producer that failed was used again"
        await asyncio.sleep(0)
        if not transaction.held:
            self._partition.commit([], transaction.tail)
            return
        self.rounds += 1
        kept = self._buffer.first(10**9)[: len(transaction.held)]
        assert kept == transaction.held, "entries were let go before their commit is known"
        step = self._plan.pop(0) if self._plan else OK
        if step in {OK, LOST}:
            self._partition.commit(transaction.held, transaction.tail)
        if step == OVERTAKEN:
            self._partition.overtake(transaction.held[0].stream, 2)
        if step == BLOCKED:
            raise Unpublishable("an ACL", reason="TopicAuthorizationFailedError")
        if step != OK:
            raise CommitUnknown(step)


class Replaying:
    """A stream that offers what its position doesn't know, as after a replay, and then is silent."""

    def __init__(self, name: str, log: Log, position: Position, buffer: Buffer) -> None:
        self._name, self._log, self._position, self._buffer = name, log, position, buffer
        self.done = asyncio.Event()

    async def run(self) -> None:
        known = {entry_id for _, entry_id in self._position.marks()}
        for entry_id in self._log:
            if entry_id in known:
                continue
            record = Record("p.odds", b"odd", str(entry_id).encode(), [])
            self._buffer.offer(Held(self._name, "odds", entry_id, 0, [record], 100, []))
            self._position.add("odds", entry_id)  # its own position runs ahead of what is committed
            if entry_id.seq % 2:
                await asyncio.sleep(0)
        self.done.set()
        await asyncio.Event().wait()


class Play:
    """A shard over a modelled partition."""

    def __init__(self, partition: Partition, plan: Sequence[str], *, others: bool = False) -> None:
        self.partition = partition
        self.buffer = Buffer(10**9)
        self.writer = ScriptedWriter(partition, plan, self.buffer)
        self.streams: dict[str, Replaying] = {}
        self.metrics = Metrics()
        self.identity = Identity(f"me-{next(_numbers)}", "host", 1)  # no two processes share it
        catalogue: Any = SimpleNamespace(topics=TOPICS, refresh=self._nothing)
        writer = cast("Any", self.writer)
        self.shard = Shard(
            0,
            streams={name: self._maker(name) for name in partition.logs},
            ownership=Ownership(
                0, identity=self.identity, writer=writer, read=self._read, arbiter=self._arbiter(answer=others)
            ),
            writer=writer,
            catalogue=catalogue,
            burial=Burial("p.dead-letters", lambda: TOPICS, lambda record, limit: len(record.value) < limit),
            buffer=self.buffer,
            restore=self._restore,
            bury=None,
            health=Health().shard(0),
            metrics=self.metrics,
        )

    async def _nothing(self) -> None:
        pass

    async def _restore(self, positions: dict[str, Position]) -> None:
        assert set(positions) == set(self.partition.logs)

    def _arbiter(self, *, answer: bool) -> Any:
        async def mine(_: int) -> bool:
            return answer

        return mine

    async def _read(self, *, wait: bool) -> Stored:  # noqa: ARG002 -- nothing is ever open there
        return self.partition.stored()

    def _maker(self, name: str) -> Any:
        def make(position: Position, buffer: Buffer) -> Replaying:
            self.streams[name] = Replaying(name, self.partition.logs[name], position, buffer)
            return self.streams[name]

        return make

    async def run(self) -> None:
        """Until everything that the streams offer is committed."""
        self.partition.complete = asyncio.Event()  # one of this event loop
        await self.shard.take()
        running = asyncio.create_task(self.shard.run())
        complete = asyncio.create_task(self.partition.complete.wait())
        await asyncio.wait([running, complete], return_when=asyncio.FIRST_COMPLETED)
        complete.cancel()
        await self.shard.close()
        await running


async def _at_once(_: float) -> None:
    await asyncio.sleep(0)


def played(play: Play) -> Play:
    with patch.object(module, "asyncio", SimpleNamespace(**{**vars(asyncio), "sleep": _at_once})):
        asyncio.run(asyncio.wait_for(play.run(), 30))
    return play


def log_of(first: int, entries: int) -> Log:
    return [EntryId(first + n // 3, n % 3) for n in range(entries)]


@settings(max_examples=60)
@given(
    st.lists(st.sampled_from([OK, LOST, UNSENT, OVERTAKEN]), max_size=12),
    st.lists(st.integers(0, 25), min_size=1, max_size=3),
)
def test_whatever_fails_each_entry_is_committed_once_in_order(plan: list[str], counts: list[int]) -> None:
    logs = {f"s{n}": log_of(1_000 * (n + 1), entries) for n, entries in enumerate(counts)}
    play = played(Play(Partition(logs), plan))
    assert play.partition.published == logs
    assert len(play.buffer) == 0


@pytest.mark.parametrize("step", [LOST, UNSENT, OVERTAKEN, BLOCKED])
def test_a_failure_that_repeats_costs_nothing_either(step: str) -> None:
    logs = {"nba": log_of(1, 60)}
    play = played(Play(Partition(logs), [step] * 5))
    assert play.partition.published == logs


def test_a_lost_answer_is_found_and_a_failure_is_counted() -> None:
    play = played(Play(Partition({"nba": log_of(1, 9)}), [LOST, UNSENT]))
    counts = play.metrics.shard(0).tx.counts
    assert (counts["found-committed"], counts["not-committed"]) == (1, 1)


def test_a_start_goes_on_from_what_is_committed() -> None:
    logs = {"nba": log_of(1, 30), "nfl": log_of(500, 30)}
    partition = Partition({name: log[:10] for name, log in logs.items()})
    played(Play(partition, [LOST]))
    partition.logs = logs
    played(Play(partition, [UNSENT]))
    assert partition.published == logs


def claimed_by(name: str) -> bytes:
    return Claim(name, 1, "host", 2, 0).encode()


def test_whoever_is_relieved_leaves() -> None:
    partition = Partition({"nba": log_of(1, 30)})
    play = Play(partition, [UNSENT])

    async def taken(transaction: Round) -> None:
        partition.latest[CLAIM_KEY] = claimed_by("other")
        raise CommitUnknown("fenced", reason="fenced")

    async def run() -> None:
        await play.shard.take()
        with patch.object(play.writer, "write", taken), pytest.raises(OwnedElsewhere):
            await play.shard.run()

    asyncio.run(run())
    assert partition.published == {"nba": []}


def test_whoever_takes_a_shard_back_begins_from_what_the_other_wrote() -> None:
    """The other one wrote the stream's very first checkpoint before it was told to leave."""
    logs = {"nba": log_of(1, 30)}
    partition = Partition(logs)
    play = Play(partition, [OVERTAKEN], others=True)
    overtake = partition.overtake

    def claiming(name: str, entries: int) -> None:
        overtake(name, entries)
        partition.latest[CLAIM_KEY] = claimed_by("other")

    with patch.object(partition, "overtake", claiming):
        played(play)
    assert partition.published == logs
    claim = partition.stored().claim
    assert claim is not None
    assert claim.instance == play.identity.instance


def test_a_trouble_that_doesnt_heal_ends_the_shard() -> None:
    class Broken(KafkaFailure):
        heals = False

    play = Play(Partition({"nba": log_of(1, 3)}), [UNSENT])

    async def broken(*, wait: bool) -> Stored:
        raise Broken("it doesn't heal")

    async def run() -> None:
        await play.shard.take()
        with patch.object(play.shard._ownership, "_read", broken), pytest.raises(Broken):
            await play.shard.run()

    asyncio.run(run())
    assert play.partition.published == {"nba": []}
