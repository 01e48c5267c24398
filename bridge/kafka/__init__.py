"""The end that speaks Kafka."""

from typing import Final

import aiokafka.errors
import aiokafka.producer.sender

TRANSACTION_BACK_OFF_S: Final = 0.002
"""What aiokafka waits when a transaction begins before the last one's markers are written.

Its own 20 ms make back-to-back transactions take 24 ms; with this they take 5.
"""

if not hasattr(aiokafka.producer.sender, "BACKOFF_OVERRIDE"):
    raise ImportError("aiokafka.producer.sender.BACKOFF_OVERRIDE is gone: read how it waits between transactions now")
aiokafka.producer.sender.BACKOFF_OVERRIDE = TRANSACTION_BACK_OFF_S


class InvalidRecordError(aiokafka.errors.BrokerResponseError):  # type: ignore[misc]
    """INVALID_RECORD: the broker refuses a batch because of a record in it. aiokafka has no name for it."""

    errno = 87
    message = "INVALID_RECORD"
    description = "The broker refuses a record of this batch."


aiokafka.errors.kafka_errors.setdefault(InvalidRecordError.errno, InvalidRecordError)
