"""Asks the REST side as any HTTP client would; shares no code with the bridge."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp

from bridge.simulator import Simulator

US_BOOKS = ["DraftKings", "FanDuel", "BetMGM", "Pinnacle", "Novig"]


def pairs(params: dict[str, Any]) -> list[tuple[str, str]]:
    return [(k, str(v)) for k, vs in params.items() for v in (vs if isinstance(vs, list) else [vs])]


class Answer:
    def __init__(self, status: int, headers: Any, body: bytes) -> None:
        self.status = status
        self.headers = headers
        self.body = body

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def data(self) -> list[Any]:
        assert self.status == 200, self.body
        found: list[Any] = self.json["data"]
        return found

    @property
    def ids(self) -> list[str]:
        return [row["id"] for row in self.data]


class Client:
    def __init__(self, session: aiohttp.ClientSession, base_url: str) -> None:
        self._session = session
        self._base_url = base_url

    async def get(self, path: str, key: str | None = "demo-key", **params: Any) -> Answer:
        headers = {} if key is None else {"X-Api-Key": key}
        async with self._session.get(
            self._base_url + path, params=pairs(params), headers=headers, allow_redirects=False
        ) as response:
            return Answer(response.status, response.headers, await response.read())

    async def pages(self, path: str, **params: Any) -> list[str]:
        """All ids of a list, by page numbers."""
        found: list[str] = []
        number = 1
        while True:
            answer = await self.get(path, page=number, **params)
            found += answer.ids
            assert answer.json["page"] == number
            if not answer.json["has_more"]:
                return found
            number += 1

    async def open_odds(self, sport: str, books: list[str], **params: Any) -> dict[str, dict[str, Any]]:
        """The whole snapshot of a sport, as one has to ask for it."""
        ids = await self.pages("/fixtures/active", sport=sport)
        found: dict[str, dict[str, Any]] = {}
        for n in range(0, len(ids), 5):
            answer = await self.get("/fixtures/odds", sportsbook=books, fixture_id=ids[n : n + 5], **params)
            found |= {odd["id"]: odd for fixture in answer.data for odd in fixture["odds"]}
        return found


@asynccontextmanager
async def client(sim: Simulator) -> AsyncIterator[Client]:
    timeout = aiohttp.ClientTimeout(total=None)
    async with aiohttp.ClientSession(timeout=timeout) as session:
        yield Client(session, sim.base_url)


def essence(odd: dict[str, Any]) -> tuple[Any, ...]:
    """What a snapshot and a stream must agree on; numbers compare as numbers."""
    return odd["price"], odd["points"], odd["is_main"]
