"""Pure: what the cluster answered about topics, and what follows from it before anything is judged."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from bridge.check.conversation import Described, Layout
from bridge.check.protocol import OPERATIONS
from bridge.check.topics import Found
from bridge.kafka.topics import Topic

FORBIDDEN: Final = frozenset({29, 31})
"""Kafka's codes for what isn't allowed on a topic, or on the cluster."""

_UNKNOWN_TOPIC: Final = 3
_LEADER_MISSING: Final = 5
_EXISTS: Final = 36


@dataclass(slots=True)
class Facts:
    """What the cluster answered, by topic.

    Attributes:
        layouts: Its partitions, and what this client may do with it.
        described: What it is set to.
        would: What the cluster would say if it were to make it: a code and its words.
    """

    layouts: dict[str, Layout] = field(default_factory=dict)
    described: dict[str, Described] = field(default_factory=dict)
    would: dict[str, tuple[int, str]] = field(default_factory=dict)

    def found(self, plan: Sequence[Topic]) -> dict[str, Found]:
        """Those of the plan's topics that the cluster has."""
        there = {}
        for topic in plan:
            layout = self.layouts.get(topic.name)
            if layout is None or layout.error not in {0, _LEADER_MISSING} or not layout.replicas:
                continue
            described = self.described.get(topic.name)
            settings = described.settings if described is not None and not described.error else None
            there[topic.name] = Found(len(layout.replicas), min(layout.replicas), layout.leaderless, settings)
        return there

    def unsettled(self) -> bool:
        """Whether a topic was made so lately that not every broker knows it, or its leaders, yet."""
        return any(
            layout.leaderless or (layout.error == _UNKNOWN_TOPIC and self.would.get(name, (0, ""))[0] == _EXISTS)
            for name, layout in self.layouts.items()
        )

    def hidden(self, name: str) -> bool:
        """Whether this client may not even see the topic."""
        layout = self.layouts.get(name)
        return layout is not None and layout.error in FORBIDDEN

    def granted(self) -> dict[tuple[str, str], bool]:
        """By topic and operation, whether it is allowed; nothing where the answers don't tell."""
        granted: dict[tuple[str, str], bool] = {}
        for name, layout in self.layouts.items():
            if layout.operations is not None:
                granted |= {(name, word): bool(layout.operations & 1 << bit) for word, bit in OPERATIONS.items()}
            if layout.error in FORBIDDEN:  # not even Describe, which Read and Write imply
                granted |= {(name, word): False for word in ("Read", "Write", "Describe")}
        for name, described in self.described.items():
            if described.error in {0, _UNKNOWN_TOPIC, *FORBIDDEN}:
                granted[name, "DescribeConfigs"] = described.error not in FORBIDDEN
        for name, (code, _) in self.would.items():
            granted[name, "Create"] = code not in FORBIDDEN
        return granted
