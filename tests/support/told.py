"""What a consumer makes of the topics: by the bridge's own book, and by folds of the tests' own."""

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from bridge.book import OddsBook
from tests.support.follower import Row

Facts = tuple[Any, ...]
"""Price, points, is_main, is_live: what a consumer bets on."""

LOGS = {"odds", "copilot-odds"}
LOCKED_LOGS = {"locked-odds", "copilot-locked-odds", "copilot-settled-odds"}
STATES = {"odds-state", "copilot-odds-state"}


class Latest(NamedTuple):
    """The latest of one odd."""

    order: tuple[int, int, int]
    locked: bool
    odd: bytes
    stream: str


class Fact(NamedTuple):
    """A record that carries an entry of the stream."""

    event: str
    entry_id: str
    key: str
    sha256: str


@dataclass
class Told:
    """All that was read so far."""

    log: dict[str, Latest] = field(default_factory=dict)
    """The fold of the logs by the header `order`."""
    state: dict[str, Latest] = field(default_factory=dict)
    """What the compacted topics hold."""
    buried: set[str] = field(default_factory=set)
    """Odds whose last record there is a tombstone."""
    statuses: dict[str, str] = field(default_factory=dict)
    """By fixture, its last status."""
    results: dict[str, bytes] = field(default_factory=dict)
    events: dict[str, list[dict[str, Any]]] = field(default_factory=lambda: defaultdict(list))
    """bridge-events by stream, in order."""
    made_up: list[Row] = field(default_factory=list)
    """Records of the logs that the bridge made up."""
    facts: dict[str, Counter[Fact]] = field(default_factory=lambda: defaultdict(Counter))
    """By stream, what came on it."""
    entry_ids: dict[str, set[tuple[str, str]]] = field(default_factory=lambda: defaultdict(set))
    """By stream, the (event, entry id) of all of its records."""
    log_book: OddsBook = field(default_factory=OddsBook)
    state_book: OddsBook = field(default_factory=OddsBook)

    def take(self, rows: Iterable[Row]) -> None:
        for row in rows:
            if row.topic == "bridge-events":
                self._take_event(row)
                self.log_book.feed(row.message)
                self.state_book.feed(row.message)
            elif row.topic in STATES:
                self._take_state(row)
                self.state_book.feed(row.message)
            elif row.topic != "dead-letters":
                self._take_record(row)
                self.log_book.feed(row.message)

    def of(self, stream: str, event: str) -> list[dict[str, Any]]:
        """A stream's bridge-events of one name."""
        return [told for told in self.events[stream] if told["event"] == event]

    def _take_event(self, row: Row) -> None:
        told = json.loads(row.value or b"")
        assert told["event"] == row.headers["event"]
        assert told["stream"] == row.headers["stream"] == row.key
        self.events[row.key].append(told)

    def _take_state(self, row: Row) -> None:
        if row.value is None:
            self.state.pop(row.key, None)
            self.buried.add(row.key)
            return
        value = json.loads(row.value)
        ms, seq, n = map(int, value["order"].split("-"))
        _, odd = row.value.split(b',"odd":', 1)
        before, latest = self.state.get(row.key), Latest((ms, seq, n), value["locked"], odd[:-1], value["stream"])
        assert before is None or before.order <= latest.order, f"{row.key} goes back from {before} to {latest}"
        self.buried.discard(row.key)
        self.state[row.key] = latest

    def _take_record(self, row: Row) -> None:
        event, stream = row.headers["event"], row.headers["stream"]
        assert row.value is not None
        if row.headers["origin"] == "stream":
            entry_id = row.headers.get("entry_id", "")
            self.facts[stream][Fact(event, entry_id, row.key, hashlib.sha256(row.value).hexdigest())] += 1
            self.entry_ids[stream].add((event, entry_id))
        else:
            assert "entry_id" not in row.headers
            assert row.order[2] > 0
            self.made_up.append(row)
        if event in LOGS or event in LOCKED_LOGS:
            before = self.log.get(row.key)
            if before is None or row.order >= before.order:
                self.log[row.key] = Latest(row.order, event in LOCKED_LOGS, row.value, stream)
        elif event == "fixture-status":
            self.statuses[row.key] = json.loads(row.value)["new_status"] or self.statuses.get(row.key, "")
        elif event == "fixture-results":
            self.results[row.key] = row.value


def facts(odd: bytes) -> Facts:
    """What an odd says, however it is written."""
    said = json.loads(odd)
    return said["price"], said["points"] if said["points"] != "" else None, said["is_main"], said["is_live"]


def open_odds(found: dict[str, Latest]) -> dict[str, tuple[str, Facts]]:
    """The odds on offer, each with its stream."""
    return {key: (latest.stream, facts(latest.odd)) for key, latest in found.items() if not latest.locked}


def open_quotes(book: OddsBook) -> dict[str, tuple[str, Facts]]:
    """The same by the bridge's own book."""
    return {
        quote.id: (quote.stream, (quote.price, quote.points, quote.is_main, quote.is_live)) for quote in book.active()
    }
