"""What one writes with asyncio: aiohttp line by line, json, and aiokafka's `send` for each odd."""

import asyncio
import json
import signal
import sys

import aiohttp
from aiokafka import AIOKafkaProducer

TOPICS = {"odds": "odds", "locked-odds": "locked-odds"}


async def main(base_url: str, servers: str, prefix: str) -> None:
    """Carry the stream into Kafka until told to stop."""
    task = asyncio.current_task()
    assert task is not None  # noqa: S101 - for mypy
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    producer = AIOKafkaProducer(
        bootstrap_servers=servers, acks="all", compression_type="zstd", max_batch_size=256 * 1024
    )
    await producer.start()
    try:
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=None, sock_read=15)) as session:
            while True:
                try:
                    await carry(session, base_url, producer, prefix)
                except aiohttp.ClientError:
                    await asyncio.sleep(1)
    except asyncio.CancelledError:
        pass
    finally:
        await producer.stop()


async def carry(session: aiohttp.ClientSession, base_url: str, producer: AIOKafkaProducer, prefix: str) -> None:
    """One connection, until it ends."""
    books = [("sportsbook", book) for book in ("DraftKings", "FanDuel", "Pinnacle", "BetMGM", "Caesars")]
    url = f"{base_url}/stream/odds/basketball"
    async with session.get(url, params=books, headers={"X-Api-Key": "demo-key"}) as response:
        event, data = "", ""
        async for raw in response.content:
            line = raw.decode().rstrip("\r\n")
            if line.startswith("event:"):
                event = line[6:].strip()
            elif line.startswith("data:"):
                data = line[5:].strip()
            elif not line:
                topic = TOPICS.get(event)
                if topic is not None:
                    for odd in json.loads(data)["data"]:
                        await producer.send(prefix + topic, key=odd["id"].encode(), value=json.dumps(odd).encode())
                event, data = "", ""


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
