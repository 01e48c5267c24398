"""What an error of aiokafka means for the shard, in words that name what to allow, and to whom."""

import ssl
from collections.abc import Callable, Mapping
from typing import Any, Final

from aiokafka.errors import (
    AuthenticationFailedError,
    AuthenticationMethodNotSupported,
    ClusterAuthorizationFailedError,
    IllegalSaslStateError,
    InvalidProducerEpoch,
    InvalidProducerIdMapping,
    InvalidTimestampError,
    InvalidTopicError,
    InvalidTransactionTimeout,
    InvalidTxnState,
    PolicyViolationError,
    ProducerFenced,
    SaslAuthenticationFailed,
    TopicAuthorizationFailedError,
    TransactionalIdAuthorizationFailed,
    UnsupportedForMessageFormatError,
    UnsupportedSaslMechanismError,
    UnsupportedVersionError,
)

from bridge.errors import CommitUnknown, KafkaFailure, Unpublishable

AUTHORIZATION: Final = (
    TopicAuthorizationFailedError,
    ClusterAuthorizationFailedError,
    TransactionalIdAuthorizationFailed,
)
"""Errors that an ACL mends."""

_NAMED: Final = 4
"""Topics named in one sentence at most; the others are counted."""

_CREDENTIALS: Final = "check the credentials in [kafka.security], and that the brokers know them"

_BLOCKED: Final[Mapping[type[Exception], str]] = {
    InvalidTimestampError: "set this machine's clock right, or the topic's message.timestamp.after.max.ms",
    PolicyViolationError: "the cluster's own policy forbids it; ask who runs it",
    InvalidTopicError: "the topic's name or kind can't be written to",
    UnsupportedForMessageFormatError: "the topic has a message format from before Kafka 0.11",
    UnsupportedVersionError: "the brokers are too old for transactions; Kafka 2.5 or newer is needed",
    InvalidTransactionTimeout: "lower kafka.transaction_timeout_ms, or raise transaction.max.timeout.ms",
    AuthenticationFailedError: _CREDENTIALS,
    SaslAuthenticationFailed: _CREDENTIALS,
    AuthenticationMethodNotSupported: "set kafka.security.mechanism to one that the listener offers",
    UnsupportedSaslMechanismError: "set kafka.security.mechanism to one that the listener offers",
    IllegalSaslStateError: "the listener doesn't take SASL; set kafka.security.protocol to what it speaks",
}

_FENCED: Final = (ProducerFenced, InvalidProducerEpoch, InvalidProducerIdMapping, InvalidTxnState)


def failure(error: BaseException, doing: str, *, who: str = "", operation: str = "Write") -> KafkaFailure:
    """What an error means: blocked until somebody mends it, or to be recovered from.

    Args:
        error: What aiokafka, or the way to the brokers, raised.
        doing: What was being done.
        who: The principal that it was done as; see `principal`.
        operation: What an ACL on a topic must allow for it.
    """
    if isinstance(error, AUTHORIZATION):
        return _forbidden(error, doing, who, operation)
    if isinstance(error, ssl.SSLError):
        return _untrusted(error, doing)
    for kind, hint in _BLOCKED.items():
        if isinstance(error, kind):
            return Unpublishable(f"Kafka refuses: {doing}: {told(error)}", hint=hint, reason=kind.__name__)
    if isinstance(error, _FENCED):
        return CommitUnknown(f"{doing}: {type(error).__name__}", reason="fenced")
    if isinstance(error, TimeoutError):
        return CommitUnknown(f"{doing}: no answer in time", reason="deadline")
    return CommitUnknown(f"{doing}: {told(error)}", reason="error")


def forbidden(topics: list[str], operations: str, doing: str, who: str) -> Unpublishable:
    """Kafka forbids something with topics."""
    some = sorted(topics) if len(topics) <= _NAMED else sorted(topics)[: _NAMED - 1]
    more = len(topics) - len(some)
    named = f"the topic{'s' * (len(topics) > 1)} {', '.join(some)}{f' and {more} more' * bool(more)}"
    kind = TopicAuthorizationFailedError.__name__
    return Unpublishable(f"Kafka forbids {doing}: {kind}", hint=_allow(operations, named, who), reason=kind)


def principal(options: Mapping[str, Any]) -> str:
    """Whom the brokers see when a client is made with `options`, as ACLs name it."""
    if not str(options.get("security_protocol", "")).startswith("SASL"):
        return "the certificate's subject" if options.get("ssl_context") else "User:ANONYMOUS"
    user = options.get("sasl_plain_username")
    return f"User:{user}" if user else "the token's subject"


def _forbidden(error: BaseException, doing: str, who: str, operation: str) -> Unpublishable:
    named = error.args[0] if error.args else None
    if isinstance(error, TopicAuthorizationFailedError):
        topics = [named] if isinstance(named, str) else [str(topic) for topic in named or ["?"]]
        return forbidden(topics, operation, doing, who)
    if isinstance(error, TransactionalIdAuthorizationFailed):
        what, allowed = f"the transactional id {named or '?'}", "Write"
    else:
        what, allowed = "the cluster", "IdempotentWrite"
    kind = type(error).__name__
    return Unpublishable(f"Kafka forbids {doing}: {kind}", hint=_allow(allowed, what, who), reason=kind)


def _allow(operations: str, what: str, who: str) -> str:
    return f"allow {operations} on {what}{' for ' * bool(who)}{who} (docs/security.md)"


def _untrusted(error: ssl.SSLError, doing: str) -> Unpublishable:
    if isinstance(error, ssl.SSLCertVerificationError):
        mismatch = "mismatch" in error.verify_message
        hint = (
            "use the name that the certificate has, in kafka.bootstrap_servers and in the brokers' advertised.listeners"
            if mismatch
            else "set kafka.security.ca_file to the certificate of the authority that signed the brokers'"
        )
        what = f"the broker's certificate isn't trusted: {error.verify_message}"
    else:
        words, hint = _tls_words(error.reason or "")
        what = f"TLS failed: {words or error.reason or type(error).__name__}"
    return Unpublishable(f"{doing}: {what}", hint=hint, reason="tls")


def _tls_words(reason: str) -> tuple[str, str]:
    checks: list[tuple[Callable[[str], bool], str, str]] = [
        (
            lambda r: "WRONG_VERSION" in r or "RECORD_LAYER" in r,
            "the listener doesn't speak TLS",
            "set kafka.security.protocol to what it speaks, or use its TLS port",
        ),
        (
            lambda r: "CERTIFICATE" in r or "UNKNOWN_CA" in r,
            f"the broker doesn't accept the bridge's certificate, or misses one ({reason})",
            "set kafka.security.certificate_file and key_file to a certificate that the brokers trust",
        ),
    ]
    return next(
        ((told, hint) for fits, told, hint in checks if fits(reason)), ("", "check the listener's TLS settings")
    )


def told(error: BaseException) -> str:
    """An error in one line: its kind once, and what it says."""
    kind = type(error).__name__
    said = str(error).removeprefix(f"[Error {getattr(error, 'errno', '')}] ").removeprefix(kind).lstrip(": ")
    return kind if not said or said.startswith("<") else f"{kind}: {said}"
