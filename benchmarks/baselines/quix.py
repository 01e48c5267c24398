"""Quix Streams with a stateful source: of what pip gives, the nearest to a bridge with a position.

The source keeps the last entry id in its state, which goes to a changelog topic, and flushes each second. A kill
between a flush and the next doubles what came since: the position and the odds are no one transaction.
"""

import json
import sys
import tempfile
import time

import requests
import sseclient
from quixstreams import Application
from quixstreams.sources import StatefulSource

TOPICS = {"odds": "odds", "locked-odds": "locked-odds"}
FLUSH_S = 1.0


class Odds(StatefulSource):  # type: ignore[misc]  # the benchmark's own environment has its types
    """The odds stream of one sport."""

    def __init__(self, base_url: str, prefix: str) -> None:
        super().__init__(name="odds")
        self._base_url = base_url
        self._prefix = prefix

    def run(self) -> None:
        """Carry the stream into Kafka until told to stop."""
        while self.running:
            try:
                self._carry()
            except requests.RequestException:
                time.sleep(1)

    def _carry(self) -> None:
        params = {"sportsbook": ["DraftKings", "FanDuel", "Pinnacle", "BetMGM", "Caesars"]}
        last = self.state.get("last_entry_id")
        if last:
            params["last_entry_id"] = last
        url = f"{self._base_url}/stream/odds/basketball"
        headers = {"X-Api-Key": "demo-key"}
        flush_at = time.monotonic() + FLUSH_S
        with requests.get(url, params=params, headers=headers, stream=True, timeout=(5, 15)) as response:
            for event in sseclient.SSEClient(response).events():  # type: ignore[arg-type]  # as its README does
                topic = TOPICS.get(event.event)
                if topic is not None:
                    data = json.loads(event.data)
                    for odd in data["data"]:
                        self.producer.produce(topic=self._prefix + topic, key=odd["id"], value=json.dumps(odd))
                    self.state.set("last_entry_id", data["entry_id"])
                if time.monotonic() >= flush_at:
                    self.flush()
                    flush_at = time.monotonic() + FLUSH_S
                if not self.running:
                    return


def main(base_url: str, servers: str, prefix: str) -> None:
    """Run the application until told to stop."""
    with tempfile.TemporaryDirectory() as folder:
        run(base_url, servers, prefix, folder)


def run(base_url: str, servers: str, prefix: str, state_dir: str) -> None:
    """Run it with its state in a folder."""
    app = Application(
        broker_address=servers,
        state_dir=state_dir,
        consumer_group=f"{prefix}quix",
        producer_extra_config={
            "acks": "all",
            "compression.type": "zstd",
            "batch.size": 256 * 1024,
            "queue.buffering.max.messages": 1_000_000,
        },
        loglevel="WARNING",
    )
    source = Odds(base_url, prefix)
    app.add_source(source, topic=app.topic(f"{prefix}odds"))
    app.run()


if __name__ == "__main__":
    main(*sys.argv[1:])
