"""`oddsbridge check` against the embedded Kafka: what is right, what is wrong, and that it leaves no trace."""

import asyncio
import json
from pathlib import Path

import pytest
from aiohttp import web
from confluent_kafka import KafkaException

from bridge.check.findings import Finding, Level, Section, as_json
from bridge.cli.check import exit_of
from bridge.cli.exits import Exit
from bridge.cli.output import echo_json
from bridge.demo.kafka import EmbeddedKafka
from bridge.kafka.plan import shard_of
from bridge.logs import hide
from bridge.simulator.options import SimulatorOptions
from bridge.simulator.server import Simulator
from tests.check.command import STREAMS, Command
from tests.check.fake import FakeOpticOdds
from tests.support import topics
from tests.support.bridge import Bridge, toml
from tests.support.offsets import Ends, ends
from tests.support.waiting import until


async def test_all_is_right(kafka: EmbeddedKafka, unique: str, upstream: FakeOpticOdds, command: Command) -> None:
    command.configure(kafka.bootstrap_servers, unique, upstream)
    assert (await command.topics("--create")).code == 0
    output = await command.check()
    assert {finding["level"] for finding in output.findings} == {"ok"}, output.out
    assert output.code == 0
    assert {finding["check"] for finding in output.findings} >= {
        *("file", "key", "sport", "league", "sportsbook", "feed", "snapshot", "requests", "clock"),
        *("server", "broker", "transactions", "timeout", "replication", "compression", "acl", "topic", "checkpoints"),
    }
    assert "SERVERS" not in output.out
    printed = await command("check")
    lines = printed.out.splitlines()
    assert [line for line in lines if not line.startswith("  ")] == [
        *("Configuration", "OpticOdds", "Kafka", "Topics"),
        "nothing is wrong",
    ]
    assert len([line for line in lines if line.startswith("  ✓ ")]) == len(output.findings)
    assert printed.code == 0


async def test_the_json_has_the_documented_shape(
    kafka: EmbeddedKafka, unique: str, upstream: FakeOpticOdds, command: Command
) -> None:
    command.configure(kafka.bootstrap_servers, unique, upstream)
    body = json.loads((await command.check()).out)
    assert list(body) == ["v", "exit_code", "counts", "findings", "continuity", "streams", "topics"]
    assert (body["v"], body["exit_code"], body["continuity"]) == (1, 0, "reconcile")
    assert set(body["counts"]) == {"ok", "warning", "wrong"}
    assert sum(body["counts"].values()) == len(body["findings"])
    for finding in body["findings"]:
        assert list(finding) == ["section", "check", "about", "level", "text", "fix"]
    assert body["streams"][0] == {
        "name": "nba",
        "shard": 1,
        "request": "/stream/odds/basketball sportsbook=DraftKings,FanDuel league=NBA odds_format=AMERICAN "
        "include_fixture_updates=true",
        "topic_prefix": f"{unique}.",
    }
    assert {topic["name"] for topic in body["topics"]} >= {f"{unique}.odds", f"{unique}.checkpoints"}


async def test_missing_topics_are_told_and_not_made(
    kafka: EmbeddedKafka, unique: str, upstream: FakeOpticOdds, command: Command
) -> None:
    command.configure(kafka.bootstrap_servers, unique, upstream)
    output = await command.check()
    assert output.code == 0
    missing = output.one("missing")
    assert missing["level"] == "warning"
    assert f"{unique}.checkpoints" in missing["text"]
    assert missing["fix"].endswith(f"oddsbridge topics -c {command.file} --create")
    assert await topics.names(kafka.bootstrap_servers, unique) == set()


async def ends_of_new_topics(servers: str, unique: str) -> Ends:
    """The ends, as soon as every partition of topics that were just made has its leader."""

    async def look() -> Ends | None:
        try:
            return await ends(servers, unique, committed=False)
        except KafkaException:
            return None

    found = await until(look, bool, within=20, what="leaders of all partitions")
    assert found is not None
    return found


async def test_nothing_is_published(
    kafka: EmbeddedKafka, unique: str, upstream: FakeOpticOdds, command: Command
) -> None:
    command.configure(kafka.bootstrap_servers, unique, upstream)
    await command.topics("--create")
    await topics.put(kafka.bootstrap_servers, f"{unique}.odds", 0, "odd", b"{}")
    before = await ends_of_new_topics(kafka.bootstrap_servers, unique)
    assert sum(before.values()) == 1
    assert (await command.check()).code == 0
    assert (await command.topics()).code == 0
    assert await ends(kafka.bootstrap_servers, unique, committed=False) == before
    assert await ends(kafka.bootstrap_servers, unique, committed=True) == before


async def test_a_running_bridge_does_not_notice(
    kafka: EmbeddedKafka, unique: str, tmp_path: Path, command: Command
) -> None:
    streams = [STREAMS[0], {**STREAMS[1], "name": "nba-results"}]
    assert {shard_of(str(stream["name"]), 4) for stream in streams} == {0, 1}  # work on both, or nobody would notice
    async with Simulator(SimulatorOptions(rate=200.0, results_rate=50.0)) as simulator:
        command.configure(kafka.bootstrap_servers, unique, simulator.base_url, streams)
        config = toml(simulator.base_url, kafka.bootstrap_servers, unique, streams)
        async with Bridge(tmp_path, config) as bridge:
            await bridge.start()
            await until(lambda: bridge.sum("oddsbridge_entries_total"), lambda n: n > 10, within=30, what="entries")
            output = await command.check()
            entries = await bridge.sum("oddsbridge_entries_total")
            for topic in (finding for finding in output.findings if finding["section"] in {"kafka", "topics"}):
                assert topic["level"] == "ok", topic
            assert f"pid {bridge.pid} on " in output.one("checkpoints", "1")["text"]
            assert " 0 checkpoints" not in output.one("checkpoints", "1")["text"]

            async def more() -> float:
                return await bridge.sum("oddsbridge_entries_total")

            await until(more, lambda n: n > entries + 50, within=30, what="more entries")
            assert await bridge.sum("oddsbridge_recoveries_total") == 0
            assert await bridge.sum("oddsbridge_disconnects_total") == 0
            assert await bridge.stop() == 0


async def test_kafka_is_not_there_and_upstream_is_asked_all_the_same(
    upstream: FakeOpticOdds, unique: str, command: Command
) -> None:
    command.configure("127.0.0.1:1,nowhere.invalid:9092", unique, upstream)
    output = await command.check()
    assert output.code == 3
    assert "nobody listens there" in output.one("server", "127.0.0.1:1")["text"]
    assert "the name isn't found" in output.one("server", "nowhere.invalid:9092")["text"]
    assert len(output.wrong()) == 2
    assert len(output.of("feed")) == 2


async def test_one_server_of_two_is_enough(
    kafka: EmbeddedKafka, upstream: FakeOpticOdds, unique: str, command: Command
) -> None:
    command.configure(f"127.0.0.1:1,{kafka.bootstrap_servers}", unique, upstream)
    output = await command.check()
    assert output.code == 0
    assert output.one("server", "127.0.0.1:1")["level"] == "warning"
    assert output.one("transactions")["level"] == "ok"


async def test_upstream_is_not_there_and_kafka_is_asked_all_the_same(
    kafka: EmbeddedKafka, unique: str, command: Command
) -> None:
    command.configure(kafka.bootstrap_servers, unique)
    output = await command.check()
    assert output.code == 5
    assert output.one("reach")["level"] == "wrong"
    assert output.one("transactions")["level"] == "ok"


async def test_without_a_key_the_rest_is_asked(
    kafka: EmbeddedKafka, unique: str, upstream: FakeOpticOdds, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    command.configure(kafka.bootstrap_servers, unique, upstream)
    monkeypatch.delenv("ODDSBRIDGE_UPSTREAM__API_KEY")
    output = await command.check()
    assert output.code == 2
    key = output.one("key")
    assert (key["section"], key["level"]) == ("configuration", "wrong")
    assert "ODDSBRIDGE_UPSTREAM__API_KEY" in key["fix"]
    assert output.one("transactions")["level"] == "ok"
    assert upstream.requests == []


async def test_a_wrong_name_ends_with_5(
    kafka: EmbeddedKafka, unique: str, upstream: FakeOpticOdds, command: Command
) -> None:
    streams = [{**STREAMS[0], "sportsbook": ["DraftKigns"]}]
    command.configure(kafka.bootstrap_servers, unique, upstream, streams)
    printed = await command("check")
    assert printed.code == 5
    assert "  ✗ upstream knows no sportsbook 'DraftKigns', " in printed.out
    assert "— did you mean 'DraftKings'?" in printed.out
    assert "1 wrong" in printed.out.splitlines()[-1]


async def test_a_key_without_the_snapshot_ends_with_5(
    kafka: EmbeddedKafka, unique: str, upstream: FakeOpticOdds, command: Command
) -> None:
    upstream.answers["fixtures/active"] = web.Response(status=403, text='{"error":"streams only"}')
    command.configure(kafka.bootstrap_servers, unique, upstream)
    printed = await command("check")
    assert printed.code == 5
    (told,) = [line for line in printed.out.splitlines() if "  ✗ odds of basketball: upstream refuses the snap" in line]
    assert "streams only" in told
    assert '— set upstream.continuity = "announce"' in told
    command.configure(kafka.bootstrap_servers, unique, upstream, continuity="announce")
    assert (await command("check")).code == 0


async def test_a_configuration_that_cannot_be_used_is_json_too(command: Command) -> None:
    command.configure("127.0.0.1:1", "x.", shardz=3, partitions=0)
    output = await command.check()
    assert output.code == 2
    assert [finding["section"] for finding in output.wrong()] == ["configuration"] * 2
    assert "did you mean shards?" in output.out
    assert (await command("check")).err.startswith("oddsbridge: 2 things to mend:")


async def test_offline_asks_nobody(upstream: FakeOpticOdds, command: Command) -> None:
    command.configure("127.0.0.1:1", "x", upstream)
    output = await command("check", "--offline", "--json")
    assert output.code == 0
    assert json.loads(output.out)["streams"][1]["name"] == "scores"
    assert upstream.requests == []


async def test_it_ends_in_time_whatever_hangs(
    kafka: EmbeddedKafka, unique: str, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    monkeypatch.setattr("bridge.check.survey.DEADLINE_S", 3.0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        command.configure(kafka.bootstrap_servers, unique, f"http://127.0.0.1:{port}/api/v3")
        output = await command.check()
    assert output.code == 5
    assert output.one("deadline")["section"] == "opticodds"
    assert output.one("transactions")["level"] == "ok"


def test_the_exit_code_is_the_first_that_applies() -> None:
    def wrong(*sections: Section) -> list[Finding]:
        ok = Finding(Section.KAFKA, "x", "", Level.OK, "x")
        warning = Finding(Section.CONFIGURATION, "x", "", Level.WARNING, "x")
        return [ok, warning, *(Finding(section, "x", "", Level.WRONG, "x") for section in sections)]

    assert exit_of(wrong()) is Exit.OK
    assert exit_of(wrong(Section.OPTICODDS)) is Exit.UPSTREAM
    assert exit_of(wrong(Section.OPTICODDS, Section.TOPICS)) is Exit.CLUSTER
    assert exit_of(wrong(Section.KAFKA)) is Exit.CLUSTER
    assert exit_of(wrong(*Section)) is Exit.CONFIGURATION
    assert [int(code) for code in (Exit.OK, Exit.CONFIGURATION, Exit.CLUSTER, Exit.UPSTREAM)] == [0, 2, 3, 5]


def test_the_help_has_an_example_and_the_codes(capsys: pytest.CaptureFixture[str]) -> None:
    from bridge.cli import main  # noqa: PLC0415

    for verb in ("check", "topics"):
        assert main([verb, "--help"]) == 0
        out = capsys.readouterr().out
        assert f"oddsbridge {verb} -c oddsbridge.toml" in out
        assert "Exit codes:" in out
        assert "--json" in out


def test_a_secret_that_is_a_word_of_ours_leaves_the_words_that_scripts_read(capsys: pytest.CaptureFixture[str]) -> None:
    hide("kafka")
    finding = Finding(Section.KAFKA, "server", "kafka:9092", Level.OK, "kafka:9092 lets the bridge in")
    echo_json(as_json([finding]))
    (told,) = json.loads(capsys.readouterr().out)
    assert (told["section"], told["check"], told["level"]) == ("kafka", "server", "ok")
    assert "kafka" not in told["about"] + told["text"]


def test_marks_fall_back_where_the_terminal_has_none(capsys: pytest.CaptureFixture[str]) -> None:
    import io  # noqa: PLC0415

    from rich.console import Console  # noqa: PLC0415

    from bridge.cli.output import mark  # noqa: PLC0415

    plain = Console(file=io.TextIOWrapper(io.BytesIO(), encoding="ascii"))
    rich = Console(file=io.TextIOWrapper(io.BytesIO(), encoding="utf-8"))
    assert [mark(level, plain)[0] for level in Level] == ["+", "!", "x"]
    assert [mark(level, rich)[0] for level in Level] == ["✓", "!", "✗"]
