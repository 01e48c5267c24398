"""`oddsbridge run`: the daemon."""

import asyncio
import gc
from pathlib import Path
from typing import Annotated

import typer

from bridge.config import Settings, load, read_key, warnings
from bridge.daemon import Daemon
from bridge.logs import catch_unhandled, configure, get_logger


def run(
    config: Annotated[
        Path, typer.Option("--config", "-c", metavar="FILE", envvar="ODDSBRIDGE_CONFIG", help="The TOML file.")
    ],
) -> None:
    """Carry the streams into Kafka until told to stop.

    SIGTERM or Ctrl-C drains: what was read is committed, within process.drain_s seconds. A second one quits at once.

    Example:
      export ODDSBRIDGE_UPSTREAM__API_KEY=...
      oddsbridge run -c oddsbridge.toml
    """
    settings = load(config)
    configure(settings.log.level, settings.log.format, secrets=[read_key(settings)()])
    catch_unhandled()
    log = get_logger("oddsbridge")
    for sentence in warnings(settings):
        log.warning(sentence)
    gc.collect()
    gc.freeze()  # what is loaded now lives as long as the process
    gc.set_threshold(1_000_000, 50, 100)  # entries make no cycles, and looking for some took a fifth of the time
    asyncio.run(_live(settings))


async def _live(settings: Settings) -> None:
    await Daemon(settings).run()
