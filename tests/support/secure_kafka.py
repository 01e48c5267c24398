"""The embedded Kafka with locks on its doors: TLS, SASL and ACLs, and a plaintext door for the one who has the keys."""

import asyncio
import json
import re
from collections.abc import Iterable, Mapping
from concurrent.futures import Future
from pathlib import Path
from typing import Any

from confluent_kafka.admin import (  # type: ignore[attr-defined]  # it exports them without saying so
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)

from bridge.demo.kafka import EmbeddedKafka, _free_ports
from bridge.kafka.acls import Acl
from tests.support.certificates import Authority

PLAIN_USERS = {"plain-user": "plain-password", "bridge": "plain-pass=of,bridge"}
_LOGIN = "org.apache.kafka.common.security"
_SCRAM = {"SCRAM-SHA-256": ScramMechanism.SCRAM_SHA_256, "SCRAM-SHA-512": ScramMechanism.SCRAM_SHA_512}
_ALL: Any = None
_ANY = AclBindingFilter(
    ResourceType.ANY, _ALL, ResourcePatternType.ANY, _ALL, _ALL, AclOperation.ANY, AclPermissionType.ANY
)


class SecureKafka:
    """A broker that lets nobody do anything that no ACL allows, with five listeners.

    Attributes:
        broker: The broker; its own `bootstrap_servers` is the plaintext listener, whose user may do everything.
        sasl_ssl: TLS and SASL by any mechanism, on the address that the certificate names.
        sasl_plaintext: SASL without TLS.
        mutual: TLS that asks for a client certificate.
        misnamed: `sasl_ssl` under a host name that its certificate doesn't have.
        authority: Who signed the broker's certificate, and whose clients it accepts.
    """

    def __init__(self, folder: Path) -> None:
        self.authority = Authority(folder, "ca")
        certificate, key = self.authority.issue("broker", hosts=("127.0.0.1",))
        keystore = folder / "broker.pem"
        keystore.write_bytes(key.read_bytes() + certificate.read_bytes())
        sasl_ssl, sasl_plaintext, mutual = _free_ports(3)
        self.sasl_ssl = f"127.0.0.1:{sasl_ssl}"
        self.misnamed = f"localhost:{sasl_ssl}"
        self.sasl_plaintext = f"127.0.0.1:{sasl_plaintext}"
        self.mutual = f"127.0.0.1:{mutual}"
        doors = f"LOCKED://{self.sasl_ssl},CLEAR://{self.sasl_plaintext},MUTUAL://{self.mutual}"
        plain = " ".join(f'user_{name}="{password}"' for name, password in PLAIN_USERS.items())
        properties = {
            "listeners": f"PLAINTEXT://127.0.0.1:{{broker}},CONTROLLER://127.0.0.1:{{controller}},{doors}",
            "advertised.listeners": f"PLAINTEXT://127.0.0.1:{{broker}},{doors}",
            "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,"
            "LOCKED:SASL_SSL,CLEAR:SASL_PLAINTEXT,MUTUAL:SSL",
            "inter.broker.listener.name": "PLAINTEXT",
            "ssl.keystore.type": "PEM",
            "ssl.keystore.location": str(keystore),
            "ssl.truststore.type": "PEM",
            "ssl.truststore.location": str(self.authority.certificate),
            "listener.name.mutual.ssl.client.auth": "required",
            "listener.name.clear.sasl.enabled.mechanisms": "SCRAM-SHA-512,PLAIN",
            "listener.name.locked.sasl.enabled.mechanisms": "SCRAM-SHA-256,SCRAM-SHA-512,PLAIN,OAUTHBEARER",
            "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            "super.users": "User:ANONYMOUS",
            "allow.everyone.if.no.acl.found": "false",
        }
        for door in ("locked", "clear"):
            properties |= {
                f"listener.name.{door}.plain.sasl.jaas.config": f"{_LOGIN}.plain.PlainLoginModule required {plain};",
                f"listener.name.{door}.scram-sha-256.sasl.jaas.config": f"{_LOGIN}.scram.ScramLoginModule required;",
                f"listener.name.{door}.scram-sha-512.sasl.jaas.config": f"{_LOGIN}.scram.ScramLoginModule required;",
            }
        # Without a callback handler of its own, Kafka takes tokens that nobody signed: for tests only.
        properties["listener.name.locked.oauthbearer.sasl.jaas.config"] = (
            f"{_LOGIN}.oauthbearer.OAuthBearerLoginModule required;"
        )
        # And it cuts connections that were let in by a token when the token expires, as cloud services do.
        properties["listener.name.locked.oauthbearer.connections.max.reauth.ms"] = "60000"
        self.broker = EmbeddedKafka(properties=properties)

    def __enter__(self) -> "SecureKafka":
        self.broker.start()
        self._admin = AdminClient({"bootstrap.servers": self.broker.bootstrap_servers, "log_level": 2})
        return self

    def __exit__(self, *_: object) -> None:
        del self._admin
        self.broker.stop()

    async def restart(self) -> None:
        """Kill the broker, and start it again."""
        await asyncio.to_thread(self.broker.restart)

    async def let_in(self, user: str, password: str, mechanism: str = "SCRAM-SHA-512") -> None:
        """Make a SCRAM user, or change the password of one."""
        info = ScramCredentialInfo(_SCRAM[mechanism], 4096)
        upsertion = UserScramCredentialUpsertion(user, info, password.encode())
        await _done(self._admin.alter_user_scram_credentials([upsertion]))

    async def allow(self, principal: str, acls: Iterable[Acl]) -> None:
        """Give `principal` these ACLs and no others; nobody else keeps any."""
        await _done({"all": self._admin.delete_acls([_ANY])[_ANY]})
        wanted = [binding(principal, acl) for acl in acls]
        if wanted:
            await _done(self._admin.create_acls(wanted))

    async def forbid(self, principal: str, acl: Acl) -> None:
        """Take one permission away, whatever else allows it."""
        await _done(self._admin.create_acls([binding(principal, acl, AclPermissionType.DENY)]))


def section(**settings: object) -> str:
    """`[kafka.security]`, to be put at the end of a configuration."""
    return "".join(["[kafka.security]\n", *(f"{name} = {json.dumps(str(v))}\n" for name, v in settings.items())])


def binding(principal: str, acl: Acl, permission: AclPermissionType = AclPermissionType.ALLOW) -> AclBinding:
    """An ACL as librdkafka's client writes it."""
    kind = ResourceType[acl.resource_type.replace("-", "_").upper()]
    operation = AclOperation[re.sub(r"(?<=[a-z])(?=[A-Z])", "_", acl.operation).upper()]
    return AclBinding(kind, acl.name, ResourcePatternType[acl.pattern.upper()], principal, "*", operation, permission)


async def _done(futures: Mapping[Any, Future[Any]]) -> None:
    for future in futures.values():
        await asyncio.to_thread(future.result, 15)
