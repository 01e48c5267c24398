"""Each way in which upstream can spoil a connection: all in one run, each on a stream of its own."""

import asyncio
import uuid
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
    "aged": ("max-age", {"min_s": 2, "max_s": 3, "how": "eof"}),
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
        await running.until_flowing()
        await asyncio.gather(*(_trouble(running, name, elsewhere.url) for name in SICK))
        await running.until_flowing()
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
        await running.fault(name, kind, **fields)
        times = 3 if name == "dropped" else 0
    await running.until_count(1 + times, DISCONNECTS, name)
    await running.until_count(3 if name == "dropped" else 2, CONNECTS, name)


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
