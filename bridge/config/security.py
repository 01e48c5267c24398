"""`[kafka.security]`: how the bridge proves who it is to the brokers, and they to it."""

import ipaddress
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import SplitResult, urlsplit

from pydantic import AfterValidator, Field, SecretStr, field_validator, model_validator
from pydantic_core import PydanticCustomError

from bridge.config.kinds import Text, wrong
from bridge.config.problems import Problem
from bridge.config.section import Section

Protocol = Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"]
Mechanism = Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER"]

PLACE = ("kafka", "security")
"""Where the section is among the settings."""

SECRETS = ("password", "key_password", "client_secret")
"""Each may stand here, or in a file named by the setting with `_file` at its end."""

FILES = ("ca_file", "certificate_file", "key_file", *(f"{name}_file" for name in SECRETS))

_TLS = ("ca_file", "certificate_file", "key_file", "key_password", "key_password_file")
_BY_PASSWORD = ("username", "password", "password_file")
_BY_TOKEN = ("token_url", "client_id", "client_secret", "client_secret_file", "scope", "extensions")
_EXTENSION = re.compile(r"([A-Za-z]+)=([!-+\--~ ]+)")  # printable ASCII but for the comma, which separates them


def _token_url(value: str) -> str:
    try:
        parts = urlsplit(value)
        _ = parts.port  # raises on a port that isn't one
    except ValueError:
        raise wrong("isn't a URL", 'write "https://…"') from None
    if parts.scheme not in {"http", "https"} or not parts.hostname or not value.isprintable() or " " in value:
        raise wrong("must be an https URL", 'write "https://…"')
    if parts.username is not None or parts.password is not None:
        raise wrong("holds a user name or password", "give them by client_id and client_secret_file")
    if parts.fragment:
        raise wrong("holds a '#'", "drop it and what follows")
    if parts.scheme == "http" and not _loopback(parts):
        raise wrong("would send the client's secret in the clear", "write https; http is for this machine only")
    return value


def _loopback(parts: SplitResult) -> bool:
    host = parts.hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _extensions(value: str) -> str:
    for pair in value.split(","):
        match = _EXTENSION.fullmatch(pair.strip())
        if match is None or match[1] == "auth":
            raise wrong("isn't name=value, with commas between", 'write "logicalCluster=lkc-1,identityPoolId=pool-1"')
    return value


class SecuritySettings(Section):
    """`[kafka.security]`: TLS and SASL, for brokers that ask for them. What is left out follows from what is set."""

    protocol: Protocol | None = Field(
        default=None,
        description="Default: `SASL_SSL` with a user name or a token URL, `SSL` with a CA or a certificate, else "
        "`PLAINTEXT`. A password never goes over a connection without TLS unless `SASL_PLAINTEXT` stands here.",
    )
    mechanism: Mechanism | None = Field(
        default=None,
        description="Of SASL. Default: `OAUTHBEARER` with a token URL, else `SCRAM-SHA-512`.",
    )
    username: Text | None = Field(default=None, description="For PLAIN and SCRAM.")
    password: SecretStr | None = Field(
        default=None, description="Best given by the environment, or by `password_file`."
    )
    password_file: Path | None = Field(
        default=None, description="A file that holds nothing but the password. Read again while the bridge runs."
    )
    ca_file: Path | None = Field(
        default=None,
        description="PEM certificates of the authorities that may vouch for the brokers, and for the token URL. "
        "Default: those that the system trusts.",
    )
    certificate_file: Path | None = Field(
        default=None, description="PEM: the bridge's own certificate and its chain, for brokers that ask for one."
    )
    key_file: Path | None = Field(
        default=None, description="PEM: the certificate's private key, unless it is in `certificate_file`."
    )
    key_password: SecretStr | None = Field(default=None, description="What the private key is encrypted with.")
    key_password_file: Path | None = Field(default=None, description="A file that holds nothing but that password.")
    token_url: Annotated[str, AfterValidator(_token_url)] | None = Field(
        default=None, description="OAUTHBEARER: where client credentials are exchanged for a token; https."
    )
    client_id: Text | None = Field(default=None, description="OAUTHBEARER: who the bridge is there.")
    client_secret: SecretStr | None = Field(
        default=None, description="OAUTHBEARER: best given by the environment, or by `client_secret_file`."
    )
    client_secret_file: Path | None = Field(
        default=None, description="A file that holds nothing but that secret. Read again for each token."
    )
    scope: Text | None = Field(default=None, description="OAUTHBEARER: what to ask for, with spaces between.")
    extensions: Annotated[Text, AfterValidator(_extensions)] | None = Field(
        default=None,
        description='OAUTHBEARER: SASL extensions that the brokers want, "name=value" with commas between.',
    )

    @property
    def uses_tls(self) -> bool:
        """Whether connections are encrypted, and the brokers' certificates checked."""
        return self.security_protocol in {"SSL", "SASL_SSL"}

    @property
    def uses_sasl(self) -> bool:
        """Whether the bridge authenticates by a name and password, or by a token."""
        if self.protocol is not None:
            return self.protocol.startswith("SASL")
        return self.mechanism is not None or bool(self._given(*_BY_PASSWORD, *_BY_TOKEN))

    @property
    def security_protocol(self) -> Protocol:
        """The protocol, set or inferred."""
        if self.protocol is not None:
            return self.protocol
        if self.uses_sasl:
            return "SASL_SSL"
        return "SSL" if self._given(*_TLS) else "PLAINTEXT"

    @property
    def sasl_mechanism(self) -> Mechanism | None:
        """The mechanism, set or inferred; None without SASL."""
        if not self.uses_sasl:
            return None
        return self.mechanism or ("OAUTHBEARER" if self._given(*_BY_TOKEN) else "SCRAM-SHA-512")

    def sasl_extensions(self) -> dict[str, str]:
        """The extensions, taken apart."""
        pairs = (pair.strip().partition("=") for pair in (self.extensions or "").split(",") if pair)
        return {name: value for name, _, value in pairs}

    def _given(self, *names: str) -> list[str]:
        return [name for name in names if getattr(self, name) is not None]

    @field_validator(*SECRETS)
    @classmethod
    def _usable(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and (problem := unusable_secret(value.get_secret_value())):
            raise wrong(problem)
        return value

    @field_validator(*FILES)
    @classmethod
    def _named(cls, value: Path | None) -> Path | None:
        if value is not None and value == Path():
            raise wrong("names no file", "leave the setting out, or name the file")
        return value

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        found = [Problem((*PLACE, name), message, hint) for name, message, hint in self._nonsense()]
        if found:
            text = "; ".join(f"{problem.message} ({problem.hint})" for problem in found)
            raise PydanticCustomError("problems", "{text}", {"text": text, "problems": found})
        return self

    def _nonsense(self) -> Iterator[tuple[str, str, str]]:
        """What doesn't go together: the setting, what is wrong with it, the fix."""
        for name in SECRETS:
            if len(self._given(name, f"{name}_file")) == 2:
                yield f"{name}_file", f"the {_words(name)} is given twice", f"keep either {name} or {name}_file"
        if not self.uses_tls and self._given(*_TLS):
            better = "SASL_SSL" if self.uses_sasl else "SSL"
            yield self._given(*_TLS)[0], f"{self.security_protocol} has no TLS", f'write protocol = "{better}"'
        if self._given(*_TLS[2:]) and self.certificate_file is None:
            yield self._given(*_TLS[2:])[0], "there is no certificate to this key", "add certificate_file"
        yield from self._nonsense_of_sasl() if self.uses_sasl else self._sasl_without_sasl()

    def _sasl_without_sasl(self) -> Iterator[tuple[str, str, str]]:
        given = self._given("mechanism", *_BY_PASSWORD, *_BY_TOKEN)
        if given:
            better = "SASL_SSL" if self.uses_tls else "SASL_PLAINTEXT"
            yield given[0], f"{self.security_protocol} has no SASL", f'remove it, or write protocol = "{better}"'

    def _nonsense_of_sasl(self) -> Iterator[tuple[str, str, str]]:
        by_token = self.sasl_mechanism == "OAUTHBEARER"
        for name in self._given(*(_BY_PASSWORD if by_token else _BY_TOKEN)):
            yield name, f"{self.sasl_mechanism} doesn't use it", "remove it, or write the mechanism that you mean"
        where = "protocol" if self.protocol else "mechanism" if self.mechanism else ""
        where = where or self._given(*_BY_PASSWORD, *_BY_TOKEN)[0]
        wanted = ("token_url", "client_id", "client_secret") if by_token else ("username", "password")
        for name in wanted:
            if not self._given(name, f"{name}_file") if name in SECRETS else not self._given(name):
                hint = f"add {name}"
                if name in SECRETS:
                    hint = f"set ODDSBRIDGE_KAFKA__SECURITY__{name.upper()}, or {name}_file"
                yield where, f"{self.sasl_mechanism} needs a {_words(name)}", hint


def unusable_secret(secret: str) -> str:
    """Why a secret can't be used ("" when it can), in words that don't show it."""
    if not secret:
        return "is empty"
    if any(ord(character) < 32 or ord(character) == 127 for character in secret):
        return "holds a control character, such as a line break"
    return ""


def _words(name: str) -> str:
    return {"token_url": "token URL", "username": "user name"}.get(name, name.replace("_", " "))
