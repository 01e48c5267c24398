"""Many streams and an upstream that limits connects: everybody stops, and the budget is kept."""

import asyncio
from pathlib import Path

import pytest

from bridge.backoff import RATE_LIMIT_HOLD_S
from bridge.demo.kafka import EmbeddedKafka
from bridge.simulator.catalog import SPORTS
from bridge.simulator.options import SimulatorOptions
from bridge.upstream.budget import LIMIT, WINDOW_S
from tests.support.waiting import until
from tests.upstream_faults.scene import odds, scene

SPOTS = [(sport, league.name, book) for sport in SPORTS.values() for league in sport.leagues for book in sport.books]
ON_ITS_WAY_S = 2.0
"""How long an answer may take to the bridge, on a machine that has other things to do."""

STREAMS = [odds(f"s{n}", sport.name, book, league=[league]) for n, (sport, league, book) in enumerate(SPOTS[:60])]


@pytest.mark.timeout(180)
async def test_a_storm_of_429(kafka: EmbeddedKafka, unique: str, tmp_path: Path) -> None:
    """Two bridges at once: one is told when to come back, the other isn't."""
    await asyncio.gather(
        _storm(kafka, f"{unique}a", tmp_path, retry_after_s=None),
        _storm(kafka, f"{unique}b", tmp_path, retry_after_s=18),
    )


async def _storm(kafka: EmbeddedKafka, unique: str, folder: Path, *, retry_after_s: int | None) -> None:
    limit = 35
    options = SimulatorOptions(rate=2.0, connect_limit=limit, retry_after_s=retry_after_s)
    hold = max(RATE_LIMIT_HOLD_S, retry_after_s or 0)
    async with scene(kafka, unique, folder, STREAMS, options=options, name=unique, ready=False) as running:

        async def limited() -> float:
            return await running.bridge.sum("oddsbridge_disconnects_total", 'reason="rate-limited"')

        await until(limited, lambda n: n >= 1, within=60, what="a 429")
        held = (await running.bridge.metrics())["oddsbridge_connect_hold_seconds"]
        assert 0 < held <= hold
        states = {stream["state"] for stream in (await running.bridge.ready())["streams"].values()}
        assert {"streaming", "waiting"} <= states <= {"streaming", "waiting", "backing-off"}
        await running.bridge.until_ready(within=90)
        assert await running.bridge.sum("oddsbridge_connects_total") == len(STREAMS)
        connects = sorted(await running.control.connects(), key=lambda row: float(row["at"]))
    times = [float(row["at"]) for row in connects]
    for n, start in enumerate(times):
        assert sum(start <= at < start + WINDOW_S for at in times[n:]) <= LIMIT
    spacing = WINDOW_S / LIMIT
    assert len(times) * spacing * 0.9 <= times[-1] - times[0], "the start isn't staggered"
    refused = [n for n, row in enumerate(connects) if row["status"] == 429]
    assert refused, "nobody was refused, so nothing is shown"
    assert refused[0] == limit
    for refusal in (times[n] for n in refused):
        # What was on its way when the 429 arrived comes; after it nobody.
        hurried = [at - refusal for at in times if refusal + ON_ITS_WAY_S < at < refusal + hold - 0.05]
        assert not hurried, f"connects after a 429: {hurried[:3]} s"
    # Whoever was connected stays so: every stream was accepted once.
    accepted = [row["channel"] for row in connects if row["status"] == 200]
    assert len(accepted) == len(set(accepted)) == len(STREAMS)
