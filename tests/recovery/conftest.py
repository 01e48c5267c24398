"""A broker that these tests may kill, pause and mistreat without troubling others; and the numbers that they tell."""

from collections.abc import Callable, Iterator

import pytest

from bridge.demo.kafka import EmbeddedKafka

_told: list[str] = []


@pytest.fixture(scope="package")
def own() -> Iterator[EmbeddedKafka]:
    """Ends transactions soon after their time-out, and compacts soon."""
    with EmbeddedKafka(
        properties={
            "transaction.abort.timed.out.transaction.cleanup.interval.ms": "100",
            "log.cleaner.backoff.ms": "200",
        }
    ) as broker:
        yield broker


@pytest.fixture
def tell() -> Callable[[str], None]:
    """Show a measured number at the end of the run, also when all went well."""
    return _told.append


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if _told:
        terminalreporter.section("what the recovery tests measured")
        for line in _told:
            terminalreporter.line(line)
