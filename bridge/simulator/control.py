"""A client of a simulator's control endpoint, for tests, the demo and other processes."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import aiohttp
import msgspec
import orjson


@dataclass(frozen=True, slots=True)
class Logged:
    """One entry as the simulator emitted it."""

    ordinal: int
    event: str
    entry_id: str | None
    wire_id: str | None
    ms: int
    """Epoch milliseconds of the emission."""
    flags: tuple[str, ...]
    odds: tuple[tuple[str, str], ...]
    """Odd or fixture id, SHA-256 of its bytes as hex; the id is "" where there is none."""


class ControlError(Exception):
    """The control endpoint said no; the message is what it said."""


class SimulatorControl:
    """Everything that `/_sim/` offers; close it, or use it as an async context manager.

    Args:
        base_url: The simulator's, with or without its path.
    """

    def __init__(self, base_url: str) -> None:
        self._root = base_url.split("/api/", maxsplit=1)[0].rstrip("/")
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connection to it."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def channels(self) -> list[dict[str, Any]]:
        """Every channel: id, feed, sport, params, logged, made, items, clients, connects, rate, ended and more."""
        found: list[dict[str, Any]] = await self._call("GET", "channels")
        return found

    async def log(self, channel: str, after: int = -1) -> list[Logged]:
        """What a channel emitted after an ordinal, in order."""
        raw = await self._raw("GET", "log", params={"channel": channel, "after": str(after), "compact": "1"})
        return list(_logged(raw))

    async def logs(self) -> dict[str, list[Logged]]:
        """The log of every channel."""
        return {row["id"]: await self.log(row["id"]) for row in await self.channels()}

    async def connects(self) -> list[dict[str, Any]]:
        """Every attempt to connect: at (epoch seconds), path, status, channel, last_entry_id, replayed and more."""
        found: list[dict[str, Any]] = await self._call("GET", "connects")
        return found

    async def requests(self) -> list[dict[str, Any]]:
        """Every REST request: at (epoch seconds), path, params without the key, status, ms, faults."""
        found: list[dict[str, Any]] = await self._call("GET", "requests")
        return found

    async def unsent(self, channel: str) -> list[int]:
        """Ordinals of a channel that were emitted and that no connection was sent whole."""
        raw = await self._raw("GET", "unsent", params={"channel": channel})
        found: list[int] = orjson.loads(raw)
        return found

    async def board(self, sport: str, **style: str) -> dict[str, tuple[bool, bytes]]:
        """The board now: odd id → whether it is locked, and its bytes."""
        raw = await self._raw("GET", "board", params={"sport": sport, **style})
        return dict(_board(raw))

    async def fault(self, kind: str, **fields: object) -> dict[str, Any]:
        """Start a fault; gives its id (0 if it happened at once) and the connections or channels that it hit."""
        done: dict[str, Any] = await self._call("POST", "faults", {"kind": kind, **fields})
        return done

    async def faults(self) -> list[dict[str, Any]]:
        """Those in effect."""
        found: list[dict[str, Any]] = await self._call("GET", "faults")
        return found

    async def clear_faults(self, fault_id: int | None = None) -> None:
        """End one fault, or all; stalled connections go on."""
        await self._call("DELETE", "faults" if fault_id is None else f"faults/{fault_id}")

    async def emit(self, event: str, data: str | bytes, **fields: str | None) -> dict[str, int]:
        """Emit one event; `@entry_id@` in the data becomes its fresh id.

        Args:
            event: Its name.
            data: As it goes on the wire; newlines make several data lines.
            fields: channel, feed, sport: where (else everywhere); entry_id, wire_id: instead of fresh
                ones, None is none.

        Returns:
            The ordinal by channel.
        """
        text = data.decode() if isinstance(data, bytes) else data
        done: dict[str, dict[str, int]] = await self._call("POST", "emit", {"event": event, "data": text, **fields})
        return done["ordinals"]

    async def pause(self, **where: str) -> None:
        """Stop emission on all channels, or those that channel, feed, sport name; pings go on."""
        await self._call("POST", "pause", where)

    async def resume(self, **where: str) -> None:
        """Go on with emission."""
        await self._call("POST", "resume", where)

    async def rate(self, rate: float | str, *, limit: int | None = None, **where: str) -> None:
        """Change the rate (odds a second, or "max") and the limit (entries in all) of channels that exist."""
        await self._call("POST", "rate", {"rate": rate, **({} if limit is None else {"limit": limit}), **where})

    async def settings(self, **settings: object) -> None:
        """Change what can be changed while it runs: docs/simulator.md has the list."""
        await self._call("POST", "settings", settings)

    async def _call(self, method: str, path: str, body: Mapping[str, object] | None = None) -> Any:
        return orjson.loads(await self._raw(method, path, body=body))

    async def _raw(
        self, method: str, path: str, *, params: dict[str, str] | None = None, body: Mapping[str, object] | None = None
    ) -> bytes:
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=None))
        data = None if body is None else orjson.dumps(body)
        async with self._session.request(method, f"{self._root}/_sim/{path}", params=params, data=data) as response:
            raw = await response.read()
        if response.status != 200:
            raise ControlError(raw.decode(errors="replace"))
        return raw


def _logged(raw: bytes) -> Iterator[Logged]:
    bodies: dict[int, tuple[str, tuple[tuple[str, str], ...]]] = {}
    for line in raw.splitlines():
        row = orjson.loads(line)
        if "ordinal" not in row:
            bodies[row["body"]] = (row["event"], tuple((key, digest) for key, digest in row["odds"]))
            continue
        event, odds = bodies[row["body"]]
        yield Logged(row["ordinal"], event, row["entry_id"], row["wire_id"], row["ms"], tuple(row["flags"]), odds)


def _board(raw: bytes) -> Iterator[tuple[str, tuple[bool, bytes]]]:
    for odd_id, row in msgspec.json.decode(raw, type=dict[str, dict[str, msgspec.Raw]]).items():
        yield odd_id, (bytes(row["locked"]) == b"true", bytes(row["odd"]))
