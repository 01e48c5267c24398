"""The simulator's own board, and what the topics say of it."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from bridge.simulator.control import SimulatorControl
from tests.support.told import Facts, Told, facts, open_odds, open_quotes

Stream = dict[str, Any]
"""A stream as it is configured."""

Offered = dict[str, tuple[str, Facts]]
"""By odd, the stream that carries it, and what it says."""


async def board_of(control: SimulatorControl, streams: Sequence[Stream]) -> Offered:
    """The odds that upstream offers and that one of the streams carries."""
    found: Offered = {}
    for sport in {stream["sport"] for stream in streams}:
        for key, (locked, odd) in (await control.board(sport)).items():
            carrier = None if locked else _carrier(streams, sport, json.loads(odd))
            if carrier is not None:
                found[key] = carrier, facts(odd)
    return found


def differences(board: Offered, told: Told) -> list[str]:
    """What the topics, read in all four ways, say otherwise than a board, in words; [] if they agree."""
    return [
        *_unequal("the logs", board, open_odds(told.log)),
        *_unequal("the state", board, open_odds(told.state)),
        *_unequal("the book of the logs", board, open_quotes(told.log_book)),
        *_unequal("the book of the state", board, open_quotes(told.state_book)),
        *_unlike(told),
    ]


def _carrier(streams: Sequence[Stream], sport: str, odd: Mapping[str, Any]) -> str | None:
    feed = "odds" if "sportsbook" in odd else "copilot"
    for stream in streams:
        if (
            (stream["feed"], stream["sport"]) == (feed, sport)
            and (feed == "copilot" or odd["sportsbook"] in stream["sportsbook"])
            and ("league" not in stream or odd["league"] in stream["league"])
        ):
            return str(stream["name"])
    return None


def _unequal(what: str, wanted: Mapping[str, object], found: Mapping[str, object]) -> list[str]:
    wrong = [key for key in wanted.keys() | found.keys() if wanted.get(key) != found.get(key)]
    said = [f"{key}: upstream {wanted.get(key)}, here {found.get(key)}" for key in wrong[:3]]
    return [f"{what}: {len(wrong)} of {len(wanted)} differ", *said] if wrong else []


def _unlike(told: Told) -> list[str]:
    """Odds that the logs and the state don't say alike, to the byte."""
    log, state = told.log, told.state
    wrong = [key for key in state if state[key] != log.get(key)]
    wrong += [key for key in log.keys() - state.keys() if key not in told.buried or not log[key].locked]
    return [f"{key}: the log has {log.get(key)}, the state {state.get(key)}" for key in wrong[:3]]
