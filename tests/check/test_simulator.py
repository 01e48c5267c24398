"""The questions and the REST client against the simulator, which has upstream's limits, paging, errors and quirks."""

from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import pytest

from bridge.check import upstream as module
from bridge.check.findings import Finding, Level
from bridge.check.upstream import UpstreamQuestions
from bridge.config import load
from bridge.errors import Disconnected, NotAStream, RateLimited, Refused, UpstreamError
from bridge.simulator.options import SimulatorOptions
from bridge.simulator.server import Simulator
from bridge.upstream.rest import Rest
from tests.support.bridge import toml

STREAMS: Sequence[Mapping[str, object]] = (
    {"name": "nba", "feed": "odds", "sport": "basketball", "league": ["NBA"], "sportsbook": ["DraftKings", "betmgm"]},
    {"name": "liga", "feed": "odds", "sport": "soccer", "league": ["Spain - La Liga"], "sportsbook": ["Bet365"]},
    {"name": "scores", "feed": "results", "sport": "tennis"},
    {"name": "pilot", "feed": "copilot", "sport": "basketball"},
)


@pytest.fixture
async def simulator() -> AsyncIterator[Simulator]:
    async with Simulator(SimulatorOptions(rate=0.0, fixtures=2)) as one:
        yield one


async def findings(
    simulator: Simulator,
    folder: Path,
    streams: Sequence[Mapping[str, object]] = STREAMS,
    key: str = "demo-key",
    silence_s: float = 5.0,
) -> list[Finding]:
    file = folder / "check.toml"
    settings = {"silence_s": silence_s, "continuity": "reconcile"}
    file.write_text(toml(simulator.base_url, "127.0.0.1:1", "x", list(streams), upstream=settings))
    questions = UpstreamQuestions(load(file, {}, need_key=False), lambda: key)
    await questions.ask()
    return questions.findings


def wrong(found: list[Finding]) -> dict[str, str]:
    return {finding.about: finding.line() for finding in found if finding.level is Level.WRONG}


async def test_all_is_right(simulator: Simulator, tmp_path: Path) -> None:
    found = await findings(simulator, tmp_path)
    assert {finding.level for finding in found} == {Level.OK}, [finding.line() for finding in found]
    checks = {"key", "sport", "feed", "league", "sportsbook", "snapshot", "requests", "clock"}
    assert {finding.check for finding in found} == checks
    assert len(await simulator.control.connects()) == 4


async def test_a_wrong_key(simulator: Simulator, tmp_path: Path) -> None:
    found = await findings(simulator, tmp_path, key="wrong")
    assert [finding.check for finding in found if finding.level is Level.WRONG] == ["key"]
    assert await simulator.control.connects() == []


async def test_a_sport_that_is_not_licensed(tmp_path: Path) -> None:
    async with Simulator(SimulatorOptions(rate=0.0, fixtures=2, sports=("basketball", "tennis"))) as simulator:
        found = await findings(simulator, tmp_path)
    assert list(wrong(found)) == ["odds/soccer"]


async def test_names_that_nobody_knows(simulator: Simulator, tmp_path: Path) -> None:
    books = ["Draftking", "FanDuel", "Pinacle"]
    streams = [{"name": "a", "feed": "odds", "sport": "basketball", "league": ["NBAA"], "sportsbook": books}]
    told = wrong(await findings(simulator, tmp_path, streams))
    assert set(told) == {"Draftking", "Pinacle", "NBAA"}
    assert "did you mean 'DraftKings'?" in told["Draftking"]
    assert "did you mean 'Pinnacle'?" in told["Pinacle"]
    assert "'NBA'" in told["NBAA"]


async def test_a_key_that_is_not_licensed_for_snapshots(simulator: Simulator, tmp_path: Path) -> None:
    await simulator.control.fault("unlicensed", path="/fixtures/odds")
    await simulator.control.fault("unlicensed", path="/copilot/fixtures/odds")
    found = await findings(simulator, tmp_path)
    levels = {finding.about: finding.level for finding in found if finding.check == "snapshot"}
    assert levels == {
        "odds/basketball": Level.WRONG,
        "odds/soccer": Level.WRONG,
        "results/tennis": Level.OK,
        "copilot/basketball": Level.WARNING,  # upstream answers, and tells nothing
    }
    assert all('upstream.continuity = "announce"' in finding.fix for finding in found if finding.level is not Level.OK)


async def test_how_much_a_comparison_asks_of_upstream(tmp_path: Path) -> None:
    async with Simulator(SimulatorOptions(rate=0.0, fixtures=7, rest_limit=100)) as simulator:
        found = await findings(
            simulator, tmp_path, [STREAMS[0], {**STREAMS[0], "name": "more", "sportsbook": ["FanDuel"]}]
        )
        (told,) = [finding.text for finding in found if finding.check == "requests"]
        assert "comparing 2 streams with the snapshot takes about 6 requests" in told
        assert "upstream allows 100 in 15 s" in told
        lists = [request for request in await simulator.control.requests() if request["path"] == "/fixtures/active"]
        assert len(lists) == 1, "both streams have the same fixtures"


@pytest.mark.parametrize("fault", ["rest-refuse", "rest-tear", "rest-malformed"])
async def test_a_list_that_cannot_be_had_is_told_and_the_streams_are_tried(
    simulator: Simulator, tmp_path: Path, fault: str
) -> None:
    await simulator.control.fault(fault, path="/sportsbooks", **({"at": 20} if fault == "rest-tear" else {}))
    found = await findings(simulator, tmp_path)
    assert not wrong(found)
    assert [finding.level for finding in found if finding.check == "sportsbook"] == [Level.WARNING]
    assert sum(finding.check == "feed" and finding.level is Level.OK for finding in found) == 4


async def test_a_key_that_has_used_up_its_limits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PATIENCE_S", 0.1)
    async with Simulator(SimulatorOptions(rate=0.0, fixtures=2, rest_limit=1, connect_limit=1)) as simulator:
        found = await findings(simulator, tmp_path, silence_s=1.0)
    levels = {level: sum(finding.level is level for finding in found) for level in Level}
    assert levels[Level.WRONG] == 0, found
    assert levels[Level.WARNING] >= 5


def client(simulator: Simulator, **more: Any) -> Rest:
    return Rest(simulator.base_url, lambda: "demo-key", **{"timeout_s": 5.0, "patience_s": 0.0, **more})


@pytest.mark.parametrize("paging", ["has_more", "total_pages", "cursor"])
async def test_every_way_of_paging_gives_every_fixture_once(
    paging: Literal["has_more", "total_pages", "cursor"],
) -> None:
    options = SimulatorOptions(rate=0.0, fixtures=6, paging=paging)
    async with Simulator(options) as simulator, client(simulator) as rest:
        pages = [page async for page in rest.pages("/fixtures", [("sport", "soccer"), ("limit", "5")])]
        ids = [fixture["id"] for page in pages for fixture in page]
    assert [len(page) for page in pages] == [5, 5, 5, 3]
    assert len(set(ids)) == len(ids) == 3 * 6


async def test_a_snapshot_of_odds_comes_whole(simulator: Simulator) -> None:
    async with client(simulator) as rest:
        fixtures = [page async for page in rest.pages("/fixtures", [("sport", "basketball"), ("limit", "2")])]
        ids = [("fixture_id", fixture["id"]) for fixture in fixtures[0]]
        snapshot = await rest.get("/fixtures/odds", [("sportsbook", "DraftKings"), *ids])
    assert [fixture["id"] for fixture in snapshot["data"]] == [id_ for _, id_ in ids]
    assert all(fixture["odds"] for fixture in snapshot["data"])


@pytest.mark.parametrize(
    ("fault", "fields", "kind"),
    [
        ("rest-refuse", {"status": 503}, NotAStream),
        ("rest-refuse", {"status": 403}, Refused),
        ("rest-refuse", {"status": 302, "location": "http://elsewhere.example/"}, NotAStream),
        ("rest-refuse", {"status": 429, "retry_after": "30"}, RateLimited),
        ("rest-tear", {"at": 100}, Disconnected),
        ("rest-tear", {"at": 100, "how": "reset"}, Disconnected),
        ("rest-malformed", {}, UpstreamError),
        ("rest-slow", {"seconds": 30.0, "inside": True}, Disconnected),
    ],
)
async def test_faults_are_the_bridges_own_errors(
    simulator: Simulator, fault: str, fields: dict[str, object], kind: type[UpstreamError]
) -> None:
    await simulator.control.fault(fault, times=1, **fields)
    async with client(simulator, timeout_s=1.0) as rest:
        with pytest.raises(kind) as caught:
            async for _ in rest.pages("/sports"):
                pass
        assert "demo-key" not in repr(caught.value)
        if kind is not RateLimited:
            assert (await rest.get("/sports"))["data"]


async def test_a_limit_that_is_used_up_is_waited_for() -> None:
    options = SimulatorOptions(rate=0.0, fixtures=2, rest_limit=2, rest_window_s=1.5)
    async with Simulator(options) as simulator, client(simulator, patience_s=30.0) as rest:
        for _ in range(5):
            assert (await rest.get("/sports"))["data"]
        asked = await simulator.control.requests()
    assert [request["status"] for request in asked].count(429) <= 1
