import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest

from bridge.config import load, read_key
from bridge.simulator import SimulatorControl
from bridge.simulator.control import Logged
from tests.support.waiting import until

COMMAND = (sys.executable, "-c", "import sys; from bridge.cli import main; sys.exit(main())", "simulate")


@asynccontextmanager
async def simulating(*arguments: str) -> AsyncIterator[tuple[asyncio.subprocess.Process, asyncio.StreamReader]]:
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*COMMAND, *arguments, stdout=pipe, stderr=pipe)
    assert process.stdout is not None
    try:
        yield process, process.stdout
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_it_says_where_it_is_and_stops_on_a_signal(number: signal.Signals) -> None:
    async with simulating("--listen", "127.0.0.1:0", "--rate", "0", "--key", "k1") as (process, out):
        lines = [(await out.readline()).decode().strip() for _ in range(4)]
        name, _, base_url = lines[2].partition("=")
        assert name == "export ODDSBRIDGE_UPSTREAM__BASE_URL"
        assert lines[3] == "export ODDSBRIDGE_UPSTREAM__API_KEY=k1"
        async with SimulatorControl(base_url) as control:
            assert await control.channels() == []
        process.send_signal(number)
        assert await process.wait() == 0


async def test_what_it_prints_is_a_configuration_that_works(tmp_path: Path) -> None:
    async with simulating("--listen", "127.0.0.1:0", "--rate", "0", "--rest-limit", "7") as (_, out):
        lines = [(await out.readline()).decode().strip("\n")]
        while not lines[-1].startswith("and: "):
            lines.append((await out.readline()).decode().strip("\n"))
        environ = dict(line.removeprefix("  export ").split("=", 1) for line in lines if "export" in line)
        file = tmp_path / "oddsbridge.toml"
        example = lines.index("or, with the key still in the environment, write oddsbridge.toml:") + 1
        file.write_text("\n".join(line.removeprefix("  ") for line in lines[example:-1]))
        key = {name: value for name, value in environ.items() if name.endswith("KEY")}
        settings = load(file, key)
        assert settings.upstream.base_url == environ["ODDSBRIDGE_UPSTREAM__BASE_URL"]
        base_url, [stream] = settings.upstream.base_url, settings.streams
        async with aiohttp.ClientSession(headers={"X-Api-Key": read_key(settings)()}) as session:
            async with session.get(f"{base_url}/fixtures/active", params={"sport": stream.sport}) as response:
                assert (response.status, response.headers["x-ratelimit-limit"]) == (200, "7")
            params = [("sportsbook", book) for book in stream.sportsbook or []]
            async with session.get(f"{base_url}/stream/odds/{stream.sport}", params=params) as response:
                assert response.status == 200


async def test_with_keep_what_is_older_leaves_the_log() -> None:
    async with simulating("--listen", "127.0.0.1:0", "--rate", "4000", "--keep", "1") as (_process, out):
        base_url = ""
        while not base_url:
            _, _, base_url = (await out.readline()).decode().strip().partition("BASE_URL=")
        async with aiohttp.ClientSession(headers={"X-Api-Key": "demo-key"}) as session, SimulatorControl(base_url) as c:
            async with session.get(f"{base_url}/stream/odds/basketball", params={"sportsbook": "Pinnacle"}) as response:
                assert response.status == 200
            [channel] = await c.channels()

            async def kept() -> list[Logged]:
                return await c.log(channel["id"])

            log = await until(kept, lambda rows: rows[0].ordinal > 100, within=60, what="something was forgotten")
            assert [row.ordinal for row in log] == list(range(log[0].ordinal, log[0].ordinal + len(log)))
            assert all(row.odds for row in log), "what is told is told whole"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--listen", "nowhere"), "host:port"),
        (("--rate", "fast"), "neither a number of odds a second"),
        (("--replay", "sometimes"), "'full', 'window', 'none'"),
    ],
)
async def test_a_wrong_option_is_told_and_ends_with_2(arguments: tuple[str, ...], sentence: str) -> None:
    async with simulating(*arguments) as (process, _):
        _, errors = await process.communicate()
        assert sentence in " ".join(errors.decode().split())
        assert process.returncode == 2


async def test_a_port_that_is_taken_is_told() -> None:
    async with await asyncio.start_server(lambda *_: None, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        async with simulating("--listen", f"127.0.0.1:{port}") as (process, _):
            _, errors = await process.communicate()
    assert f"can't listen on 127.0.0.1:{port}" in errors.decode()
    assert "--listen" in errors.decode()
    assert process.returncode == 2
