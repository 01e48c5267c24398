"""Records as the topics have them, made by hand: for aiokafka as its own objects, and the same for confluent-kafka."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from aiokafka.structs import ConsumerRecord
from confluent_kafka import TIMESTAMP_CREATE_TIME, Message

from bridge.book import OddsBook, Quote

Order = tuple[int, int, int]

NOW_MS = 1_795_308_724_000
NOW_S = NOW_MS / 1000
STREAM = "nba"


def record(
    headers: Sequence[tuple[str, bytes]],
    key: bytes | None,
    value: bytes | None,
    *,
    topic: str = "t",
    received_ms: int = NOW_MS,
) -> ConsumerRecord:
    """A ConsumerRecord of aiokafka."""
    return ConsumerRecord(topic, 0, 0, received_ms, 0, key, value, None, len(key or b""), len(value or b""), headers)


def message(made: ConsumerRecord) -> Message:
    """The same record as confluent-kafka has it."""
    return Message(
        topic=made.topic,
        partition=made.partition,
        offset=made.offset,
        key=made.key,
        value=made.value,
        headers=list(made.headers) or None,
        timestamp=(TIMESTAMP_CREATE_TIME, made.timestamp),
    )


def headers(
    event: str, order: Order, *, stream: str = STREAM, odds_format: str | None = "AMERICAN"
) -> list[tuple[str, bytes]]:
    ms, seq, n = order
    pairs = [("event", event), ("stream", stream), ("origin", "reconcile" if n else "stream")]
    if not n:
        pairs.append(("entry_id", f"{ms}-{seq}"))
    pairs.append(("order", f"{ms}-{seq}-{n}"))
    if odds_format and "odds" in event:
        pairs.append(("odds_format", odds_format))
    return [(name, value.encode()) for name, value in pairs]


def odd(
    odd_id: str = "game:pinnacle:moneyline:heat",
    price: object = -110,
    *,
    fixture_id: object = "F1",
    sportsbook: object = "Pinnacle",
    market: object = "Moneyline",
    name: object = "Miami Heat",
    **fields: object,
) -> dict[str, object]:
    """An odd's fields as upstream writes them."""
    return {
        "id": odd_id,
        "fixture_id": fixture_id,
        "sportsbook": sportsbook,
        "market": market,
        "name": name,
        "selection": name,
        "points": None,
        "price": price,
        "is_main": True,
        "is_live": False,
        **fields,
    }


def told(
    fields: Mapping[str, Any],
    order: Order = (1, 0, 0),
    *,
    event: str = "odds",
    stream: str = STREAM,
    odds_format: str | None = "AMERICAN",
    received_ms: int = NOW_MS,
) -> ConsumerRecord:
    """A record of `odds`, `locked-odds` or the copilot topics."""
    return record(
        headers(event, order, stream=stream, odds_format=odds_format),
        str(fields["id"]).encode(),
        json.dumps(fields, ensure_ascii=False).encode(),
        received_ms=received_ms,
    )


def state_of(made: ConsumerRecord, *, v: int = 1, all_headers: bool = False) -> ConsumerRecord:
    """The record of `odds-state` that goes with a record of `odds` or `locked-odds`."""
    named = dict(made.headers)
    start = {
        "v": v,
        "stream": named["stream"].decode(),
        "order": named["order"].decode(),
        "locked": named["event"] not in {b"odds", b"copilot-odds"},
    }
    assert made.value is not None
    value = json.dumps(start, separators=(",", ":")).encode()[:-1] + b',"odd":' + made.value + b"}"
    beside = [pair for pair in made.headers if all_headers or pair[0] in {"event", "origin", "odds_format"}]
    return record(beside, made.key, value, received_ms=made.timestamp)


def tombstone(odd_id: str, order: Order, *, stream: str = STREAM, received_ms: int = NOW_MS) -> ConsumerRecord:
    """A tombstone of `odds-state`."""
    return record(headers("tombstone", order, stream=stream), odd_id.encode(), None, received_ms=received_ms)


def event(name: str, *, stream: str = STREAM, at_ms: int = NOW_MS, v: int = 1, **fields: object) -> ConsumerRecord:
    """A record of `bridge-events`."""
    body = {"v": v, "event": name, "stream": stream, "instance": "one", "at_ms": at_ms, **fields}
    pairs = [("event", name.encode()), ("stream", stream.encode())]
    return record(pairs, stream.encode(), json.dumps(body).encode(), received_ms=at_ms)


def alive(
    *, stream: str = STREAM, at_ms: int = NOW_MS, state: str = "streaming", reconciled: bool = True
) -> ConsumerRecord:
    return event(
        "alive", stream=stream, at_ms=at_ms, state=state, last_entry_id=None, last_ping_ms=None, reconciled=reconciled
    )


def status(fixture_id: str, order: Order, new_status: str | None, start: str | None = None) -> ConsumerRecord:
    """A record of `fixture-status`."""
    body = {"fixture_id": fixture_id, "new_status": new_status, "new_start_date": start, "old_status": "unplayed"}
    return record(headers("fixture-status", order), fixture_id.encode(), json.dumps(body).encode())


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self, now_s: float = NOW_S) -> None:
        self.now_s = now_s

    def __call__(self) -> float:
        return self.now_s


def book(*records: ConsumerRecord, clock: Clock | None = None, silent_after_s: float = 15.0) -> OddsBook:
    """A book that was fed these records."""
    made = OddsBook(clock=clock or Clock(), silent_after_s=silent_after_s)
    for each in records:
        made.feed(each)
    return made


def board(made: OddsBook, ids: Sequence[str]) -> dict[str, Quote]:
    """All that a book knows of these odds."""
    return {odd_id: found for odd_id in ids if (found := made.odd(odd_id)) is not None}
