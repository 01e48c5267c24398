"""The admin port, asked over HTTP as a Prometheus, an orchestrator and a person do."""

import asyncio
import json
import logging
import socket
from collections.abc import AsyncIterator
from html.parser import HTMLParser

import pytest
from aiohttp import ClientSession
from blockbuster import blockbuster_ctx
from prometheus_client import Metric
from prometheus_client import parser as text_parser
from prometheus_client.openmetrics import parser as openmetrics_parser

from bridge.admin import AdminServer
from bridge.admin.page import span
from bridge.admin.rates import Rates
from bridge.errors import ConfigError
from bridge.health import Health, ShardState, State
from bridge.metrics import Metrics

NASTY = """<script>alert("x")</script> & 'nba'\n{curly} \\"""
OPENMETRICS = {"Accept": "application/openmetrics-text; version=1.0.0,text/plain;version=0.0.4;q=0.5"}


class Bridge:
    """What an admin server shows: one stream that streams, one shard that runs."""

    def __init__(self) -> None:
        self.metrics = Metrics()
        self.health = Health()
        self.metrics.stream("nba").entry("odds", 700, 1_760_000_000_000, 1_760_000_000.03)
        self.metrics.shard(0).committed(0.02, [("opticodds.odds", 3, 700)])
        self.health.stream("nba").connected()
        self.health.shard(0).to(ShardState.RUNNING)
        self.server = AdminServer("127.0.0.1", 0, self.health, self.metrics)


@pytest.fixture
async def bridge() -> AsyncIterator[Bridge]:
    bridge = Bridge()
    await bridge.server.start()
    yield bridge
    await bridge.server.stop()


@pytest.fixture
async def http(bridge: Bridge) -> AsyncIterator[ClientSession]:
    async with ClientSession(f"http://127.0.0.1:{bridge.server.port}") as session:
        yield session


def parse(text: str, *, strict: bool = False) -> dict[str, Metric]:
    """The families of an answer. OpenMetrics' parser is strict: units end names, buckets grow and end in +Inf."""
    families = openmetrics_parser if strict else text_parser
    return {family.name: family for family in families.text_string_to_metric_families(text)}


async def test_livez_says_that_the_loop_turns_even_when_nothing_is_well(bridge: Bridge, http: ClientSession) -> None:
    bridge.health.shard(0).to(ShardState.BLOCKED)
    async with http.get("/livez") as answer:
        assert answer.status == 200
        assert (await answer.json())["alive"] is True


async def test_readyz_is_200_with_each_state_when_all_is_well(http: ClientSession) -> None:
    async with http.get("/readyz") as answer:
        assert answer.status == 200
        assert answer.content_type == "application/json"
        body = await answer.json()
    assert body["ready"] is True
    assert body["streams"]["nba"]["state"] == "streaming"
    assert body["shards"]["0"]["state"] == "running"


async def test_readyz_is_503_and_tells_who_and_why(bridge: Bridge, http: ClientSession) -> None:
    bridge.health.stream("nba").to(State.REFUSED, "upstream refused with 401: Invalid or inactive API key")
    async with http.get("/readyz") as answer:
        assert answer.status == 503
        body = await answer.json()
    assert body["why"] == ["stream nba: refused: upstream refused with 401: Invalid or inactive API key"]
    assert body["streams"]["nba"]["ready"] is False


async def test_metrics_are_prometheus_text_and_parse(http: ClientSession) -> None:
    async with http.get("/metrics") as answer:
        assert answer.status == 200
        assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
        families = parse(await answer.text())
    entries = {sample.labels["event"]: sample.value for sample in families["oddsbridge_entries"].samples}
    assert entries["odds"] == 1
    assert entries["locked-odds"] == 0
    assert families["oddsbridge_transaction_duration_seconds"].type == "histogram"
    assert "process_cpu_seconds" in families


async def test_metrics_are_openmetrics_when_that_is_accepted(http: ClientSession) -> None:
    async with http.get("/metrics", headers=OPENMETRICS) as answer:
        assert answer.headers["Content-Type"].startswith("application/openmetrics-text; version=1.0.0")
        text = await answer.text()
    families = parse(text, strict=True)
    assert families["oddsbridge_transaction_duration_seconds"].unit == "seconds"
    assert families["oddsbridge_buffer_bytes"].unit == "bytes"
    assert families["oddsbridge_records"].type == "counter"


@pytest.mark.parametrize("headers", [{}, OPENMETRICS])
async def test_metrics_parse_whatever_a_stream_is_called(
    bridge: Bridge, http: ClientSession, headers: dict[str, str]
) -> None:
    bridge.metrics.stream(NASTY).late += 4
    async with http.get("/metrics", headers=headers) as answer:
        text = await answer.text()
    late = parse(text, strict=bool(headers))["oddsbridge_entries_late"]
    assert {sample.labels["stream"]: sample.value for sample in late.samples} == {"nba": 0, NASTY: 4}


async def test_numbers_are_read_in_the_loop_and_made_text_elsewhere(bridge: Bridge, http: ClientSession) -> None:
    """What is asked at a scrape may change its own state, as the budget does: only the loop's thread may ask."""
    loop = asyncio.get_running_loop()
    asked: list[asyncio.AbstractEventLoop] = []

    def used() -> float:
        asked.append(asyncio.get_running_loop())  # raises in any other thread
        return 3.0

    bridge.metrics.watch_budget(used, lambda: 0.0)
    async with http.get("/metrics") as answer:
        assert "oddsbridge_connect_budget_used 3.0" in await answer.text()
    assert asked == [loop]


async def test_no_path_blocks_the_loop(http: ClientSession) -> None:
    with blockbuster_ctx():
        for path in ("/", "/livez", "/readyz", "/metrics"):
            async with http.get(path) as answer:
                assert answer.status == 200, await answer.text()


class Page(HTMLParser):
    """Collects the tags, their addresses and the text of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []
        self.cells: list[str] = []
        self._in_cell = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [value or "" for name, value in attrs if name in {"href", "src", "action", "content"}]
        if tag == "td":
            self._in_cell = True
            self.cells.append("")

    def handle_endtag(self, tag: str) -> None:
        if tag == "td":
            self._in_cell = False

    def handle_data(self, data: str) -> None:
        if self._in_cell:
            self.cells[-1] += data


async def test_the_page_shows_each_stream_and_loads_nothing(bridge: Bridge, http: ClientSession) -> None:
    bridge.health.stream("nba").to(State.BACKING_OFF, "next try in 4.2 s")
    bridge.health.stream("nba").last_entry_id = "1760000000000-1"
    async with http.get("/") as answer:
        assert answer.status == 200
        assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
        page = Page(await answer.text())
    assert {"nba", "backing-off", "next try in 4.2 s", "1760000000000-1"} <= set(page.cells)
    assert not {"script", "link", "img", "iframe"} & set(page.tags)
    assert not [link for link in page.links if "//" in link]


async def test_the_page_escapes_what_others_wrote(bridge: Bridge, http: ClientSession) -> None:
    bridge.health.stream(NASTY).to(State.REFUSED, NASTY)
    bridge.health.stream(NASTY).last_entry_id = NASTY
    bridge.health.shard(0).to(ShardState.BLOCKED, NASTY)
    async with http.get("/") as answer:
        text = await answer.text()
    assert "<script>alert" not in text
    page = Page(text)
    assert "script" not in page.tags
    assert page.cells.count(NASTY) == 4  # name, why, entry id; and the shard's why


@pytest.mark.parametrize(("path", "status"), [("/", 200), ("/livez", 200), ("/readyz", 200), ("/metrics", 200)])
async def test_head_works(http: ClientSession, path: str, status: int) -> None:
    async with http.head(path) as answer:
        assert answer.status == status
        assert await answer.read() == b""


async def test_what_is_unknown_is_404_in_json_and_nothing_can_be_written(http: ClientSession) -> None:
    async with http.get("/nope?key=abc") as answer:
        assert answer.status == 404
        text = await answer.text()
        assert json.loads(text)["error"] == "Not Found"
        assert "abc" not in text
    async with http.post("/readyz") as answer:
        assert answer.status == 405
        assert answer.headers["Allow"] == "GET,HEAD"
        assert (await answer.json())["error"] == "Method Not Allowed"


async def test_answers_are_not_stored_and_tell_no_versions_of_libraries(http: ClientSession) -> None:
    for path in ("/", "/livez", "/readyz", "/metrics", "/nope"):
        async with http.get(path) as answer:
            assert answer.headers["Server"] == "oddsbridge"
            assert answer.headers["Cache-Control"] == "no-store"
            assert answer.headers["X-Content-Type-Options"] == "nosniff"


async def test_requests_are_not_logged(http: ClientSession, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, logger="aiohttp")
    async with http.get("/metrics") as answer:
        assert answer.status == 200
    assert caplog.records == []


async def test_a_port_in_use_is_a_config_error_that_names_the_setting(bridge: Bridge) -> None:
    other = Bridge().server
    other.port = bridge.server.port
    with pytest.raises(ConfigError) as caught:
        await other.start()
    assert caught.value.message.startswith(f'admin.listen = "127.0.0.1:{bridge.server.port}": ')
    assert "in use" in caught.value.message
    assert "another oddsbridge" in caught.value.hint
    await other.stop()  # and stopping what never started is allowed


async def test_an_address_of_another_machine_is_a_config_error() -> None:
    server = AdminServer("203.0.113.7", 0, Health(), Metrics())  # a documentation address: nobody has it
    with pytest.raises(ConfigError, match=r"admin\.listen"):
        await server.start()


async def test_stop_frees_the_port_and_may_be_called_twice() -> None:
    server = Bridge().server
    await server.start()
    await server.stop()
    await server.stop()
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("127.0.0.1", server.port))
    assert {task for task in asyncio.all_tasks() if task is not asyncio.current_task()} == set()


async def test_stop_does_not_wait_for_an_idle_client() -> None:
    server = Bridge().server
    await server.start()
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
    assert (await reader.readline()).startswith(b"HTTP/1.1 200")
    async with asyncio.timeout(20):
        await server.stop()
        await reader.read()  # the server closed it
    writer.close()
    await writer.wait_closed()


def test_rates_look_back_over_the_samples_they_have() -> None:
    metrics = Metrics()
    nba = metrics.stream("nba")
    rates = Rates(metrics, 100.0)
    assert rates.entries("nba", 100.5) is None
    assert rates.records(100.5) is None
    for _ in range(50):
        nba.entry("odds", 1, None, 0.0)
    metrics.shard(0).committed(0.1, [("odds", 200, 1)])
    assert rates.entries("nba", 110.0) == 5.0
    assert rates.records(110.0) == 20.0
    assert rates.entries("nhl", 110.0) is None
    for n in range(1, 14):
        rates.sample(100.0 + 5 * n)
    assert rates.entries("nba", 166.0) == 0.0  # what happened over a minute ago is forgotten


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, "—"),
        (0.04, "0.0 s"),
        (9.96, "10.0 s"),
        (12.7, "12 s"),
        (60, "1 min 0 s"),
        (185, "3 min 5 s"),
        (7_500, "2 h 5 min"),
        (273_600, "3 d 4 h"),
    ],
)
def test_spans_read_as_people_say_them(seconds: float | None, text: str) -> None:
    assert span(seconds) == text
