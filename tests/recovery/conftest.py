"""A broker that these tests may kill, pause and mistreat without troubling others."""

from collections.abc import Iterator

import pytest

from bridge.demo.kafka import EmbeddedKafka


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
