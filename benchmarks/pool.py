# ruff: noqa: S311  (a seeded generator is what makes the pool the same each time)
"""Pure: odds and events rendered once; sending one again only patches its entry id and its time in place.

Both have a fixed width. The time stands in every odd's `timestamp`, and no two events have the same: a record's value
alone tells which event it came from and when that was written, whoever wrote the record.
"""

import json
import random
from dataclasses import dataclass
from typing import Any

BOOKS = ("Pinnacle", "DraftKings", "FanDuel", "BetMGM", "Caesars")
SPORT = "basketball"
LEAGUES = 200
PER_LEAGUE = 20  # events
MOST = 50  # odds in an event
LOCKED_EVERY = 10  # one event in so many is a lock

ENTRY_ID = b"0000000000000-00"
STAMP = b"1111111111.111111"
SERIAL = "0000000"  # in an odd's id

_TEAMS = ("Los Angeles Lakers", "Boston Celtics", "Paris Basketball", "San Pablo Burgos", "Philadelphia 76ers")
_FOREIGN = ("São Paulo", "Bàsquet Girona")  # some ids aren't ASCII

Fields = dict[str, Any]


@dataclass(slots=True)
class Template:
    """An event as it goes over the wire, as one HTTP chunk.

    Attributes:
        event: Its name.
        league: The number of its league.
        odds: The ids of its odds.
        raw: Its bytes, patched in place.
        entry_ids: Where its entry id stands.
        stamps: Where its time stands.
        serials: Where the number in the odds' ids stands.
        rows: The odds as the snapshot has them; none of a lock.
        body: Which of its bytes are the event, without the framing of the chunk.
    """

    event: str
    league: int
    odds: tuple[str, ...]
    raw: bytearray
    entry_ids: tuple[int, ...]
    stamps: tuple[int, ...]
    serials: tuple[int, ...]
    rows: list[Fields]
    body: slice

    def render(self, entry_id: bytes, stamp: bytes) -> bytearray:
        """The event with an entry id and a time; good until the next call."""
        raw = self.raw
        for at in self.entry_ids:
            raw[at : at + 16] = entry_id
        for at in self.stamps:
            raw[at : at + 17] = stamp
        return raw

    def renumber(self, number: int) -> int:
        """Give its odds ids of their own, from a number on; returns the next number."""
        for at in self.serials:
            self.raw[at : at + len(SERIAL)] = b"%07d" % number
            number += 1
        return number


def league_name(number: int) -> str:
    """A league's name."""
    return f"League {number:03d}"


def fixture_id(league: int) -> str:
    """The one fixture of a league."""
    return f"B{league:011X}"


def make(*, sizes: tuple[int, ...] = (), leagues: int = LEAGUES, per_league: int = PER_LEAGUE) -> list[Template]:
    """The pool: always the same events in the same order, the leagues mixed.

    Args:
        sizes: The odds of the events, one after the other, again and again; () for 1 to 50, few more often than many.
        leagues: How many leagues.
        per_league: How many events of each.
    """
    rng = random.Random(6)
    made: list[Template] = []
    numbers = iter(range(1, 10**7))
    for n in range(leagues * per_league):
        size = sizes[n % len(sizes)] if sizes else min(MOST, int(MOST ** rng.random() + 0.5))
        league = n % leagues
        locked = n // leagues % LOCKED_EVERY == LOCKED_EVERY - 1
        odds = [_odd(rng, league, next(numbers)) for _ in range(size)]
        made.append(_template("locked-odds" if locked else "odds", league, odds))
    return made


def _odd(rng: random.Random, league: int, number: int) -> Fields:
    """One odd with the fields, and about the size, that upstream's have."""
    book = rng.choice(BOOKS)
    market = rng.choice(("Point Spread", "Total Points", "Player Points", "1st Half Team Total", "Player Rebounds"))
    team = rng.choice(_FOREIGN if number % 20 == 0 else _TEAMS)
    side = rng.choice(("over", "under"))
    points = rng.randrange(1, 240) / 2
    game = f"{19757 + league}-38532-26-48"
    slugs = [text.lower().replace(" ", "_") for text in (book, market, team)]
    return {
        "id": f"{game}:{slugs[0]}:{slugs[1]}:{slugs[2]}_{side}_{number:07d}",
        "fixture_id": fixture_id(league),
        "game_id": game,
        "sport": SPORT,
        "league": league_name(league),
        "league_id": league_name(league).lower().replace(" ", "_"),
        "sportsbook": book,
        "sportsbook_id": slugs[0],
        "market": market,
        "market_id": slugs[1],
        "name": f"{team} {side.title()} {points}",
        "selection": team,
        "normalized_selection": slugs[2],
        "selection_line": side,
        "selection_points": points,
        "points": points,
        "price": rng.choice((-1, 1)) * rng.randrange(100, 400),
        "timestamp": 0,
        "is_main": rng.random() < 0.3,
        "is_live": True,
        "grouping_key": f"{slugs[2]}:{points}",
        "player_id": f"{rng.randrange(16**12):012X}" if market.startswith("Player") else "",
        "team_id": f"{rng.randrange(16**12):012X}",
        "limits": {"max_stake": rng.randrange(10, 100) * 50} if book == "Pinnacle" else None,
        "order_book": None,
        "source_ids": None,
        "deep_link": None,
    }


def _template(event: str, league: int, odds: list[Fields]) -> Template:
    rows = ",".join(json.dumps(odd, ensure_ascii=False, separators=(",", ":")) for odd in odds).encode()
    rows = rows.replace(b'"timestamp":0,', b'"timestamp":' + STAMP + b",")
    body = b'{"data":[%b],"entry_id":"%b","type":"%b"}' % (rows, ENTRY_ID, event.encode())
    frame = b"event: %b\nid: %b\nretry: 5000\ndata: %b\n\n" % (event.encode(), ENTRY_ID, body)
    raw = b"%x\r\n%b\r\n" % (len(frame), frame)
    ids = tuple(odd["id"] for odd in odds)
    serials = [raw.index(id_.encode() + b'"') + len(id_.encode()) - len(SERIAL) for id_ in ids]
    return Template(
        event=event,
        league=league,
        odds=ids,
        raw=bytearray(raw),
        entry_ids=tuple(_places(raw, ENTRY_ID)),
        stamps=tuple(_places(raw, STAMP)),
        serials=tuple(serials),
        rows=odds if event == "odds" else [],
        body=slice(len(raw) - 2 - len(frame), -2),
    )


def _places(raw: bytes, what: bytes) -> list[int]:
    places, at = list[int](), raw.find(what)
    while at >= 0:
        places.append(at)
        at = raw.find(what, at + len(what))
    return places


class Numbers:
    """Entry ids and times that only grow, of fixed width, the ids as fresh as the clock.

    Args:
        now_us: Microseconds of the epoch.
    """

    def __init__(self, now_us: int) -> None:
        self.stamp_us = now_us
        self._ms = now_us // 1000
        self._seq = 9

    def next(self, now_us: int) -> tuple[bytes, bytes]:
        """The entry id and the time of the next event."""
        us = self.stamp_us = max(now_us, self.stamp_us + 1)
        ms = us // 1000
        if ms > self._ms:
            self._ms, self._seq = ms, 10
        elif self._seq == 99:
            self._ms, self._seq = self._ms + 1, 10
        else:
            self._seq += 1
        return b"%d-%d" % (self._ms, self._seq), b"%d.%06d" % divmod(us, 1_000_000)
