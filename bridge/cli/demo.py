"""`oddsbridge demo`: see it all work."""

import sys
from typing import Annotated

import typer

from bridge.cli.exits import Exit
from bridge.demo.acts import Schedule
from bridge.demo.run import run


def demo(
    *,
    keep: Annotated[
        bool,
        typer.Option("--keep", help="Leave all of it running after the count, until Ctrl-C; prints the addresses."),
    ] = False,
) -> None:
    """See it all work, in about a minute: an embedded Kafka, a simulated OpticOdds, and the daemon.

    The daemon is killed, a connection torn, Kafka killed; then the topics are read and compared with what upstream
    delivered. At last upstream tears a connection and replays nothing: the gap is told, and mended. Exit code 0 only if
    nothing is lost, doubled or out of order, and the topics equal upstream. Nothing keeps running afterwards.

    On a terminal a live view shows streams, Kafka and what is done to them; elsewhere there is a line a second.

    Example:
      oddsbridge demo
      oddsbridge demo --keep
    """
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="replace")  # a terminal without "─" shows "?" instead of a traceback
    if not run(sys.stdout, schedule=Schedule(), keep=keep):
        raise typer.Exit(Exit.FAILED)
