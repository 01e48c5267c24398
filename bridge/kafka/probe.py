"""Why no client gets in: aiokafka only logs what goes wrong with a connection, and says that there is none."""

import asyncio
import ssl
from collections.abc import Iterable, Mapping
from typing import Any, Final

from aiokafka.client import collect_hosts
from aiokafka.conn import create_conn
from aiokafka.errors import AuthenticationFailedError, KafkaConnectionError, KafkaError
from aiokafka.protocol.metadata import MetadataRequest

PROBE_S: Final = 3.0
"""Seconds that looking may take, all servers at once."""

_CLOSED_BY_BROKER: Final = (
    "the broker closes the connection: the listener may speak another protocol than kafka.security.protocol, "
    "or want a client certificate"
)

_REFUSED: Final = "the broker refuses the token: its issuer, audience, subject or life isn't what the listener expects"
"""A broker says so in a challenge, which aiokafka takes for consent; what it then asks is answered with nothing."""


async def trouble(options: Mapping[str, Any], brokers: Iterable[tuple[str, int]] = ()) -> tuple[str, Exception] | None:
    """Connect to each server, and tell what goes wrong.

    Args:
        options: What every Kafka client of the process is made with.
        brokers: Further addresses, as the cluster advertises them.

    Returns:
        The first server that can't be used, and why; None when all can, or when none answers in time.
    """
    own = dict(options)
    servers = [(host, port) for host, port, _ in collect_hosts(own.pop("bootstrap_servers"), randomize=False)]
    servers += [broker for broker in brokers if broker not in servers]
    outcomes = await asyncio.gather(*(_look(host, port, own) for host, port in servers))
    return next(
        ((f"{host}:{port}", error) for (host, port), error in zip(servers, outcomes, strict=True) if error is not None),
        None,
    )


async def _look(host: str, port: int, options: Mapping[str, Any]) -> Exception | None:
    try:
        async with asyncio.timeout(PROBE_S):
            connection = await create_conn(host, port, **options)
            try:
                answer = await connection.send(MetadataRequest([]))
            finally:
                await connection.close()
    except (KafkaError, OSError, ValueError, AssertionError) as error:
        return _clearer(error)
    if not answer.brokers and options.get("sasl_mechanism") == "OAUTHBEARER":
        refused: Exception = AuthenticationFailedError(_REFUSED)
        return refused
    return None


def _clearer(error: Exception) -> Exception:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLError):
            return cause
        cause = cause.__cause__
    closed = isinstance(error, KafkaConnectionError) and "closed" in str(error)
    return ConnectionResetError(_CLOSED_BY_BROKER) if closed or isinstance(error, ConnectionResetError) else error
