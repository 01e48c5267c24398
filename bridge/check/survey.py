"""All questions at once: to OpticOdds, to Kafka, and what the configuration itself deserves to be told."""

import asyncio
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from bridge.check.findings import Finding, Level, Section, in_order
from bridge.check.kafka import KafkaQuestions
from bridge.check.upstream import UpstreamQuestions
from bridge.config import Settings, read_key, warnings
from bridge.errors import ConfigError
from bridge.kafka.connection import Access

DEADLINE_S: Final = 60.0
"""Seconds for all of it; each question has a deadline of its own, far shorter."""


def configuration(settings: Settings) -> list[Finding]:
    """What is to be said of the configuration without asking anybody."""
    count = len(settings.streams)
    text = f"the configuration is right: {count} stream{'s' * (count != 1)}"
    return [
        Finding(Section.CONFIGURATION, "file", "", Level.OK, text),
        *(Finding(Section.CONFIGURATION, "caution", "", Level.WARNING, caution) for caution in warnings(settings)),
    ]


def unusable(error: ConfigError) -> list[Finding]:
    """The findings of a configuration that can't be used: one for each line of the error."""
    return [Finding(Section.CONFIGURATION, "file", "", Level.WRONG, line) for line in str(error).splitlines()]


async def survey(settings: Settings, file: str) -> list[Finding]:
    """Ask everything there is to ask, and publish nothing.

    Args:
        settings: The configuration.
        file: Its file, for the commands that are offered.
    """
    findings = configuration(settings)
    questions: list[UpstreamQuestions | KafkaQuestions] = []
    try:
        questions.append(UpstreamQuestions(settings, read_key(settings)))
    except ConfigError as error:
        findings.append(Finding(Section.CONFIGURATION, "key", "", Level.WRONG, error.message, error.hint))
    try:
        access = await asyncio.to_thread(Access, settings.kafka, "check")
        questions.append(KafkaQuestions(settings, access.options, file))
    except ConfigError as error:
        findings.append(Finding(Section.CONFIGURATION, "secrets", "", Level.WRONG, error.message, error.hint))
    with quiet_libraries():
        tasks = [asyncio.create_task(one.ask()) for one in questions]
        _, late = await asyncio.wait(tasks, timeout=DEADLINE_S) if tasks else (set(), set())
        for task in late:
            task.cancel()
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    for one, outcome in zip(questions, outcomes, strict=True):
        findings += one.findings
        if isinstance(outcome, asyncio.CancelledError):
            section = Section.KAFKA if isinstance(one, KafkaQuestions) else Section.OPTICODDS
            text = f"not everything was answered within {DEADLINE_S:g} s"
            findings.append(Finding(section, "deadline", "", Level.WRONG, text, "try again; look into the network"))
        elif outcome is not None:
            raise outcome
    return in_order(findings)


@contextmanager
def quiet_libraries() -> Iterator[None]:
    """What Kafka's client library logs of its failures is told here as findings already."""
    logger = logging.getLogger("aiokafka")
    before = logger.level
    logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        logger.setLevel(before)
