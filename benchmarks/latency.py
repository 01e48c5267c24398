"""From the write upstream until a `read_committed` consumer has the record, at paces that the contestants can keep."""

import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from confluent_kafka import Consumer, TopicPartition

from benchmarks.contestants import Contestant, start
from benchmarks.once import Tally, logged, stamp_of, stamp_us
from benchmarks.pool import Template
from benchmarks.scene import Scene, killed, until

RATES = (500, 2_000, 10_000, 100)  # odds a second; the lowest last, when everything is warm
WARM_S = 1.5
SHARES = {"p50": 0.5, "p99": 0.99, "p99.9": 0.999}

Heard = list[tuple[bytes, bytes, float]]
"""Key, time in the odd, and when it came in seconds of the epoch."""


class Listener:
    """A `read_committed` consumer in a thread, from the topics' ends on. A context manager.

    It takes one record at a time: librdkafka's `consume` would wait for many.

    Args:
        servers: Kafka's address.
        ends: The offset of each (topic, partition) to begin at.
    """

    def __init__(self, servers: str, ends: dict[tuple[str, int], int]) -> None:
        self._consumer = Consumer(
            {
                "bootstrap.servers": servers,
                "group.id": "latency",
                "enable.auto.commit": False,
                "isolation.level": "read_committed",
            }
        )
        self._consumer.assign([TopicPartition(topic, partition, offset) for (topic, partition), offset in ends.items()])
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.heard: Heard = []

    def __enter__(self) -> "Listener":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()
        self._consumer.close()

    def _run(self) -> None:
        poll, heard, ended, clock = self._consumer.poll, self.heard, self._ended, time.time
        while not ended.is_set():
            message = poll(0.05)
            if message is not None and message.error() is None:
                heard.append((message.key() or b"", stamp_of(message.value() or b""), clock()))


def measure(scene: Scene, who: Contestant, pool: Sequence[Template], seconds: float) -> dict[str, dict[str, Any]]:
    """One contestant at each pace.

    Raises:
        Failed: It ended, or didn't start.
    """
    upstream, topics = scene.upstream, scene.topics
    until(lambda: upstream.streams() == 0, within=30, what="the last contestant to go")
    prefix = scene.name(who.name)
    topics.make(prefix)
    found: dict[str, dict[str, Any]] = {}
    with killed(start(scene, who, prefix)) as child, Listener(scene.servers, topics.ends(prefix)) as listener:
        upstream.pace(WARM_S, RATES[0])
        topics.quiet(prefix)
        for rate in RATES:
            listener.heard.clear()
            upstream.forget()
            cpu_s = child.cpu_s()
            sent = upstream.pace(seconds, rate)
            _hear(listener, sent["odds"])
            cpu_s = child.cpu_s() - cpu_s
            found[str(rate)] = {"sent": sent["odds"], "cpu_s": cpu_s, **_judged(listener.heard, pool, scene)}
    topics.remove(prefix)
    return found


def _hear(listener: Listener, odds: int, within: float = 15.0) -> None:
    """Wait until so many odds were heard, and a moment longer for what comes twice."""
    end = time.monotonic() + within
    while len(listener.heard) < odds and time.monotonic() < end:
        time.sleep(0.02)
    time.sleep(0.3)


def _judged(heard: Heard, pool: Sequence[Template], scene: Scene) -> dict[str, Any]:
    tally = Tally(pool, logged(scene.upstream.log))
    late_ms = []
    for key, stamp, came in heard:
        tally.stamped(key, stamp)
        late_ms.append((came - stamp_us(stamp) / 1e6) * 1000)
    counted = tally.count()
    return {"good": counted.good, "counted": str(counted), "late_ms": late_ms}


def passes(
    scene: Scene,
    contestants: Sequence[Contestant],
    pool: Sequence[Template],
    *,
    times: int,
    seconds: float,
    tell: Callable[[str], None],
) -> dict[str, dict[str, Any]]:
    """Every contestant at every pace, alternating, so many times; then the shares of all that was heard."""
    heard: dict[str, dict[str, list[dict[str, Any]]]] = {who.name: {} for who in contestants}
    for number in range(1, times + 1):
        for who in contestants:
            for rate, found in measure(scene, who, pool, seconds).items():
                result = found | shares(found["late_ms"])
                heard[who.name].setdefault(rate, []).append(result)
                tell(f"  pass {number}  {who.name:14} {int(rate):6,} odds/s  {told(result)}  {result['counted']}")
    return {name: {rate: _joined(results) for rate, results in rates.items()} for name, rates in heard.items()}


def _joined(results: list[dict[str, Any]]) -> dict[str, Any]:
    all_ms = [ms for result in results for ms in result.pop("late_ms")]
    return {**shares(all_ms), "good": all(result["good"] for result in results), "passes": results}


def shares(late_ms: Sequence[float]) -> dict[str, Any]:
    """Percentiles in ms, the largest, and of how many odds."""
    ordered = sorted(late_ms)
    found: dict[str, Any] = {
        name: ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else None
        for name, share in SHARES.items()
    }
    return found | {"most": ordered[-1] if ordered else None, "odds": len(ordered)}


def told(result: dict[str, Any]) -> str:
    """Percentiles in a line."""
    return "  ".join(f"{name} {result[name]:6.1f} ms" for name in SHARES if result[name] is not None)
