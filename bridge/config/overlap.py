"""Pure: which streams would write the same odd, and can therefore not share topics.

Two writers of one odd could be neither told apart nor reconciled. So streams of one feed and one topic prefix are
disjoint in sport, book, league, market or fixture, where a filter that isn't set takes everything. `is_live` and
`is_main` don't separate: an odd moves between them. They also agree on how a price is written.

Streams of different feeds share no odd. Several streams may report the same fixture's status (two with
different books of one league always do): status is folded by its key, so it isn't part of the rule.
"""

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import NamedTuple

from bridge.config.kinds import folded
from bridge.config.streams import StreamSettings

SEPARATING = ("sportsbook", "league", "market", "fixture_id")
"""The filters that keep streams of one sport apart."""

AGREEING = ("odds_format", "exclude_fees")
"""What all streams of one topic prefix write alike."""


class Overlap(NamedTuple):
    """Two streams (by their place in the file) that would write the same odds, and what they share."""

    first: int
    second: int
    shared: str
    parts_by: tuple[str, ...]
    """The filters that could keep them apart."""


class Disagreement(NamedTuple):
    """Two streams of one topic prefix that write prices differently."""

    first: int
    second: int
    setting: str


def overlaps(streams: Mapping[int, StreamSettings], default_prefix: str) -> list[Overlap]:
    """All pairs of streams that share odds, in the order of the file."""
    groups: dict[tuple[str, str, str], list[int]] = {}
    for place, stream in streams.items():
        groups.setdefault((_prefix(stream, default_prefix), stream.feed, folded(stream.sport)), []).append(place)
    found = []
    for places in groups.values():
        filters = {place: _filters(streams[place]) for place in places}
        for first, second in combinations(places, 2):
            shared = _shared(filters[first], filters[second])
            if shared is not None:
                text = ", ".join([streams[first].sport, *shared])
                found.append(Overlap(first, second, text, tuple(filters[first])))
    return sorted(found)


def disagreements(streams: Mapping[int, StreamSettings], default_prefix: str) -> list[Disagreement]:
    """Streams of the odds feed whose prices are written unlike those of the first stream with their prefix."""
    found = []
    firsts: dict[str, int] = {}
    for place, stream in streams.items():
        if stream.feed != "odds":
            continue
        first = firsts.setdefault(_prefix(stream, default_prefix), place)
        # Fees left in are upstream's default: not set and false are the same.
        found += [
            Disagreement(first, place, setting)
            for setting in AGREEING
            if (getattr(streams[first], setting) or False) != (getattr(stream, setting) or False)
        ]
    return found


def _prefix(stream: StreamSettings, default_prefix: str) -> str:
    return default_prefix if stream.topic_prefix is None else stream.topic_prefix


_Filters = dict[str, dict[str, str] | None]
"""For each filter of the feed what it takes, folded to how the file writes it; None takes everything."""


def _filters(stream: StreamSettings) -> _Filters:
    values: dict[str, Sequence[str] | None] = {
        name: getattr(stream, name) for name in SEPARATING if name in stream.parameter_names
    }
    return {name: None if items is None else {folded(item): item for item in items} for name, items in values.items()}


def _shared(first: _Filters, second: _Filters) -> list[str] | None:
    """What both take, a text for each filter; None when one filter keeps them apart."""
    texts = []
    for name, ours in first.items():
        theirs = second[name]
        if ours is None and theirs is None:
            texts.append(f"every {_WORDS[name]}")
            continue
        if ours is None or theirs is None:
            both = list((ours or theirs or {}).values())
        else:
            both = [item for key, item in ours.items() if key in theirs]
            if not both:
                return None
        texts.append(f"{_WORDS[name]} {', '.join(both[:3])}{', …' if len(both) > 3 else ''}")
    return texts


_WORDS = {"sportsbook": "sportsbook", "league": "league", "market": "market", "fixture_id": "fixture"}
