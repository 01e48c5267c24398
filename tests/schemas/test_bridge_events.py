"""docs/schemas/bridge-event.schema.json: every event that the bridge knows, and what each of them says."""

import asyncio
import json
import time
from typing import Any

import pytest

from bridge import backoff
from bridge.announce import EVENTS, Announcer
from bridge.buffer import Buffer
from bridge.continuity import Position, Withheld
from bridge.entries import EntryId
from bridge.errors import UpstreamError
from bridge.health import State, StreamHealth
from bridge.metrics import Metrics
from bridge.publisher import Publisher
from bridge.reconcile import Reconciler, reconciler
from bridge.reconcile.look import Cause, Look
from bridge.records import Explode
from tests.schemas.document import schema, undocumented_fields
from tests.schemas.examples import COMMON, OWN, event
from tests.support.waiting import until

DEFINED: dict[str, dict[str, Any]] = schema("bridge-event")["$defs"]


def test_the_events_are_those_that_the_bridge_knows() -> None:
    chosen = [rule["if"]["properties"]["event"]["const"] for rule in schema("bridge-event")["allOf"]]
    assert sorted(chosen) == sorted(DEFINED) == sorted(OWN) == sorted(EVENTS)
    assert [rule["then"]["$ref"] for rule in schema("bridge-event")["allOf"]] == [f"#/$defs/{name}" for name in chosen]


def test_the_words_are_those_that_the_bridge_uses() -> None:
    causes = {str(cause) for cause in Cause} - {"audit"}  # what an audit finds is a `drift`
    assert set(DEFINED["alive"]["properties"]["state"]["enum"]) == {str(state) for state in State}
    assert set(DEFINED["reconciled"]["properties"]["cause"]["enum"]) == causes
    assert set(DEFINED["unreconciled"]["properties"]["cause"]["enum"]) == causes


@pytest.mark.parametrize("name", EVENTS)
def test_an_event_has_all_of_its_fields(name: str) -> None:
    assert undocumented_fields("bridge-event", event(name)) == []
    for field in OWN[name] | COMMON:
        body = json.loads(event(name))
        del body[field]
        assert undocumented_fields("bridge-event", json.dumps(body).encode()) != [], field
        assert undocumented_fields("bridge-event", event(name, **{field: [None]})) != [], field


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        ("gap", {"last_entry_id": None, "last_ms": None, "first_entry_id": None, "seconds": None}),
        ("alive", {"last_entry_id": None, "last_ping_ms": None}),
        ("suspicious", {"sportsbook": ""}),
        ("an-event-of-next-year", {}),
    ],
)
def test_what_may_be_so(name: str, fields: dict[str, object]) -> None:
    assert undocumented_fields("bridge-event", event(name, **fields)) == []


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        ("up", {"replay": "believed"}),
        ("gap", {"last_entry_id": "yesterday"}),
        ("gap", {"seconds": -1}),
        ("reconciled", {"cause": "audit"}),
        ("reconciled", {"new": 1.5}),
        ("alive", {"state": "asleep"}),
        ("refused", {"reason": "closed"}),
        ("up", {"more": 1}),
    ],
)
def test_what_may_not(name: str, fields: dict[str, object]) -> None:
    assert undocumented_fields("bridge-event", event(name, **fields)) != []


class Scripted:
    """A comparison whose looks are given; an error is raised."""

    requests = 3

    def __init__(self, *looks: Look | Exception) -> None:
        self._looks = list(looks)

    async def look(self, *_: Any, **__: Any) -> Look:
        found = self._looks.pop(0) if self._looks else Look()
        if isinstance(found, Exception):
            raise found
        return found

    async def tidy(self, *_: Any) -> int:
        return 0


async def said(monkeypatch: pytest.MonkeyPatch, *looks: Look | Exception, owes: str, audit_s: float, last: str) -> Any:
    """What a stream says, in order, from its connection to the event `last`."""
    monkeypatch.setattr(reconciler, "SECOND_LOOK_S", 0.0)
    monkeypatch.setattr(backoff, "FIRST_S", 0.0)
    health, metrics, position = StreamHealth(time.monotonic), Metrics().stream("nba"), Position()
    position.add("odds", EntryId(1795308724001, 0))
    position.owes = position.scope = owes
    buffer = Buffer(2**20)
    publisher = Publisher(
        explode=Explode(stream="nba", topics={}, unknown_prefix="event.", odds_format=None),
        announcer=Announcer("bridge-events", "host-1a2b3c4d"),
        position=position,
        board=None,
        buffer=buffer,
        scope=owes,
        health=health,
        metrics=metrics,
        now_ms=lambda: int(time.time() * 1000),
    )
    healing = Reconciler(
        publisher=publisher,
        comparison=Scripted(*looks),
        turn=asyncio.Semaphore(1),
        audit_s=audit_s,
        grace_s=0.0,
        health=health,
        metrics=metrics,
    )
    publisher.connecting()
    publisher.connected(0.0)
    publisher.paused(12.5)

    async def events() -> list[tuple[str, bytes]]:
        records = [record for held in buffer.first(2**20) for record in held.records]
        return [(json.loads(record.value)["event"], record.value) for record in records]

    task = asyncio.create_task(healing.run())
    try:
        found = await until(events, lambda told: told[-1][0] == last, within=10, what=last)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    for _, value in found:
        assert undocumented_fields("bridge-event", value) == []
    return [name for name, _ in found]


def half_gone() -> Look:
    return Look(withheld=[Withheld("DraftKings", 900, [], set())])


async def test_what_a_comparison_says_is_as_the_schema_says(monkeypatch: pytest.MonkeyPatch) -> None:
    failed = UpstreamError("upstream answered 503: busy", reason="http-503")
    looks = (failed, half_gone(), Look(suspicious=[("DraftKings", 3, 900)]))
    told = await said(monkeypatch, *looks, owes="gap", audit_s=0.0, last="reconciled")
    assert told == ["up", "paused", "unreconciled", "suspicious", "reconciled"]


async def test_what_an_audit_says_is_as_the_schema_says(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = Look(differing={b"a"}, unsure={"f"}), Look()
    second.counts["changed"] = 1
    told = await said(monkeypatch, first, second, owes="", audit_s=1e-6, last="drift")
    assert told == ["up", "paused", "drift"]
