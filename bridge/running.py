"""Everything that runs for one stream: its connection, and what keeps its topics true beside it."""

import asyncio
from collections.abc import Sequence
from typing import Protocol

from bridge.publisher import Publisher
from bridge.records import Record


class Task(Protocol):
    """Something that lives until it is cancelled."""

    async def run(self) -> None:
        """Live until cancelled."""


class Running:
    """Runs some tasks for one stream.

    Args:
        publisher: The stream's publisher.
        tasks: What runs.
        adopted: Whether the stream was given odds of others, so that it has to be compared.
    """

    def __init__(self, publisher: Publisher, tasks: Sequence[Task], *, adopted: bool) -> None:
        self._publisher = publisher
        self._tasks = tasks
        self._adopted = adopted

    async def run(self) -> None:
        """Live until cancelled."""
        board = self._publisher.board
        self._publisher.begin(bare=board is not None and not len(board))
        if self._adopted:
            self._publisher.uncovered = True
            self._publisher.owe("filter")
        async with asyncio.TaskGroup() as group:
            for task in self._tasks:
                group.create_task(task.run())

    def alive(self) -> Record:
        """The record that says how the stream is."""
        return self._publisher.alive()

    def demand(self) -> None:
        """Have the stream compared with upstream's snapshot now."""
        self._publisher.demand()
