"""The demo's live view: its frames, and where there is one."""

import dataclasses
import io
from typing import Any

import pytest
from rich.console import Console

from bridge.demo.live import LiveScreen, screen_for, view
from bridge.demo.screen import Moment, Screen

MOMENT = Moment(
    seconds=12.4,
    report={
        "ready": True,
        "why": [],
        "shards": {"0": {"state": "running"}, "1": {"state": "running"}},
        "streams": {
            "nba": {"state": "streaming", "last_event_age_s": 0.26},
            "soccer": {"state": "backing-off", "last_event_age_s": 1_003.0},
        },
    },
    streams=["nba", "soccer", "[bold]"],
    odds_s=1_234.4,
    rates={"nba": 1_200.2, "soccer": 34.0},
    locks={"nba": 3.21},
    newest=(1_700_000_000_500, 3),
    record_age_s=0.44,
    kafka="127.0.0.1:20001",
    kafka_up=True,
    now_s=1_700_000_001.0,
)


class Terminal(io.StringIO):
    """A file that says that it is a terminal."""

    def isatty(self) -> bool:
        return True


def frame(moment: Moment, doing: str = "act 1: odds flow") -> list[str]:
    console = Console(file=io.StringIO(), width=100, record=True)
    console.print(view(moment, doing))
    return [line.rstrip() for line in console.export_text().splitlines()]


def row(lines: list[str], name: str) -> list[str]:
    (found,) = [line for line in lines if line.startswith(name)]
    return found.removeprefix(name).split()


def changed(**fields: Any) -> Moment:
    return dataclasses.replace(MOMENT, **fields)


def test_a_stream_has_state_rate_age_and_last_lock() -> None:
    lines = frame(MOMENT)
    assert row(lines, "stream") == ["state", "records/s", "last", "entry", "last", "lock"]
    assert row(lines, "nba") == ["streaming", "1,200", "0.3", "s", "ago", "3.2", "s", "ago"]
    assert row(lines, "soccer") == ["backing-off", "34", "1,003.0", "s", "ago", "-"]
    assert row(lines, "[bold]") == ["no", "daemon", "0", "-", "-"]


def test_a_line_each_for_the_daemon_for_kafka_and_for_what_it_does() -> None:
    lines = frame(MOMENT)
    assert " ".join(row(lines, "oddsbridge")) == "ready, 2/2 shards run"
    assert " ".join(row(lines, "Kafka")) == (
        "up, 1,234 odds/s in Kafka, newest committed record 0.4 s old (127.0.0.1:20001)"
    )
    assert " ".join(row(lines, "now")) == "act 1: odds flow, 12 s since odds flow"


def test_what_is_down_is_told() -> None:
    report = {**MOMENT.report, "ready": False, "why": ["shard 0: recovering: " + "x" * 200]}
    assert row(frame(changed(report=report)), "oddsbridge")[:2] == ["not", "ready,"]
    lines = frame(changed(report={}, kafka_up=False, record_age_s=None, seconds=None))
    assert row(lines, "oddsbridge") == ["down"]
    assert " ".join(row(lines, "Kafka")).startswith("down, starts again, 1,234 odds/s")
    assert " ".join(row(lines, "now")) == "act 1: odds flow"
    assert row(lines, "nba")[:2] == ["no", "daemon"]


def test_a_frame_has_the_same_height_whatever_is_down() -> None:
    report = {**MOMENT.report, "ready": False, "why": ["shard 0: recovering: " + "x" * 200]}
    assert len({len(frame(m)) for m in (MOMENT, changed(report={}), changed(report=report, seconds=None))}) == 1


@pytest.mark.parametrize(
    ("terminal", "term", "live"), [(True, "xterm", True), (True, "dumb", False), (False, "xterm", False)]
)
def test_only_a_terminal_that_can_has_the_live_view(
    terminal: bool, term: str, live: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", term)
    assert isinstance(screen_for(Terminal() if terminal else io.StringIO()), LiveScreen) is live


def test_without_a_terminal_a_moment_is_a_line_and_only_while_odds_flow() -> None:
    out = io.StringIO()
    with screen_for(out) as screen:
        assert type(screen) is Screen
        screen.moment(MOMENT)
        screen.moment(changed(seconds=None))
    assert out.getvalue() == (
        "  12 s   1/3 streams up    1,234 odds/s in Kafka   last entry 1700000000500-3, 0.5 s old\n"
    )


def test_lines_stay_above_the_view_and_after_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    out = Terminal()
    with screen_for(out) as screen:
        screen.act("act 1: odds flow")
        screen.moment(MOMENT)
        screen.line("killed [process] 5 " + "x" * 200)
        screen.moment(MOMENT)
        screen.close()
        screen.line("the count")
    text = out.getvalue()
    assert text.count("records/s") == 4  # as it starts, a moment, below the line, the other moment
    assert "\x1b[2K" in text
    assert "killed [process] 5 " + "x" * 200 + "\n" in text
    assert text.endswith("the count\n")
    assert "\x1b[?25h" in text.rpartition("the count")[0]  # the cursor is shown again


def test_the_view_comes_back_below_what_was_written_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    out = Terminal()
    with screen_for(out) as screen:
        screen.moment(MOMENT)
        screen.close()
        screen.line("the count")
        screen.act("act 6")
        screen.moment(MOMENT)
        back = out.getvalue().rpartition("the count")[2]
        assert "records/s" in back
        assert "\x1b[1A" not in back.partition("records/s")[0], "it goes up into what was written"
        assert "act 6" in back.rpartition("records/s")[2]
