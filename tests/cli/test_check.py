import json
import subprocess
import sys
from pathlib import Path

import pytest

from bridge import __version__
from bridge.cli import VERBS, main
from bridge.cli.exits import MEANING, Exit, code_of
from bridge.errors import (
    ClusterMismatch,
    ConfigError,
    Disconnected,
    KafkaFailure,
    NewerCheckpoint,
    OwnedElsewhere,
)

GOOD = """\
[upstream]
api_key = "s3cret-key"
[kafka]
bootstrap_servers = "localhost:9092"
[[streams]]
name = "nba"
feed = "odds"
sport = "basketball"
league = ["NBA", "Liga ACB"]
sportsbook = ["DraftKings", "FanDuel"]
[[streams]]
name = "nba-results"
feed = "results"
sport = "basketball"
topic_prefix = "results."
"""


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("ODDSBRIDGE_CONFIG", "ODDSBRIDGE_UPSTREAM__API_KEY"):
        monkeypatch.delenv(name, raising=False)
    path = tmp_path / "oddsbridge.toml"
    path.write_text(GOOD, encoding="utf-8")
    return path


def test_offline_prints_streams_shards_and_topics(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--offline", "-c", str(config)]) == 0
    out, err = capsys.readouterr()
    lines = [line.split("\t") for line in out.splitlines()]
    assert lines[0] == ["2 streams from https://api.opticodds.com/api/v3 to localhost:9092, on 2 of 4 shards"]
    assert lines[1] == ['continuity = "reconcile": a gap is told, and mended from upstream\'s snapshot']
    assert lines[3:6] == [
        ["stream", "shard", "request", "topic prefix"],
        [
            "nba",
            "1",
            "/stream/odds/basketball sportsbook=DraftKings,FanDuel league=NBA,Liga ACB odds_format=AMERICAN "
            "include_fixture_updates=true",
            "opticodds.",
        ],
        ["nba-results", "0", "/stream/results/basketball", "results."],
    ]
    assert lines[7] == ["topic", "partitions", "cleanup", "for"]
    topics = {line[0]: line[1:] for line in lines[8:]}
    assert topics["opticodds.odds"] == ["12", "delete", "odds"]
    assert topics["opticodds.odds-state"] == ["12", "compact", "odds-state"]
    assert topics["opticodds.checkpoints"] == ["4", "compact", "checkpoints"]
    assert topics["results.fixture-results"] == ["12", "delete", "fixture-results"]
    assert "results.checkpoints" not in topics
    assert "upstream.api_key stands in the configuration file" in err
    assert "s3cret-key" not in out + err


def test_offline_tells_what_follows_a_gap(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config.write_text(GOOD.replace("[kafka]", 'continuity = "announce"\n[kafka]'), encoding="utf-8")
    assert main(["check", "--offline", "-c", str(config)]) == 0
    assert capsys.readouterr().out.splitlines()[1].startswith('continuity = "announce": a gap is told, and not mended')
    assert main(["check", "--offline", "--json", "-c", str(config)]) == 0
    assert json.loads(capsys.readouterr().out)["continuity"] == "announce"


def test_a_terminal_gets_a_table(
    config: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "200")
    assert main(["check", "--offline", "-c", str(config)]) == 0
    out = capsys.readouterr().out
    assert "\x1b[1m" in out
    assert "\t" not in out
    assert "league=NBA,Liga ACB" in out


def test_a_wrong_configuration_ends_with_2_and_no_traceback(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config.write_text(GOOD.replace('["DraftKings", "FanDuel"]', "[]").replace("sport =", "sports ="), encoding="utf-8")
    assert main(["check", "--offline", "-c", str(config)]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    first, *lines = err.splitlines()
    assert first == "oddsbridge: 5 things to mend:"
    assert len(lines) == 5
    assert all(line.startswith(f"  {config}:") for line in lines)
    assert "Traceback" not in err


def test_one_error_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--offline", "-c", str(tmp_path / "nope.toml")]) == 2
    assert capsys.readouterr().err.startswith(f"oddsbridge: {tmp_path / 'nope.toml'}: can't be read: ")


def test_the_file_may_come_from_the_environment(
    config: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ODDSBRIDGE_CONFIG", str(config))
    assert main(["check", "--offline"]) == 0
    assert capsys.readouterr().out.startswith("2 streams from ")


def test_help_is_one_screen_with_verbs_and_exit_codes(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    out = capsys.readouterr().out
    assert len(out.splitlines()) <= 30
    for verb, line in VERBS.items():
        assert f"  {verb} " in out
        assert line.split(":")[0].split(",")[0] in " ".join(out.split())
    for code, meaning in MEANING.items():
        assert f"  {code:<4}{meaning}" in out


def test_help_imports_no_verb() -> None:
    script = (
        "import sys; from bridge.cli import main; code = main(['--help']); "
        "heavy = {'aiohttp', 'aiokafka', 'pydantic', 'structlog', 'rich.console', 'bridge.config'} & set(sys.modules); "
        "sys.exit(f'{code} {heavy}' if code or heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_check_imports_no_other_verb(config: Path) -> None:
    script = (
        f"import sys; from bridge.cli import main; code = main(['check', '--offline', '-c', {str(config)!r}]); "
        "heavy = {'aiohttp', 'bridge.daemon', 'bridge.simulator', 'bridge.cli.run'} & set(sys.modules); "
        "sys.exit(f'{code} {heavy}' if code or heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"oddsbridge {__version__}\n"


@pytest.mark.parametrize("arguments", [["chekc"], ["check"], ["check", "--offlin"], ["--nope"], []])
def test_a_wrong_command_line_ends_with_2(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("ODDSBRIDGE_CONFIG", raising=False)
    assert main(arguments) == 2
    out, err = capsys.readouterr()
    assert "Usage: oddsbridge" in out + err
    assert "Traceback" not in err


def test_a_mistyped_verb_brings_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["chekc"]) == 2
    assert "Did you mean 'check'?" in capsys.readouterr().err


def test_python_m_bridge_is_the_same() -> None:
    done = subprocess.run([sys.executable, "-m", "bridge", "--version"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, f"oddsbridge {__version__}\n")


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ConfigError("x"), 2),
        (ClusterMismatch("x"), 3),
        (NewerCheckpoint("x"), 3),
        (OwnedElsewhere("x"), 4),
        (KafkaFailure("x"), 1),
        (Disconnected("x"), 1),
        (RuntimeError("x"), 1),
        (KeyboardInterrupt(), 130),
    ],
)
def test_exit_codes_are_stable(
    error: BaseException, code: int, config: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("bridge.cli.check.load", fail)
    assert main(["check", "--offline", "-c", str(config)]) == code
    assert code_of(error) == code
    assert ("Traceback" in capsys.readouterr().err) is isinstance(error, RuntimeError)


def test_an_unforeseen_error_shows_its_traceback_without_the_key(
    config: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from bridge.logs import hide  # noqa: PLC0415

    hide("unforeseen-s3cret")

    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("https://h/?key=unforeseen-s3cret")

    monkeypatch.setattr("bridge.cli.check.load", fail)
    assert main(["check", "--offline", "-c", str(config)]) == Exit.FAILED
    err = capsys.readouterr().err
    assert "https://h/?key=***" in err
    assert "unforeseen-s3cret" not in err
    assert "this is a bug" in err
