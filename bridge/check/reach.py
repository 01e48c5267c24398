"""Which servers let this client in, and what is wrong with those that don't."""

import asyncio
import re
import socket
from collections.abc import Iterable, Mapping
from typing import Any

from bridge.check.findings import Finding, Level, Section
from bridge.kafka.probe import PROBE_S, trouble
from bridge.kafka.refusals import failure


def servers_of(bootstrap_servers: str) -> list[str]:
    """The servers of a `bootstrap_servers` setting, each once."""
    return list(dict.fromkeys(part.strip() for part in bootstrap_servers.split(",")))


async def reach(options: Mapping[str, Any], servers: Iterable[str]) -> dict[str, Exception | None]:
    """Connect to each server, prove who one is, and leave; None for those that let this client in."""
    own, asked = dict(options), list(servers)

    async def one(server: str) -> Exception | None:
        found = await trouble({**own, "bootstrap_servers": server})
        return None if found is None else found[1]

    return dict(zip(asked, await asyncio.gather(*(one(server) for server in asked)), strict=True))


def judge_bootstrap(outcomes: Mapping[str, Exception | None], how: str) -> list[Finding]:
    """The findings about the servers that the configuration names.

    Args:
        outcomes: What `reach` said.
        how: How a client connects, for a person.
    """
    good = [server for server, error in outcomes.items() if error is None]
    findings = []
    if good:
        text = f"{', '.join(good)} let{'s' * (len(good) == 1)} the bridge in, by {how}"
        findings.append(Finding(Section.KAFKA, "server", "", Level.OK, text))
    level = Level.WARNING if good else Level.WRONG
    for server, error in outcomes.items():
        if error is not None:
            text, fix = told(error)
            findings.append(Finding(Section.KAFKA, "server", server, level, f"{server}: {text}", fix))
    return findings


def judge_brokers(outcomes: Mapping[str, Exception | None]) -> list[Finding]:
    """The findings about the brokers as the cluster advertises them; a client has to reach each of them."""
    findings = []
    for server, error in outcomes.items():
        if error is not None:
            text, fix = told(error)
            text = f"the cluster advertises a broker at {server}, and that can't be used: {text}"
            fix = f"mend that broker's advertised.listeners, or the way to it; {fix}".removesuffix("; ")
            findings.append(Finding(Section.KAFKA, "broker", server, Level.WRONG, text, fix))
    if not findings:
        text = f"{len(outcomes)} broker{'s' * (len(outcomes) != 1)}, reached as advertised: {', '.join(outcomes)}"
        findings.append(Finding(Section.KAFKA, "broker", "", Level.OK, text))
    return findings


def told(error: Exception) -> tuple[str, str]:
    """What an error of a connection means, and the fix."""
    if isinstance(error, socket.gaierror):
        return "the name isn't found", "check DNS and kafka.bootstrap_servers"
    if isinstance(error, ConnectionRefusedError):
        return "nobody listens there", "start the broker, or check the port in kafka.bootstrap_servers"
    if isinstance(error, TimeoutError):
        hint = "check firewalls, the address, and that kafka.security.protocol is what the listener speaks"
        return f"no answer within {PROBE_S:g} s", hint
    known = failure(error, "connecting")
    text = known.message.removeprefix("Kafka refuses: ").removeprefix("connecting: ")
    text = re.sub(r"^(Kafka)?Connection(Reset)?Error:? ", "", text)
    return text, known.hint or "check [kafka.security] against the listener"
