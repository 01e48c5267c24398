"""The boards, one for each sport, and the channels that move and show them."""

import time
from bisect import bisect_right
from collections.abc import Iterator

import msgspec

from bridge.simulator.board import Board
from bridge.simulator.body import Body, body_of
from bridge.simulator.channel import Channel
from bridge.simulator.faults import Faults
from bridge.simulator.history import History
from bridge.simulator.model import Style
from bridge.simulator.options import SimulatorOptions
from bridge.simulator.render import written
from bridge.simulator.scope import Scope


class World:
    """Everything that exists whether or not anybody is connected.

    Args:
        options: The simulator's.
        faults: Those in effect.
    """

    def __init__(self, options: SimulatorOptions, faults: Faults) -> None:
        self._options = options
        self._faults = faults
        self._boards: dict[str, Board] = {}
        self.channels: dict[str, Channel] = {}
        self.history = History(lambda: options.history_s, time.monotonic)

    def channel(self, scope: Scope, now: float) -> tuple[Channel, bool]:
        """The channel of a scope, and whether it is new."""
        channel_id = scope.channel_id()
        found = self.channels.get(channel_id)
        if found is not None:
            return found, False
        self.board(scope.sport, now)
        made = self.channels[channel_id] = Channel(scope, self, self._options, self._faults)
        return made, True

    def board(self, sport: str, now: float) -> Board:
        """A sport's board, made when it is first asked for."""
        found = self._boards.get(sport)
        if found is None:
            found = self._boards[sport] = self._new_board(sport, now)
            self.history.begin(found.fixtures)
        return found

    def has_board(self, sport: str) -> bool:
        """Whether somebody has asked for a sport's board yet."""
        return sport in self._boards

    def _new_board(self, sport: str, now: float) -> Board:
        epoch = self._options.epoch_ms
        start = now if epoch is None else epoch / 1000
        return Board(self._options.seed, sport, fixtures=self._options.fixtures, life=self._options.life, now=start)

    def step(self, mover: Channel) -> None:
        """Move the board inside one channel's view, and tell every channel that sees it."""
        now = mover.now()
        board = self.board(mover.scope.sport, now)
        for change in board.step(mover.scope.view, now):
            self.history.note(change)
            for channel in self.channels.values():
                if channel.scope.sport == mover.scope.sport and (channel is mover or channel.follows):
                    body = body_of(change, channel.scope)
                    if body is not None:
                        channel.emit(body)

    def pool(self, scope: Scope, odds: int) -> list[Body]:
        """Bodies of at least so many odds, from a board of their own that starts like the real one."""
        now = self._options.epoch_ms / 1000 if self._options.epoch_ms is not None else 0.0
        start = now or next(iter(self._boards[scope.sport].odds())).timestamp
        board = self._new_board(scope.sport, start)
        made: list[Body] = []
        count = steps = 0
        while count < odds and steps < 20 * odds:
            steps += 1
            for change in board.step(scope.view, start + steps / 50, life=False):
                body = body_of(change, scope)
                if body is not None:
                    body.shared = True
                    made.append(body)
                    count += max(1, len(body.keys))
        return made

    def snapshot(self, sport: str, style: Style, now: float) -> Iterator[tuple[str, bytes, bool]]:
        """Every odd of a sport's board as it stands: its id, its bytes in a style, whether it is locked.

        Where a channel of that style emits from a pool, what it emitted last stands in for the board's own odd.
        """
        pooled = self.pooled(sport, style)
        for odd in self.board(sport, now).odds():
            found = pooled.get(odd.id)
            if found is None:
                yield odd.id, written(odd, style)[0], odd.locked
            else:
                yield odd.id, *found

    def pooled(self, sport: str, style: Style, age_s: float = 0.0) -> dict[str, tuple[bytes, bool]]:
        """What channels of that style that emit from a pool emitted last, up to an age: bytes and whether locked."""
        found: dict[str, tuple[bytes, bool]] = {}
        for channel in self.channels.values():
            if channel.scope.sport == sport and channel.scope.style == style and channel.pooled:
                found.update(_last_pooled(channel, age_s))
        return found


class _Rows(msgspec.Struct):
    data: list[msgspec.Raw]


def _last_pooled(channel: Channel, age_s: float) -> Iterator[tuple[str, tuple[bytes, bool]]]:
    """What a channel that emits from a pool emitted last, oldest first."""
    log = channel.log
    end = bisect_right(log.at, channel.now() - age_s) if age_s else len(log)
    for body in log.bodies[max(0, end - channel.pool_size) : end]:
        if body.shared and body.event.endswith("odds") and body.post is not None:
            rows = msgspec.json.decode(body.pre + body.post, type=_Rows).data
            locked = "locked" in body.event
            yield from ((key, (bytes(row), locked)) for key, row in zip(body.keys, rows, strict=True))
