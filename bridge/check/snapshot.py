"""May the key ask for upstream's snapshot, by which gaps are mended, and how many requests does a comparison take?"""

import asyncio
from collections.abc import Callable, Collection, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Final

from bridge.check.findings import Finding, Level, Section
from bridge.config import StreamSettings
from bridge.errors import Refused, UpstreamError
from bridge.upstream.fixtures import FixtureRow
from bridge.upstream.listing import Listing
from bridge.upstream.rest import Rest
from bridge.upstream.results import MAX_RESULTS, Results
from bridge.upstream.snapshot import MAX_FIXTURES, Snapshot

LIST_S: Final = 20.0
"""Seconds that one list of fixtures may take, all its pages together."""

WINDOW_S: Final = 15
"""Seconds in which upstream counts requests."""

Feed = tuple[str, str]
"""A feed, and the sport that it is asked for."""

_ANNOUNCE: Final = 'upstream.continuity = "announce"'


@dataclass(frozen=True, slots=True)
class Listed:
    """The fixtures that a stream has now.

    Attributes:
        stream: The stream.
        rows: They, by id.
        pages: Requests that the list took.
    """

    stream: StreamSettings
    rows: dict[str, FixtureRow]
    pages: int

    @property
    def requests(self) -> int:
        """Requests that one look at all of it takes, roughly: fixtures that are known and not listed come on top."""
        most = MAX_RESULTS if self.stream.feed == "results" else MAX_FIXTURES
        return self.pages + -(-len(self.rows) // most)


class SnapshotQuestions:
    """Asks as a bridge would that mends gaps, for one answer of each feed and sport.

    Args:
        streams: The streams of the configuration.
        rest: Asks the questions.
        heals: Whether the configuration says that gaps are mended.
        limit: Gives how many requests upstream allows in a window, once it has told; None before.
    """

    def __init__(
        self, streams: Sequence[StreamSettings], rest: Rest, *, heals: bool, limit: Callable[[], int | None]
    ) -> None:
        self._streams = streams
        self._rest = rest
        self._heals = heals
        self._limit = limit

    async def ask(self, refused: Collection[Feed]) -> list[Finding]:
        """Ask all of it.

        Args:
            refused: Feeds whose streams upstream refuses: the snapshot would be refused for the same reason.
        """
        feeds: dict[Feed, list[StreamSettings]] = {}
        for stream in self._streams:
            if (stream.feed, stream.sport) not in refused:
                feeds.setdefault((stream.feed, stream.sport), []).append(stream)
        lists = await self._lists([stream for streams in feeds.values() for stream in streams])
        found = await asyncio.gather(
            *(self._ask_feed(feed, [lists[stream.name] for stream in streams]) for feed, streams in feeds.items())
        )
        listed = [one for one in lists.values() if isinstance(one, Listed)]
        return [*found, self._requests(listed)] if listed else list(found)

    async def _lists(self, streams: Sequence[StreamSettings]) -> dict[str, Listed | UpstreamError]:
        """By stream, its fixtures; those that ask for the same fixtures are asked for once."""
        alike: dict[str, list[StreamSettings]] = {}
        for stream in streams:
            narrowed = repr([stream.sport, stream.league, stream.is_live, stream.fixture_id])
            alike.setdefault(narrowed, []).append(stream)
        answers = await asyncio.gather(*(self._list(group[0]) for group in alike.values()))
        return {
            stream.name: Listed(stream, answer.rows, answer.pages) if isinstance(answer, Listed) else answer
            for group, answer in zip(alike.values(), answers, strict=True)
            for stream in group
        }

    async def _list(self, stream: StreamSettings) -> Listed | UpstreamError:
        asking = Listing(self._rest, stream)
        try:
            async with asyncio.timeout(LIST_S):
                rows = await asking.active()
        except TimeoutError:
            return UpstreamError(f"upstream's list of fixtures doesn't end within {LIST_S:g} s", reason="timeout")
        except UpstreamError as error:
            return error
        return Listed(stream, rows, asking.requests)

    async def _ask_feed(self, feed: Feed, lists: Sequence[Listed | UpstreamError]) -> Finding:
        failed = next((one for one in lists if isinstance(one, UpstreamError)), None)
        if failed is not None:
            return self._unanswered(feed, failed)
        listed = next((one for one in lists if isinstance(one, Listed) and one.rows), None)
        if listed is None:
            text, fix = "no fixture is on offer, so the snapshot can't be tried", "try again when there is one"
            return self._doubtful(feed, text, fix)
        ids = list(listed.rows)[:MAX_FIXTURES]
        try:
            told = await self._tells(listed.stream, ids)
        except UpstreamError as error:
            return self._unanswered(feed, error)
        if not told:
            text = f"the snapshot tells nothing of the {len(ids)} fixtures that were asked for"
            return self._doubtful(feed, text, f"if that stays, the key isn't licensed for it: set {_ANNOUNCE}")
        text = "the snapshot can be had"
        return _finding(feed, Level.OK, text if self._heals else f"{text}, and isn't used ({_ANNOUNCE})")

    async def _tells(self, stream: StreamSettings, ids: Sequence[str]) -> bool:
        """Whether upstream tells of any of these fixtures. A fixture that hasn't begun needs no result.

        Raises:
            UpstreamError: It can't be had.
        """
        if stream.feed == "results":
            async with aclosing(Results(self._rest, stream).results(ids)) as results:
                async for _ in results:
                    pass
            return True
        async with aclosing(Snapshot(self._rest, stream).odds(ids)) as answers:
            return any([answer.fixtures async for answer in answers])

    def _unanswered(self, feed: Feed, error: UpstreamError) -> Finding:
        if not isinstance(error, Refused):
            return self._doubtful(feed, f"the snapshot can't be tried now: {error.message}", "try again later")
        text = f"upstream refuses the snapshot: {error.message}"
        if not self._heals:
            return _finding(feed, Level.OK, f"{text}; it isn't needed ({_ANNOUNCE})")
        fix = f"set {_ANNOUNCE}: gaps are told then, and not mended; or have the key licensed for it"
        return _finding(feed, Level.WRONG, text, fix)

    def _doubtful(self, feed: Feed, text: str, fix: str) -> Finding:
        if not self._heals:
            return _finding(feed, Level.OK, f"{text}; it isn't needed ({_ANNOUNCE})")
        return _finding(feed, Level.WARNING, text, fix)

    def _requests(self, listed: Sequence[Listed]) -> Finding:
        """How much a comparison of everything asks of upstream; that happens at a first start."""
        requests, limit = sum(one.requests for one in listed), self._limit()
        streams = f"{len(listed)} stream{'s' * (len(listed) != 1)}"
        text = f"comparing {streams} with the snapshot takes about {requests:,} requests"
        if limit is None:
            text += "; upstream tells no limit"
        elif requests > limit:
            seconds = -(-requests // limit) * WINDOW_S
            text += f", more than upstream allows in {WINDOW_S} s ({limit:,}): it takes about {seconds} s"
            fix = "fewer fixtures a stream (league, fixture_id) make it less"
            level = Level.WARNING if self._heals else Level.OK
            return Finding(Section.OPTICODDS, "requests", "", level, text, fix if self._heals else "")
        else:
            text += f"; upstream allows {limit:,} in {WINDOW_S} s"
        return Finding(Section.OPTICODDS, "requests", "", Level.OK, text)


def _finding(feed: Feed, level: Level, text: str, fix: str = "") -> Finding:
    return Finding(Section.OPTICODDS, "snapshot", "/".join(feed), level, f"{feed[0]} of {feed[1]}: {text}", fix)
