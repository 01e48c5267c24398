import json
import random
from hashlib import sha256
from typing import Any

import pytest

from bridge.simulator.board import Board
from bridge.simulator.catalog import COPILOT, SPORTS, slug
from bridge.simulator.model import Change, Style, View
from bridge.simulator.prices import FORMATS, price
from bridge.simulator.render import written

START = 1_730_079_534.0
STYLE = Style()


def run(sport: str, steps: int, *, seed: int = 7, life: int = 300, view: View | None = None) -> tuple[Board, list[Any]]:
    """Step a board and keep each change as it was rendered."""
    board = Board(seed, sport, now=START, life=life)
    view = view or View(SPORTS[sport].books)
    changes = (change for n in range(steps) for change in board.step(view, START + n))
    return board, [(c.what, c.fixture.id, c.fixture.status, rows(c)) for c in changes]


def rows(change: Change) -> list[tuple[str, bytes]]:
    return [(odd.id, written(odd, STYLE)[0]) for odd in change.odds]


@pytest.mark.parametrize("sport", SPORTS)
def test_the_same_seed_gives_the_same_board_and_moves(sport: str) -> None:
    board, seen = run(sport, 200, life=40)
    again, seen_again = run(sport, 200, life=40)
    assert seen == seen_again
    assert [o.id for o in board.odds()] == [o.id for o in again.odds()]
    assert seen != run(sport, 200, seed=8, life=40)[1]


@pytest.mark.parametrize("sport", SPORTS)
def test_odd_ids_are_unique_and_every_book_offers(sport: str) -> None:
    odds = list(Board(1, sport, now=START).odds())
    assert len({odd.id for odd in odds}) == len(odds) > 500
    assert {odd.book for odd in odds} == {*SPORTS[sport].books, COPILOT}
    assert all(0 < odd.probability < 1 for odd in odds)


@pytest.mark.parametrize("sport", SPORTS)
def test_a_fold_of_all_changes_gives_the_board(sport: str) -> None:
    board = Board(3, sport, now=START, life=30)
    folded = {odd.id: (odd.locked, written(odd, STYLE)[0]) for odd in board.odds()}
    view = View((*SPORTS[sport].books, COPILOT))
    counts: dict[str, int] = {}
    for n in range(800):
        for change in board.step(view, START + n):
            counts[change.what] = counts.get(change.what, 0) + 1
            if change.what in {"odds", "locked"}:
                for odd_id, row in rows(change):
                    folded[odd_id] = (change.what == "locked", row)
    now = {odd.id: written(odd, STYLE)[0] for odd in board.odds() if odd.open}
    standing = {odd.id for fixture in board.fixtures for odds in fixture.odds.values() for odd in odds}
    assert now == {odd_id: row for odd_id, (locked, row) in folded.items() if not locked and odd_id in standing}
    # An odd of a fixture that is over was locked before it left.
    assert all(locked for odd_id, (locked, _) in folded.items() if odd_id not in standing)
    assert min(counts.values()) > 3
    assert set(counts) == {"odds", "locked", "status", "results", "settled"}


def test_a_view_that_shows_nothing_moves_nothing() -> None:
    board = Board(1, "tennis", now=START)
    for view in (
        View(()),
        View(("Bet365",), fixtures=frozenset({"nothing"})),
        View(("Bet365",), leagues=frozenset({"nba"})),
    ):
        assert [c for _ in range(50) for c in board.step(view, START)] == []


def test_fixtures_go_unplayed_live_completed() -> None:
    _, seen = run("basketball", 1_500, life=15)
    turns: dict[str, list[str]] = {}
    for what, fixture_id, status, _ in seen:
        if what == "status" and turns.setdefault(fixture_id, [])[-1:] != [status]:
            turns[fixture_id].append(status)
    assert any(turn[-2:] == ["live", "completed"] for turn in turns.values())
    assert any("cancelled" in turn for turn in turns.values())
    assert any("delayed" in turn for turn in turns.values())


def test_a_main_line_moves_without_a_lock_where_there_are_alternates_and_with_one_where_not() -> None:
    board = Board(7, "basketball", now=START)
    views = {
        market: View(("Pinnacle",), markets=frozenset({market})) for market in ("total_points", "1st_half_total_points")
    }
    shifted: dict[str, int] = {}
    for market, view in views.items():
        main = {o.id for o in board.odds() if o.book == "Pinnacle" and slug(o.market.name) == market and o.is_main}
        for n in range(600):
            before = set(main)
            changes = [(c.what, [(o.id, o.is_main) for o in c.odds]) for c in board.step(view, START + n, life=False)]
            for _, odds in changes:
                main |= {odd_id for odd_id, is_main in odds if is_main}
                main -= {odd_id for odd_id, is_main in odds if not is_main}
            gone = before - main
            if market == "total_points" and gone and len(main) == len(before):
                assert [what for what, _ in changes] == ["odds"]
                shifted[market] = shifted.get(market, 0) + 1
            if [what for what, _ in changes] == ["locked", "odds"]:
                (_, old), (_, new) = changes
                assert not {i for i, _ in old} & {i for i, _ in new}
                shifted[market] = shifted.get(market, 0) + 1
    assert min(shifted.get(market, 0) for market in views) > 3


def test_odds_are_of_the_size_and_oddness_seen_upstream() -> None:
    pairs = []
    for sport in SPORTS:
        pairs += [(odd, written(odd, STYLE)[0]) for odd in Board(5, sport, now=START).odds() if odd.book != COPILOT]
    texts = [row for _, row in pairs]
    parsed = [json.loads(row) for row in texts]
    assert 600 <= sum(map(len, texts)) / len(texts) <= 780
    assert all(json.loads(row)["id"] == odd.id for odd, row in pairs)
    assert any("team_id" not in odd for odd in parsed)
    assert any(odd.get("team_id") == "" for odd in parsed)
    assert any("team_id" in odd and odd["team_id"] is None for odd in parsed)
    assert any(b"\\u00" in row for row in texts)
    assert any("ã".encode() in row for row in texts)
    assert any(b'": ' in row for row in texts)
    assert any(next(iter(odd)) == "competitor" and odd["competitor"]["id"] != odd["id"] for odd in parsed)
    assert any(list(odd)[-1] == "id" for odd in parsed)
    assert any(odd["fixture_id"].isdigit() for odd in parsed)
    assert any(odd["fixture_id"].startswith("mlb:") for odd in parsed)
    assert {len(odd["source_ids"]["token_id"]) for odd in parsed if odd.get("source_ids")} == {77}
    assert any("max_stake" in (odd.get("limits") or {}) for odd in parsed)
    assert any("max" in (odd.get("limits") or {}) for odd in parsed)
    assert any(odd.get("order_book") for odd in parsed)


def test_an_odds_bytes_depend_on_the_odd_alone() -> None:
    board = Board(2, "soccer", now=START)
    odd = next(board.odds())
    first = written(odd, STYLE)
    odd.written.clear()
    assert written(odd, STYLE) == first
    assert first[1] == sha256(first[0]).digest()
    assert written(odd, Style("DECIMAL"))[0] != first[0]
    assert b"https://" in written(odd, Style(deep_link=True))[0]


@pytest.mark.parametrize("odds_format", FORMATS)
def test_better_chances_give_a_lower_price_within_one_sign(odds_format: Any) -> None:
    rng = random.Random(1)
    for _ in range(200):
        p = rng.uniform(0.03, 0.97)
        value = price(p, odds_format)
        assert isinstance(value, int) == (odds_format == "AMERICAN")
        assert abs(_probability(value, odds_format) - p) < 0.006


def _probability(value: float, odds_format: str) -> float:
    """Back again, by another road than prices.py."""
    if odds_format == "PROBABILITY":
        return value
    if odds_format == "DECIMAL":
        return 1 / value
    if odds_format == "AMERICAN":
        value /= 100
    if value < 0:
        return 1 / (1 + 1 / -value)
    return 1 / (1 + value)
