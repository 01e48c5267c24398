"""Whatever happens while connections change: each entry is published once, in order; and what is lost is told."""

import asyncio
from collections import deque
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.errors import Disconnected
from tests.support.lines import Lines, reading
from tests.support.scripted import CONNECTED, PING, entries

RENEW_S = 100.0
LATE_S = 1.5
"""What upstream sent comes this late at most, unless the connection stands still."""

ENTRY, OLD, NEW, WAIT, MADE, SECOND = "entry", "old", "new", "wait", "made", "second"
STALL, END, TEAR = "stall", "end", "tear"
ALL = [ENTRY] * 6 + [OLD] * 5 + [NEW] * 5 + [WAIT] * 5 + [MADE] * 3 + [SECOND, STALL, END, TEAR]
TURNS = st.lists(st.sampled_from(ALL), max_size=80)


@dataclass
class Pipe:
    """What upstream sent on a connection and didn't arrive yet, each with its time."""

    line: int
    sent: deque[tuple[float, bytes]] = field(default_factory=deque)
    is_open: bool = True
    stands_still: bool = False


class Upstream:
    """Sends one log on each connection that is open, from where it stands when that is made."""

    def __init__(self, scene: Lines) -> None:
        self.scene = scene
        self.log = 0
        self.pipes: list[Pipe] = []

    def attach(self) -> None:
        for line in range(len(self.pipes), len(self.scene.lines)):
            self.pipes.append(Pipe(line, deque([(self.scene.now, CONNECTED)])))

    def send(self, data: bytes) -> None:
        for pipe in self.pipes:
            if pipe.is_open:
                pipe.sent.append((self.scene.now, data))

    def entry(self) -> None:
        self.log += 1
        self.send(entries(self.log, self.log))

    async def deliver(self, pipe: Pipe, *, late_s: float = 0.0) -> None:
        """What is due on a connection; just the next, when nothing is."""
        due = len([at for at, _ in pipe.sent if at <= self.scene.now - late_s]) if late_s else min(1, len(pipe.sent))
        for _ in range(0 if pipe.stands_still else due):
            await self.scene.send(pipe.line, pipe.sent.popleft()[1])

    async def wait(self, seconds: float) -> None:
        """Time passes, with a ping now and then, and what is late arrives."""
        for _ in range(int(seconds)):
            await self.scene.wait(1.0)
            if int(self.scene.now) % 5 == 0:
                self.send(PING)
            for pipe in self.pipes:
                await self.deliver(pipe, late_s=LATE_S)

    async def end(self, pipe: Pipe, *, clean: bool) -> None:
        """Upstream ends a connection: in order, behind all that it sent, or at once."""
        if not pipe.is_open:
            return
        pipe.is_open = False
        while clean and pipe.sent and not pipe.stands_still:
            await self.deliver(pipe)
        pipe.sent.clear()
        clean &= not pipe.stands_still
        await self.scene.send(pipe.line, b"" if clean else Disconnected("it broke", reason="torn"))


async def turn(upstream: Upstream, kind: str, made: asyncio.Event) -> None:
    old, new = upstream.pipes[0], upstream.pipes[1] if len(upstream.pipes) > 1 else None
    if kind == ENTRY:
        upstream.entry()
    elif kind == OLD:
        await upstream.deliver(old)
    elif kind == WAIT:
        await upstream.wait(2)
    elif kind == STALL:
        old.stands_still = True
    elif kind in {END, TEAR}:
        await upstream.end(old, clean=kind == END)
    elif kind == MADE:
        made.set()
        await upstream.scene.settle()
        upstream.attach()
    elif new is not None and kind == NEW:
        await upstream.deliver(new)
    elif new is not None and kind == SECOND:
        await upstream.end(new, clean=True)


async def play(monkeypatch: pytest.MonkeyPatch, turns: list[str]) -> Lines:
    async with reading(monkeypatch, renew_after_s=RENEW_S) as scene:
        upstream = Upstream(scene)
        upstream.attach()
        upstream.entry()
        made = asyncio.Event()
        scene.answers.append(made)
        await upstream.wait(RENEW_S + 6)
        assert len(scene.asked) == 2, "the next connection is being made"
        for kind in turns:
            await turn(upstream, kind, made)
        upstream.entry()
        if upstream.pipes[0].stands_still:
            await upstream.end(upstream.pipes[0], clean=False)
        await turn(upstream, MADE, made)
        for _ in range(2):
            await upstream.wait(30)
            upstream.attach()
            upstream.entry()
            upstream.entry()
        await upstream.wait(5)
        published = scene.ids
        assert len(published) == len(set(published)), "doubled"
        assert published == sorted(published), "out of order"
        lost = set(range(1, upstream.log + 1)) - set(published)
        assert not lost or scene.told("gap"), f"{lost} of {upstream.log} are lost, and nobody is told"
        return scene


@settings(max_examples=80)
@given(turns=TURNS)
def test_each_entry_is_published_once_in_order_and_what_is_lost_is_told(turns: list[str]) -> None:
    with pytest.MonkeyPatch.context() as monkeypatch:
        asyncio.run(play(monkeypatch, turns))


def test_what_a_connection_that_stands_still_had_to_bring_is_told_as_lost() -> None:
    """It looks like a quiet market, but for its pings."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        scene = asyncio.run(play(monkeypatch, [STALL, ENTRY, MADE, *[WAIT] * 8]))
    assert scene.told("gap")
