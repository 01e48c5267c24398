"""The configuration changes between two runs: what no stream covers any more goes, what moved stays as it is."""

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bridge.demo.kafka import EmbeddedKafka
from bridge.simulator.options import SimulatorOptions
from tests.support.continuity_scene import SOON, Scene, configuration, odds, other, scene
from tests.support.told import LOCKED_LOGS
from tests.support.waiting import until

ENGLAND, SPAIN = "England - Premier League", "Spain - La Liga"

BEFORE = [
    odds("one", "basketball", "DraftKings", "FanDuel", "Novig"),
    odds("two", "basketball", "BetMGM"),
    odds("league", "soccer", "Bet365", league=[ENGLAND, SPAIN]),
    other("old-name", "copilot", "baseball"),
]
AFTER = [
    odds("one", "basketball", "DraftKings"),  # Novig is nobody's any more
    odds("two", "basketball", "FanDuel", "BetMGM"),  # FanDuel has moved here
    odds("league", "soccer", "Bet365", league=[ENGLAND]),
    other("new-name", "copilot", "baseball"),
]


def keys(running: Scene, wanted: Callable[[dict[str, Any]], bool]) -> set[str]:
    """The ids of the odds that are known and say so of themselves."""
    return {key for key, latest in running.told.log.items() if wanted(json.loads(latest.odd))}


async def test_a_filter_changes_between_two_runs(kafka: EmbeddedKafka, unique: str, tmp_path: Path) -> None:
    """Upstream replays nothing, so that each stream has a gap beside its new filter."""
    options = SimulatorOptions(rate=40.0, replay="none")
    async with scene(kafka, unique, tmp_path, BEFORE, options=options, patches=SOON) as running:
        await running.until_settled()
        await running.equal()
        assert await running.bridge.stop() == 0
        await running.control.pause()  # those channels show nothing any more; the new ones begin with the next run
        told = await running.read()
        dropped = keys(running, lambda odd: odd.get("sportsbook") == "Novig" or odd["league"] == SPAIN)
        moved = keys(running, lambda odd: odd.get("sportsbook") == "FanDuel" or odd["sport"] == "baseball")
        on_offer = {key for key, latest in told.log.items() if not latest.locked}
        assert len(dropped & on_offer) > 100
        assert len(moved & on_offer) > 100
        made_up, said = len(told.made_up), {name: len(events) for name, events in told.events.items()}

        await running.change(AFTER, configuration(running.simulator, kafka, unique, AFTER))
        await running.bridge.start()
        await running.control.resume(sport="baseball")
        for stream in AFTER:
            name = stream["name"]
            await running.until_told(name, "reconciled", after=said.get(name, 0))
            assert name == "new-name" or told.of(name, "gap"), "it had no gap: that's half a test"
        await running.pause()
        await running.until_equal()
        rows = told.made_up[made_up:]
        locked = {row.key for row in rows if row.headers["event"] in LOCKED_LOGS}
        assert dropped & on_offer <= locked, "what was open is locked"
        assert dropped <= told.buried, "and taken out of the state"
        assert not moved & told.buried
        await running.follow_logs()
        entries = [entry for log in running.logs.values() for entry in log if entry.event in LOCKED_LOGS]
        ever_locked = {key for entry in entries for key, _ in entry.odds}
        boards = await running.control.board("basketball") | await running.control.board("baseball")
        offered = {key for key, (is_locked, _) in boards.items() if not is_locked}  # a fixture may have ended meanwhile
        assert not moved & on_offer & offered & locked - ever_locked, "what has moved isn't locked for that"
        known = {stream["name"] for stream in AFTER}
        assert {latest.stream for latest in told.state.values()} == known, (
            "whoever looks for a stream's odds finds them"
        )

        assert await running.bridge.stop() == 0
        said, made_up = {name: len(events) for name, events in told.events.items()}, len(told.made_up)
        await running.bridge.start()
        await running.control.resume()
        for stream in AFTER:
            told_again = await running.until_told(stream["name"], "reconciled", after=said[stream["name"]])
            assert told_again["cause"] == "gap", "nothing is adopted for a second time"
        await running.equal()


async def test_the_last_stream_of_a_feed_goes(kafka: EmbeddedKafka, unique: str, tmp_path: Path) -> None:
    """Nobody is left to write to its topics: what it left is ended by the bridge itself."""
    stays, goes = odds("stays", "basketball", "DraftKings"), other("goes", "copilot", "baseball")
    options = SimulatorOptions(rate=40.0)
    async with scene(kafka, unique, tmp_path, [stays, goes], options=options, patches=SOON) as running:
        told = running.told
        await running.until_settled()

        async def locked() -> bool:
            await running.read()
            return any(latest.locked for latest in told.state.values() if latest.stream == "goes")

        await until(locked, bool, within=60, what="a lock, so that not all is open")
        await running.still()
        assert await running.bridge.stop() == 0
        await running.read()
        left = {key for key, latest in told.state.items() if latest.stream == "goes"}
        were_open = {key for key in left if not told.state[key].locked}
        others = set(told.state) - left
        assert were_open
        assert were_open < left
        made_up = len(told.made_up)

        await running.change([stays], configuration(running.simulator, kafka, unique, [stays]))
        await running.bridge.start()

        async def unburied() -> set[str]:
            await running.read()
            return left - told.buried

        await until(unburied, lambda keys: not keys, within=60, what="what was left behind is out of the state")
        assert set(told.state) == others, "nothing else is"
        locks = [row for row in told.made_up[made_up:] if row.headers["stream"] == "goes"]
        assert Counter(row.key for row in locks) == Counter(were_open), "what was open is locked, once"
        assert {row.headers["event"] for row in locks} == {"copilot-locked-odds"}
        assert all(told.log[key].locked for key in left), "behind all that was told of it"
        ended = [line for line in running.bridge.lines() if line["event"].startswith("odds of streams that are gone")]
        assert [(line["odds"], line["streams"]) for line in ended] == [(len(left), ["goes"])]

        assert await running.bridge.stop() == 0
        made_up = len(told.made_up)
        await running.bridge.start()
        await running.until_reconciled()
        await running.pause()
        await running.until_equal()
        assert not [row for row in told.made_up[made_up:] if row.headers["stream"] == "goes"], "once is enough"

        assert await running.bridge.stop() == 0
        said = len(told.events["goes"])
        await running.change([stays, goes], configuration(running.simulator, kafka, unique, [stays, goes]))
        await running.bridge.start()
        back = await running.until_told("goes", "reconciled", after=said)
        assert not told.of("goes", "gap"), "its replay is whole, and wouldn't bring what was ended"
        assert (back["cause"], back["new"] > 0) == ("hydrate", True)
        await running.until_equal()
