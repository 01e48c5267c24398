"""The simulator in a process of its own, for tests at full rate, and how to know that the bridge has read all."""

import asyncio
import sys
from collections import Counter
from types import TracebackType
from typing import Self

from bridge.simulator.control import SimulatorControl
from tests.support.bridge import Bridge
from tests.support.waiting import until


class SimulatorProcess:
    """A simulator as a child process; an async context manager.

    Args:
        options: What `oddsbridge simulate` is given.
    """

    def __init__(self, *options: str) -> None:
        self._options = options
        self.base_url = ""

    async def __aenter__(self) -> Self:
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "bridge", "simulate", "--listen", "127.0.0.1:0", *self._options),
            stdout=asyncio.subprocess.PIPE,
        )
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            name, _, value = line.decode().strip().partition("=")
            if name == "export ODDSBRIDGE_UPSTREAM__BASE_URL":
                self.base_url = value
                break
        assert self.base_url, "the simulator didn't start"
        self.control = SimulatorControl(self.base_url)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.control.close()
        if self._process.returncode is None:
            self._process.kill()
        await self._process.communicate()


async def all_read(control: SimulatorControl, bridge: Bridge, *, within: float = 60) -> None:
    """Stop the emission and wait until the bridge has read the last entry of every channel, and it was new to it."""
    await control.pause()
    # Counted, not a set: at full rate two channels may end with the same id, and each has to be read.
    last = Counter(row["last_entry_id"] for row in await control.channels() if row["last_entry_id"] is not None)

    async def missing() -> Counter[str]:
        streams = (await bridge.ready()).get("streams", {})
        return last - Counter(stream["last_entry_id"] for stream in streams.values())

    await until(missing, lambda ids: not ids, within=within, what="the last entries read")


async def assert_one_connect(control: SimulatorControl, bridge: Bridge) -> None:
    """No stream was ever connected anew, and no replay was asked for."""
    connects = await control.connects()
    channels = await control.channels()
    assert len(connects) == len(channels), connects
    assert [row["connects"] for row in channels] == [1] * len(channels)
    assert await bridge.sum("oddsbridge_disconnects_total") == 0
    assert await bridge.sum("oddsbridge_replay_total", 'outcome="none"') == len(channels)
    assert await bridge.sum("oddsbridge_replay_total") == len(channels)
    assert await bridge.sum("oddsbridge_duplicates_total") == 0
