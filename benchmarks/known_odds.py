# ruff: noqa: S311  (a seeded generator is what makes the odds the same each time; it prints a table)
"""`python -m benchmarks.known_odds [--odds N]`: what it costs to know what was last published of each odd.

Prints the memory that a board of N odds takes, and the time of an odd told, read and compared. Times are of this
process's own CPU, so that whatever else runs on the machine hardly counts.
"""

import argparse
import gc
import random
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

import orjson
import psutil

from bridge.continuity import Board, Difference, Index, Room, compare
from bridge.simulator import shapes
from bridge.simulator.catalog import slug

BOOKS = ("DraftKings", "FanDuel", "BetMGM", "Pinnacle", "Novig")
LEAGUES = ("NBA", "NCAAB", "England - Premier League", "Brazil - Serie A")
TEAMS = ("Boston Celtics", "Miami Heat", "San José State Spartans", "Atlético Mineiro", "Brighton & Hove Albion")
PLAYERS = ("Jalen Ward", "Luka Dončić", "Nikola Jokić", "Sam O'Neil", "Ronald Acuña Jr.", "Amon-Ra St. Brown")
MARKETS = ("Moneyline", "Point Spread", "Total Points", "1st Half Total Points", "Player Points", "Player Rebounds")
PER_PLACE = 100  # odds of one fixture at one book
ENTRY = 10  # odds in an entry
START_MS = 1_790_000_000_000
COMPARED = 100_000
DIFFERING = 0.05

Fields = dict[str, Any]
Items = list[tuple[bytes, bytes]]


@dataclass(frozen=True, slots=True)
class Around:
    """The fixture around a snapshot's odds."""

    id: str
    game_id: str
    sport: str = "basketball"
    league: str = "NBA"
    league_id: str = "nba"
    is_live: bool | None = False


def fixtures(seed: int) -> Iterator[tuple[Around, list[Fields]]]:
    """Fixtures with the odds of five books, as the stream writes them; endless."""
    rng = random.Random(seed)
    while True:
        game = f"{rng.randrange(10_000, 99_999)}-{rng.randrange(10_000, 99_999)}-24-{rng.randrange(1, 53)}"
        league = rng.choice(LEAGUES)
        around = Around(f"{rng.getrandbits(48):012X}", game, "basketball", league, slug(league))
        yield around, [odd(rng, around, book) for book in BOOKS for _ in range(PER_PLACE)]


def odd(rng: random.Random, around: Around, book: str) -> Fields:
    """One odd; about 700 bytes, with what books do differently."""
    market, line = rng.choice(MARKETS), rng.randrange(600) + 0.5
    of_player = market.startswith("Player")
    who = rng.choice(PLAYERS if of_player else TEAMS)
    side = rng.choice(("over", "under"))
    name = f"{who} {side.title()} {line:g}"
    selection, market_id = slug(name), slug(market)
    fields: Fields = {
        "id": f"{around.game_id}:{slug(book)}:{market_id}:{selection}_{rng.randrange(1_000)}",
        "fixture_id": around.id,
        "game_id": around.game_id,
        "sport": around.sport,
        "league": around.league,
        "league_id": around.league_id,
        "sportsbook": book,
        "sportsbook_id": slug(book),
        "market": market,
        "market_id": market_id,
        "name": name,
        "selection": who,
        "normalized_selection": slug(who),
        "selection_line": side,
        "selection_points": line,
        "points": line,
        "price": rng.randrange(-400, 400),
        "timestamp": round(START_MS / 1000 - rng.random() * 86_400, 7),
        "is_main": rng.random() < 0.2,
        "is_live": around.is_live,
        "grouping_key": f"{slug(who)}:{line:g}",
        "player_id": f"{rng.getrandbits(48):012X}" if of_player else "",
        "team_id": "" if of_player else f"{rng.getrandbits(48):012X}",
        "limits": {"max_stake": 250 + rng.randrange(40) * 50} if book == "Pinnacle" else None,
        "order_book": None,
        "source_ids": None,
        "deep_link": None,
    }
    if book == "Novig":
        fields["order_book"] = [[rng.randrange(-200, 200), round(rng.random() * 500, 2)] for _ in range(3)]
        fields["limits"] = {"max": rng.randrange(1_000)}
    return fields


def written(fields: Fields) -> tuple[bytes, bytes]:
    """Its id and bytes: a copy, for what orjson returns occupies more than it holds."""
    return fields["id"].encode(), bytes(bytearray(orjson.dumps(fields)))


def entries(count: int, seed: int) -> Iterator[Items]:
    """Entries with that many odds in all."""
    odds = islice((fields for _, odds in fixtures(seed) for fields in odds), count)
    while items := [written(fields) for fields in islice(odds, ENTRY)]:
        yield items


def memory() -> float:
    """MB that this process occupies."""
    return float(psutil.Process().memory_info().rss) / 1e6


def say(what: str, value: str) -> None:
    """One line of the table."""
    print(f"{what:58} {value:>14}", flush=True)


def fill(board: Board, room: Room, count: int) -> None:
    """Tell the board that many odds; what they cost."""
    before, cpu, size, told, shown = memory(), 0.0, 0, 0, 0.0
    for n, items in enumerate(entries(count, seed=1)):
        began = time.thread_time()
        board.tell(items, (START_MS + n, 0, 0), locked=n % 20 == 0, live_ms=START_MS + n + 40)
        cpu += time.thread_time() - began
        size += sum(len(raw) for _, raw in items)
        told += len(items)
        if time.monotonic() - shown > 1:
            shown = time.monotonic()
            print(f"\r{told:,} of {count:,}", end="", file=sys.stderr, flush=True)
    print("\r", end="", file=sys.stderr)
    grown = memory() - before
    say("odds known", f"{len(board):,}")
    say("an odd as it came, bytes", f"{size / told:.0f}")
    say(f"memory grown, MB (of it raw: {room.used / 1e6:.0f})", f"{grown:.0f}")
    say("… bytes an odd", f"{grown * 1e6 / len(board):.0f}")
    say("tell, new odds, the oldest packed: µs an odd", f"{cpu / told * 1e6:.2f}")


def tell(board: Board, count: int) -> None:
    """Tell what is known: young odds, and packed ones."""
    packed = list(entries(min(count, 20_000), seed=1))
    for what, times in (("packed", 1), ("young", 25)):
        best = float("inf")
        for n in range(times):
            order = (START_MS + 10**9 + n, 0, 0)
            began = time.thread_time()
            for items in packed:
                board.tell(items, order, locked=False, live_ms=order[0])
            best = min(best, (time.thread_time() - began) / len(packed) / ENTRY)
        say(f"tell, known and {what}: µs an odd", f"{best * 1e6:.3f}")


def read(board: Board, count: int) -> Index:
    """Index the board, and read packed odds."""
    index: Index = {}
    gc.freeze()
    began = last = time.thread_time()
    longest = 0.0
    for _ in board.index(index):
        now = time.thread_time()
        longest, last = max(longest, now - last), now
    say("index of all, s", f"{time.thread_time() - began:.2f}")
    say("… the longest step, ms", f"{longest * 1e3:.1f}")
    keys = [key for books in islice(index.values(), count // 1_000 + 1) for keys in books.values() for key in keys]
    began = time.thread_time()
    for key in keys:
        board.get(key)
    say("get: µs an odd", f"{(time.thread_time() - began) / len(keys) * 1e6:.2f}")
    return index


def load(count: int) -> None:
    """Load a board at start."""
    board = Board(Room())
    cpu = 0.0
    for items in entries(count, seed=2):
        began = time.thread_time()
        for key, raw in items:
            board.load(key, raw, order=(START_MS, 0, 0), locked=False, live_ms=0)
        cpu += time.thread_time() - began
    say("load: µs an odd", f"{cpu / len(board) * 1e6:.2f}")


def differences(count: int) -> None:
    """Compare packed odds with a snapshot of them."""
    board, rng = Board(Room(0)), random.Random(3)
    answers: list[tuple[Around, list[bytes]]] = []
    for around, odds in islice(fixtures(seed=3), max(1, count // (PER_PLACE * len(BOOKS)))):
        for fields in odds:
            board.load(*written(fields), order=(START_MS, 0, 0), locked=False, live_ms=START_MS)
        moved = [fields | {"price": -401} if rng.random() < DIFFERING else fields for fields in odds]
        answers.append((around, [shapes.odd(fields) for fields in moved]))
    index: Index = {}
    for _ in board.index(index):
        pass
    gc.freeze()  # what follows pays for its own garbage, not for this benchmark's
    began = last = time.thread_time()
    longest, found = 0.0, list[Difference]()
    for around, offered in answers:
        for difference in compare(board, index, around, offered, books=BOOKS, sent_ms=START_MS + 60_000):
            now = time.thread_time()
            longest, last = max(longest, now - last), now
            found.append(difference)
    seconds = time.thread_time() - began
    same, changed = sum(d.same for d in found), sum(len(d.changed) for d in found)
    say(f"compare of {len(board):,} known ({changed:,} changed), s", f"{seconds:.2f}")
    say("… µs an odd", f"{seconds / len(board) * 1e6:.1f}")
    say("… the longest step, ms", f"{longest * 1e3:.1f}")
    assert same + changed == len(board), "each is either the same or changed"  # noqa: S101 -- a benchmark of nothing is none


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.known_odds", description="What known odds cost.")
    parser.add_argument("--odds", type=int, default=1_000_000, metavar="N", help="how many are known (1,000,000)")
    count = parser.parse_args().odds
    for items in entries(2_000, seed=9):  # whatever is made once is made before it is measured
        Board(Room(0)).tell(items, (START_MS, 0, 0), locked=False, live_ms=START_MS)
    room = Room()
    board = Board(room)
    fill(board, room, count)
    read(board, count)
    tell(board, count)
    board.clear()
    load(min(count, COMPARED))
    differences(min(count, COMPARED))


if __name__ == "__main__":
    main()
