"""A value of each bridge-event, as docs/schemas/bridge-event.schema.json says."""

import json
from typing import Any

COMMON: dict[str, Any] = {"v": 1, "stream": "nba", "instance": "host-1a2b3c4d", "at_ms": 1795308724001}
ID = "1795308724001-0"
COUNTS = {"new": 1, "changed": 2, "locked": 3, "unlocked": 4}

OWN: dict[str, dict[str, Any]] = {
    "up": {"replay": "open"},
    "down": {"reason": "torn", "detail": "the stream broke off in the middle"},
    "refused": {"reason": "401", "detail": "upstream refused with 401: Invalid or inactive API key"},
    "paused": {"seconds": 12.5},
    "gap": {"reason": "torn", "last_entry_id": ID, "last_ms": 1795308724001, "first_entry_id": ID, "seconds": 1.5},
    "unreconciled": {"cause": "gap", "why": "upstream answered 503: busy"},
    "suspicious": {"sportsbook": "DraftKings", "locks": 3, "open": 900},
    "reconciled": {"cause": "gap", **COUNTS, "gone": 0, "same": 900, "seconds": 0.8, "requests": 7},
    "drift": COUNTS,
    "source": {"sportsbook": "DraftKings", "seconds": 700.1, "silent": True},
    "alive": {"state": "streaming", "last_entry_id": ID, "last_ping_ms": 1795308724001, "reconciled": True},
}
"""The fields that each event has beside those that all have."""


def event(name: str, **fields: object) -> bytes:
    """An event's value, with some of its fields as given."""
    return json.dumps({**COMMON, "event": name, **OWN.get(name, {}), **fields}).encode()
