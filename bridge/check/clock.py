"""Pure: how far this machine's clock is from upstream's, as far as `Date` headers can tell."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

from bridge.check.findings import Finding, Level, Section

WITHIN_S = 1.0
"""What the clocks may differ by, in seconds."""

FAR_S = 10.0
"""A difference, in seconds, past which the bridge would mistake which of a live entry and a snapshot is newer."""

_FIX = "set this machine's clock right: let chrony or systemd-timesyncd keep it"


@dataclass(frozen=True, slots=True)
class Reading:
    """One answer that told the time, everything in seconds of the epoch.

    Attributes:
        sent: When the request was sent, by this machine's clock.
        received: When the answer came, by this machine's clock.
        date: What upstream said, rounded down to a second.
    """

    sent: float
    received: float
    date: float


def reading(sent: float, received: float, headers: Mapping[str, str]) -> Reading | None:
    """What an answer's headers say; None when they tell no time, or a cache's."""
    if headers.get("Age", "0").strip() not in {"", "0"}:
        return None
    try:
        return Reading(sent, received, parsedate_to_datetime(headers.get("Date", "")).timestamp())
    except (ValueError, TypeError, OverflowError, IndexError):
        return None


def ahead(readings: Sequence[Reading]) -> tuple[float, float] | None:
    """By how many seconds this machine is ahead of upstream: the least and the most that all readings allow.

    Upstream's time lay between `date` and a second later while ours went from `sent` to `received`. Each reading
    narrows it; where two contradict each other (several servers answer, with clocks of their own), the quickest
    answer decides.
    """
    if not readings:
        return None
    bounds = [(one.sent - one.date - 1, one.received - one.date) for one in readings]
    low, high = max(low for low, _ in bounds), min(high for _, high in bounds)
    if low > high:
        low, high = min(bounds, key=lambda bound: bound[1] - bound[0])
    return low, high


def judge(readings: Sequence[Reading]) -> Finding:
    """The finding about the clock."""
    found = ahead(readings)
    if found is None:
        text = "upstream told no time, so the clock can't be compared"
        return Finding(Section.OPTICODDS, "clock", "", Level.WARNING, text)
    low, high = found
    least = max(low, -high, 0.0)  # the smallest difference that is possible
    if least <= WITHIN_S:
        text = f"this machine's clock agrees with upstream's (between {low:+.1f} and {high:+.1f} s)"
        return Finding(Section.OPTICODDS, "clock", "", Level.OK, text)
    side = "ahead of" if low > 0 else "behind"
    near, far = sorted((abs(low), abs(high)))
    text = f"this machine's clock is {near:.1f} to {far:.1f} s {side} upstream's"
    return Finding(Section.OPTICODDS, "clock", "", Level.WRONG if least > FAR_S else Level.WARNING, text, _FIX)
