"""What every client is made with, without a broker."""

import asyncio
import logging
import ssl
from pathlib import Path
from typing import Any

import pytest
from aiokafka.errors import (
    InvalidTxnState,
    SaslAuthenticationFailed,
    TopicAuthorizationFailedError,
    TransactionalIdAuthorizationFailed,
)

from bridge.config import KafkaSettings, SecuritySettings
from bridge.errors import CommitUnknown, ConfigError, Unpublishable
from bridge.kafka import connection
from bridge.kafka.connection import Access
from bridge.kafka.producer import Producer
from bridge.kafka.refusals import failure, principal, told
from tests.support.certificates import Authority
from tests.support.waiting import until


def access(**security: Any) -> Access:
    return Access(KafkaSettings(bootstrap_servers="k:1", security=SecuritySettings(**security)), "me")


def test_without_security_there_is_nothing_but_the_address() -> None:
    assert dict(access().options("admin")) == {
        "bootstrap_servers": "k:1",
        "client_id": "oddsbridge-me-admin",
        "security_protocol": "PLAINTEXT",
    }


def test_tls_checks_certificates_names_and_its_own_version(tmp_path: Path) -> None:
    for settings in ({"protocol": "SSL"}, {"ca_file": Authority(tmp_path, "ca").certificate}):
        context = access(**settings).options(0)["ssl_context"]
        assert context.verify_mode is ssl.CERT_REQUIRED
        assert context.check_hostname
        assert context.minimum_version is ssl.TLSVersion.TLSv1_2
        own = "ca_file" in settings
        assert (len(context.get_ca_certs()) == 1) == own, "one's own authority, instead of the system's"


def test_a_file_that_is_no_certificate(tmp_path: Path) -> None:
    file = tmp_path / "ca.pem"
    file.write_text("not a certificate")
    with pytest.raises(ConfigError, match=r"kafka.security.ca_file: .*ca.pem holds no certificates"):
        access(ca_file=file)
    authority = Authority(tmp_path, "real")
    certificate, _ = authority.issue("one")
    _, other = authority.issue("two")
    with pytest.raises(ConfigError, match=r"kafka.security.key_file: .* no certificate with its own private key"):
        access(certificate_file=certificate, key_file=other)
    with pytest.raises(ConfigError, match=r"kafka.security.certificate_file: .* no certificate with its own private"):
        access(certificate_file=certificate)
    with pytest.raises(ConfigError, match=r"ca.pem can't be read: No such file or directory"):
        access(ca_file=tmp_path / "no" / "ca.pem")


def test_requests_with_secrets_in_them_are_never_logged(caplog: pytest.LogCaptureFixture) -> None:
    log = logging.getLogger("aiokafka.conn")
    with caplog.at_level(logging.DEBUG, logger="aiokafka.conn"):
        log.debug("Request to %s:%d %d: %s", "k", 1, 1, "SaslAuthenticateRequest(sasl_auth_bytes=b'hunter2')")
        log.warning("heard")
    assert [record.getMessage() for record in caplog.records] == ["heard"]


async def test_files_are_looked_at_again_and_trouble_is_told_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(connection, "LOOK_S", 0.01)
    looks = 0
    file = tmp_path / "password"
    file.write_text("one")
    one = access(username="u", password_file=file)
    renew = one.renew

    def counted() -> bool:
        nonlocal looks
        looks += 1
        return renew()

    monkeypatch.setattr(one, "renew", counted)
    options = one.options(0)

    async def password() -> str:
        return str(options["sasl_plain_password"])

    async def looked() -> int:
        return looks

    watching = asyncio.create_task(one.watch())
    try:
        assert await password() == "one"
        file.write_text("two")
        await until(password, lambda found: found == "two", within=10, what="the new password")
        file.unlink()
        before = looks
        await until(looked, lambda found: found > before + 3, within=10, what="looks")
        assert await password() == "two"
        file.write_text("three")
        await until(password, lambda found: found == "three", within=10, what="the third password")
    finally:
        watching.cancel()
    said = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    assert len(said) == 1
    assert "the old one stays" in said[0]
    assert "three" not in caplog.text


@pytest.mark.parametrize(
    ("options", "who"),
    [
        ({}, "User:ANONYMOUS"),
        ({"security_protocol": "SASL_SSL", "sasl_plain_username": "u"}, "User:u"),
        ({"security_protocol": "SASL_SSL", "sasl_mechanism": "OAUTHBEARER"}, "the token's subject"),
        ({"security_protocol": "SSL", "ssl_context": object()}, "the certificate's subject"),
    ],
)
def test_whom_the_brokers_see(options: dict[str, object], who: str) -> None:
    assert principal(options) == who


@pytest.mark.parametrize(
    ("error", "reason", "hint"),
    [
        (TopicAuthorizationFailedError("t"), None, "allow Write on the topic t for User:u (docs/security.md)"),
        (TopicAuthorizationFailedError({"b", "a"}), None, "allow Write on the topics a, b for User:u"),
        (TopicAuthorizationFailedError(set("abcde")), None, "on the topics a, b, c and 2 more for User:u"),
        (TransactionalIdAuthorizationFailed("x-0"), None, "allow Write on the transactional id x-0 for User:u"),
        (SaslAuthenticationFailed("who?"), None, "check the credentials in [kafka.security]"),
    ],
)
def test_what_a_refusal_means(error: Exception, reason: str | None, hint: str) -> None:
    found = failure(error, "writing", who="User:u")
    assert isinstance(found, Unpublishable)
    assert not found.heals
    assert found.reason == (reason or type(error).__name__)
    assert hint in str(found)


def test_what_heals_by_itself() -> None:
    assert failure(InvalidTxnState(), "writing").reason == "fenced"
    assert failure(TimeoutError(), "writing").reason == "deadline"
    found = failure(ConnectionResetError("by peer"), "writing")
    assert isinstance(found, CommitUnknown)
    assert found.heals
    assert told(ConnectionResetError("by peer")) == "ConnectionResetError: by peer"
    assert told(SaslAuthenticationFailed("who?")) == "SaslAuthenticationFailed: who?"
    assert told(TimeoutError()) == "TimeoutError"


async def test_the_transactional_id_is_named_though_kafkas_answer_doesnt_say_it() -> None:
    options = access(protocol="SASL_PLAINTEXT", username="u", password="p").options(0)
    producer = Producer(options, transactional_id="x-3", transaction_timeout_ms=1_000, compression=None)
    try:
        found = producer.failure(TransactionalIdAuthorizationFailed(), "writing")
    finally:
        await producer.abandon()
    assert "allow Write on the transactional id x-3 for User:u" in str(found)
