"""What a check says of OpticOdds: each finding once right and once wrong."""

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from aiohttp import web

from bridge.check import snapshot
from bridge.check import upstream as module
from bridge.check.findings import Finding, Level
from bridge.check.upstream import UpstreamQuestions
from bridge.config import load
from tests.check.fake import KEY, FakeOpticOdds, item
from tests.support.bridge import toml

STREAMS: list[Mapping[str, object]] = [
    {
        "name": "nba",
        "feed": "odds",
        "sport": "basketball",
        "league": ["NBA", "spain_-_acb"],
        "sportsbook": ["DraftKings", "bet_rivers"],
    },
    {"name": "nba-live", "feed": "odds", "sport": "basketball", "league": ["NCAAB"], "sportsbook": ["FanDuel"]},
    {"name": "scores", "feed": "results", "sport": "soccer"},
    {"name": "pilot", "feed": "copilot", "sport": "basketball"},
]


async def findings(
    upstream: FakeOpticOdds,
    folder: Path,
    streams: Sequence[Mapping[str, object]] = STREAMS,
    *,
    key: str = KEY,
    url: str = "",
    continuity: str = "reconcile",
) -> list[Finding]:
    file = folder / "check.toml"
    settings = {"silence_s": 2.0, "continuity": continuity}
    file.write_text(toml(url or upstream.base_url, "127.0.0.1:1", "x", list(streams), upstream=settings))
    questions = UpstreamQuestions(load(file, {}, need_key=False), lambda: key)
    await questions.ask()
    for finding in questions.findings:
        assert key not in finding.line()
        assert (finding.level is Level.OK) or finding.fix or finding.check in {"names", "clock", "sport", "league"}
    return questions.findings


def of(found: list[Finding], check: str, level: Level | None = None) -> list[Finding]:
    return [finding for finding in found if finding.check == check and level in {None, finding.level}]


async def test_all_is_right(upstream: FakeOpticOdds, tmp_path: Path) -> None:
    found = await findings(upstream, tmp_path)
    assert {finding.level for finding in found} == {Level.OK}
    assert [finding.check for finding in found][:2] == ["key", "sport"]
    assert {finding.about for finding in of(found, "feed")} == {
        "odds/basketball",
        "results/soccer",
        "copilot/basketball",
    }
    assert "DraftKings, bet_rivers, FanDuel" in of(found, "sportsbook")[0].text
    assert "NBA, spain_-_acb, NCAAB" in of(found, "league")[0].text
    assert of(found, "clock")


async def test_it_costs_one_connect_for_each_feed_and_sport(upstream: FakeOpticOdds, tmp_path: Path) -> None:
    found = await findings(upstream, tmp_path)
    streams = [request.partition("?")[0] for request in upstream.requests if request.startswith("stream/")]
    assert sorted(streams) == ["stream/copilot/basketball/odds", "stream/odds/basketball", "stream/results/soccer"]
    assert "3 streams opened for a moment, of 250 in 15 s" in of(found, "key")[0].text
    assert upstream.keys == {KEY}
    assert not any("key" in request for request in upstream.requests)
    assert not any("last_entry_id" in request for request in upstream.requests)


async def test_a_wrong_key_is_told_once_and_burns_no_connect(upstream: FakeOpticOdds, tmp_path: Path) -> None:
    found = await findings(upstream, tmp_path, key="another-key")
    (key,) = of(found, "key")
    assert key.level is Level.WRONG
    assert "Invalid or inactive API key" in key.text
    assert "ODDSBRIDGE_UPSTREAM__API_KEY" in key.fix
    assert [finding.level for finding in found].count(Level.WRONG) == 1
    assert upstream.requests == ["sports"]


async def test_an_unlicensed_sport_is_told_and_the_others_open(upstream: FakeOpticOdds, tmp_path: Path) -> None:
    upstream.licensed = {"soccer"}
    found = await findings(upstream, tmp_path)
    assert {finding.about: finding.level for finding in of(found, "feed")} == {
        "odds/basketball": Level.WRONG,
        "copilot/basketball": Level.WRONG,
        "results/soccer": Level.OK,
    }
    assert all("not enabled for your API key" in finding.text for finding in of(found, "feed", Level.WRONG))
    assert of(found, "key", Level.OK)


async def test_an_unknown_sportsbook_gets_the_nearest_names(upstream: FakeOpticOdds, tmp_path: Path) -> None:
    streams = [{**STREAMS[0], "sportsbook": ["Draft King", "FanDuel"]}]
    found = await findings(upstream, tmp_path, streams)
    (unknown,) = of(found, "sportsbook", Level.WRONG)
    assert (unknown.about, unknown.fix) == ("Draft King", "did you mean 'DraftKings'?")
    assert "FanDuel" in of(found, "sportsbook", Level.OK)[0].text


async def test_a_league_is_looked_for_in_its_own_sport(upstream: FakeOpticOdds, tmp_path: Path) -> None:
    streams = [{"name": "s", "feed": "results", "sport": "soccer", "league": ["NBA", "England - Premier Leage"]}]
    found = await findings(upstream, tmp_path, streams)
    fixes = {finding.about: finding.fix for finding in of(found, "league", Level.WRONG)}
    assert fixes["England - Premier Leage"] == "did you mean 'England - Premier League'?"
    assert "NBA" in fixes


async def test_an_unknown_sport_gets_the_nearest(upstream: FakeOpticOdds, tmp_path: Path) -> None:
    found = await findings(upstream, tmp_path, [{"name": "s", "feed": "results", "sport": "basketbal"}])
    (sport,) = of(found, "sport", Level.WRONG)
    assert sport.fix.startswith("did you mean 'basketball'")
    assert of(found, "feed", Level.WRONG)


async def test_a_book_that_upstream_gave_up_is_told(upstream: FakeOpticOdds, tmp_path: Path) -> None:
    upstream.books = [item("DraftKings", is_active=False), item("Bet Rivers"), item("FanDuel")]
    (gone,) = of(await findings(upstream, tmp_path), "sportsbook", Level.WARNING)
    assert gone.about == "DraftKings"


@pytest.mark.parametrize(("ahead_s", "level"), [(0.0, Level.OK), (4.0, Level.WARNING), (-90.0, Level.WRONG)])
async def test_the_clock(upstream: FakeOpticOdds, tmp_path: Path, ahead_s: float, level: Level) -> None:
    upstream.ahead_s = ahead_s
    (clock,) = of(await findings(upstream, tmp_path), "clock")
    assert clock.level is level
    assert ("behind" in clock.text, "ahead of" in clock.text) == (ahead_s > 0, ahead_s < 0)


async def test_nobody_there_is_told_once(upstream: FakeOpticOdds, tmp_path: Path) -> None:
    found = await findings(upstream, tmp_path, url="http://127.0.0.1:1/api/v3")
    assert [(finding.check, finding.level) for finding in found] == [
        ("reach", Level.WRONG),
        ("names", Level.WARNING),
    ]


async def test_a_list_that_cannot_be_had_leaves_the_rest(upstream: FakeOpticOdds, tmp_path: Path) -> None:
    upstream.answers["sportsbooks"] = web.Response(status=503, text="later")
    upstream.answers["sports"] = web.Response(status=403, text='{"error":"streams only"}')
    found = await findings(upstream, tmp_path)
    assert [finding.level for finding in of(found, "sportsbook")] == [Level.WARNING]
    assert [finding.level for finding in of(found, "sport")] == [Level.WARNING]
    assert [finding.level for finding in of(found, "league")] == [Level.OK]
    assert [finding.level for finding in of(found, "key")] == [Level.OK]
    assert len(of(found, "feed", Level.OK)) == 3


async def test_a_rate_limit_is_no_proof_of_anything(
    upstream: FakeOpticOdds, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PATIENCE_S", 0.2)
    for path in ("sportsbooks", "stream/results/soccer"):
        upstream.answers[path] = web.Response(status=429, text="{}", headers={"Retry-After": "60"})
    found = await findings(upstream, tmp_path)
    (book,) = of(found, "sportsbook")
    assert book.level is Level.WARNING
    assert "60 s" in book.text
    (feed,) = [finding for finding in of(found, "feed") if finding.about == "results/soccer"]
    assert feed.level is Level.WARNING
    assert not of(found, "feed", Level.WRONG)


async def test_when_nothing_can_be_told_of_the_key_that_is_said(upstream: FakeOpticOdds, tmp_path: Path) -> None:
    upstream.licensed = set()
    upstream.answers["sports"] = web.Response(status=500, text="oops")
    (key,) = of(await findings(upstream, tmp_path), "key")
    assert key.level is Level.WRONG
    assert "can't be told" in key.text


async def test_a_hanging_upstream_is_left_in_time(tmp_path: Path) -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server:
        found = await findings(FakeOpticOdds(), tmp_path, url=f"http://127.0.0.1:{port}/api/v3")
    assert [finding.check for finding in found] == ["reach", "names"]
    assert "within 2 s" in found[0].text


# --- the snapshot -------------------------------------------------------------------------------------------------


async def test_the_snapshot_is_asked_for_as_a_bridge_would(upstream: FakeOpticOdds, tmp_path: Path) -> None:
    upstream.page = 100
    found = await findings(upstream, tmp_path)
    asked = [request for request in upstream.requests if request.startswith(("fixtures/", "copilot/"))]
    assert sorted(asked) == [
        "copilot/fixtures/odds?fixture_id=B0&fixture_id=B1&fixture_id=B2&fixture_id=B3&fixture_id=B4",
        "fixtures/active?sport=basketball",
        "fixtures/active?sport=basketball&league=NBA&league=spain_-_acb",
        "fixtures/active?sport=basketball&league=NCAAB",
        "fixtures/active?sport=soccer",
        "fixtures/odds?sportsbook=DraftKings&sportsbook=bet_rivers&odds_format=AMERICAN"
        "&fixture_id=B0&fixture_id=B1&fixture_id=B2&fixture_id=B3&fixture_id=B4",
        "fixtures/results?fixture_id=S0&include_cancelled=true",
    ]
    assert {finding.about for finding in of(found, "snapshot", Level.OK)} == {
        "odds/basketball",
        "results/soccer",
        "copilot/basketball",
    }
    (requests,) = of(found, "requests")
    # Three streams with a page and 7 fixtures in questions of 5; one with a page and a question for results.
    assert "comparing 4 streams with the snapshot takes about 11 requests" in requests.text
    assert "upstream allows 2,500 in 15 s" in requests.text


@pytest.mark.parametrize("path", ["fixtures/active", "fixtures/odds"])
async def test_a_key_without_the_snapshot_is_told_what_to_set(
    upstream: FakeOpticOdds, tmp_path: Path, path: str
) -> None:
    upstream.answers[path] = web.Response(status=403, text='{"error":"streams only"}')
    found = await findings(upstream, tmp_path)
    refused = of(found, "snapshot", Level.WRONG)
    assert "odds/basketball" in {finding.about for finding in refused}
    assert len(refused) == (3 if path == "fixtures/active" else 1)
    for finding in refused:
        assert "streams only" in finding.text
        assert finding.fix.startswith('set upstream.continuity = "announce"')
    assert len(of(found, "feed", Level.OK)) == 3


async def test_where_gaps_are_only_told_the_snapshot_is_not_needed(upstream: FakeOpticOdds, tmp_path: Path) -> None:
    upstream.answers["fixtures/odds"] = web.Response(status=403, text='{"error":"streams only"}')
    upstream.fixtures["soccer"] = []
    upstream.untold.add("copilot/fixtures/odds")
    upstream.headers["x-ratelimit-limit"] = "3"
    found = await findings(upstream, tmp_path, continuity="announce")
    assert {finding.level for finding in found} == {Level.OK}
    (refused,) = [finding for finding in of(found, "snapshot") if finding.about == "odds/basketball"]
    assert "streams only" in refused.text


async def test_a_snapshot_that_tells_nothing_is_no_proof_of_anything(upstream: FakeOpticOdds, tmp_path: Path) -> None:
    upstream.untold |= {"copilot/fixtures/odds", "fixtures/results"}
    upstream.fixtures["soccer"] = []
    found = await findings(upstream, tmp_path)
    told = {finding.about: finding for finding in of(found, "snapshot", Level.WARNING)}
    assert set(told) == {"copilot/basketball", "results/soccer"}
    assert "nothing of the 5 fixtures" in told["copilot/basketball"].text
    assert "no fixture is on offer" in told["results/soccer"].text
    assert not of(found, "snapshot", Level.WRONG)


async def test_results_of_games_that_have_not_begun_need_not_be_there(upstream: FakeOpticOdds, tmp_path: Path) -> None:
    upstream.untold.add("fixtures/results")
    found = await findings(upstream, tmp_path)
    assert {finding.level for finding in of(found, "snapshot")} == {Level.OK}


async def test_a_snapshot_that_cannot_be_had_now_is_not_called_refused(upstream: FakeOpticOdds, tmp_path: Path) -> None:
    upstream.answers["fixtures/odds"] = web.Response(status=503, text="later")
    (told,) = of(await findings(upstream, tmp_path), "snapshot", Level.WARNING)
    assert (told.about, told.fix) == ("odds/basketball", "try again later")


async def test_a_stream_that_is_refused_is_told_once(upstream: FakeOpticOdds, tmp_path: Path) -> None:
    upstream.licensed = {"soccer"}
    found = await findings(upstream, tmp_path)
    assert {finding.about for finding in of(found, "snapshot")} == {"results/soccer"}


@pytest.mark.parametrize(
    ("limit", "level", "words"),
    [
        ("4", Level.WARNING, "more than upstream allows in 15 s (4): it takes about 45 s"),
        ("", Level.OK, "upstream tells no limit"),
        ("many", Level.OK, "upstream tells no limit"),
    ],
)
async def test_requests_against_the_limit(
    upstream: FakeOpticOdds, tmp_path: Path, limit: str, level: Level, words: str
) -> None:
    upstream.page = 100
    upstream.headers["x-ratelimit-limit"] = limit
    (told,) = of(await findings(upstream, tmp_path), "requests")
    assert told.level is level
    assert words in told.text


async def test_a_list_without_an_end_is_left(
    upstream: FakeOpticOdds, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snapshot, "LIST_S", 0.0)
    found = await findings(upstream, tmp_path)
    assert {finding.level for finding in of(found, "snapshot")} == {Level.WARNING}
    assert all("doesn't end" in finding.text for finding in of(found, "snapshot"))
    assert not of(found, "requests")
