"""The benchmark's upstream: what it sends is what upstream would send, and every reader reads the same of it."""

import json
from collections.abc import Iterable

import pytest
import sseclient

from benchmarks.board import Board
from benchmarks.pool import Numbers, Template, fixture_id, league_name, make
from bridge.entries import EntryId, decode
from bridge.sse import Parser

NOW_US = 1_795_000_000_000_000


@pytest.fixture(scope="module")
def pool() -> list[Template]:
    return make(leagues=4, per_league=10)


def sent(pool: Iterable[Template]) -> list[bytes]:
    """Each event once, as it goes over the wire, without the framing of HTTP."""
    numbers = Numbers(NOW_US)
    return [bytes(template.render(*numbers.next(NOW_US))[template.body]) for template in pool]


def test_the_bridge_and_the_guides_client_read_the_same_events(pool: list[Template]) -> None:
    frames = sent(pool)
    ours = Parser().feed(b"".join(frames))

    class Response:
        def __iter__(self) -> Iterable[bytes]:
            whole = b"".join(frames)
            return iter([whole[at : at + 128] for at in range(0, len(whole), 128)])

        def close(self) -> None:
            pass

    theirs = list(sseclient.SSEClient(Response()).events())  # type: ignore[arg-type]  # what requests gives it
    assert [(e.type, e.id, json.loads(e.data)) for e in ours] == [(e.event, e.id, json.loads(e.data)) for e in theirs]
    assert len(ours) == len(pool)


def test_an_event_is_what_its_template_says(pool: list[Template]) -> None:
    for template, event in zip(pool, Parser().feed(b"".join(sent(pool))), strict=True):
        entry = decode(event)
        assert not entry.rejects
        assert entry.event == template.event
        assert entry.id == EntryId.parse(event.id)
        body = json.loads(event.data)
        assert tuple(odd["id"] for odd in body["data"]) == template.odds
        assert len({odd["timestamp"] for odd in body["data"]}) == 1


def test_a_chunk_is_framed_right(pool: list[Template]) -> None:
    for template in pool:
        raw = bytes(template.render(*Numbers(NOW_US).next(NOW_US)))
        size, _, rest = raw.partition(b"\r\n")
        assert len(rest) == int(size, 16) + 2
        assert rest[:-2] == raw[template.body]
        assert rest.endswith(b"\n\n\r\n")


def test_odds_are_of_upstreams_size_and_events_of_1_to_50() -> None:
    pool = make()
    sizes = [len(template.odds) for template in pool]
    assert (min(sizes), max(sizes)) == (1, 50)
    assert 650 < sum(len(template.raw) for template in pool) / sum(sizes) < 750
    odds = [odd for template in pool for odd in template.odds]
    assert len(set(odds)) == len(odds)


def test_ids_and_times_only_grow_and_keep_their_width() -> None:
    numbers = Numbers(NOW_US)
    given = [numbers.next(NOW_US + n // 500) for n in range(2_000)]
    ids = [EntryId.parse(entry_id.decode()) for entry_id, _ in given]
    assert ids == sorted(set(ids), key=lambda found: found or EntryId(0, 0))
    assert [stamp for _, stamp in given] == sorted({stamp for _, stamp in given})
    assert {(len(entry_id), len(stamp)) for entry_id, stamp in given} == {(16, 17)}


def test_odds_of_their_own_have_other_ids() -> None:
    pool = make(leagues=1, per_league=3)
    number = 1
    seen: list[str] = []
    for _ in range(2):
        for template in pool:
            number = template.renumber(number)
            (event,) = Parser().feed(bytes(template.raw[template.body]))
            seen += [odd["id"] for odd in json.loads(event.data)["data"]]
    assert len(set(seen)) == len(seen) == number - 1


def test_the_snapshot_says_what_the_stream_says(pool: list[Template]) -> None:
    board = Board(pool)
    listed = json.loads(board.answer("/fixtures/active", {"league": [league_name(1), league_name(3)]}) or b"")
    assert [row["id"] for row in listed["data"]] == [fixture_id(1), fixture_id(3)]
    assert listed["has_more"] is False
    streamed = {
        odd["id"]: odd
        for template in pool
        if template.league == 1 and template.event == "odds"
        for odd in json.loads(bytes(template.raw[template.body]).split(b"data: ", 1)[1])["data"]
    }
    (fixture,) = json.loads(board.answer("/fixtures/odds", {"fixture_id": [fixture_id(1)]}) or b"")["data"]
    assert {odd["id"] for odd in fixture["odds"]} == set(streamed)
    for odd in fixture["odds"]:
        for name in ("price", "points", "is_main", "limits"):
            assert odd[name] == streamed[odd["id"]][name]
    (books,) = json.loads(
        board.answer("/fixtures/odds", {"fixture_id": [fixture_id(1)], "sportsbook": ["Pinnacle"]}) or b""
    )["data"]
    assert {odd["sportsbook"] for odd in books["odds"]} == {"Pinnacle"}
    assert board.answer("/nothing", {}) is None
