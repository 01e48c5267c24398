"""The book behind real consumers: the examples of docs/book.md as they stand there, and both clients side by side."""

import asyncio
import json
import re
import sys
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer
from aiokafka.structs import ConsumerRecord
from confluent_kafka import Consumer, Producer, TopicPartition

from bridge.book import OddsBook
from bridge.demo.kafka import EmbeddedKafka
from tests.book.made import alive, board, event, odd, state_of, status, told, tombstone
from tests.support.topics import make
from tests.support.waiting import until

PAGE = (Path(__file__).parents[2] / "docs/book.md").read_text()
CODE: list[str] = re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
EXAMPLES = [code for code in CODE if "import" in code]
PARTITIONS = 2


def now_ms() -> int:
    return time.time_ns() // 1_000_000


class Topics:
    """Topics as the bridge has them, written to by librdkafka."""

    def __init__(self, servers: str, prefix: str) -> None:
        self.servers = servers
        self.prefix = prefix
        self._producer = Producer({"bootstrap.servers": servers, "linger.ms": 0, "log_level": 4})

    async def make(self, *names: str) -> None:
        for name in names:
            await make(self.servers, self.prefix + name, PARTITIONS, {})

    async def write(self, topic: str, *records: ConsumerRecord) -> None:
        def written() -> None:
            for each in records:
                self._producer.produce(
                    self.prefix + topic,
                    each.value,
                    key=each.key,
                    headers=list(each.headers),
                    timestamp=each.timestamp,
                )
            assert self._producer.flush(30) == 0

        await asyncio.to_thread(written)


async def read_by_aiokafka(servers: str, topics: Iterable[str], count: int) -> list[ConsumerRecord]:
    how = {"isolation_level": "read_committed", "auto_offset_reset": "earliest"}
    seen: list[ConsumerRecord] = []
    async with AIOKafkaConsumer(*topics, bootstrap_servers=servers, **how) as consumer, asyncio.timeout(60):
        while len(seen) < count:
            for records in (await consumer.getmany(timeout_ms=200)).values():
                seen += records
    return seen


async def read_by_confluent(servers: str, topics: Iterable[str], count: int) -> list[Any]:
    def read() -> list[Any]:
        consumer = Consumer({"bootstrap.servers": servers, "group.id": "reader", "enable.auto.commit": False})
        consumer.assign([TopicPartition(topic, partition, 0) for topic in topics for partition in range(PARTITIONS)])
        seen: list[Any] = []
        end = time.monotonic() + 60
        while len(seen) < count and time.monotonic() < end:
            message = consumer.poll(1.0)
            if message is not None:
                assert message.error() is None
                seen.append(message)
        consumer.close()
        return seen

    return await asyncio.to_thread(read)


async def test_both_clients_bring_the_same_board(kafka: EmbeddedKafka, unique: str) -> None:
    topics = Topics(kafka.bootstrap_servers, f"{unique}.")
    await topics.make("odds", "locked-odds", "odds-state", "fixture-status", "bridge-events")
    at = now_ms()
    logs = {
        "odds": [
            told(odd("são_paulo", 150), (5, 10, 0), received_ms=at),
            told(odd("são_paulo", 140), (5, 9, 0), received_ms=at),
            told(odd("heat", 0.4), (6, 0, 0), odds_format="PROBABILITY", received_ms=at),
        ],
        "locked-odds": [told(odd("heat", 0.4), (6, 0, 1), event="locked-odds", received_ms=at)],
    }
    shared = {
        "fixture-status": [status("F1", (5, 0, 0), "live")],
        "bridge-events": [event("up", replay="proven", at_ms=at), alive(at_ms=at)],
    }
    left = [logs["odds"][0], logs["locked-odds"][0]]
    states = {"odds-state": [*map(state_of, left), tombstone("gone", (1, 0, 0), received_ms=at)]}
    written = logs | shared | states
    for topic, records in written.items():
        await topics.write(topic, *records)

    boards = []
    for tables in (logs | shared, states | shared):
        names, count = [topics.prefix + name for name in tables], sum(map(len, tables.values()))
        for read in (read_by_aiokafka, read_by_confluent):
            records = await read(topics.servers, names, count)
            book = OddsBook(clock=lambda: at / 1000 + 1, silent_after_s=2)
            for each in records:
                book.feed(each)
            assert book.counts.fed == count
            assert book.counts.ignored == book.counts.malformed == 0
            assert book.standing("nba").state == "up"
            fixture = book.fixture("F1")
            assert fixture
            assert fixture.status == "live"
            assert [(quote.id, quote.decimal, quote.age_s) for quote in book.best("F1", "Moneyline")] == [
                ("são_paulo", 2.5, 1.0)
            ]
            boards.append(board(book, ["são_paulo", "heat", "gone"]))
    assert boards[0] == boards[1] == boards[2] == boards[3]
    assert {odd_id: quote.state for odd_id, quote in boards[0].items()} == {"são_paulo": "open", "heat": "locked"}


# --- the examples of the page -------------------------------------------------------------------------------------


class Example:
    """A Python file that runs; what it has printed is read along."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.lines: list[str] = []

    async def read(self) -> None:
        assert self.process.stdout
        async for line in self.process.stdout:
            if line.endswith(b"\n"):  # the last one is cut where the process was killed
                self.lines.append(line.decode().rstrip())


@asynccontextmanager
async def running(file: Path) -> AsyncIterator[Example]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-u", str(file), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    example = Example(process)
    reading = asyncio.create_task(example.read())
    try:
        yield example
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
        await reading


@pytest.mark.parametrize("code", EXAMPLES, ids=["aiokafka", "confluent-kafka"])
async def test_the_examples_of_the_page_run(kafka: EmbeddedKafka, unique: str, tmp_path: Path, code: str) -> None:
    topics = Topics(kafka.bootstrap_servers, f"{unique}.")
    await topics.make("odds-state", "bridge-events", "fixture-status")
    file = tmp_path / "example.py"
    assert '"localhost:9092"' in code
    file.write_text(code.replace('"localhost:9092"', json.dumps(topics.servers)).replace("opticodds.", topics.prefix))
    order = 0

    async def prices_move() -> list[str]:
        nonlocal order
        order += 1
        at = now_ms()
        await topics.write("bridge-events", alive(at_ms=at))
        pinnacle = told(odd("pinnacle", -110), (order, 0, 0), received_ms=at)
        novig = told(odd("novig", 120, sportsbook="Novig"), (order, 0, 0), received_ms=at)
        await topics.write("odds-state", state_of(pinnacle), state_of(novig))
        assert example.process.returncode is None, "\n".join(example.lines)
        return example.lines

    async with running(file) as example:
        lines = await until(prices_move, lambda seen: any("Novig" in line for line in seen), within=60, what="a price")
    assert re.fullmatch(r"Miami Heat 2\.2 Novig \d+\.\d s old", lines[-1]), lines
    assert not [line for line in lines if not line.startswith("Miami Heat ")], "nothing else, and no traceback"


def test_the_other_code_of_the_page_is_python_that_asks_what_there_is() -> None:
    (asked,) = [code for code in CODE if "import" not in code]
    book = OddsBook()
    book.feed(told(odd()))
    for line in filter(None, asked.splitlines()):
        eval(line, {"book": book})
