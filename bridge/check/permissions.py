"""Pure: which of the permissions that the bridge needs the brokers grant, and the commands for those they don't."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

from bridge.check.findings import Finding, Level, Section
from bridge.kafka.acls import Acl


@dataclass(frozen=True, slots=True)
class Granted:
    """What the brokers said that this client may do: True, False, or None (not there) when it can't be told.

    Attributes:
        topics: By topic and operation.
        ids: By transactional id, whether it may be written with.
    """

    topics: Mapping[tuple[str, str], bool] = field(default_factory=dict)
    ids: Mapping[str, bool] = field(default_factory=dict)


def judge(
    acls: Sequence[Acl],
    granted: Granted,
    *,
    topics: Collection[str],
    events: Collection[str],
    there: Collection[str],
    allow: Callable[[Acl], str],
) -> list[Finding]:
    """The findings about permissions: one for each that is missing, one for each kind that isn't.

    Args:
        acls: What the bridge needs.
        granted: What the brokers said.
        topics: The topics of the plan.
        events: Topics as an unknown event would get them.
        there: The topics that the cluster has already.
        allow: The commands that grant a permission.
    """
    missing: list[Finding] = []
    good: dict[tuple[str, str], list[str]] = {}
    untold: dict[tuple[str, str], int] = {}
    for acl in acls:
        kind = (acl.resource_type, acl.operation)
        subjects = _subjects(acl, granted, topics, events)
        answers = {name: _answer(acl, name, granted) for name in subjects}
        denied = [name for name, answer in answers.items() if answer is False]
        if denied:
            missing.append(_denied(acl, denied, events, there, allow(acl)))
        good.setdefault(kind, []).extend(name for name, answer in answers.items() if answer is True)
        if not answers or None in answers.values():
            untold[kind] = untold.get(kind, 0) + 1
    found = [
        _finding(operation, kind, Level.OK, f"{operation} is allowed on {_counted(kind, names, events)}")
        for (kind, operation), names in good.items()
        if names
    ]
    found += [
        _finding(operation, kind, Level.WARNING, f"the brokers don't tell whether {operation} is allowed on {kind}s")
        for kind, operation in untold
    ]
    return found + missing


def _subjects(acl: Acl, granted: Granted, topics: Collection[str], events: Collection[str]) -> list[str]:
    if acl.resource_type == "topic":
        return [name for name in [*topics, *events] if acl.covers("topic", name, acl.operation)]
    if acl.resource_type == "transactional-id":
        return [name for name in granted.ids if acl.covers("transactional-id", name, acl.operation)]
    return []


def _answer(acl: Acl, name: str, granted: Granted) -> bool | None:
    return granted.topics.get((name, acl.operation)) if acl.resource_type == "topic" else granted.ids.get(name)


def _denied(acl: Acl, denied: Sequence[str], events: Collection[str], there: Collection[str], fix: str) -> Finding:
    text = f"{acl.operation} is not allowed on {_words(acl.resource_type, len(denied))} {', '.join(denied[:3])}"
    text += f" and {len(denied) - 3} more" if len(denied) > 3 else ""
    level = Level.WRONG
    if all(name in events for name in denied):
        level = Level.WARNING
        text += ": an event that nobody has seen before would go to the dead letters"
    elif acl.operation == "Create" and all(name in there or name in events for name in denied):
        level = Level.WARNING
        text += "; all that are planned are there, but the topic of an unknown event could not be made"
    about = f"{acl.resource_type} {acl.name}{'*' * (acl.pattern == 'prefixed')}"
    return _finding(acl.operation, about, level, text, fix)


def _finding(operation: str, about: str, level: Level, text: str, fix: str = "") -> Finding:
    return Finding(Section.KAFKA, "acl", f"{operation} {about}", level, text, fix)


def _counted(kind: str, names: Collection[str], events: Collection[str]) -> str:
    count = len(set(names) - set(events))
    of_events = " and on those of unknown events" if count < len(set(names)) else ""
    return f"{count} {_words(kind, count)}{of_events}"


def _words(kind: str, count: int) -> str:
    return kind.replace("-", " ") + "s" * (count != 1)
