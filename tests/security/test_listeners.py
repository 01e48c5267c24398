"""Every way in, on a real broker: what works, and what is said when it doesn't."""

from pathlib import Path
from typing import Any

import pytest

from bridge.errors import ConfigError, KafkaFailure, Unpublishable
from bridge.kafka.cluster import Cluster
from tests.security.scene import access
from tests.support.certificates import Authority
from tests.support.secure_kafka import PLAIN_USERS, SecureKafka

pytestmark = pytest.mark.kafka

USER = "scram-user"
PASSWORD = 'a=pass,word "with" \\ all sörts'


@pytest.fixture
async def user(locked: SecureKafka) -> str:
    for mechanism in ("SCRAM-SHA-256", "SCRAM-SHA-512"):
        await locked.let_in(USER, PASSWORD, mechanism)
    return USER


async def gets_in(servers: str, **security: Any) -> bool:
    await Cluster(access(servers, **security).options("admin")).names()
    return True


async def refusal(servers: str, **security: Any) -> KafkaFailure:
    with pytest.raises(KafkaFailure) as caught:
        await gets_in(servers, **security)
    assert PASSWORD not in str(caught.value)
    return caught.value


@pytest.mark.parametrize("mechanism", [None, "SCRAM-SHA-256", "SCRAM-SHA-512"])
async def test_scram_over_tls(locked: SecureKafka, user: str, mechanism: str | None) -> None:
    ca = locked.authority.certificate
    assert await gets_in(locked.sasl_ssl, username=user, password=PASSWORD, mechanism=mechanism, ca_file=ca)


@pytest.mark.parametrize("name", PLAIN_USERS)
async def test_plain_over_tls(locked: SecureKafka, name: str) -> None:
    assert await gets_in(
        locked.sasl_ssl,
        mechanism="PLAIN",
        username=name,
        password=PLAIN_USERS[name],
        ca_file=locked.authority.certificate,
    )


async def test_scram_without_tls_only_when_it_is_asked_for(locked: SecureKafka, user: str) -> None:
    assert await gets_in(locked.sasl_plaintext, protocol="SASL_PLAINTEXT", username=user, password=PASSWORD)
    error = await refusal(locked.sasl_plaintext, username=user, password=PASSWORD)
    assert "the listener may speak another protocol than kafka.security.protocol" in str(error)
    assert error.heals, "a broker that restarts closes connections too"


async def test_a_client_certificate(locked: SecureKafka) -> None:
    ca = locked.authority.certificate
    certificate, key = locked.authority.issue("client")
    assert await gets_in(locked.mutual, ca_file=ca, certificate_file=certificate, key_file=key)
    both = certificate.with_name("both.pem")
    both.write_bytes(certificate.read_bytes() + key.read_bytes())
    assert await gets_in(locked.mutual, ca_file=ca, certificate_file=both)


async def test_a_client_certificate_whose_key_is_encrypted(locked: SecureKafka, tmp_path: Path) -> None:
    ca = locked.authority.certificate
    certificate, key = locked.authority.issue("encrypted", password="key password")
    shown = {"ca_file": ca, "certificate_file": certificate, "key_file": key}
    assert await gets_in(locked.mutual, **shown, key_password="key password")
    file = tmp_path / "key-password"
    file.write_text("key password\n")
    assert await gets_in(locked.mutual, **shown, key_password_file=file)
    with pytest.raises(ConfigError, match="is encrypted — set ODDSBRIDGE_KAFKA__SECURITY__KEY_PASSWORD"):
        access(locked.mutual, **shown)
    with pytest.raises(
        ConfigError, match=r"kafka.security.key_password: it doesn't open .*encrypted.key.pem"
    ) as caught:
        access(locked.mutual, **shown, key_password="another word")
    assert "another word" not in str(caught.value)


async def test_what_a_wrong_client_certificate_is_told(locked: SecureKafka, tmp_path: Path) -> None:
    ca = locked.authority.certificate
    error = await refusal(locked.mutual, ca_file=ca)
    assert isinstance(error, Unpublishable)
    assert "set kafka.security.certificate_file and key_file" in str(error)
    certificate, key = Authority(tmp_path, "somebody-else").issue("client")
    error = await refusal(locked.mutual, ca_file=ca, certificate_file=certificate, key_file=key)
    assert "doesn't accept the bridge's certificate" in str(error)


async def test_a_wrong_password_is_told_and_not_shown(locked: SecureKafka, user: str) -> None:
    error = await refusal(
        locked.sasl_ssl, username=user, password="not the password", ca_file=locked.authority.certificate
    )
    assert isinstance(error, Unpublishable)
    assert error.reason == "SaslAuthenticationFailed"
    assert "check the credentials in [kafka.security]" in str(error)
    assert "not the password" not in str(error)


async def test_a_mechanism_that_the_listener_lacks(locked: SecureKafka, user: str) -> None:
    error = await refusal(
        locked.sasl_plaintext, protocol="SASL_PLAINTEXT", mechanism="SCRAM-SHA-256", username=user, password=PASSWORD
    )
    assert "set kafka.security.mechanism to one that the listener offers" in str(error)


async def test_the_brokers_certificate_must_be_signed_by_who_is_trusted(
    locked: SecureKafka, user: str, tmp_path: Path
) -> None:
    for trusted in (None, Authority(tmp_path, "somebody-else").certificate):
        error = await refusal(locked.sasl_ssl, username=user, password=PASSWORD, ca_file=trusted)
        assert isinstance(error, Unpublishable)
        assert error.reason == "tls"
        assert "the broker's certificate isn't trusted" in str(error)
        assert "set kafka.security.ca_file" in str(error)


async def test_the_brokers_certificate_must_have_its_name(locked: SecureKafka, user: str) -> None:
    error = await refusal(locked.misnamed, username=user, password=PASSWORD, ca_file=locked.authority.certificate)
    assert "Hostname mismatch, certificate is not valid for 'localhost'" in str(error)
    assert "advertised.listeners" in str(error)


async def test_tls_to_a_listener_without_it_and_the_other_way_round(locked: SecureKafka) -> None:
    for servers, security in (
        (locked.broker.bootstrap_servers, {"protocol": "SSL"}),
        (locked.mutual, {}),
        (locked.sasl_plaintext, {}),
    ):
        error = await refusal(servers, **security)
        assert "kafka.security.protocol" in str(error)
    error = await refusal(
        locked.broker.bootstrap_servers, protocol="SASL_PLAINTEXT", username="u", password="some password"
    )
    assert "the listener doesn't take SASL" in str(error)


async def test_a_password_changed_in_its_file_is_used_by_the_next_client(
    locked: SecureKafka, unique: str, tmp_path: Path
) -> None:
    file = tmp_path / "password"
    file.write_text("the first password\n")
    await locked.let_in(unique, "the first password")
    one = access(locked.sasl_ssl, username=unique, password_file=file, ca_file=locked.authority.certificate)
    cluster = Cluster(one.options("admin"))
    await cluster.names()
    await locked.let_in(unique, "the second password")
    with pytest.raises(Unpublishable, match="check the credentials"):
        await cluster.names()
    assert not one.renew(), "nothing is new"
    file.write_text("the second password\n")
    assert one.renew()
    await cluster.names()
    file.unlink()
    with pytest.raises(ConfigError, match="can't be read: No such file"):
        one.renew()
    await cluster.names()


async def test_a_certificate_changed_in_its_file_is_used_by_the_next_client(
    locked: SecureKafka, tmp_path: Path
) -> None:
    certificate, key = tmp_path / "tls.crt", tmp_path / "tls.key"
    other = Authority(tmp_path, "somebody-else")
    for source, target in zip(other.issue("client"), (certificate, key), strict=True):
        target.write_bytes(source.read_bytes())
    one = access(locked.mutual, ca_file=locked.authority.certificate, certificate_file=certificate, key_file=key)
    cluster = Cluster(one.options("admin"))
    with pytest.raises(Unpublishable):
        await cluster.names()
    new_certificate, new_key = locked.authority.issue("renewed")
    certificate.write_bytes(new_certificate.read_bytes())
    with pytest.raises(ConfigError, match="no certificate with its own private key"):
        one.renew()  # half of the pair: the moment between two writes
    key.write_bytes(new_key.read_bytes())
    assert one.renew()
    await cluster.names()
