"""What is known of a stream's fixtures: their status, their start, whether they are over, their last result. Pure."""

from collections.abc import Iterable

import msgspec

OVER = frozenset({"completed", "cancelled"})
"""The statuses after which a fixture has no odds any more."""


class _Status(msgspec.Struct):
    new_status: str | None = None
    new_start_date: str | None = None


class _Result(msgspec.Struct):
    status: str | None = None


_status = msgspec.json.Decoder(_Status)
_result = msgspec.json.Decoder(_Result)


class Fixtures:
    """The last that a stream told of each fixture, or that was made up for it."""

    def __init__(self) -> None:
        self.statuses: dict[str, str] = {}
        self.starts: dict[str, str] = {}
        self.results: dict[str, bytes] = {}
        """The last value of `fixture-results`."""
        self._over: dict[str, float] = {}
        self._status_at: dict[str, float] = {}
        self._result_at: dict[str, float] = {}

    def note(self, event: str, fixture: str, value: bytes, at: float, *, made_up: bool = False) -> None:
        """A fixture event is published.

        Args:
            event: Its name.
            fixture: The fixture's id.
            value: Upstream's bytes, or what was made up in their place; what can't be read tells nothing.
            at: When, in epoch seconds.
            made_up: Whether it was the bridge that told it, not the stream.
        """
        try:
            if event == "fixture-status":
                told = _status.decode(value)
                status, start = told.new_status or "", told.new_start_date or ""
            else:
                self.results[fixture] = value
                self._result_at[fixture] = 0.0 if made_up else at
                status, start = _result.decode(value).status or "", ""
        except (ValueError, RecursionError):
            return
        self.told(fixture, status, start, at)
        self._status_at[fixture] = 0.0 if made_up else at

    def told(self, fixture: str, status: str, start: str, at: float) -> None:
        """A status or a start is known, "" where it isn't."""
        if status:
            self.statuses[fixture] = status
            if status in OVER:
                self._over.setdefault(fixture, at)
            else:
                self._over.pop(fixture, None)
        if start:
            self.starts[fixture] = start

    def over_since(self, at: float) -> set[str]:
        """The fixtures that were over at `at` (epoch seconds)."""
        return {fixture for fixture, since in self._over.items() if since <= at}

    def result_at(self, fixture: str) -> float:
        """When the stream told the last result, in epoch seconds; 0 if it hasn't, or that was made up."""
        return self._result_at.get(fixture, 0.0)

    def status_at(self, fixture: str) -> float:
        """When the stream told the last status or start, in epoch seconds; 0 if it hasn't, or that was made up."""
        return self._status_at.get(fixture, 0.0)

    @property
    def over(self) -> set[str]:
        """The fixtures that are over."""
        return set(self._over)

    def forget(self, fixtures: Iterable[str]) -> None:
        """Nothing is to be known of some fixtures any more."""
        for fixture in fixtures:
            for known in (self.statuses, self.starts, self.results, self._over, self._status_at, self._result_at):
                known.pop(fixture, None)
