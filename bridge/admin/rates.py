"""How much a second, over the last minute, for the status page; Prometheus computes its own."""

from collections import deque

from bridge.metrics import Metrics

SAMPLES = 13
"""Kept; with one every five seconds they span the last minute."""


class Rates:
    """Remembers the counters of a while ago.

    Args:
        metrics: Whose counters.
        now: Monotonic seconds; the first sample is taken then.
    """

    def __init__(self, metrics: Metrics, now: float) -> None:
        self._metrics = metrics
        self._samples: deque[tuple[float, int, dict[str, int]]] = deque(maxlen=SAMPLES)
        self.sample(now)

    def sample(self, now: float) -> None:
        """Remember the counters as they are now."""
        streams = {name: stream.entries.total for name, stream in self._metrics.streams.items()}
        self._samples.append((now, self._metrics.records, streams))

    def entries(self, name: str, now: float) -> float | None:
        """Entries a second of one stream since the oldest sample; None when it is too early to say."""
        then, _, streams = self._samples[0]
        if now - then < 1 or name not in self._metrics.streams:
            return None
        return (self._metrics.streams[name].entries.total - streams.get(name, 0)) / (now - then)

    def records(self, now: float) -> float | None:
        """Records committed a second since the oldest sample; None when it is too early to say."""
        then, records, _ = self._samples[0]
        return None if now - then < 1 else (self._metrics.records - records) / (now - then)
