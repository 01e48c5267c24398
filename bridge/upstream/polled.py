"""When upstream last asked each sportsbook.

A book whose odds stand still, and one that upstream doesn't reach any more, look alike on the stream.
"""

from collections.abc import Sequence
from contextlib import aclosing
from functools import partial
from typing import Any, Final

import msgspec

from bridge.upstream.abreast import abreast
from bridge.upstream.rest import Rest

MAX_BOOKS: Final = 5
"""Sportsbooks in one question; upstream refuses more."""


class _Book(msgspec.Struct):
    id: Any = None
    name: Any = None
    timestamp: Any = None


class _Row(msgspec.Struct):
    sportsbooks: list[_Book] | None = None


async def last_polled(rest: Rest, leagues: Sequence[str], books: Sequence[str]) -> dict[str, float]:
    """When upstream last had a valid odd from each book, in any of the leagues; in seconds of upstream's epoch.

    Args:
        rest: Asks the questions, one a league: upstream takes no more.
        leagues: Names or ids. Without any nothing can be asked, and nothing is known.
        books: Names or ids.

    Returns:
        By book as `books` spells it; one that upstream doesn't tell of is missing.

    Raises:
        UpstreamError: It can't be had.
    """
    groups = [books[n : n + MAX_BOOKS] for n in range(0, len(books), MAX_BOOKS)]
    asks = (partial(_asked, rest, league, group) for league in dict.fromkeys(leagues) for group in groups)
    newest: dict[str, float] = {}
    async with aclosing(abreast(asks)) as answers:
        async for times in answers:
            for book, at in times:
                newest[book] = max(at, newest.get(book, at))
    return newest


async def _asked(rest: Rest, league: str, books: Sequence[str]) -> list[tuple[str, float]]:
    params = [("league", league), *(("sportsbook", book) for book in books)]
    told: list[tuple[str, float]] = []
    async for page in rest.pages("/sportsbooks/last-polled", params, type=_Row):
        for book in (book for row in page for book in row.sportsbooks or []):
            at = book.timestamp
            if isinstance(at, int | float) and not isinstance(at, bool):
                told += [(asked, float(at)) for asked in books if _is_same(asked, book)]
    return told


def _is_same(asked: str, book: _Book) -> bool:
    return any(isinstance(name, str) and name.casefold() == asked.casefold() for name in (book.id, book.name))
