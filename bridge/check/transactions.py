"""Are transactions possible, and for as long as configured? Tried without writing to any topic, or fencing anybody.

A transaction is never begun with a partition in it: aborting it would write a marker there.
"""

from collections.abc import Sequence
from typing import Final

from aiokafka.errors import for_code

from bridge.check.conversation import TRANSIENT, Broker, Conversation
from bridge.check.findings import Finding, Level, Section
from bridge.config import KafkaSettings

COORDINATOR_S: Final = 6.0
"""Seconds that the transaction coordinator is given to come up: a new cluster makes its log first."""

FORBIDDEN_ID: Final = 53
"""Kafka's code for a transactional id that isn't allowed."""

_TOO_LONG: Final = 50
_UNSUPPORTED: Final = 35
_SHORT_MS: Final = 1000


def own_id(kafka: KafkaSettings) -> str:
    """The transactional id that a check tries: beside the shards' own, which end with their numbers."""
    return kafka.transactional_id(0).removesuffix("0") + "check"


async def ask(kafka: KafkaSettings, cluster: Conversation, brokers: Sequence[Broker]) -> list[Finding]:
    """The findings about transactions, or about idempotence where `kafka.delivery` asks for no more.

    Raises:
        KafkaFailure: The cluster can't be asked.
    """
    if kafka.delivery != "exactly-once":
        return [_idempotence(await cluster.init_producer(None, kafka.transaction_timeout_ms, COORDINATOR_S))]
    wanted, own = kafka.transaction_timeout_ms, own_id(kafka)
    settings = (await cluster.broker_settings(brokers[0].id)).settings if brokers else {}
    most = settings.get("transaction.max.timeout.ms")
    code = await cluster.init_producer(own, wanted, COORDINATOR_S)
    findings = []
    if code == _TOO_LONG or (most is not None and int(most) < wanted):
        told = f"transaction.max.timeout.ms = {most}" if most else "a lower transaction.max.timeout.ms"
        text = f"kafka.transaction_timeout_ms is {wanted}, and the brokers have {told}"
        fix = f"set kafka.transaction_timeout_ms = {most or '…'} or less, or raise theirs"
        findings.append(_finding("timeout", Level.WRONG, text, fix))
        if code == _TOO_LONG:
            code = await cluster.init_producer(own, _SHORT_MS, COORDINATOR_S)
    elif not code:
        told = f"the brokers have transaction.max.timeout.ms = {most}" if most else "the brokers take it"
        text = f"kafka.transaction_timeout_ms is {wanted}: {told}"
        findings.append(_finding("timeout", Level.OK, text))
    return [_transactions(own, code), *findings]


def _transactions(own: str, code: int) -> Finding:
    if not code:
        text = f"transactions are possible (tried as {own}; nothing was written to a topic)"
        return _finding("transactions", Level.OK, text)
    if code == FORBIDDEN_ID:
        text = f"transactions can't be tried: the brokers don't allow the transactional id {own}"
        fix = f"allow Write on transactional ids that begin with {own.removesuffix('check')} (docs/security.md)"
        return _finding("transactions", Level.WARNING, text, fix)
    if code in TRANSIENT:
        text = f"there is no transaction coordinator within {COORDINATOR_S:g} s ({name_of(code)})"
        fix = (
            "look into the brokers' logs; with fewer than 3 brokers set transaction.state.log.replication.factor and "
            "transaction.state.log.min.isr"
        )
        return _finding("transactions", Level.WRONG, text, fix)
    fix = 'set kafka.delivery = "at-least-once", or use brokers that have transactions'
    fix = fix if code == _UNSUPPORTED else "look into the brokers' logs"
    return _finding("transactions", Level.WRONG, f"transactions don't work here ({name_of(code)})", fix)


def _idempotence(code: int) -> Finding:
    if not code:
        return _finding("idempotence", Level.OK, "idempotent writing is possible: retries double nothing")
    text = f"writing can't be idempotent here ({name_of(code)}): a retry may double records"
    fix = "allow IdempotentWrite on the cluster, or Write on a topic"
    return _finding("idempotence", Level.WARNING, text, fix)


def name_of(code: int) -> str:
    """Kafka's own word for a code."""
    kind: type[Exception] = for_code(code)
    return kind.__name__.removesuffix("Error")


def _finding(check: str, level: Level, text: str, fix: str = "") -> Finding:
    return Finding(Section.KAFKA, check, "", level, text, fix)
