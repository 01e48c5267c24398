"""Each way in which upstream can spoil a connection: all in one run, each on a stream of its own."""

import asyncio
import uuid
from itertools import pairwise
from pathlib import Path

import pytest

from bridge.demo.kafka import EmbeddedKafka
from tests.upstream.wire import Upstream
from tests.upstream_faults.scene import Outcome, Scene, odds, other, scene

CONNECTS = "oddsbridge_connects_total"
DISCONNECTS = "oddsbridge_disconnects_total"

BREAKS: dict[str, tuple[str, dict[str, object]]] = {
    "torn": ("tear", {"inside": True}),
    "reset": ("tear", {"inside": True, "how": "reset"}),
    "ended": ("eof", {}),
    "stalled": ("stall", {"inside": True}),
    "dropped": ("drop", {"every_s": 0.4}),
    "aged": ("max-age", {"min_s": 1, "max_s": 2, "how": "eof"}),
}
"""What happens to a connection that is open."""

ANSWERS: dict[str, tuple[dict[str, object], int]] = {
    "failing": ({"status": 500, "body": "<html>oops</html>", "content_type": "text/html"}, 2),
    "unavailable": ({"status": 503, "retry_after": "4"}, 1),
    "redirected": ({"status": 302}, 2),
    "moved": ({"status": 307, "location": "@elsewhere@"}, 1),
    "page": ({"status": 200, "body": "<html>hello</html>", "content_type": "text/html"}, 2),
}
"""What a connect is answered, and how many times."""

STREAMS = [
    odds("torn", "basketball"),
    odds("reset", "football"),
    odds("ended", "baseball"),
    odds("stalled", "soccer"),
    odds("dropped", "tennis"),
    odds("aged", "politics"),
    other("failing", "copilot", "basketball"),
    other("unavailable", "copilot", "football"),
    other("redirected", "copilot", "baseball"),
    other("moved", "copilot", "soccer"),
    other("page", "copilot", "tennis"),
    other("slow", "results", "basketball"),
    other("healthy-results", "results", "football"),
    other("healthy-copilot", "copilot", "politics"),
    other("healthy-too", "results", "soccer"),
]
HEALTHY = [str(s["name"]) for s in STREAMS if "healthy" in str(s["name"])]
SICK = [str(s["name"]) for s in STREAMS if "healthy" not in str(s["name"])]


@pytest.fixture(scope="module")
def outcome(kafka: EmbeddedKafka, tmp_path_factory: pytest.TempPathFactory) -> tuple[Outcome, list[str]]:
    return asyncio.run(_play(kafka, tmp_path_factory.mktemp("connections")))


async def _play(kafka: EmbeddedKafka, folder: Path) -> tuple[Outcome, list[str]]:
    async with Upstream() as elsewhere, scene(kafka, f"t{uuid.uuid4().hex[:10]}", folder, STREAMS) as running:
        await running.until_flowing(10)
        await asyncio.gather(*(_trouble(running, name, elsewhere.url) for name in SICK))
        await running.until_flowing(10)
        outcome = await running.finish()
        trapped = [row["path"] for row in await running.control.connects() if "trap" in row["path"]]
        return outcome, [*elsewhere.requests, *trapped]


async def _trouble(running: Scene, name: str, elsewhere: str) -> None:
    """Give a stream its trouble, and wait until it is through it."""
    times = 1
    if name in ANSWERS:
        fields, times = ANSWERS[name]
        told = {key: f"{elsewhere}/api/v3/x?y=1" if value == "@elsewhere@" else value for key, value in fields.items()}
        await running.fault(name, "refuse", times=times, **told)
        await running.fault(name, "eof")
    elif name == "slow":
        await running.fault(name, "slow-connect", times=1, seconds=60)
        await running.fault(name, "tear")
    else:
        kind, fields = BREAKS[name]
        fault = await running.fault(name, kind, **fields)
        if name == "dropped":
            times = 1
            await running.until_count(3, CONNECTS, name)
        if fault:
            await running.control.clear_faults(fault)
        times -= 1
    await running.until_count(1 + times, DISCONNECTS, name)
    await running.until_count(2, CONNECTS, name)


@pytest.mark.parametrize("stream", [*SICK, *HEALTHY])
def test_nothing_is_lost_or_doubled(outcome: tuple[Outcome, list[str]], stream: str) -> None:
    outcome[0].assert_complete(stream)


@pytest.mark.parametrize("stream", HEALTHY)
def test_no_other_stream_notices(outcome: tuple[Outcome, list[str]], stream: str) -> None:
    seen = outcome[0]
    assert [row["status"] for row in seen.connects[stream]] == [200]
    assert seen.count(CONNECTS, stream) == 1
    assert seen.count(DISCONNECTS, stream) == 0
    assert seen.count("oddsbridge_duplicates_total", stream) == 0
    assert not seen.told(stream)


@pytest.mark.parametrize(
    ("stream", "reasons"),
    [
        ("torn", ["torn"]),
        ("ended", ["closed"]),
        ("stalled", ["silence"]),
        ("aged", ["closed"]),
        ("failing", ["closed", "http-500"]),
        ("unavailable", ["closed", "http-503"]),
        ("redirected", ["closed", "redirect"]),
        ("moved", ["closed", "redirect"]),
        ("page", ["closed", "content-type"]),
        ("slow", ["torn", "connect-timeout"]),
    ],
)
def test_what_happened_is_counted_by_reason(
    outcome: tuple[Outcome, list[str]], stream: str, reasons: list[str]
) -> None:
    for reason in reasons:
        assert outcome[0].count(DISCONNECTS, stream, f'reason="{reason}"') >= 1, reason


def test_nobody_follows_a_redirect(outcome: tuple[Outcome, list[str]]) -> None:
    assert outcome[0].count(DISCONNECTS, "moved", 'reason="redirect"') == 1
    assert outcome[0].count(DISCONNECTS, "redirected", 'reason="redirect"') == 2
    assert outcome[1] == []


def test_nobody_comes_back_at_once(outcome: tuple[Outcome, list[str]]) -> None:
    """The first step is one second, less half of it by chance; a step is twice the one before."""
    for stream, least in {"ended": [0.5], "torn": [0.5], "dropped": [0.5, 1.0], "page": [0.5, 1.0, 2.0]}.items():
        times = [row["at"] for row in outcome[0].connects[stream]]
        pauses = [after - before for before, after in pairwise(times)]
        assert len(pauses) >= len(least), stream
        assert all(pause >= wanted for pause, wanted in zip(pauses, least, strict=False)), (stream, pauses)


def test_retry_after_is_waited_for(outcome: tuple[Outcome, list[str]]) -> None:
    first, refused, after, *_ = outcome[0].connects["unavailable"]
    assert [first["status"], refused["status"], after["status"]] == [200, 503, 200]
    assert after["at"] - refused["at"] >= 4.0


def test_each_reconnect_asks_for_a_replay_and_proves_it(outcome: tuple[Outcome, list[str]]) -> None:
    for stream in SICK:
        first, *later = [row for row in outcome[0].connects[stream] if row["connection"]]
        assert first["last_entry_id"] is None
        assert all(row["last_entry_id"] for row in later), stream
        proven = outcome[0].count("oddsbridge_replay_total", stream, 'outcome="proven"')
        # One that is dropped before anything came has proved nothing.
        assert 1 <= proven <= len(later) if stream == "dropped" else proven == len(later), stream
        assert outcome[0].count("oddsbridge_replay_total", stream, 'outcome="none"') == 1, stream


def test_what_happens_again_and_again_is_told_once(outcome: tuple[Outcome, list[str]]) -> None:
    """The page twice, the same in the log once; and nothing that isn't about a stream with trouble."""
    told = [line for line in outcome[0].told("page") if "text/html" in line["why"]]
    assert len(told) == 1
    assert "<html>hello</html>" in told[0]["why"]
    others = [line for line in outcome[0].lines if line.get("stream") not in SICK and line["level"] != "info"]
    assert len(others) == 1, others
    assert "upstream.silence_s" in others[0]["event"]  # a caution about the setting of these tests
