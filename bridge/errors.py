"""Every error that oddsbridge raises, as one tree.

::

    OddsbridgeError            what failed, a hint that mends it, whether it heals by itself
    ├── ConfigError            the configuration can't be used (exit 2)
    ├── DemoUnavailable        the embedded Kafka of the demo and the tests can't be had, or doesn't start
    ├── UpstreamError          OpticOdds, or the way to it
    │   ├── Refused            a 4xx: asking again won't help soon
    │   ├── RateLimited        429: every new connect waits
    │   ├── Disconnected       the connection ended, or was silent for too long
    │   └── NotAStream         an answer that isn't an event stream
    └── KafkaFailure           Kafka, or the way to it
        ├── ClusterMismatch    topics or settings are not as the bridge needs them (exit 3)
        ├── NewerCheckpoint    written by a newer oddsbridge (exit 3)
        ├── Unpublishable      Kafka refuses for a reason that isn't the record's: ACL, policy, clock (exit 3)
        ├── RecordsRefused     a batch was refused because of what is in it
        ├── CommitUnknown      a transaction failed; whether it committed is read from the topic
        ├── Superseded         somebody else wrote for this shard's streams: begin again from its checkpoints
        └── OwnedElsewhere     another instance owns the shard (exit 4)
"""

from typing import Any, ClassVar


class OddsbridgeError(Exception):
    """The base of every error here.

    Args:
        message: What failed, naming the thing that failed.
        hint: What a person can do about it; "" when there is nothing to do.
        reason: A short, stable word for metrics and health.
    """

    heals: ClassVar[bool] = True
    """Whether trying again can help without anybody doing something."""

    def __init__(self, message: str, *, hint: str = "", reason: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.reason = reason or type(self).__name__.lower()

    def __str__(self) -> str:
        return f"{self.message} — {self.hint}" if self.hint else self.message


class ConfigError(OddsbridgeError):
    """The configuration can't be used; the message has one line for each thing to mend."""

    heals = False


class DemoUnavailable(OddsbridgeError):
    """The embedded Kafka can't be had (extra not installed, no network, wrong jar) or doesn't start."""

    heals = False


class UpstreamError(OddsbridgeError):
    """OpticOdds, or the way to it, failed.

    Args:
        retry_after: Seconds that upstream asked to wait, or None.
    """

    def __init__(self, message: str, *, hint: str = "", reason: str = "", retry_after: float | None = None) -> None:
        super().__init__(message, hint=hint, reason=reason)
        self.retry_after = retry_after


class Refused(UpstreamError):
    """A 4xx, but not 408, 425 and 429: the request itself is wrong, or the key isn't licensed for it."""

    heals = False

    def __init__(self, status: int, text: str, *, hint: str = "") -> None:
        super().__init__(f"upstream refused with {status}: {text}", hint=hint, reason=str(status))
        self.status = status


class RateLimited(UpstreamError):
    """429: too many connects. `retry_after` is what upstream said, in seconds, if it did."""


class Disconnected(UpstreamError):
    """The connection could not be made, broke, ended, or was silent; `reason` says which."""


class NotAStream(UpstreamError):
    """An answer that isn't an event stream: a redirect, a 5xx, or 200 with another content type."""


class KafkaFailure(OddsbridgeError):
    """Kafka, or the way to it, failed."""


class ClusterMismatch(KafkaFailure):
    """The cluster isn't as the bridge needs it; the hint is the command that mends it."""

    heals = False


class NewerCheckpoint(KafkaFailure):
    """A checkpoint was written by a newer oddsbridge, so this one must not go on from it."""

    heals = False


class Unpublishable(KafkaFailure):
    """Kafka refuses to take records for a reason that isn't theirs: an ACL, a policy, a topic that is gone."""

    heals = False


class RecordsRefused(KafkaFailure):
    """A batch was refused because of what is in it. `refused` names the batches, for the search by halves."""

    def __init__(self, message: str, refused: list[Any]) -> None:
        super().__init__(message, reason="records-refused")
        self.refused = refused


class CommitUnknown(KafkaFailure):
    """A transaction failed or hung; whether it committed must be read from the checkpoints topic."""


class Superseded(KafkaFailure):
    """Somebody else has written for the shard's streams; what is held is let go, and the streams begin again."""


class OwnedElsewhere(KafkaFailure):
    """Another instance has claimed the shard."""

    heals = False
