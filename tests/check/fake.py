"""A small OpticOdds for the checks: its lists, its fixtures with odds and results, its streams' answers to a connect,
and whatever a test bends in it.
"""

import time
from email.utils import formatdate
from types import TracebackType
from typing import Any, Self

from aiohttp import web

from bridge.serving import HttpServer

KEY = "demo-key"


def item(name: str, **more: object) -> dict[str, Any]:
    return {"id": name.lower().replace(" ", "_"), "name": name, **more}


class FakeOpticOdds:
    """Serves /sports, /leagues, /sportsbooks, fixtures, their odds and results, and streams; an async context manager.

    Attributes:
        lists: What each path lists; leagues by their sport.
        headers: What stands beside every answer.
        licensed: The sports whose streams open.
        fixtures: The ids of the fixtures of each sport, in any of its leagues.
        untold: Paths of snapshots that have nothing of any fixture.
        ahead_s: By how much its clock is ahead.
        answers: By path, a fixed answer in the place of the right one.
        page: Items on a page.
        requests: The path and query of each request, in order.
    """

    def __init__(self) -> None:
        self.key = KEY
        self.sports = [item("Basketball"), item("Soccer"), item("Baseball")]
        self.leagues = {
            "basketball": [item("NBA"), item("NCAAB"), item("Spain - ACB")],
            "soccer": [item("England - Premier League")],
        }
        self.books = [item(name) for name in ("DraftKings", "FanDuel", "BetMGM", "Bet365", "Bet Rivers")]
        self.licensed = {"basketball", "soccer"}
        self.fixtures = {"basketball": [f"B{n}" for n in range(7)], "soccer": ["S0"]}
        self.untold: set[str] = set()
        self.headers: dict[str, str] = {"x-ratelimit-limit": "2500"}
        self.ahead_s = 0.0
        self.answers: dict[str, web.Response] = {}
        self.page = 2
        self.requests: list[str] = []
        self.keys: set[str | None] = set()

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_get("/api/v3/{path:.*}", self._answer)
        app.on_response_prepare.append(self._stamp)
        self._server = HttpServer(app, shutdown_timeout_s=0.1, handler_cancellation=True)
        host, port = await self._server.start("127.0.0.1", 0)
        self.base_url = f"http://{host}:{port}/api/v3"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._server.stop()

    async def _stamp(self, _: web.Request, response: web.StreamResponse) -> None:
        response.headers.update(self.headers)
        response.headers["Date"] = formatdate(time.time() + self.ahead_s, usegmt=True)

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        path = request.match_info["path"]
        self.requests.append(f"{path}?{request.query_string}".removesuffix("?"))
        self.keys.add(request.headers.get("X-Api-Key"))
        if path in self.answers:
            fixed = self.answers[path]
            return web.Response(status=fixed.status, body=fixed.body, headers=fixed.headers)
        if request.headers.get("X-Api-Key") != self.key:
            return web.json_response({"error": "Invalid or inactive API key"}, status=401)
        if path.startswith("stream/"):
            return await self._stream(request, path.split("/")[2])
        found = self._list(path, request.query.get("sport", ""), request.query.getall("fixture_id", []))
        number = int(request.query.get("page", "1"))
        part = found[(number - 1) * self.page : number * self.page]
        return web.json_response({"data": part, "page": number, "has_more": number * self.page < len(found)})

    def _list(self, path: str, sport: str, fixtures: list[str]) -> list[dict[str, Any]]:
        if path == "fixtures/active":
            return [{"id": fixture} for fixture in self.fixtures[sport]]
        told = [fixture for fixture in fixtures if path not in self.untold]
        if path == "fixtures/results":
            return [{"fixture": {"id": fixture}} for fixture in told]
        if path in {"fixtures/odds", "copilot/fixtures/odds"}:
            return [{"id": fixture, "odds": []} for fixture in told]
        return {"sports": self.sports, "sportsbooks": self.books, "leagues": self.leagues.get(sport, [])}[path]

    async def _stream(self, request: web.Request, sport: str) -> web.StreamResponse:
        if sport not in self.licensed:
            text = f"{sport} is not enabled for your API key"
            return web.json_response({"error": text}, status=400)
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        await response.write(b"retry: 5000\nevent: connected\ndata: ok go\n\n")
        return response
