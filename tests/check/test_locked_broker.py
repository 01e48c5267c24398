"""A broker with TLS, SASL and ACLs: every permission of the documented list is seen to be there, and to be missing."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from bridge.config import load
from bridge.kafka.acls import Acl, needed
from tests.check.command import Command, Output
from tests.check.fake import FakeOpticOdds
from tests.support.certificates import Authority
from tests.support.secure_kafka import SecureKafka, section
from tests.support.topics import names
from tests.support.waiting import until

pytestmark = pytest.mark.kafka

PASSWORD = "a very-secret=pass,word"


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecureKafka]:
    with SecureKafka(tmp_path_factory.mktemp("locked")) as kafka:
        yield kafka


@pytest.fixture
async def let_in(locked: SecureKafka, unique: str, upstream: FakeOpticOdds, command: Command) -> Command:
    """The command, configured with a user that the broker knows, and who may do nothing yet."""
    await locked.let_in("bridge", PASSWORD)
    security = section(username="bridge", password=PASSWORD, ca_file=locked.authority.certificate)
    command.configure(locked.sasl_ssl, unique, upstream, more=security)
    return command


def acls_of(command: Command) -> list[Acl]:
    return needed(load(command.file, {}, need_key=False))


async def checked(command: Command) -> Output:
    output = await command.check()
    assert PASSWORD not in output.out + output.err
    return output


def bad(output: Output) -> list[dict[str, str]]:
    return [finding for finding in output.of("acl") if finding["level"] != "ok"]


async def test_with_the_documented_list_all_is_right(locked: SecureKafka, let_in: Command, unique: str) -> None:
    await locked.allow("User:bridge", acls_of(let_in))
    output = await until(lambda: checked(let_in), lambda o: o.code == 0, within=20, what="all permissions")
    assert {finding["level"] for finding in output.of("acl")} == {"ok"}
    assert {finding["about"].split()[0] for finding in output.of("acl")} == {
        "Write",
        "Create",
        "DescribeConfigs",
        "Read",
    }
    assert "SASL_SSL with SCRAM-SHA-512" in output.one("server")["text"]
    assert output.one("transactions")["level"] == "ok"
    made = await let_in.topics("--create")
    assert made.code == 0, made.out
    assert (await checked(let_in)).code == 0
    assert await names(locked.broker.bootstrap_servers, f"{unique}.") == set(made.topics)


@pytest.mark.parametrize(
    ("missing", "made"),
    [
        ("Write topic", False),
        ("Write topic", True),
        ("Create topic", False),
        ("Create topic", True),
        ("DescribeConfigs topic", True),
        ("Read topic", True),
        ("Write transactional-id", False),
    ],
)
async def test_one_that_is_missing_is_named_with_the_command(
    locked: SecureKafka, let_in: Command, *, unique: str, missing: str, made: bool
) -> None:
    operation, kind = missing.split()
    acls = acls_of(let_in)
    left = [acl for acl in acls if (acl.operation, acl.resource_type) != (operation, kind)]
    assert len(left) < len(acls)
    if made:
        await locked.allow("User:bridge", acls)
        await until(lambda: let_in.topics("--create"), lambda o: o.code == 0, within=20, what="topics made")
    await locked.allow("User:bridge", left)

    def only_that(output: Output) -> bool:  # brokers learn of ACLs a moment later
        about = [finding["about"] for finding in bad(output)]
        return bool(about) and all(one.startswith(f"{operation} {kind} {unique}.") for one in about)

    output = await until(lambda: checked(let_in), only_that, within=20, what="the missing permission")
    for finding in bad(output):
        assert f"--operation {operation}" in finding["fix"]
        assert "--allow-principal User:bridge" in finding["fix"]
    if operation == "Read":
        abouts = {finding["about"] for finding in bad(output)}
        assert abouts == {f"Read topic {unique}.checkpoints", f"Read topic {unique}.odds-state"}
    optional = made and operation == "Create"  # somebody made them; only unknown events would want it
    assert {finding["level"] for finding in bad(output)} == ({"warning"} if optional else {"wrong"})
    assert output.code == (0 if optional else 3)


async def test_describe_is_not_taken_for_write(locked: SecureKafka, let_in: Command, unique: str) -> None:
    acls = [replace(acl, operation="Describe") if acl.operation == "Write" else acl for acl in acls_of(let_in)]
    await locked.allow("User:bridge", acls)

    def told(output: Output) -> set[str]:
        return {finding["about"] for finding in output.of("acl") if finding["level"] == "wrong"}

    wanted = {f"Write topic {unique}.*", f"Write transactional-id {unique}.oddsbridge-*"}
    output = await until(lambda: checked(let_in), lambda o: told(o) == wanted, within=20, what="only Write missing")
    assert output.code == 3


async def test_whoever_may_do_nothing_is_told_all_of_it(locked: SecureKafka, let_in: Command) -> None:
    await locked.allow("User:bridge", [])

    def denied(output: Output) -> set[str]:
        return {finding["about"].split()[0] for finding in output.of("acl") if finding["level"] == "wrong"}

    every = {"Write", "Create", "DescribeConfigs", "Read"}
    output = await until(lambda: checked(let_in), lambda o: denied(o) == every, within=20, what="no permission")
    assert output.code == 3
    topics = await let_in.topics()
    assert (topics.code, {row["state"] for row in topics.topics.values()}) == (3, {"hidden"})


@pytest.mark.parametrize("wrong", ["password", "no-tls", "authority", "mechanism", "no-sasl", "name"])
async def test_what_keeps_the_bridge_out_is_told_with_the_fix(
    locked: SecureKafka, upstream: FakeOpticOdds, command: Command, tmp_path: Path, *, unique: str, wrong: str
) -> None:
    await locked.let_in("bridge", PASSWORD)
    ca = locked.authority.certificate
    stranger = Authority(tmp_path, "stranger").certificate
    servers, security, words = {
        "password": (locked.sasl_ssl, section(username="bridge", password="nope", ca_file=ca), "credentials"),
        "no-tls": (locked.sasl_ssl, "", "kafka.security.protocol"),
        "authority": (locked.sasl_ssl, section(username="bridge", password=PASSWORD, ca_file=stranger), "ca_file"),
        "mechanism": (
            locked.sasl_plaintext,
            section(username="bridge", password=PASSWORD, protocol="SASL_PLAINTEXT", mechanism="SCRAM-SHA-256"),
            "kafka.security.mechanism",
        ),
        "no-sasl": (locked.mutual, section(ca_file=ca), "certificate"),
        "name": (locked.misnamed, section(username="bridge", password=PASSWORD, ca_file=ca), "bootstrap_servers"),
    }[wrong]
    command.configure(servers, unique, upstream, more=security)
    output = await checked(command)
    assert output.code == 3
    finding = output.one("server", servers)
    assert finding["level"] == "wrong"
    assert words in f"{finding['text']} {finding['fix']}", finding
    assert finding["fix"]
    assert "nope" not in output.out
    topics = await command("topics")
    assert topics.code == (1 if "closes the connection" in finding["text"] else 3)  # a broker that starts does it too
    assert topics.err.startswith(f"oddsbridge: {servers}: ")
