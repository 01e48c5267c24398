"""Fixtures with all their odds, from a seeded generator."""

import random
from collections.abc import Iterator
from typing import NamedTuple

from bridge.simulator.catalog import CANDIDATES, COPILOT, PLAYERS, League, Market, Sport, slug
from bridge.simulator.model import Fixture, Odd, Status, Team


class _Side(NamedTuple):
    name: str
    selection: str
    side: str
    points: float | None
    probability: float
    is_main: bool = True
    posted: bool = True
    team_id: str = ""
    player: str = ""


def fixture(rng: random.Random, sport: Sport, league: League, *, now: float, status: Status, life: int) -> Fixture:
    """A new fixture of a league, with the odds of every book of its sport and of the copilot feed.

    Args:
        rng: Where every choice comes from.
        sport: The sport it belongs to.
        league: Its league.
        now: Epoch seconds.
        status: The status it starts with.
        life: Steps, on average, until that status changes.
    """
    home, away = (_team(rng, name) for name in _pair(rng, sport, league))
    fixture_id = f"{rng.getrandbits(48):012X}"
    if league.ids == "digits":
        fixture_id = str(rng.randrange(10**11, 10**12))
    elif league.ids == "mlb" and rng.random() < 0.7:
        fixture_id = f"mlb:{fixture_id}"
    made = Fixture(
        id=fixture_id,
        game_id=f"{rng.randrange(10000, 99999)}-{rng.randrange(10000, 99999)}-24-{rng.randrange(1, 53)}",
        sport=sport.name,
        league=league.name,
        league_id=slug(league.name),
        home=home,
        away=away,
        start=round(now / 300) * 300
        + (rng.randrange(2, 90) * 600 if status == "unplayed" else -rng.randrange(1, 9) * 600),
        status=status,
        left=rng.randrange(life // 2 + 1, life * 3 // 2 + 2),
        clock=sport.period_s,
        stats=dict.fromkeys(sport.stats, (0, 0)),
    )
    for name in rng.sample(PLAYERS, 4):
        made.players.append((f"{rng.getrandbits(48):012X}", name, dict.fromkeys(sport.stats[:2], 0)))
    # Books agree on the game and differ in detail, so each starts from the same probabilities and lines.
    game = rng.random() * 0.5 + 0.25
    shift = rng.randrange(-3, 4)
    for book in (*sport.books, COPILOT):
        made.odds[book] = [
            odd for market in sport.markets for odd in _odds(rng, made, book, market, game=game, shift=shift, now=now)
        ]
    return made


def _pair(rng: random.Random, sport: Sport, league: League) -> tuple[str, str]:
    if sport.name == "politics":
        return rng.choice(league.teams), "Field"
    first, second = rng.sample(league.teams, 2)
    return first, second


def _team(rng: random.Random, name: str) -> Team:
    return Team(name, f"{rng.getrandbits(48):012X}", "".join(word[0] for word in name.split())[:4].upper())


def _odds(
    rng: random.Random, made: Fixture, book: str, market: Market, *, game: float, shift: int, now: float
) -> Iterator[Odd]:
    for side in _sides(made, market, game, shift):
        selection = slug(side.name if side.points is not None or side.side else side.selection)
        selection = selection.replace("+", "")
        if book == COPILOT:
            odd_id = f"1:-1:{made.id}:{slug(market.name)}:{selection}"
        else:
            odd_id = f"{made.game_id}:{slug(book)}:{slug(market.name)}:{selection}"
        group = slug(side.selection) if side.player or market.kind == "spread" else "default"
        yield Odd(
            id=odd_id,
            fixture=made,
            book=book,
            market=market,
            name=side.name,
            selection=side.selection,
            side=side.side,
            points=side.points,
            grouping_key=group if side.points is None else f"{group}:{abs(side.points):g}",
            player_id=side.player,
            team_id=side.team_id,
            probability=min(0.97, max(0.03, side.probability + rng.gauss(0, 0.012))),
            is_main=side.is_main,
            posted=side.posted,
            quirk=rng.getrandbits(16),
            timestamp=round(now - rng.random() * 600, 7),
            locked=rng.random() < 0.04,
        )


def _sides(made: Fixture, market: Market, game: float, shift: int) -> Iterator[_Side]:
    home, away = made.home, made.away
    if market.kind in {"moneyline", "threeway"}:
        draw = 0.26 if market.kind == "threeway" else 0.0
        yield _Side(home.name, home.name, "", None, game * (1 - draw) + 0.02, team_id=home.id)
        yield _Side(away.name, away.name, "", None, (1 - game) * (1 - draw) + 0.02, team_id=away.id)
        if draw:
            yield _Side("Draw", "Draw", "", None, draw)
        return
    if market.kind == "outright":
        for n, candidate in enumerate(CANDIDATES):
            yield _Side(candidate, candidate, "", None, 0.5 / (n + 1))
        return
    subjects: list[tuple[str, str]] = [(name, player) for player, name, _ in made.players[:2]]
    for name, player in subjects if market.kind == "prop" else [("", "")]:
        for n in range(-market.sides, market.sides + 1):
            line = market.base + (n + (shift if market.sides > 2 else 0)) * market.step
            main = n == 0
            posted = main or market.alternates
            chance = 0.5 + 0.06 * n * (1 if market.kind == "spread" else -1)
            if market.kind == "spread":
                yield _Side(f"{home.name} {line:+g}", home.name, "", line, chance, main, posted, home.id)
                yield _Side(f"{away.name} {0 - line:+g}", away.name, "", 0 - line, 1.03 - chance, main, posted, away.id)
                continue
            for side, p in (("over", chance), ("under", 1.03 - chance)):
                label = f"{name} {side.title()} {line:g}".strip()
                yield _Side(label, name, side, line, p, main, posted, "", player)
