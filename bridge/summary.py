"""The one line a minute by which a healthy bridge says that it is."""

import asyncio
from collections.abc import Awaitable, Callable

from bridge.health import Health, State
from bridge.logs import get_logger
from bridge.metrics import Metrics

EVERY_S = 60.0
"""Seconds between lines."""

log = get_logger("oddsbridge")


async def summarize(
    metrics: Metrics, health: Health, *, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
) -> None:
    """Log a line every `EVERY_S` seconds, until cancelled."""
    entries, records = metrics.entries, metrics.records
    while True:
        await sleep(EVERY_S)
        up = sum(stream.state is State.STREAMING for stream in health.streams.values())
        troubles = health.troubles()
        log.info(
            "running" if not troubles else "running, with trouble",
            streams=f"{up}/{len(health.streams)}",
            entries_s=round((metrics.entries - entries) / EVERY_S, 1),
            records_s=round((metrics.records - records) / EVERY_S, 1),
            **({"trouble": troubles[:5]} if troubles else {}),
        )
        entries, records = metrics.entries, metrics.records
