"""The act of a gap: upstream doesn't replay it, the bridge says so and mends it, and the board is compared."""

import time
from collections.abc import Callable

from bridge.demo.boards import Boards, Said
from bridge.demo.likeness import Likeness, folded, offered
from bridge.demo.screen import Screen
from bridge.demo.stage import PREFIX, STREAMS, Stage, TooLong

STREAM = "nba"
"""The stream that has the gap."""

WHERE = {"feed": "odds", "sport": "basketball"}
"""What of the simulator it is."""

FLOW_S = 2.0
"""Seconds that odds flow before the gap."""

AWAY_S = 2.5
"""Seconds for which upstream lets nobody in."""

LIKE_S = 15.0
"""Seconds that the topics are given to equal a board that stands still."""


async def mend_a_gap(stage: Stage, screen: Screen) -> bool:
    """Start the daemon again, tear a connection when nothing is replayed, and see how the topics come to be right.

    Args:
        stage: All parts; upstream is paused, and the daemon has ended.
        screen: Where it tells what happens.

    Returns:
        Whether the topics equal upstream; upstream is paused then, and the daemon runs.

    Raises:
        DemoUnavailable: A part of the demo ended by itself, or took too long.
        KafkaFailure: The topics can't be read.
    """
    screen.act("act 6: a gap that upstream doesn't replay")
    stage.daemon.start()
    async with Boards(stage.kafka.bootstrap_servers, PREFIX) as boards:
        await stage.until(stage.all_up, "all streams are up again")
        screen.line("the daemon is started again; upstream goes on, but replays nothing any more")
        await stage.control.settings(replay="none")
        await stage.control.resume()
        stage.begin()
        await stage.flow(FLOW_S)

        torn_ms = int(time.time() * 1000)
        await stage.control.fault("refuse", status=503, for_s=AWAY_S, **WHERE)
        await stage.control.fault("tear", inside=True, **WHERE)
        screen.line(f"upstream tears {STREAM}'s connection, and lets it in again after {AWAY_S:g} s")
        gap = await _told(stage, screen, lambda: boards.said(STREAM, "gap", torn_ms))
        await _told(stage, screen, lambda: boards.said(STREAM, "reconciled", torn_ms, cause="gap"))
        return await _compare(stage, screen, boards, gap)


async def _told(stage: Stage, screen: Screen, said: Callable[[], Said | None]) -> Said:
    """Wait for a bridge-event, and show it as it stands on the topic."""
    await stage.until(lambda: said() is not None, "the bridge has told of the gap, and mended it")
    found = said()
    assert found is not None  # noqa: S101 - just seen
    screen.line(f"{PREFIX}bridge-events  {found.value.decode()}")
    return found


async def _compare(stage: Stage, screen: Screen, boards: Boards, gap: Said) -> bool:
    """Stop upstream, and wait until the folds of the topics equal its board."""
    await stage.control.pause()
    stage.hush()
    missed = await _missed(stage)
    screen.line(f"upstream stops; {missed:,} odds that it said during the gap were sent to nobody")
    screen.line("a reader folds odds and locked-odds, and odds-state, and compares both with upstream's board …")
    sports = dict.fromkeys(str(stream["sport"]) for stream in STREAMS)
    board = offered([odd for sport in sports for odd in (await stage.control.board(sport)).items()], STREAMS)
    found = Likeness({}, {})

    def alike() -> bool:
        nonlocal found
        boards.check()
        found = Likeness(board, {"odds and locked-odds": folded(boards.logs), "odds-state": folded(boards.states)})
        return found.equal

    try:
        await stage.until(alike, "the topics equal upstream", within_s=LIKE_S)
        ended_ms = gap.fields["last_ms"] + gap.fields["seconds"] * 1000
        screen.line(f"{found}, {time.time() - ended_ms / 1000:.1f} s after the gap's end")
    except TooLong:
        screen.line(f"{found}, after {LIKE_S:g} s")
    for complaint in found.complaints():
        screen.line(f"  {complaint}")
    return found.equal


async def _missed(stage: Stage) -> int:
    """How many odds the simulator emitted on the stream's channel and sent to nobody."""
    channels = [row["id"] for row in await stage.control.channels() if WHERE.items() <= row.items()]
    missed = 0
    for channel in channels:
        unsent = set(await stage.control.unsent(channel))
        missed += sum(len(entry.odds) for entry in await stage.control.log(channel) if entry.ordinal in unsent)
    return missed
