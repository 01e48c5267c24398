"""The fixtures of a stream, as upstream lists them."""

from collections.abc import Iterable, Iterator
from contextlib import aclosing
from datetime import UTC, datetime
from functools import partial
from typing import Final

from bridge.upstream.abreast import abreast, groups
from bridge.upstream.feeds import Stream
from bridge.upstream.fixtures import FixtureRow, Told, fixture_row
from bridge.upstream.rest import Params, Rest

MAX_IDS: Final = 25
"""Fixture ids in one question for rows. Upstream names no limit here; that for results is known to hold."""


class Listing:
    """Asks which fixtures a stream has.

    Args:
        rest: Asks the questions.
        stream: The stream's settings; its leagues and names are passed on as they are configured: upstream takes names
            and ids alike.
    """

    def __init__(self, rest: Rest, stream: Stream) -> None:
        self._rest = rest
        self._stream = stream
        self.requests = 0
        """Questions that have been answered."""

    async def active(self) -> dict[str, FixtureRow]:
        """The stream's fixtures that aren't over, by id.

        The list may shift while its pages are read: one that is missing here isn't over for that. Ask for its row.

        Raises:
            UpstreamError: It can't be had.
        """
        narrowed = [("sport", self._stream.sport), *self.passed_on("league", "is_live")]
        chosen: list[str] = getattr(self._stream, "fixture_id", None) or []
        if not chosen:
            return await self._listed("/fixtures/active", narrowed)
        return await self._by_id("/fixtures/active", chosen, narrowed)

    async def since(self, at: float) -> dict[str, FixtureRow]:
        """The stream's fixtures that started after a time (epoch seconds), those that are over among them.

        Raises:
            UpstreamError: It can't be had.
        """
        start = datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        narrowed = [("sport", self._stream.sport), *self.passed_on("league")]
        return await self._listed("/fixtures", [*narrowed, ("start_date_after", start)])

    async def rows(self, ids: Iterable[str]) -> dict[str, FixtureRow]:
        """What has become of these fixtures, by id; one that upstream doesn't know (any more) is missing.

        Raises:
            UpstreamError: It can't be had.
        """
        return await self._by_id("/fixtures", ids, [])

    def passed_on(self, *names: str) -> Iterator[tuple[str, str]]:
        """The stream's own filters of these names, as parameters; those that it hasn't set are left out."""
        for name in names:
            value = getattr(self._stream, name, None)
            if isinstance(value, bool):
                yield name, "true" if value else "false"
            elif isinstance(value, str):
                yield name, value
            elif value is not None:
                yield from ((name, text) for text in value)

    async def _by_id(self, path: str, ids: Iterable[str], params: Params) -> dict[str, FixtureRow]:
        found: dict[str, FixtureRow] = {}
        asks = (partial(self._listed, path, [*params, *(("id", i) for i in group)]) for group in groups(ids, MAX_IDS))
        async with aclosing(abreast(asks)) as answers:
            async for rows in answers:
                found |= rows
        return found

    async def _listed(self, path: str, params: Params) -> dict[str, FixtureRow]:
        found: dict[str, FixtureRow] = {}
        async for page in self._rest.pages(path, params, type=Told):
            self.requests += 1
            found |= {row.id: row for row in map(fixture_row, page) if row is not None}
        return found
