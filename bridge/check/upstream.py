"""The questions to OpticOdds: is the key accepted, for which feeds and snapshots, are names known, what time is it?

Each pair of feed and sport costs one connect of the key's budget: the stream is opened and closed at once.
"""

import asyncio
from collections.abc import Callable, Mapping
from typing import Final

from bridge.check import clock, names
from bridge.check.findings import Finding, Level, Section
from bridge.check.names import Known
from bridge.check.snapshot import Feed, SnapshotQuestions
from bridge.config import Settings, StreamSettings
from bridge.errors import Disconnected, RateLimited, Refused, UpstreamError
from bridge.upstream.budget import LIMIT, WINDOW_S, ConnectBudget
from bridge.upstream.client import Client
from bridge.upstream.feeds import query, url_path
from bridge.upstream.rest import Params, Rest

ANSWER_S: Final = 10.0
"""Seconds that upstream may take for one answer."""

PATIENCE_S: Final = 5.0
"""Seconds that a question waits for upstream's rate limit; past that it stays open."""

_KEY_REFUSED: Final = 401
_ORDER: Final = ("key", "sport", "league", "sportsbook", "feed", "snapshot", "requests")  # whichever answer came first


class UpstreamQuestions:
    """Asks OpticOdds everything, and says what was found.

    Args:
        settings: The configuration.
        read_key: Gives the key.
    """

    def __init__(self, settings: Settings, read_key: Callable[[], str]) -> None:
        self.findings: list[Finding] = []
        """What was found so far."""
        self._base_url = settings.upstream.base_url
        self._answer_s = min(settings.upstream.silence_s, ANSWER_S)
        self._streams = settings.streams
        self._heals = settings.upstream.continuity == "reconcile"
        self._read_key = read_key
        self._refused: set[Feed] = set()
        self._limit: int | None = None
        self._readings: list[clock.Reading] = []

    async def ask(self) -> None:
        """Ask all of it; `findings` has the answers."""
        rest = Rest(
            self._base_url, self._read_key, timeout_s=self._answer_s, patience_s=PATIENCE_S, heard=self._on_answer
        )
        client = Client(self._base_url, self._read_key, self._answer_s, ConnectBudget())
        async with rest, client:
            try:
                sports: list[Known] | UpstreamError = await _listed(rest, "/sports")
            except UpstreamError as error:
                sports = error
            if isinstance(sports, UpstreamError) and self._is_hopeless(sports):
                return
            opened, *_ = await asyncio.gather(
                self._ask_streams(client), self._ask_leagues(rest), self._ask_sportsbooks(rest)
            )
            snapshot = SnapshotQuestions(self._streams, rest, heals=self._heals, limit=lambda: self._limit)
            self.findings += await snapshot.ask(self._refused)
            self.findings[:0] = [self._key(sports, opened), *self._sports(sports)]
            self.findings.sort(key=lambda finding: _ORDER.index(finding.check))
        self.findings.append(clock.judge(self._readings))

    def _on_answer(self, sent: float, received: float, headers: Mapping[str, str]) -> None:
        reading = clock.reading(sent, received, headers)
        if reading is not None:
            self._readings.append(reading)
        limit = headers.get("x-ratelimit-limit", "").strip()
        if limit.isascii() and limit.isdigit():
            self._limit = int(limit)

    def _is_hopeless(self, error: UpstreamError) -> bool:
        """Whether all other questions would get the same answer; then it is told once."""
        if isinstance(error, Refused) and error.status == _KEY_REFUSED:
            self._say("key", Level.WRONG, f"the key isn't accepted: {error.message}", error.hint)
        elif isinstance(error, Disconnected) or error.reason == "key":
            check = "key" if error.reason == "key" else "reach"
            self._say(check, Level.WRONG, error.message, error.hint or "check the network and [upstream] base_url")
        else:
            return False
        self._say("names", Level.WARNING, "feeds, sports, leagues and sportsbooks can't be asked for until then")
        if self._readings:
            self.findings.append(clock.judge(self._readings))
        return True

    async def _ask_streams(self, client: Client) -> int:
        """Open a stream of each feed and sport, and close it; returns how many opened."""
        firsts: dict[tuple[str, str], StreamSettings] = {}
        for stream in self._streams:
            firsts.setdefault((stream.feed, stream.sport), stream)
        return sum(await asyncio.gather(*(self._ask_stream(client, stream) for stream in firsts.values())))

    async def _ask_stream(self, client: Client, stream: StreamSettings) -> bool:
        what, about = f"{stream.feed} of {stream.sport}", f"{stream.feed}/{stream.sport}"
        try:
            async with asyncio.timeout(self._answer_s + PATIENCE_S):  # after a 429 the client holds back the others
                connection = await client.connect(url_path(stream), query(stream, None))
        except TimeoutError:
            text = f"{what} can't be tried now: upstream's rate limit is used up"
            self._say("feed", Level.WARNING, text, "try again later", about)
        except RateLimited as error:
            self._say("feed", Level.WARNING, f"{what} can't be tried now: {error.message}", "try again later", about)
        except UpstreamError as error:
            if isinstance(error, Refused):
                self._refused.add((stream.feed, stream.sport))
            fix = error.hint or "try again; if it stays, ask OpticOdds"
            self._say("feed", Level.WRONG, f"{what}: {error.message}", fix, about)
        else:
            connection.close()
            self._say("feed", Level.OK, f"{what}: the stream opens (as {stream.name!r} asks for it)", about=about)
            return True
        return False

    def _key(self, sports: list[Known] | UpstreamError, opened: int) -> Finding:
        if not opened and isinstance(sports, UpstreamError):
            text = f"whether the key is accepted can't be told: {sports.message}"
            return Finding(Section.OPTICODDS, "key", "", Level.WRONG, text, sports.hint or "try again later")
        spent = f"{opened} stream{'s' * (opened != 1)} opened for a moment, of {LIMIT} in {WINDOW_S:g} s"
        return Finding(Section.OPTICODDS, "key", "", Level.OK, f"the key is accepted ({spent})")

    def _sports(self, sports: list[Known] | UpstreamError) -> list[Finding]:
        asked = list(dict.fromkeys(stream.sport for stream in self._streams))
        if isinstance(sports, UpstreamError):
            return [_unasked("sport", "sports", sports)]
        return names.judge("sport", asked, sports, where="", by_id=True)

    async def _ask_leagues(self, rest: Rest) -> None:
        asked: dict[str, list[str]] = {}
        for stream in self._streams:
            asked.setdefault(stream.sport, []).extend(stream.league or [])
        for sport, leagues in asked.items():
            if leagues:
                await self._ask_names(rest, "league", leagues, [("sport", sport)], f" of {sport}")

    async def _ask_sportsbooks(self, rest: Rest) -> None:
        asked = [book for stream in self._streams for book in stream.sportsbook or []]
        if asked:
            await self._ask_names(rest, "sportsbook", asked, [], "")

    async def _ask_names(self, rest: Rest, kind: str, asked: list[str], params: Params, where: str) -> None:
        try:
            known = await _listed(rest, f"/{kind}s", params)
        except UpstreamError as error:
            self.findings.append(_unasked(kind, f"{kind}s{where}", error))
        else:
            self.findings += names.judge(kind, list(dict.fromkeys(asked)), known, where=where)

    def _say(self, check: str, level: Level, text: str, fix: str = "", about: str = "") -> None:
        self.findings.append(Finding(Section.OPTICODDS, check, about, level, text, fix))


async def _listed(rest: Rest, path: str, params: Params = ()) -> list[Known]:
    """Everything that upstream lists there.

    Raises:
        UpstreamError: It can't be had.
    """
    items: list[object] = []
    async for page in rest.pages(path, params):
        items += page
    return names.listed(items)


def _unasked(kind: str, what: str, error: UpstreamError) -> Finding:
    text = f"upstream's {what} can't be compared: {error.message}"
    return Finding(Section.OPTICODDS, kind, "", Level.WARNING, text, "try again later")
