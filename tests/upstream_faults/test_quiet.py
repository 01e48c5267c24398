"""A healthy bridge is silent but for its summary line, and it asks upstream for exactly what is configured."""

import json
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

from bridge.demo.kafka import EmbeddedKafka
from tests.support.bridge import Bridge, toml
from tests.support.waiting import until
from tests.upstream.wire import STREAM, Upstream, Wire
from tests.upstream_faults.scene import HOSTILE_KEY, odds, other, scene


async def test_a_healthy_bridge_is_silent(kafka: EmbeddedKafka, unique: str, tmp_path: Path) -> None:
    """Its minute is two seconds here."""
    streams = [
        odds("odds", "basketball"),
        other("results", "results", "football"),
        other("copilot", "copilot", "tennis"),
    ]
    faster = {"TEST_SET": json.dumps({"bridge.summary.EVERY_S": 2.0})}
    async with scene(kafka, unique, tmp_path, streams, environment=faster, upstream={"silence_s": 15.0}) as running:
        before = len(running.bridge.lines())

        async def summaries() -> int:
            return sum(line["event"] == "running" for line in running.bridge.lines()[before:])

        await until(summaries, lambda n: n >= 4, within=60, what="summary lines")
        outcome = await running.finish()
        text = running.bridge.text
    lines = outcome.lines
    assert len(lines) == len(text.splitlines()), "something was printed past the log"
    assert {line["level"] for line in lines} == {"info"}
    assert lines[0]["event"] == "oddsbridge starts"
    assert [line["event"] for line in lines[-2:]] == ["draining", "oddsbridge has ended"]
    # Before it was ready the summary may have told of what was still to come.
    assert {line["event"] for line in lines[1:before]} <= {"running", "running, with trouble"}
    assert {line["event"] for line in lines[before:-2]} == {"running"}
    assert {line["streams"] for line in lines[before:-2]} == {"3/3"}
    assert max(line["entries_s"] for line in lines[before:-2]) > 0


async def test_upstream_is_asked_for_what_is_configured(kafka: EmbeddedKafka, unique: str, tmp_path: Path) -> None:
    streams = [
        odds(
            "all", "basketball", "DraftKings",
            league=["NBA", "NCAAB"], fixture_id=["mlb:2DACEC7C8AE9", "0012"], market=["Point Spread", "a&b=c"],
            is_main=False, is_live=True, odds_format="DECIMAL", exclude_fees=True, include_deep_link=True,
        ),
        odds("least", "ice_hockey", "BetMGM", topic_prefix=f"{unique}.american."),
        odds(
            "quiet", "football", "Bet365",
            odds_format="DECIMAL", exclude_fees=True, include_fixture_updates=False,
        ),
        {**other("scores", "results", "soccer"), "league": ["Brazil - Serie A"]},
        {**other("pilot", "copilot", "tennis"), "market": ["Moneyline"]},
    ]  # fmt: skip
    wanted = {
        "/api/v3/stream/odds/basketball": [
            ("sportsbook", "DraftKings"), ("league", "NBA"), ("league", "NCAAB"),
            ("fixture_id", "mlb:2DACEC7C8AE9"), ("fixture_id", "0012"), ("market", "Point Spread"), ("market", "a&b=c"),
            ("is_main", "false"), ("is_live", "true"), ("odds_format", "DECIMAL"), ("exclude_fees", "true"),
            ("include_fixture_updates", "true"), ("include_deep_link", "true"),
        ],
        "/api/v3/stream/odds/ice_hockey": [
            ("sportsbook", "BetMGM"), ("odds_format", "AMERICAN"), ("include_fixture_updates", "true"),
        ],
        "/api/v3/stream/odds/football": [
            ("sportsbook", "Bet365"), ("odds_format", "DECIMAL"), ("exclude_fees", "true"),
            ("include_fixture_updates", "false"),
        ],
        "/api/v3/stream/results/soccer": [("league", "Brazil - Serie A")],
        "/api/v3/stream/copilot/tennis/odds": [("market", "Moneyline"), ("include_fixture_updates", "true")],
    }  # fmt: skip
    async with Upstream() as upstream:

        async def answer(wire: Wire) -> None:
            await wire.send(STREAM)
            await wire.chunk(b"event: connected\nretry: 5000\ndata: ok go\n\n")
            await wire.gone()

        upstream.answer = answer
        config = toml(f"{upstream.url}/api/v3", kafka.bootstrap_servers, unique, streams)
        environment = {"ODDSBRIDGE_UPSTREAM__API_KEY": HOSTILE_KEY}
        async with Bridge(tmp_path, config, environment=environment) as bridge:
            await bridge.start()
            assert await bridge.stop() == 0
    asked = {}
    for request in upstream.requests:
        first, *headers = request.strip().split("\r\n")
        method, target, version = first.split(" ")
        assert (method, version) == ("GET", "HTTP/1.1")
        path, query = urlsplit(target).path, urlsplit(target).query
        asked[path] = parse_qsl(query, keep_blank_values=True, strict_parsing=True)
        assert headers.count(f"X-Api-Key: {HOSTILE_KEY}") == 1
        assert HOSTILE_KEY[:3] not in target
        assert sum(HOSTILE_KEY[:6] in header for header in headers) == 1
    assert asked == wanted
    assert len(upstream.requests) == len(streams)
