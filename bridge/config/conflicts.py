"""What must hold between settings that are each right by themselves: names, topics, overlapping streams."""

from collections.abc import Mapping

from bridge.config.kinds import illegal_topic
from bridge.config.overlap import disagreements, overlaps
from bridge.config.problems import Loc, Problem
from bridge.config.sections import KafkaSettings
from bridge.config.streams import StreamSettings
from bridge.config.topics import NAMES, OWN, resolve

MAY_BE_ONE = (
    frozenset({"odds", "locked_odds"}),
    frozenset({"copilot_odds", "copilot_locked_odds", "copilot_settled_odds"}),
)
"""Topics that may have the same name: one log, in which the header `event` tells them apart."""

_UNKNOWN_PREFIX = "<kafka.topic_prefix>"  # no legal prefix, so it equals only itself


def between(kafka: KafkaSettings | None, streams: Mapping[int, StreamSettings]) -> list[Problem]:
    """All conflicts.

    Args:
        kafka: The section, or None when it isn't valid by itself; then topics aren't compared.
        streams: The streams that are valid by themselves, by their place in the file.
    """
    found = _equal_names(streams)
    if kafka is not None:
        found += _topics(kafka, streams)
    found += _shared_odds(streams, kafka.topic_prefix if kafka is not None else _UNKNOWN_PREFIX)
    return found


def _equal_names(streams: Mapping[int, StreamSettings]) -> list[Problem]:
    found = []
    first: dict[str, int] = {}
    for place, stream in streams.items():
        before = first.setdefault(stream.name, place)
        if before != place:
            found.append(
                Problem(
                    ("streams", place, "name"),
                    f"streams[{before}] has this name already",
                    "give each stream a name of its own",
                )
            )
    return found


def _shared_odds(streams: Mapping[int, StreamSettings], default_prefix: str) -> list[Problem]:
    found = []
    for first, second, shared, parts_by in overlaps(streams, default_prefix):
        one, other = streams[first], streams[second]
        found.append(
            Problem(
                ("streams", second),
                f'overlaps streams[{first}] "{one.name}": both carry {one.feed} of {shared} to the same topics',
                f"give {_both(one, other)} different values of {' or '.join(parts_by)}, or one of them a "
                "topic_prefix of its own",
            )
        )
    for first, second, setting in disagreements(streams, default_prefix):
        one, other = streams[first], streams[second]
        found.append(
            Problem(
                ("streams", second, setting),
                f'streams[{first}] "{one.name}" has {setting} = {_toml(getattr(one, setting))}, and both write '
                "to the same topics",
                f"let {_both(one, other)} agree on {setting}, or give one of them a topic_prefix of its own",
            )
        )
    return found


def _both(one: StreamSettings, other: StreamSettings) -> str:
    return f'"{one.name}" and "{other.name}"'


def _toml(value: object) -> str:
    return f'"{value}"' if isinstance(value, str) else str(bool(value)).lower()


def _topics(kafka: KafkaSettings, streams: Mapping[int, StreamSettings]) -> list[Problem]:
    prefixes: dict[str, Loc] = {kafka.topic_prefix: ("kafka", "topic_prefix")}
    for place, stream in streams.items():
        if stream.topic_prefix is not None:
            prefixes.setdefault(stream.topic_prefix, ("streams", place, "topic_prefix"))

    found: list[Problem] = []
    taken: dict[str, tuple[str, str]] = {}  # a name as Kafka compares names: the prefix and the topic that have it
    for prefix, prefix_loc in prefixes.items():
        topics = resolve(kafka, prefix)
        for topic in NAMES:
            if topic in OWN and prefix != kafka.topic_prefix:
                continue  # the default prefix's, and compared there
            name: str = getattr(topics, topic)
            set_here = prefix == kafka.topic_prefix and getattr(kafka.topics, topic) is not None
            loc: Loc = ("kafka", "topics", topic) if set_here else prefix_loc
            problem = _illegal(name) or _reserved(name, prefixes) or _taken(name, (prefix, topic), taken)
            if problem is not None and not any(other.loc == loc for other in found):
                message, hint = problem
                found.append(Problem(loc, message if set_here else f'for the topic "{name}": {message}', hint))
    return found


def _illegal(name: str) -> tuple[str, str] | None:
    problem = illegal_topic(name)
    return problem and (problem[0], "choose another prefix or name")


def _reserved(name: str, prefixes: Mapping[str, Loc]) -> tuple[str, str] | None:
    for prefix in prefixes:
        if name.startswith(f"{prefix}event."):
            return f'names that begin with "{prefix}event." are reserved for unknown events', "choose another name"
    return None


def _taken(name: str, user: tuple[str, str], taken: dict[str, tuple[str, str]]) -> tuple[str, str] | None:
    # Kafka refuses a topic whose name differs from another's in nothing but '.' and '_'.
    prefix, topic = taken.setdefault(name.replace(".", "_"), user)
    allowed = prefix == user[0] and any({topic, user[1]} <= group for group in MAY_BE_ONE)
    if (prefix, topic) == user or allowed:
        return None
    return f'{topic} under the prefix "{prefix}" has this name already', "give each topic a name of its own"
