"""The wrong bridges: exact replacements in the bridge's source, and the tests that must fail for each."""

from dataclasses import dataclass

KILL = "tests/e2e/test_kill.py"
FEEDS = "tests/e2e/test_feeds.py"
RULES = "tests/rules/"


@dataclass(frozen=True, slots=True)
class Wrong:
    """One wrong bridge.

    Attributes:
        name: What is wrong with it.
        file: The file, in the package.
        right: Text that stands there exactly once.
        wrong: What replaces it.
        tests: Each of these must fail by itself.
    """

    name: str
    file: str
    right: str
    wrong: str
    tests: tuple[str, ...]


WRONG = [
    Wrong(
        "the checkpoint is committed before the records",
        "shard.py",
        "                await self._writer.write(transaction)\n",
        "                await self._writer.write(Round(transaction.serial, tail=transaction.tail))\n"
        "                transaction.tail = []\n"
        "                await self._writer.write(transaction)\n",
        (RULES + "test_rounds.py", KILL),
    ),
    Wrong(
        "there is no duplicate window",
        "continuity/replay.py",
        "        known = self.knows(event, entry_id)\n",
        "        known = False\n",
        (RULES + "test_continuity.py", RULES + "test_stream.py", KILL),
    ),
    Wrong(
        "entries are let go before their commit is known",
        "shard.py",
        "            if result is Outcome.COMMITTED:\n                break\n            transaction.serial",
        "            break\n            transaction.serial",
        (RULES + "test_rounds.py",),
    ),
    Wrong(
        "order isn't kept: a round's entries are written from its end",
        "kafka/writer.py",
        "for held in transaction.held:",
        "for held in reversed(transaction.held):",
        (RULES + "test_writer.py", FEEDS),
    ),
    Wrong(
        "a checkpoint has the live position, not the committed one",
        "positions.py",
        "return self._committed[stream].copy()",
        "return self._committed[stream]",
        (RULES + "test_rounds.py",),
    ),
    Wrong(
        "checkpoints that were aborted are read",
        "kafka/checkpoints.py",
        'isolation_level="read_committed"',
        'isolation_level="read_uncommitted"',
        (KILL,),
    ),
    Wrong(
        "a round whose answer was lost is always sent again",
        "kafka/ownership.py",
        "    return Outcome.COMMITTED if ours in found.values() else Outcome.NOT_COMMITTED",
        "    return Outcome.NOT_COMMITTED",
        (RULES + "test_ownership.py", RULES + "test_rounds.py"),
    ),
    Wrong(
        "a first checkpoint by another instance is overlooked",
        "positions.py",
        "if name in found else None for name in self._streams",
        "for name in self._streams if name in found",
        (RULES + "test_rounds.py",),
    ),
    Wrong(
        "it commits although a batch failed",
        "kafka/writer.py",
        "    _raise_failures(sent)\n\n\nasync def _ship",
        "\n\nasync def _ship",
        (RULES + "test_writer.py",),
    ),
    Wrong(
        "an entry inherits the id of the one before",
        "entries.py",
        "    if entry.id is None and event.own_id:\n        entry.id = EntryId.parse(event.own_id)\n",
        "    if entry.id is None and event.id:\n        entry.id = EntryId.parse(event.id)\n",
        (RULES + "test_stream.py",),
    ),
    Wrong(
        "ids are compared as text",
        "continuity/position.py",
        "            insort(self._top, mark)\n",
        "            insort(self._top, mark, key=str)\n",
        (RULES + "test_position.py",),
    ),
    Wrong(
        "a lower id is taken for a duplicate",
        "continuity/replay.py",
        "        known = self.knows(event, entry_id)\n",
        "        known = self.position.highest is not None and entry_id <= self.position.highest\n",
        (RULES + "test_continuity.py",),
    ),
    Wrong(
        "a replay is asked from the highest id, so late ones are lost",
        "continuity/replay.py",
        "self.position.highest, self.position.resume_from\n",
        "self.position.highest, self.position.highest\n",
        (RULES + "test_position.py",),
    ),
    Wrong(
        "a replay is asked from the lowest id, so second copies are new",
        "continuity/position.py",
        "islice(self._arrived, len(self._arrived) // 4, None)",
        "islice(self._arrived, 0, None)",
        (RULES + "test_position.py",),
    ),
    Wrong(
        "the culprit isn't looked for alone",
        "burial.py",
        "        if len(batch.records) == 1:",
        "        if len(batch.records) <= 2:",
        (RULES + "test_burial.py",),
    ),
    Wrong(
        "reading goes on while the buffer is full",
        "stream.py",
        "        began = time.monotonic()\n        await self._buffer.room()\n",
        "        began = time.monotonic()\n",
        (RULES + "test_stream.py",),
    ),
    Wrong(
        "a snapshot overwrites what the stream has just told",
        "continuity/compare.py",
        "        if told.live_ms < self._sent_ms - LIVE_MARGIN_MS:\n            return True\n",
        "        if told:\n            return True\n",
        (RULES + "test_compare_scope.py", RULES + "test_compare_properties.py"),
    ),
    Wrong(
        "an entry that overtakes a snapshot's change is hidden by it",
        "continuity/compare.py",
        "        if (told.order if told is not None else None) != seen:\n            continue\n",
        "",
        (RULES + "test_compare.py", RULES + "test_compare_properties.py"),
    ),
    Wrong(
        "what isn't offered any more stays open",
        "continuity/compare.py",
        "        comparison.missing()\n",
        "",
        (RULES + "test_compare.py", RULES + "test_compare_properties.py"),
    ),
    Wrong(
        "a board that is gone from one answer is locked at once",
        "continuity/halves.py",
        "        return 2 * len(self.locked) > max(self.open, self.whole)\n",
        "        return False\n",
        (RULES + "test_halves.py",),
    ),
]
