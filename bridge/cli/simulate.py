"""`oddsbridge simulate`: an OpticOdds to develop against."""

import asyncio
import signal
from enum import StrEnum
from typing import Annotated

import typer

from bridge.errors import ConfigError
from bridge.simulator import Simulator, SimulatorOptions
from bridge.simulator.options import Rate

_EXAMPLE = """\
or, with the key still in the environment, write oddsbridge.toml:
  [upstream]
  base_url = "{base_url}"
  [kafka]
  bootstrap_servers = "localhost:9092"
  [[streams]]
  name = "basketball"
  feed = "odds"
  sport = "basketball"
  sportsbook = ["DraftKings", "FanDuel", "Pinnacle"]
and: oddsbridge check -c oddsbridge.toml && oddsbridge run -c oddsbridge.toml"""


class _Replay(StrEnum):
    FULL = "full"
    WINDOW = "window"
    NONE = "none"


class _ReplayBy(StrEnum):
    ID = "id"
    ARRIVAL = "arrival"


def simulate(
    *,
    listen: Annotated[str, typer.Option(help="Address and port; port 0 takes a free one.")] = "127.0.0.1:8765",
    seed: Annotated[int, typer.Option(help="The same seed gives the same boards.")] = 7,
    rate: Annotated[
        str, typer.Option(help='Odds a second for each channel; 0 is pings only, "max" is flat out.')
    ] = "500",
    results_rate: Annotated[
        float | None,
        typer.Option(help="Results a second for each results channel; a twentieth of --rate if not set.", min=0),
    ] = None,
    idle_rate: Annotated[
        float, typer.Option(help='At "max", odds a second while nobody is connected; 0 waits.', min=0)
    ] = 0.0,
    limit: Annotated[int | None, typer.Option(help="Entries that a channel emits in all, then only pings.")] = None,
    replay: Annotated[_Replay, typer.Option(help="What a reconnect with last_entry_id gets.")] = _Replay.FULL,
    replay_by: Annotated[
        _ReplayBy, typer.Option(help="Entries with a higher id, or those emitted after it.")
    ] = _ReplayBy.ID,
    window: Annotated[float, typer.Option(help="How far back --replay window reaches, in seconds.")] = 30.0,
    key: Annotated[str, typer.Option(help="The API key that is let in.")] = "demo-key",
    ping: Annotated[float, typer.Option(help="Seconds between pings.", min=0.01)] = 5.0,
    retry: Annotated[int, typer.Option(help="The retry: of every frame, in milliseconds.", min=0)] = 5_000,
    connect_limit: Annotated[int, typer.Option(help="Stream connects in 15 s before 429; 0 is no limit.")] = 250,
    retry_after: Annotated[int | None, typer.Option(help="Retry-After on that 429, in seconds.")] = None,
    rest_limit: Annotated[int, typer.Option(help="REST requests in 15 s before 429; 0 is no limit.", min=0)] = 2_500,
    keep: Annotated[
        int | None,
        typer.Option(
            help="MiB of entries that each channel keeps; what is older is forgotten. Without it the log is complete "
            "and grows for ever.",
            min=1,
        ),
    ] = None,
    fixtures: Annotated[int, typer.Option(help="Fixtures on the board for each league.", min=1)] = 6,
) -> None:
    r"""Serve an OpticOdds to develop against: odds, results and copilot streams and REST, with faults on demand.

    Example:
      oddsbridge simulate --rate 2000 --replay none
      curl -N -H 'X-Api-Key: demo-key' \
        'http://127.0.0.1:8765/api/v3/stream/odds/basketball?sportsbook=Pinnacle'
      curl -H 'X-Api-Key: demo-key' 'http://127.0.0.1:8765/api/v3/fixtures/active?sport=basketball'
      curl -d '{"kind":"tear","inside":true}' http://127.0.0.1:8765/_sim/faults
    """
    host, port = _address(listen)
    options = SimulatorOptions(
        host=host,
        port=port,
        seed=seed,
        key=key,
        rate=_rate(rate),
        results_rate=results_rate,
        idle_rate=idle_rate,
        limit=limit,
        replay=replay.value,
        replay_by=replay_by.value,
        window_s=window,
        ping_s=ping,
        retry_ms=retry,
        connect_limit=connect_limit,
        retry_after_s=retry_after,
        rest_limit=rest_limit,
        fixtures=fixtures,
    )
    if keep is not None:
        options.retain_bytes, options.complete = keep * 2**20, False
    try:
        asyncio.run(_serve(options))
    except OSError as error:
        reason = error.strerror or str(error)
        raise ConfigError(f"can't listen on {listen}: {reason}", hint="choose another with --listen") from None


async def _serve(options: SimulatorOptions) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    async with Simulator(options) as simulator:
        root = simulator.base_url.removesuffix("/api/v3")
        typer.echo(f"the simulator listens on {root}; control and log under {root}/_sim/ (docs/simulator.md)")
        typer.echo("point the bridge at it:")
        typer.echo(f"  export ODDSBRIDGE_UPSTREAM__BASE_URL={simulator.base_url}")
        typer.echo(f"  export ODDSBRIDGE_UPSTREAM__API_KEY={options.key}")
        typer.echo(_EXAMPLE.format(base_url=simulator.base_url))
        await stop.wait()


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not host or not port.isdigit() or int(port) > 65535:
        raise typer.BadParameter(f"{text!r} is not host:port, such as 127.0.0.1:8765", param_hint="--listen")
    return host.strip("[]"), int(port)


def _rate(text: str) -> Rate:
    if text == "max":
        return "max"
    try:
        rate = float(text)
    except ValueError:
        rate = -1.0
    if not 0 <= rate < float("inf"):
        raise typer.BadParameter(f'{text!r} is neither a number of odds a second nor "max"', param_hint="--rate")
    return rate
