"""The book of a real run: the daemon's own records, with upstream's quirks in them, against a fold of other code."""

from collections.abc import Mapping
from pathlib import Path

from bridge.book import OddsBook
from bridge.demo.kafka import EmbeddedKafka
from bridge.simulator.control import SimulatorControl
from bridge.simulator.options import SimulatorOptions
from bridge.simulator.server import Simulator
from tests.book.made import Clock, alive, board, record
from tests.support.bridge import Bridge, toml
from tests.support.reader import Seen, read
from tests.support.waiting import until

STREAMS: list[Mapping[str, object]] = [
    {"name": "nba", "feed": "odds", "sport": "basketball", "sportsbook": ["DraftKings", "Pinnacle", "Novig"]},
    {"name": "pilot", "feed": "copilot", "sport": "basketball"},
    {"name": "scores", "feed": "results", "sport": "basketball"},
]


def feed(book: OddsBook, seen: list[Seen]) -> None:
    for each in seen:
        headers = [(name, value.encode()) for name, value in each.headers.items()]
        value = each.value or None  # a tombstone; no record of the bridge's has an empty value
        book.feed(record(headers, each.key.encode(), value, topic=each.topic, received_ms=each.timestamp_ms))


async def test_the_book_of_a_real_run_is_the_fold_of_its_records(
    kafka: EmbeddedKafka, unique: str, tmp_path: Path
) -> None:
    async with Simulator(SimulatorOptions(rate=800.0, limit=400)) as simulator:
        settings = {"continuity": "reconcile"}
        config = toml(simulator.base_url, kafka.bootstrap_servers, unique, STREAMS, upstream=settings)
        async with Bridge(tmp_path, config) as bridge, SimulatorControl(simulator.base_url) as control:
            await bridge.start()
            await until(control.channels, lambda rows: all(row["ended"] for row in rows), within=30, what="the end")
            entries = sum(len(log) for log in (await control.logs()).values())

            async def received() -> float:
                return await bridge.sum("oddsbridge_entries_total")

            await until(received, lambda n: n >= entries, within=15, what="all entries received")
            assert await bridge.stop() == 0
    records = await read(kafka.bootstrap_servers, f"{unique}.")
    states = await read(kafka.bootstrap_servers, f"{unique}.", topics=("odds-state", "copilot-odds-state"))
    last: dict[str, Seen] = {}
    odds = 0
    for each in sorted((r for r in records if "odds" in r.headers["event"]), key=lambda r: r.order):
        last[each.key] = each
        odds += 1

    newest = max(each.timestamp_ms for each in records)
    of_logs, of_states = (OddsBook(clock=Clock(newest / 1000)) for _ in range(2))
    feed(of_logs, records)
    feed(of_states, states)
    assert of_states.counts.odds + of_states.counts.late == len(states), "none is passed over"
    assert board(of_logs, list(last)) == board(of_states, list(last))
    assert len(of_logs) == len(of_states)

    for given in (records, records[::-1]):
        book = OddsBook(clock=Clock(newest / 1000))
        feed(book, given)
        assert book.counts.odds + book.counts.late == odds
        assert book.counts.malformed == 0
        assert len(book) == len(last)
        for odd_id, each in last.items():
            found = book.odd(odd_id)
            assert found
            assert (found.value, found.order, found.received_ms) == (each.value, each.order, each.timestamp_ms)
            assert (
                found.state
                == {"odds": "open", "locked": "locked", "settled": "settled"}[
                    each.headers["event"].removeprefix("copilot-").split("-")[0]
                ]
            )
            assert found.fixture_id
            assert found.decimal or found.state != "open"
            assert (found.feed == "copilot") == (found.stream == "pilot") == (not found.sportsbook)
        assert not any(book.best(fixture_id, "Moneyline") for fixture_id in book.fixtures())
        for stream in ("nba", "pilot"):
            book.feed(alive(stream=stream, at_ms=newest))
        assert any(book.best(fixture_id, "Moneyline") for fixture_id in book.fixtures())
