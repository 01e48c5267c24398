"""The three feeds of OpticOdds: their paths, and the parameters that each takes.

Source: the vendor's streaming guide and its copilot page. The configuration is validated by `PARAMETERS`,
and the query is built from the same table, so the two can't disagree.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Protocol
from urllib.parse import quote

from bridge.entries import EntryId


class Kind(StrEnum):
    """What a parameter takes."""

    LIST = "list"
    """One or more texts; upstream wants the name repeated for each."""
    FLAG = "flag"
    """true or false."""
    ODDS_FORMAT = "odds_format"
    """One of `ODDS_FORMATS`."""
    POSITION = "position"
    """An entry id. The bridge sets it, once it has published something."""


ODDS_FORMATS = ("AMERICAN", "DECIMAL", "PROBABILITY", "MALAY", "HONG_KONG", "INDONESIAN")
"""What `odds_format` may be; AMERICAN is upstream's default."""

PARAMETERS: Mapping[str, Mapping[str, Kind]] = {
    "odds": {
        "sportsbook": Kind.LIST,
        "league": Kind.LIST,
        "fixture_id": Kind.LIST,
        "market": Kind.LIST,
        "is_main": Kind.FLAG,
        "is_live": Kind.FLAG,
        "odds_format": Kind.ODDS_FORMAT,
        "exclude_fees": Kind.FLAG,
        "last_entry_id": Kind.POSITION,
        "include_fixture_updates": Kind.FLAG,
        "include_deep_link": Kind.FLAG,
    },
    "results": {
        "league": Kind.LIST,
        "fixture_id": Kind.LIST,
        "last_entry_id": Kind.POSITION,
    },
    "copilot": {
        "market": Kind.LIST,
        "league": Kind.LIST,
        "fixture_id": Kind.LIST,
        "is_main": Kind.FLAG,
        "is_live": Kind.FLAG,
        "last_entry_id": Kind.POSITION,
        "include_fixture_updates": Kind.FLAG,
    },
}
"""Feed to parameter to kind, in the order of the query.

`last_entry_id` is documented for odds only. It is asked for on the other two as well: their entries have ids too,
an upstream that doesn't know the parameter ignores it, and whether a replay came is proven, never believed.
"""

_PATHS = {
    "odds": "/stream/odds/{sport}",
    "results": "/stream/results/{sport}",
    "copilot": "/stream/copilot/{sport}/odds",
}


class Stream(Protocol):
    """What is needed of a stream's settings; the feed's own parameters are further attributes of the same names."""

    @property
    def feed(self) -> str:
        """One of `PARAMETERS`."""

    @property
    def sport(self) -> str:
        """The sport as upstream spells it, like `basketball`."""


def configurable(feed: str) -> list[str]:
    """The names of the parameters that a stream of `feed` may set in the configuration, in the query's order.

    `last_entry_id` is among them where upstream documents it: there it is where a first start begins.
    """
    return [name for name, kind in PARAMETERS[feed].items() if kind is not Kind.POSITION or feed == "odds"]


def url_path(stream: Stream) -> str:
    """The path below the base URL, percent-encoded: `/stream/odds/basketball`."""
    return _PATHS[stream.feed].format(sport=quote(stream.sport, safe=""))


def query(stream: Stream, last_entry_id: EntryId | None) -> list[tuple[str, str]]:
    """The query of one connect, not yet encoded. The key is never in it: it travels in a header.

    `include_fixture_updates` is off upstream by default and on here: without it nobody learns that a fixture is over.

    Args:
        stream: The stream's settings; a parameter that is None or an empty list isn't sent.
        last_entry_id: The entry to replay from; None to begin where the settings say, or else at now.
    """
    pairs: list[tuple[str, str]] = []
    for name, kind in PARAMETERS[stream.feed].items():
        value = getattr(stream, name, None)
        if kind is Kind.POSITION and last_entry_id is not None:
            value = last_entry_id
        if value is None and name == "include_fixture_updates":
            value = True
        if value is None:
            continue
        if kind is Kind.LIST:
            pairs.extend((name, str(text)) for text in value)
        elif kind is Kind.FLAG:
            pairs.append((name, "true" if value else "false"))
        else:
            pairs.append((name, str(value)))
    return pairs
