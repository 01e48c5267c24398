"""The world that the boards are made of: sports, leagues, competitors, sportsbooks, markets."""

from typing import Literal, NamedTuple

Kind = Literal["moneyline", "threeway", "spread", "total", "prop", "outright"]

COPILOT = "copilot"
"""The name under which a board keeps the copilot feed's prices, beside the sportsbooks."""


def slug(name: str) -> str:
    """A name as upstream writes it in ids: lower case, underscores for spaces and dots."""
    return name.lower().replace(" ", "_").replace(".", "_")


class Market(NamedTuple):
    """A kind of bet; `base` is the usual main line, `step` the distance of lines, `sides` how many each way."""

    name: str
    kind: Kind
    base: float = 0.0
    step: float = 1.0
    sides: int = 0
    alternates: bool = True


class League(NamedTuple):
    """A league and who plays in it."""

    name: str
    teams: tuple[str, ...]
    ids: Literal["hex", "digits", "mlb"] = "hex"


class Sport(NamedTuple):
    """A sport as upstream offers it."""

    name: str
    leagues: tuple[League, ...]
    books: tuple[str, ...]
    markets: tuple[Market, ...]
    periods: int
    period_s: int
    stats: tuple[str, ...]


EXCHANGES = frozenset({"Kalshi", "Polymarket", "Novig", "Betfair Exchange", "Smarkets"})
"""Books that give an order book, native ids and a stake limit."""

_US = ("DraftKings", "FanDuel", "BetMGM", "Pinnacle", "Novig")
_WORLD = ("Bet365", "Pinnacle", "Betano", "DraftKings", "Betfair Exchange")

SPORTS: dict[str, Sport] = {
    s.name: s
    for s in (
        Sport(
            "basketball",
            (
                League(
                    "NBA", ("Boston Celtics", "Miami Heat", "Denver Nuggets", "Los Angeles Lakers", "New York Knicks")
                ),
                League("NCAAB", ("Duke Blue Devils", "Kansas Jayhawks", "San José State Spartans", "Gonzaga Bulldogs")),
            ),
            _US,
            (
                Market("Moneyline", "moneyline"),
                Market("Point Spread", "spread", -3.5, 1.0, 3),
                Market("Total Points", "total", 224.5, 1.0, 3),
                Market("1st Half Moneyline", "moneyline"),
                Market("1st Half Total Points", "total", 112.5, 1.0, 3, alternates=False),
                Market("Player Points", "prop", 22.5, 1.0, 1),
            ),
            4,
            720,
            ("rebounds", "assists", "turnovers", "free_throws_made"),
        ),
        Sport(
            "football",
            (
                League("NFL", ("Philadelphia Eagles", "Dallas Cowboys", "Buffalo Bills", "Kansas City Chiefs")),
                League(
                    "NCAAF", ("Ohio State Buckeyes", "Texas A&M Aggies", "Hawai'i Rainbow Warriors", "Oregon Ducks")
                ),
            ),
            _US,
            (
                Market("Moneyline", "moneyline"),
                Market("Point Spread", "spread", -2.5, 1.0, 3),
                Market("Total Points", "total", 45.5, 1.0, 3),
                Market("1st Half Moneyline", "moneyline"),
                Market("1st Half Point Spread", "spread", -1.5, 1.0, 3, alternates=False),
                Market("Player Passing Yards", "prop", 240.5, 5.0, 1),
            ),
            4,
            900,
            ("first_downs", "total_yards", "penalties", "turnovers"),
        ),
        Sport(
            "baseball",
            (
                League(
                    "MLB", ("New York Yankees", "Boston Red Sox", "Los Angeles Dodgers", "St. Louis Cardinals"), "mlb"
                ),
                League("NPB", ("Yomiuri Giants", "Hanshin Tigers", "Hiroshima Tōyō Carp"), "digits"),
            ),
            _US,
            (
                Market("Moneyline", "moneyline"),
                Market("Run Line", "spread", -1.5, 1.0, 2),
                Market("Total Runs", "total", 8.5, 1.0, 3),
                Market("1st Half Total Runs", "total", 4.5, 1.0, 2, alternates=False),
                Market("Player Strikeouts", "prop", 5.5, 1.0, 1),
            ),
            9,
            1200,
            ("hits", "errors", "left_on_base"),
        ),
        Sport(
            "soccer",
            (
                League("England - Premier League", ("Arsenal", "Chelsea", "Liverpool", "Brighton & Hove Albion")),
                League("Brazil - Serie A", ("São Paulo", "Grêmio", "Atlético Mineiro", "Flamengo"), "digits"),
                League("Spain - La Liga", ("Real Madrid", "Atlético Madrid", "Cádiz", "Deportivo Alavés")),
            ),
            _WORLD,
            (
                Market("Moneyline", "threeway"),
                Market("Asian Handicap", "spread", -0.5, 0.25, 4),
                Market("Total Goals", "total", 2.5, 0.25, 4),
                Market("1st Half Total Goals", "total", 1.5, 0.5, 2, alternates=False),
                Market("Player Shots", "prop", 2.5, 1.0, 1),
            ),
            2,
            2700,
            ("corners", "yellow_cards", "shots_on_target", "possession"),
        ),
        Sport(
            "tennis",
            (
                League(
                    "ATP", ("Miomir Kecmanović", "Lorenzo Musetti", "Novak Djokovic", "Félix Auger-Aliassime"), "digits"
                ),
                League("WTA", ("Saisai Zheng", "Jessika Ponchet", "Iga Świątek", "Karolína Muchová")),
            ),
            _WORLD,
            (
                Market("Moneyline", "moneyline"),
                Market("Game Spread", "spread", -2.5, 1.0, 3),
                Market("Total Games", "total", 22.5, 1.0, 3),
                Market("1st Set Moneyline", "moneyline"),
            ),
            3,
            2400,
            ("aces", "double_faults", "break_points_won"),
        ),
        Sport(
            "politics",
            (
                League("US Elections", ("Presidency", "Senate control", "House control", "Iowa caucus")),
                League("World Elections", ("Élysée", "Bundeskanzleramt", "Palácio do Planalto")),
            ),
            ("Kalshi", "Polymarket", "Smarkets", "Betfair Exchange", "Novig"),
            (
                Market("Winner", "outright"),
                Market("Popular Vote Winner", "outright"),
                Market("Margin Of Victory", "outright"),
            ),
            1,
            86400,
            ("votes_counted",),
        ),
    )
}

CANDIDATES = ("Alder", "Beaumont", "Çelik", "Dvořák", "Eze", "Fischer", "García", "Hoàng", "Iversen", "Jónsdóttir")
PLAYERS = (
    "Jalen Ward",
    "Luka Dončić",
    "Nikola Jokić",
    "Sam O'Neil",
    "Ronald Acuña Jr.",
    "Kylian Mbappé",
    "Amon-Ra St. Brown",
)

BOOKS: dict[str, str] = {slug(b): b for s in SPORTS.values() for b in s.books}
"""Every sportsbook by its id; a request may name it by id or by name."""
