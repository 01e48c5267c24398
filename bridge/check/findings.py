"""Pure: what a check found, a line each, and what the lines add up to."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

VERSION = 1
"""Of the JSON; a field may be added under the same version, none is taken away or given another meaning."""


class Level(StrEnum):
    """How bad it is."""

    OK = "ok"
    WARNING = "warning"
    """The bridge runs with it; somebody should know."""
    WRONG = "wrong"
    """The bridge doesn't run with it, or loses or misses something."""


class Section(StrEnum):
    """What a finding is about; in the order in which they are told."""

    CONFIGURATION = "configuration"
    OPTICODDS = "opticodds"
    KAFKA = "kafka"
    TOPICS = "topics"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line.

    Attributes:
        section: What it is about, roughly.
        check: What was asked: a stable word, such as "sportsbook" or "acl".
        about: What it was asked of: a name, a topic, a server; "" when there is but one.
        level: How bad it is.
        text: What was found, for a person.
        fix: What mends it, as a sentence or as commands; "" when there is nothing to mend.
    """

    section: Section
    check: str
    about: str
    level: Level
    text: str
    fix: str = ""

    def line(self) -> str:
        """The text and the fix."""
        return f"{self.text} — {self.fix}" if self.fix else self.text


def in_order(findings: Iterable[Finding]) -> list[Finding]:
    """By section; within one as they were found, each once."""
    places = list(Section)
    return sorted(dict.fromkeys(findings), key=lambda finding: places.index(finding.section))


def wrong_in(findings: Iterable[Finding]) -> set[Section]:
    """The sections in which something is wrong."""
    return {finding.section for finding in findings if finding.level is Level.WRONG}


def counts(findings: Iterable[Finding]) -> dict[str, int]:
    """How many findings of each level, by its name."""
    levels = [finding.level for finding in findings]
    return {level.value: levels.count(level) for level in Level}


def as_json(findings: Iterable[Finding]) -> list[dict[str, Any]]:
    """The findings as JSON has them."""
    return [
        {
            "section": finding.section.value,
            "check": finding.check,
            "about": finding.about,
            "level": finding.level.value,
            "text": finding.text,
            "fix": finding.fix,
        }
        for finding in findings
    ]
