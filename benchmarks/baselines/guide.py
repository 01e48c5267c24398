"""The vendor guide's loop (requests, sseclient-py, json) with one `produce` of confluent-kafka for each odd.

It keeps the guide's own habits: whole events as text, no position that outlives the process, a reconnect on any error.
"""

import json
import signal
import sys
import time
from typing import Any

import requests
import sseclient
from confluent_kafka import Producer

TOPICS = {"odds": "odds", "locked-odds": "locked-odds"}


def main(base_url: str, servers: str, prefix: str) -> None:
    """Carry the stream into Kafka until told to stop."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    producer = Producer(
        {
            "bootstrap.servers": servers,
            "acks": "all",
            "compression.type": "zstd",
            "batch.size": 256 * 1024,
            "partitioner": "murmur2_random",  # the partitions that Kafka's own clients choose
            "queue.buffering.max.messages": 1_000_000,
        }
    )
    last_entry_id = None
    try:
        while True:
            params: dict[str, Any] = {
                "sportsbook": ["DraftKings", "FanDuel", "Pinnacle", "BetMGM", "Caesars"],
                "odds_format": "AMERICAN",
                "include_fixture_updates": "true",
            }
            if last_entry_id:
                params["last_entry_id"] = last_entry_id
            try:
                response = requests.get(
                    f"{base_url}/stream/odds/basketball",
                    params=params,
                    headers={"X-Api-Key": "demo-key"},
                    stream=True,
                    timeout=(5, 15),
                )
                for event in sseclient.SSEClient(response).events():  # type: ignore[arg-type]  # as its README does
                    topic = TOPICS.get(event.event)
                    if topic is None:
                        continue
                    data = json.loads(event.data)
                    last_entry_id = data.get("entry_id")
                    for odd in data["data"]:
                        produce(producer, prefix + topic, odd)
                    producer.poll(0)
            except requests.RequestException:
                time.sleep(1)
    finally:
        producer.flush(10)


def produce(producer: Producer, topic: str, odd: dict[str, Any]) -> None:
    """One odd; waits while the producer's queue is full."""
    while True:
        try:
            producer.produce(topic, key=odd["id"], value=json.dumps(odd))
        except BufferError:
            producer.poll(0.1)
        else:
            return


if __name__ == "__main__":
    main(*sys.argv[1:])
