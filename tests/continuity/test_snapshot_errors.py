"""The snapshot can't be had, or lies: that is told, nothing is locked for it, and all is mended when it is over."""

import signal
from pathlib import Path
from typing import Any

from bridge.demo.kafka import EmbeddedKafka
from bridge.simulator.options import SimulatorOptions
from tests.support.continuity_scene import SOON, Scene, odds, other, scene
from tests.support.outage import Outage
from tests.support.replays import Replay

ODDS, PILOT = "/fixtures/odds", "/copilot/fixtures/odds"

STREAMS = [
    odds("limited", "basketball", "DraftKings"),
    odds("broken", "football", "Pinnacle"),
    odds("torn", "baseball", "BetMGM"),
    odds("slow", "soccer", "Bet365"),
    odds("empty", "tennis", "Pinnacle"),
    odds("malformed", "politics", "Kalshi"),
    other("unlicensed", "copilot", "basketball"),
    other("refused", "copilot", "football"),
    other("late", "copilot", "baseball"),
    other("stale", "copilot", "tennis"),
]
FAULTS: dict[str, dict[str, Any]] = {
    "limited": {"kind": "rest-refuse", "path": ODDS, "status": 429, "retry_after": "1", "times": 2},
    "broken": {"kind": "rest-refuse", "path": ODDS, "status": 500},
    "torn": {"kind": "rest-tear", "path": ODDS},
    "slow": {"kind": "rest-slow", "path": ODDS, "seconds": 2, "inside": True, "times": 4},
    "empty": {"kind": "empty", "path": ODDS},
    "malformed": {"kind": "rest-malformed", "path": ODDS},
    "unlicensed": {"kind": "unlicensed", "path": PILOT},
    "refused": {
        "kind": "rest-refuse",
        "path": PILOT,
        "status": 400,
        "body": '{"error":"not enabled for your API key"}',
    },
    "late": {"kind": "rest-slow", "path": "/fixtures/active", "seconds": 1, "times": 1},
    "stale": {"kind": "stale", "path": PILOT, "seconds": 6, "times": 3},
}
TOLD = {
    "broken": ("500", "http-500"),
    "torn": ("broke off", "torn"),
    "empty": ("names none of the", "empty"),
    "malformed": ("answer is not", "body"),
    "unlicensed": ("names none of the", "empty"),
    "refused": ("not enabled", "400"),
}
"""What is said of those that have no snapshot, and what they are counted as."""


async def test_no_snapshot_is_told_and_mended_later(kafka: EmbeddedKafka, unique: str, tmp_path: Path) -> None:
    """A gap on every stream, and each has another trouble with its snapshot."""
    options = SimulatorOptions(rate=30.0, replay="none", life=100)
    async with scene(kafka, unique, tmp_path, STREAMS, options=options) as running:
        await running.still()
        outage = Outage(running, {stream["name"]: Replay("none") for stream in STREAMS})
        await outage.begin()
        for stream in STREAMS:
            await running.control.fault(sport=stream["sport"], **FAULTS[stream["name"]])
        await running.control.resume()
        await running.control.fault("drop")
        for name, (why, reason) in TOLD.items():
            told = await running.until_told(name, "unreconciled", after=outage.events(name), cause="gap")
            assert why in told["why"]
            row = (await running.bridge.ready())["streams"][name]
            assert not row["reconciled"]
            assert row["unreconciled"].startswith("gap: ")
            assert why in row["unreconciled"]
            metrics = await running.bridge.metrics()
            assert metrics[f'oddsbridge_stream_unreconciled{{stream="{name}"}}'] == 1
            assert metrics[f'oddsbridge_snapshot_failures_total{{reason="{reason}",stream="{name}"}}'] >= 1
        for name in FAULTS.keys() - TOLD.keys():
            await running.until_told(name, "reconciled", after=outage.events(name), cause="gap")
            assert not running.told.of(name, "unreconciled"), str(running.told.of(name, "unreconciled"))
        await running.control.clear_faults()
        running.bridge.signal(signal.SIGUSR1)  # else the one that was refused is tried again after minutes
        await outage.mended(within=60)
        await running.until_reconciled()
        await running.still()
        for stream in STREAMS:
            await outage.account(stream["name"])
            quotes = running.told.log_book.active(feed=stream["feed"])
            assert not [quote for quote in quotes if quote.why], "all prices can be vouched for again"
        assert_live_wins(running, "stale")


def assert_live_wins(running: Scene, name: str) -> None:
    """Nothing was made up of an odd that the stream had just told: the snapshot was 6 s old."""
    told = {
        (key, entry.ms)
        for entry in running.logs[name]
        for key, _ in entry.odds
        if (entry.event, entry.entry_id) in running.told.entry_ids[name]
    }
    rows = [row for row in running.told.made_up if row.headers["stream"] == name and "odds" in row.headers["event"]]
    hidden = [(row.key, ms) for row in rows for key, ms in told if key == row.key and 500 < row.at_ms - ms < 5_000]
    assert not hidden, f"{len(hidden)} of {len(rows)} made-up odds hide what the stream had told"


HALVES = [
    odds("suspicious", "basketball", "DraftKings", "FanDuel"),
    odds("confirmed", "soccer", "Bet365"),
    other("pilot", "copilot", "baseball"),
]


async def test_half_a_board_is_believed_when_it_is_seen_twice(
    kafka: EmbeddedKafka, unique: str, tmp_path: Path
) -> None:
    """Upstream's snapshot lacks most of a book: once, and it is told as suspicious; twice, and it is locked."""
    options = SimulatorOptions(rate=20.0, replay="none")
    calm = {"audit_minutes": 0}  # an audit would use up the faults that are meant for the look after the gap
    async with scene(kafka, unique, tmp_path, HALVES, options=options, patches=SOON, upstream=calm) as running:
        await running.until_settled()
        await running.equal()
        # 12 fixtures are asked for in 3 requests: that is the first look, and no more.
        await running.control.fault("half-board", sport="basketball", feed="odds", p=0.8, times=3)
        await running.control.fault("half-board", sport="baseball", feed="copilot", p=0.8, times=3)
        await running.control.fault("half-board", sport="soccer", feed="odds", p=0.8)
        begun = {stream["name"]: len(running.told.events[stream["name"]]) for stream in HALVES}
        await running.control.fault("drop")
        for name, books in (("suspicious", {"DraftKings", "FanDuel"}), ("pilot", {""})):
            told = await running.until_told(name, "suspicious", after=begun[name])
            assert told["sportsbook"] in books
            assert 2 * told["locks"] <= told["open"], "the second look doesn't bear it out"
            told = await running.until_told(name, "reconciled", after=begun[name], cause="gap")
            assert told["locked"] < 50, "what only the first look lacked stays open"
        told = await running.until_told("confirmed", "reconciled", after=begun["confirmed"], cause="gap")
        assert told["locked"] > 300
        assert not running.told.of("confirmed", "suspicious")
        await running.control.clear_faults()
        running.bridge.signal(signal.SIGUSR1)
        told = await running.until_told("confirmed", "reconciled", after=begun["confirmed"], cause="demand")
        assert told["unlocked"] > 300
        await running.equal()
