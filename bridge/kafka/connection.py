"""How every Kafka client of the process connects: servers, TLS, SASL, and secrets that may change meanwhile."""

import asyncio
import logging
import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

from typing_extensions import override

from bridge.config import KafkaSettings, SecuritySettings
from bridge.config.passwords import read_secret
from bridge.errors import ConfigError
from bridge.kafka.oauth import ClientCredentials
from bridge.logs import get_logger

LOOK_S: Final = 30.0
"""Seconds between looks at the files of secrets and certificates."""

log = get_logger("oddsbridge.connection")

# What it says at level debug holds whole requests, and so passwords and tokens on their way to the broker.
logging.getLogger("aiokafka.conn").addFilter(lambda record: record.levelno > logging.DEBUG)


@dataclass(frozen=True, slots=True)
class _Proof:
    """What the files say: who the bridge is, and whom it trusts."""

    tls: ssl.SSLContext | None
    password: str | None


class Access:
    """Makes the options that every Kafka client of the process is made with.

    A client takes what the files say when it is made. `watch` keeps that fresh: a password or certificate that was
    changed is used by every client that is made later. A producer that the brokers no longer let in is replaced by
    its shard, and the new one has the new secret.

    Args:
        settings: The section `[kafka]`.
        instance: This process's name, part of the client ids.

    Raises:
        ConfigError: A file can't be read or used.
    """

    def __init__(self, settings: KafkaSettings, instance: str) -> None:
        self._settings = settings
        self._instance = instance
        self._seen: object = None
        self._proof = _Proof(None, None)
        self._tokens: ClientCredentials | None = None
        self.renew()

    def options(self, role: object) -> Mapping[str, Any]:
        """What a client is made with; read anew each time that it is unpacked.

        Args:
            role: What the client is for: the last part of its client id.
        """
        return _Options(partial(self._options, role))

    def _options(self, role: object) -> dict[str, Any]:
        security = self._settings.security
        options: dict[str, Any] = {
            "bootstrap_servers": self._settings.bootstrap_servers,
            "client_id": f"oddsbridge-{self._instance}-{role}",
            "security_protocol": security.security_protocol,
        }
        if security.uses_tls:
            options["ssl_context"] = self._proof.tls
        if security.sasl_mechanism == "OAUTHBEARER":
            options["sasl_mechanism"] = "OAUTHBEARER"
            options["sasl_oauth_token_provider"] = self._provider()
        elif security.uses_sasl:
            options["sasl_mechanism"] = security.sasl_mechanism
            options["sasl_plain_username"] = security.username
            options["sasl_plain_password"] = self._proof.password
        return options

    def renew(self) -> bool:
        """Read the files again, and take what they say if it is new; blocks.

        Returns:
            Whether anything was new.

        Raises:
            ConfigError: A file can't be read or used; what was read before stays.
        """
        security = self._settings.security
        seen = [_content(path) for path in (security.ca_file, security.certificate_file, security.key_file)]
        password, key_password = read_secret(security, "password"), read_secret(security, "key_password")
        now = (*seen, password, key_password)
        if now == self._seen:
            return False
        self._proof = _Proof(_tls(security, key_password) if security.uses_tls else None, password)
        self._seen = now
        return True

    async def watch(self) -> None:
        """Call `renew` now and then, until cancelled; what it can't use is logged once."""
        told = ""
        while True:
            await asyncio.sleep(LOOK_S)
            try:
                if await asyncio.to_thread(self.renew):
                    log.info("secrets or certificates for Kafka were read anew")
                told = ""
            except ConfigError as error:
                if str(error) != told:
                    log.warning("a secret or certificate for Kafka can't be renewed; the old one stays", why=str(error))
                told = str(error)

    def _provider(self) -> ClientCredentials:
        """One for all clients, so that they share a token; made on first use, since it belongs to an event loop."""
        if self._tokens is None:
            security = self._settings.security
            assert security.token_url is not None and security.client_id is not None, "validated"  # noqa: PT018, S101
            trust = ssl.create_default_context()
            if security.ca_file is not None:
                _trust(trust, security.ca_file)
            self._tokens = ClientCredentials(
                security.token_url,
                security.client_id,
                lambda: read_secret(security, "client_secret") or "",
                scope=security.scope,
                extensions=security.sasl_extensions(),
                tls=trust,
            )
        return self._tokens


class _Options(Mapping[str, Any]):
    """Options as they are at the moment that they are unpacked into a client."""

    def __init__(self, make: "partial[dict[str, Any]]") -> None:
        self._make = make

    @override
    def __getitem__(self, name: str) -> Any:
        return self._make()[name]

    @override
    def __iter__(self) -> Iterator[str]:
        return iter(self._make())

    @override
    def __len__(self) -> int:
        return len(self._make())


def _tls(security: SecuritySettings, key_password: str | None) -> ssl.SSLContext:
    context = ssl.create_default_context()
    if security.ca_file is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # which checks certificates and host names
        _trust(context, security.ca_file)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if security.certificate_file is not None:
        _show(context, security.certificate_file, security.key_file, key_password)
    return context


def _trust(context: ssl.SSLContext, ca_file: Path) -> None:
    try:
        context.load_verify_locations(ca_file)
    except (ssl.SSLError, OSError) as error:
        raise _unusable("ca_file", f"{ca_file} holds no certificates that can be read: {_reason(error)}") from None


def _show(context: ssl.SSLContext, certificate: Path, key: Path | None, key_password: str | None) -> None:
    asked = False

    def password() -> str:  # without it OpenSSL would ask on the terminal
        nonlocal asked
        asked = True
        return key_password or ""

    setting = "certificate_file" if key is None else "key_file"
    try:
        context.load_cert_chain(certificate, key, password)
    except (ssl.SSLError, OSError, ValueError) as error:
        if asked and key_password is None:
            hint = "set ODDSBRIDGE_KAFKA__SECURITY__KEY_PASSWORD, or key_password_file"
            raise _unusable(setting, f"the key in {key or certificate} is encrypted", hint) from None
        if asked:
            raise _unusable("key_password", f"it doesn't open {key or certificate}: {_reason(error)}", "") from None
        both = certificate if key is None else f"{certificate} and {key}"
        raise _unusable(setting, f"{both}: no certificate with its own private key: {_reason(error)}") from None


def _reason(error: Exception) -> str:
    return getattr(error, "reason", None) or getattr(error, "strerror", None) or type(error).__name__


def _unusable(setting: str, message: str, hint: str = "name a PEM file, whole and matching") -> ConfigError:
    return ConfigError(f"kafka.security.{setting}: {message}", hint=hint)


def _content(path: Path | None) -> bytes | None:
    try:
        return None if path is None else path.read_bytes()
    except OSError as error:
        why = error.strerror or type(error).__name__
        raise ConfigError(f"kafka.security: {path} can't be read: {why}", hint="let this user read it") from None
