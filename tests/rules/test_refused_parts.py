"""What a broker refuses is found among records that were packed without telling them apart."""

import asyncio
import json
from math import log2
from typing import Any, cast

import pytest

from bridge.burial import Burial
from bridge.entries import EntryId
from bridge.errors import RecordsRefused
from bridge.health import ShardHealth
from bridge.kafka.batches import Batch, Packer
from bridge.kafka.builder import Builder, Shared
from bridge.kafka.topics import Existing
from bridge.kafka.writer import Round
from bridge.records import Headers, Held, Part, Record
from tests.rules import test_rounds as rounds

TOPICS = {name: Existing(1, {}) for name in ("p.odds", "p.odds-state", "p.bridge-events", "p.dead-letters")}
HEADERS: Headers = [("event", b"odds")]


class Noted:
    """A batch whose values can be looked at."""

    def __init__(self, limit: int) -> None:
        self._builder = Builder(limit, None, transactional=True)
        self.values: list[bytes | None] = []

    def add(self, key: bytes, value: bytes | None, timestamp_ms: int, common: Shared) -> bool:
        added = self._builder.add(key, value, timestamp_ms, common)
        if added:
            self.values.append(value)
        return added


class Builders:
    def batch(self, limit: int) -> Builder:
        return cast("Builder", Noted(limit))


class Refusing(rounds.ScriptedWriter):
    """A broker that refuses every batch with a value in which "bad" stands, and takes the rest of them."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.tries = 0
        self.written: dict[str, list[bytes | None]] = {}
        self.told_apart: list[bool] = []

    async def write(self, transaction: Round) -> None:
        if not transaction.held:
            await super().write(transaction)
            return
        self.tries += 1
        self.told_apart.append(not any(held.parts for held in transaction.held))
        sent = self._packed(transaction)
        refused = [batch for batch in sent if any(b"bad" in (value or b"") for value in values(batch))]
        refused = [batch for batch in refused if batch.topic != "p.dead-letters"]
        if refused:
            raise RecordsRefused("refused", refused)
        for batch in sent:
            self.written.setdefault(batch.topic, []).extend(values(batch))
        self._partition.commit(transaction.held, transaction.tail)

    def _packed(self, transaction: Round) -> list[Batch]:
        packer = Packer(Builders(), TOPICS, transaction.alone)
        sent: list[Batch] = []
        for held in transaction.held:
            for part in held.parts:
                sent += packer.pack_part(part, held.received_ms)
            for record in held.records:
                full = packer.pack(record, held.received_ms)
                sent += [full] if full is not None else []
        return [*sent, *packer.rest()]


def values(batch: Batch) -> list[bytes | None]:
    return cast("Noted", batch.builder).values


class Offering(rounds.Replaying):
    """A stream that offers its entries at once, with an odd's log and its state as parts."""

    bad: frozenset[int] = frozenset()
    """The odds whose log is refused, and below zero those whose state is."""
    odds = 40

    async def run(self) -> None:
        for entry_id in self._log:
            names = [b"%d-%d" % (entry_id.seq, n) for n in range(self.odds)]
            log = [(name, b"bad" if n in self.bad else name) for n, name in enumerate(names)]
            state = [(name, b"bad" if -n - 1 in self.bad else name) for n, name in enumerate(names)]
            parts = [Part("p.odds", HEADERS, log), Part("p.odds-state", HEADERS, state)]
            told = [Record("p.bridge-events", b"nba", b"{}", HEADERS)]
            self._buffer.offer(Held(self._name, "odds", entry_id, 0, told, 100, HEADERS, parts=parts))
        await asyncio.Event().wait()


@pytest.mark.parametrize(
    "bad", [set(), {0}, {39}, {17}, {3, 30}, {-1}, {-20}, {5, -6}, set(range(40))], ids=lambda bad: str(len(bad))
)
def test_it_is_found_by_halves_after_one_more_try(monkeypatch: pytest.MonkeyPatch, bad: set[int]) -> None:
    log = [EntryId(1, n) for n in range(3)]
    partition = rounds.Partition({"nba": log})
    monkeypatch.setattr(rounds, "ScriptedWriter", Refusing)
    monkeypatch.setattr(rounds, "Replaying", Offering)
    monkeypatch.setattr(rounds, "TOPICS", TOPICS)
    monkeypatch.setattr(Offering, "bad", frozenset(bad))
    play = rounds.Play(partition, [])
    states: list[str] = []
    monkeypatch.setattr(ShardHealth, "to", lambda _, state, *__: states.append(str(state)))
    play.shard._burial = Burial("p.dead-letters", lambda: TOPICS, lambda _record, _limit: True)
    rounds.played(play)
    writer = cast("Refusing", play.writer)
    buried = [json.loads(value or b"") for value in writer.written.pop("p.dead-letters", [])]
    assert partition.published == {"nba": log}
    assert len(buried) == len(log) * len(bad)
    assert sorted((letter["topic"], letter["key"]) for letter in buried) == sorted(
        ("p.odds" if n >= 0 else "p.odds-state", f"{entry_id.seq}-{n if n >= 0 else -n - 1}")
        for entry_id in log
        for n in bad
    )
    for topic, sign in (("p.odds", 0), ("p.odds-state", 1)):
        kept = [n for n in range(40) if (-n - 1 if sign else n) not in bad]
        assert writer.written.get(topic, []) == [b"%d-%d" % (entry_id.seq, n) for entry_id in log for n in kept]
    assert writer.written["p.bridge-events"] == [b"{}"] * 3
    assert "blocked" not in states, "each try gets on"
    assert writer.told_apart == [False] + [True] * (writer.tries - 1)
    assert writer.tries <= (2 + (log2(3 * 40) + 1) * 3 * max(1, len(bad)) if bad else 1)
    assert play.metrics.stream("nba").dead_letters.counts["refused"] == len(buried)
