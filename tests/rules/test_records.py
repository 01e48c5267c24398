"""Records: topics, keys, headers, and dead letters that fit."""

import base64
import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.config.topics import NAMES, Topics
from bridge.entries import EntryId
from bridge.kafka.plan import event_topics
from bridge.records import Explode, Held, Record, dead_letter, order, order_text, unknown_topic

LEGAL = re.compile(r"[a-zA-Z0-9._-]{1,249}")
TOPICS = Topics("opticodds.", *("opticodds." + name.replace("_", "-") for name in NAMES))
OURS = {getattr(TOPICS, name) for name in NAMES}
KNOWN = event_topics(TOPICS)

ids = st.builds(EntryId, st.integers(0, 2**64 - 1), st.integers(0, 2**64 - 1))


def explode(odds_format: str | None = "AMERICAN") -> Explode:
    return Explode(stream="nba", topics=KNOWN, unknown_prefix=TOPICS.unknown_events, odds_format=odds_format)


# --- the header `order` -------------------------------------------------------------------------------------------


@given(ids, st.none() | ids, st.integers(0, 2**40))
def test_an_entry_of_its_own_id_has_that_id_and_0(entry_id: EntryId, highest: EntryId | None, counter: int) -> None:
    assert order_text(order(entry_id, highest, counter)) == f"{entry_id}-0"


@given(ids, st.integers(1, 2**40))
def test_what_has_no_id_comes_behind_the_highest_and_is_counted(highest: EntryId, counter: int) -> None:
    assert order_text(order(None, highest, counter)) == f"{highest}-{counter}"
    assert order(highest, None, 0) < order(None, highest, counter) < order(None, highest, counter + 1)


def test_before_the_first_id_order_counts_from_nothing() -> None:
    assert order_text(order(None, None, 3)) == "0-0-3"


# --- topics -------------------------------------------------------------------------------------------------------


def test_the_seven_known_events_have_their_topics() -> None:
    made = explode()
    assert {event: made.topic(event) for event in KNOWN} == {
        "odds": "opticodds.odds",
        "locked-odds": "opticodds.locked-odds",
        "copilot-odds": "opticodds.copilot-odds",
        "copilot-locked-odds": "opticodds.copilot-locked-odds",
        "copilot-settled-odds": "opticodds.copilot-settled-odds",
        "fixture-status": "opticodds.fixture-status",
        "fixture-results": "opticodds.fixture-results",
    }
    assert all(made.knows(event) for event in KNOWN)


@given(st.text() | st.sampled_from([*NAMES, *(n.replace("_", "-") for n in NAMES), ".", "..", "../odds", "odds\n"]))
def test_an_unknown_event_gets_a_legal_topic_that_is_none_of_ours(event: str) -> None:
    made = explode()
    if made.knows(event):
        return
    topic = made.topic(event)
    assert LEGAL.fullmatch(topic)
    assert topic not in OURS
    assert topic.startswith("opticodds.event.")
    assert topic not in {".", ".."}


def test_the_topic_of_an_unknown_event_keeps_what_is_legal_of_its_name() -> None:
    assert unknown_topic("p.event.", "Odds_Heart-beat.2") == "p.event.Odds_Heart-beat.2"
    assert unknown_topic("p.event.", "Tor für ÄÖ!") == "p.event.Tor_f_r____"
    assert len(unknown_topic("p.event.", "x" * 1_000)) == 249


# --- headers and records ------------------------------------------------------------------------------------------


def test_headers_of_an_odds_entry() -> None:
    assert explode("DECIMAL").headers("odds", EntryId(5, 1), "5-1-0") == [
        ("event", b"odds"),
        ("stream", b"nba"),
        ("origin", b"stream"),
        ("entry_id", b"5-1"),
        ("order", b"5-1-0"),
        ("odds_format", b"DECIMAL"),
    ]


@pytest.mark.parametrize(
    ("event", "odds_format", "has"),
    [
        ("odds", "AMERICAN", True),
        ("locked-odds", "AMERICAN", True),
        ("fixture-status", "AMERICAN", False),
        ("fixture-results", None, False),
        ("copilot-odds", None, False),
    ],
)
def test_a_format_stands_only_where_there_are_prices(event: str, odds_format: str | None, has: bool) -> None:
    headers = dict(explode(odds_format).headers(event, EntryId(5, 1), "5-1-0"))
    assert ("odds_format" in headers) == has


def test_no_entry_id_is_invented() -> None:
    headers = dict(explode().headers("odds", None, "5-1-7"))
    assert "entry_id" not in headers
    assert headers["order"] == b"5-1-7"


@given(st.lists(st.tuples(st.binary(max_size=8), st.binary(max_size=40)), max_size=20), st.sampled_from(["odds", "?"]))
def test_one_record_an_item_in_order_and_verbatim(items: list[tuple[bytes, bytes]], event: str) -> None:
    made = explode()
    headers = made.headers(event, EntryId(5, 1), "5-1-0")
    held = Held("nba", event, EntryId(5, 1), 0, [], 1, headers, parts=[made.part(event, items, headers)])
    assert len(held) == len(items)
    held.single_out()
    assert len(held) == len(held.records) == len(items)
    assert [record.value for record in held.records] == [value for _, value in items]
    assert [record.key for record in held.records] == [key if event == "odds" else b"nba" for key, _ in items]
    topic = {"odds": "opticodds.odds", "?": "opticodds.event._"}[event]
    assert all(record.topic == topic and record.headers is headers for record in held.records)


@given(st.lists(st.tuples(st.binary(max_size=8), st.sampled_from([b"{}", b'{"id":"a"}'])), max_size=20), st.booleans())
def test_a_state_wraps_the_odd_as_it_came(items: list[tuple[bytes, bytes]], locked: bool) -> None:
    made = Explode(stream="nba", topics=KNOWN, unknown_prefix="?", odds_format="DECIMAL", state_topic="states")
    part = made.states(items, made.headers("odds", None, "5-1-7"), "5-1-7", locked=locked)
    assert (part.topic, dict(part.headers)) == (
        "states",
        {"event": b"odds", "origin": b"stream", "odds_format": b"DECIMAL"},
    )
    states = part.singles()
    assert [state.key for state in states] == [key for key, _ in items]
    for (_, odd), state in zip(items, states, strict=True):
        assert json.loads(state.value) == {
            "v": 1,
            "stream": "nba",
            "order": "5-1-7",
            "locked": locked,
            "odd": json.loads(odd),
        }
        assert state.value.endswith(b'"odd":' + odd + b"}")


# --- dead letters -------------------------------------------------------------------------------------------------


def letter(payload: bytes, limit: int, *, detail: str = "why", size: int = 0) -> Record:
    return dead_letter(
        "p.dead-letters",
        stream="nba",
        event="odds",
        entry_id=EntryId(5, 1),
        headers=[("event", b"odds")],
        reason="too-large",
        detail=detail,
        meant_for="p.odds",
        key=b"odd-1",
        payload=payload,
        size=size,
        limit=limit,
    )


SMALLEST = len(letter(b"", 10**6).value) + 60  # what stands around the payload, and its truncation told

payloads = st.one_of(
    st.binary(max_size=3_000),
    st.text(max_size=1_500).map(str.encode),
    st.text(st.sampled_from('aä€😀"\\\n\x00\x1f'), max_size=1_500).map(str.encode),
    st.tuples(st.text(max_size=300).map(str.encode), st.binary(max_size=300)).map(lambda two: two[0] * 5 + two[1]),
)


@given(payloads, st.integers(SMALLEST, 4_000))
def test_a_dead_letter_keeps_its_limit_and_tells_what_was_cut(payload: bytes, limit: int) -> None:
    record = letter(payload, limit)
    assert len(record.value) <= limit
    assert record.topic == "p.dead-letters"
    assert record.key == b"nba"
    body = json.loads(record.value)
    assert body["size"] == len(payload)
    assert ("payload" in body) != ("payload_base64" in body)
    kept = body["payload"].encode() if "payload" in body else base64.b64decode(body["payload_base64"])
    assert payload.startswith(kept)
    assert body["truncated"] == (kept != payload)


@given(payloads)
def test_what_fits_is_kept_whole(payload: bytes) -> None:
    body = json.loads(letter(payload, 10**6).value)
    assert body["truncated"] is False
    try:
        assert body["payload"].encode() == payload
    except KeyError:
        assert base64.b64decode(body["payload_base64"]) == payload
        with pytest.raises(UnicodeDecodeError):
            payload.decode()


def test_a_cut_through_a_character_leaves_text() -> None:
    for limit in range(SMALLEST + 100, SMALLEST + 120):
        body = json.loads(letter("€".encode() * 2_000, limit).value)
        assert set(body["payload"]) == {"€"}
        assert body["truncated"] is True


def test_most_of_the_room_is_used() -> None:
    assert len(letter(b"x" * 10**6, 100_000).value) > 70_000
    assert len(letter(b"\xff" * 10**6, 100_000).value) > 50_000


def test_a_long_reason_and_a_limit_of_nothing_still_give_a_letter() -> None:
    record = letter(b"x" * 100, 0, detail="y" * 5_000)
    body = json.loads(record.value)
    assert body["payload"] == ""
    assert body["truncated"] is True
    assert len(body["detail"]) == 1_000


def test_bytes_that_are_gone_are_told_by_their_size() -> None:
    body = json.loads(letter(b"", 10_000, size=200_000_000).value)
    assert body["size"] == 200_000_000
    assert body["truncated"] is True
