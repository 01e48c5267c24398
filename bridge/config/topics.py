"""The names of the topics, for each topic prefix in use."""

from dataclasses import dataclass

from bridge.config.sections import KafkaSettings

OWN = ("checkpoints", "bridge_events", "dead_letters")
"""What belongs to the bridge, under the default prefix, whatever the streams' own prefixes are."""


@dataclass(frozen=True, slots=True)
class Topics:
    """The names for one topic prefix, each a topic's full name; `prefix` is the prefix itself."""

    prefix: str
    odds: str
    locked_odds: str
    copilot_odds: str
    copilot_locked_odds: str
    copilot_settled_odds: str
    fixture_status: str
    fixture_results: str
    odds_state: str
    copilot_odds_state: str
    checkpoints: str
    bridge_events: str
    dead_letters: str

    @property
    def unknown_events(self) -> str:
        """What the topics of unknown events begin with: reserved, so that no event can hit a topic of ours."""
        return f"{self.prefix}event."


NAMES = tuple(name for name in Topics.__slots__ if name != "prefix")
"""The twelve topics, by attribute."""


def resolve(kafka: KafkaSettings, prefix: str | None = None) -> Topics:
    """The topics' names under `prefix` (None: the default prefix).

    A name that `[kafka.topics]` sets holds for the default prefix only: under another one it would put two
    prefixes' data into one topic. The bridge's own three topics are always those of the default prefix.
    """
    default = kafka.topic_prefix
    own = default if prefix is None else prefix

    def name(topic: str) -> str:
        chosen: str | None = getattr(kafka.topics, topic)
        under_default = own == default or topic in OWN
        if chosen is not None and under_default:
            return chosen
        return (default if under_default else own) + topic.replace("_", "-")

    return Topics(own, *(name(topic) for topic in NAMES))
