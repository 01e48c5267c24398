"""The book of odds: records in, answers out. One thread's or one event loop's; it has no lock and does no I/O."""

import time
from collections.abc import Callable, Iterable, Iterator

from bridge.book.fields import Fields, Number, plain, read
from bridge.book.fixtures import Fixture
from bridge.book.fold import Counts, Fold
from bridge.book.prices import decimal
from bridge.book.quote import Feed, Quote, doubt, quote
from bridge.book.said import OPEN, KafkaRecord
from bridge.book.standing import Standing, Stream
from bridge.book.table import Odd


class OddsBook:
    """The board of all odds, folded from the records of oddsbridge's topics.

    Feed it records of `odds` and `locked-odds`, or of `odds-state`, or of all three, in any order (the same for the
    copilot topics), and of `bridge-events`, without which no price is vouched for. `fixture-status` helps.

    Args:
        silent_after_s: Seconds without any record of a stream after which it counts as silent. The bridge writes an
            `alive` every 5 s.
        clock: Now, in epoch seconds.
    """

    def __init__(self, *, silent_after_s: float = 15.0, clock: Callable[[], float] = time.time) -> None:
        self._silent_after_ms = silent_after_s * 1000
        self._clock = clock
        self._fold = Fold()

    @property
    def counts(self) -> Counts:
        """What became of the records that were fed."""
        return self._fold.counts

    def feed(self, record: KafkaRecord) -> bool:
        """Take the next record of aiokafka (ConsumerRecord) or confluent-kafka (Message), of any topic.

        Topics are told apart by headers and values, since their names can be set.

        Returns:
            Whether it changed the board, a fixture or a standing; `counts` tells why not.

        Raises:
            TypeError: Key or value were taken apart by a deserializer; the book reads bytes.
            NewerRecord: It was written by a newer oddsbridge, in a version that this one can't read.
        """
        return self._fold.feed(record)

    # --- asking -------------------------------------------------------------------------------------------------------

    def odd(self, odd_id: str) -> Quote | None:
        """One odd by its id, open or not; None if it isn't known."""
        found = self._fold.table.get(odd_id.encode())
        return next(self._quotes([found])) if found else None

    def active(
        self,
        fixture_id: str | None = None,
        market: str | None = None,
        sportsbook: str | None = None,
        *,
        feed: Feed | None = None,
    ) -> list[Quote]:
        """The odds that are on offer, also those that can't be vouched for.

        Names match in any case, and with underscores for spaces: `1st_half_moneyline`. Without a fixture all odds that
        are known are looked at.
        """
        book = None if sportsbook is None else plain(sportsbook)
        return [
            found
            for found in self._quotes(self._open(fixture_id, market, feed))
            if book is None or plain(found.sportsbook) == book
        ]

    def best(
        self,
        fixture_id: str,
        market: str,
        *,
        selection: str | None = None,
        points: float | None = None,
        feed: Feed = "odds",
        vouched_only: bool = True,
    ) -> list[Quote]:
        """The best price of each outcome of a market, over all sportsbooks and odds formats; main lines first.

        Prices are compared as decimal odds. An outcome is what has the same name and points. Of equal prices the one
        whose odd id sorts first is taken.

        Args:
            fixture_id: The fixture.
            market: The market's name.
            selection: Only outcomes whose name, selection or line (`over`) is this.
            points: Only outcomes with these points.
            feed: `odds`, or `copilot`.
            vouched_only: Leave out prices that can't be vouched for. Otherwise look at `why` of what comes.
        """
        wanted = None if selection is None else plain(selection)
        best: dict[tuple[str, Number | None], tuple[float, Odd, Fields, str]] = {}
        now, standings = self._now(), _Standings(self._silent_after_ms)
        for odd in self._open(fixture_id, market, feed):
            fields = read(odd.value)
            price = decimal(fields.price, odd.stamp.odds_format)
            outcome = fields.outcome
            if (
                price is None
                or (wanted is not None and not fields.is_about(wanted))
                or (points is not None and outcome[1] != points)
            ):
                continue
            before = best.get(outcome)
            if before is not None and (price, before[1].key) <= (before[0], odd.key):
                continue
            why = doubt(odd, fields, standings.of(odd, now), self._fold.fixtures.get(fields.fixture_id or ""), now)
            if not (why and vouched_only):
                best[outcome] = price, odd, fields, why
        rows = sorted(best.items(), key=lambda row: (row[1][2].is_main is not True, row[0][0]))
        return [quote(odd, fields, standings.of(odd, now), why, now) for _, (_, odd, fields, why) in rows]

    def main(self, fixture_id: str, market: str, sportsbook: str | None = None, *, feed: Feed = "odds") -> list[Quote]:
        """The main line of a market at each sportsbook, or at one: the odds on offer that upstream marks as main."""
        return [found for found in self.active(fixture_id, market, sportsbook, feed=feed) if found.is_main]

    def standing(self, stream: str) -> Standing:
        """How a stream stands."""
        return (self._fold.streams.get(stream) or Stream(stream)).standing(self._now(), self._silent_after_ms)

    def streams(self) -> list[str]:
        """The names of all streams of which a record has come."""
        return list(self._fold.streams)

    def fixture(self, fixture_id: str) -> Fixture | None:
        """What `fixture-status` told of a fixture; None if it told nothing."""
        return self._fold.fixtures.get(fixture_id)

    def fixtures(self) -> list[str]:
        """The ids of all fixtures that have odds, open or not."""
        return self._fold.table.fixtures()

    def forget(self, fixture_id: str) -> int:
        """Drop a fixture and its odds; how many there were.

        Who reads `odds-state` doesn't need it: there the bridge takes odds away when their fixture is over.
        """
        self._fold.fixtures.drop(fixture_id)
        return self._fold.table.drop(fixture_id)

    def __len__(self) -> int:
        """Odds that are known, open or not."""
        return len(self._fold.table)

    def __contains__(self, odd_id: str) -> bool:
        return self._fold.table.get(odd_id.encode()) is not None

    # --- inside -------------------------------------------------------------------------------------------------------

    def _now(self) -> float:
        return self._clock() * 1000

    def _open(self, fixture_id: str | None, market: str | None, feed: Feed | None) -> Iterator[Odd]:
        copilot = None if feed is None else feed == "copilot"
        for odd in self._fold.table.find(fixture_id, None if market is None else plain(market)):
            if odd.state == OPEN and (copilot is None or odd.stamp.copilot is copilot):
                yield odd

    def _quotes(self, odds: Iterable[Odd]) -> Iterator[Quote]:
        now, standings = self._now(), _Standings(self._silent_after_ms)
        for odd in odds:
            fields = read(odd.value)
            standing = standings.of(odd, now)
            why = doubt(odd, fields, standing, self._fold.fixtures.get(fields.fixture_id or ""), now)
            yield quote(odd, fields, standing, why, now)


class _Standings:
    """The standings of the streams at one moment, each made once."""

    def __init__(self, silent_after_ms: float) -> None:
        self._silent_after_ms = silent_after_ms
        self._made: dict[Stream, Standing] = {}

    def of(self, odd: Odd, now_ms: float) -> Standing:
        stream = odd.stamp.stream
        made = self._made.get(stream)
        if made is None:
            made = self._made[stream] = stream.standing(now_ms, self._silent_after_ms)
        return made
