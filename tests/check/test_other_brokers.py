"""Brokers that are set up otherwise: shorter transactions, and an address that nobody can reach."""

from collections.abc import Iterator

import pytest

from bridge.demo.kafka import EmbeddedKafka, _free_ports
from tests.check.command import Command
from tests.check.fake import FakeOpticOdds
from tests.support.topics import names

pytestmark = pytest.mark.kafka


@pytest.fixture(scope="module")
def misled() -> Iterator[tuple[EmbeddedKafka, str]]:
    """A broker that allows transactions of 5 s, and makes whatever topic is asked for.

    On its second listener it advertises an address where nobody is.
    """
    (port,) = _free_ports(1)
    properties = {
        "transaction.max.timeout.ms": "5000",
        "auto.create.topics.enable": "true",
        "listeners": f"PLAINTEXT://127.0.0.1:{{broker}},CONTROLLER://127.0.0.1:{{controller}},OTHER://127.0.0.1:{port}",
        "advertised.listeners": "PLAINTEXT://127.0.0.1:{broker},OTHER://127.0.0.1:1",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,OTHER:PLAINTEXT",
        "inter.broker.listener.name": "PLAINTEXT",
    }
    with EmbeddedKafka(properties=properties) as broker:
        yield broker, f"127.0.0.1:{port}"


async def test_a_transaction_timeout_that_the_brokers_do_not_allow(
    misled: tuple[EmbeddedKafka, str], unique: str, upstream: FakeOpticOdds, command: Command
) -> None:
    servers = misled[0].bootstrap_servers
    command.configure(servers, unique, upstream)
    output = await command.check()
    assert output.code == 3
    (wrong,) = output.wrong()
    assert wrong["check"] == "timeout"
    assert "transaction.max.timeout.ms = 5000" in wrong["text"]
    assert wrong["fix"].startswith("set kafka.transaction_timeout_ms = 5000 or less")
    assert output.one("transactions")["level"] == "ok"
    command.configure(servers, unique, upstream, transaction_timeout_ms=5000)
    output = await command.check()
    assert (output.code, output.one("timeout")["level"]) == (0, "ok")


async def test_a_broker_that_advertises_an_address_where_nobody_is(
    misled: tuple[EmbeddedKafka, str], unique: str, upstream: FakeOpticOdds, command: Command
) -> None:
    command.configure(misled[1], unique, upstream)
    output = await command.check()
    assert output.code == 3
    assert output.one("server")["level"] == "ok"
    (wrong,) = output.wrong()
    assert (wrong["check"], wrong["about"]) == ("broker", "127.0.0.1:1")
    assert "advertised.listeners" in wrong["fix"]


async def test_asking_makes_no_topic_where_brokers_make_them_by_themselves(
    misled: tuple[EmbeddedKafka, str], unique: str, upstream: FakeOpticOdds, command: Command
) -> None:
    servers = misled[0].bootstrap_servers
    command.configure(servers, unique, upstream, transaction_timeout_ms=5000)
    assert (await command.check()).code == 0
    assert (await command.topics()).code == 3
    assert await names(servers, unique) == set()
