"""A stream's settings, and the REST client that asks a simulator for it."""

import json
from collections.abc import Iterable
from contextlib import aclosing
from typing import Any

from bridge.config.kinds import Feed
from bridge.config.streams import StreamSettings
from bridge.simulator import Simulator
from bridge.upstream.rest import Rest
from bridge.upstream.snapshot import Answer, Snapshot

US_BOOKS = ["DraftKings", "FanDuel", "BetMGM", "Pinnacle", "Novig"]
MALFORMED = 6  # kinds that the simulator has


def stream(feed: Feed = "odds", sport: str = "basketball", **more: Any) -> StreamSettings:
    if feed == "odds":
        more = {"sportsbook": US_BOOKS, **more}
    return StreamSettings(name="a", feed=feed, sport=sport, **more)


def client(sim: Simulator, **more: Any) -> Rest:
    return Rest(sim.base_url, lambda: "demo-key", **{"patience_s": 5.0, **more})


async def taken(snapshot: Snapshot, ids: Iterable[str]) -> list[Answer]:
    async with aclosing(snapshot.odds(ids)) as answers:
        return [answer async for answer in answers]


def offered(answers: list[Answer]) -> dict[str, dict[str, Any]]:
    """All odds by id; none may come twice."""
    found: dict[str, dict[str, Any]] = {}
    for answer in answers:
        for _, odds in answer.fixtures:
            for raw in odds:
                odd = json.loads(bytes(raw))
                assert odd["id"] not in found
                found[odd["id"]] = odd
    return found


def named(answers: list[Answer]) -> list[str]:
    """The fixtures that the answers vouch for."""
    return [row.id for answer in answers for row, _ in answer.fixtures]


async def requests(sim: Simulator, path: str) -> list[dict[str, Any]]:
    return [request for request in await sim.control.requests() if request["path"] == path]


async def open_odds(sim: Simulator, sport: str = "basketball", *, copilot: bool = False) -> dict[str, dict[str, Any]]:
    """The open odds of the simulator's board, as the stream writes them."""
    board = await sim.control.board(sport)
    return {i: json.loads(odd) for i, (locked, odd) in board.items() if not locked and i.startswith("1:-1:") == copilot}


def essence(odds: dict[str, dict[str, Any]]) -> dict[str, tuple[Any, ...]]:
    return {i: (odd["price"], odd["points"], odd["is_main"]) for i, odd in odds.items()}
