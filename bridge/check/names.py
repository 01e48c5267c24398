"""Pure: are the names that a configuration uses those that upstream knows?"""

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from bridge.check.findings import Finding, Level, Section
from bridge.config.kinds import folded

NEAREST = 3
"""How many near names are offered at most."""

FEW = 30
"""Up to so many names are all told when none is near."""


@dataclass(frozen=True, slots=True)
class Known:
    """Something that upstream lists: a sport, a league, a sportsbook.

    Attributes:
        id: As it stands in paths and parameters.
        name: As people write it; parameters take it as well.
        active: Whether upstream says that it is in use now.
    """

    id: str
    name: str
    active: bool = True


def listed(items: Iterable[Any]) -> list[Known]:
    """What upstream listed. An item that has neither an id nor a name is passed over."""
    found = []
    for item in items:
        if isinstance(item, str):
            found.append(Known(item, item))
        elif isinstance(item, dict):
            id_, name = _text(item.get("id")), _text(item.get("name"))
            if id_ or name:
                found.append(Known(id_ or name, name or id_, item.get("is_active") is not False))
    return found


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def judge(kind: str, asked: Sequence[str], known: Sequence[Known], *, where: str, by_id: bool = False) -> list[Finding]:
    """The findings about names of one kind.

    Args:
        kind: "sport", "league" or "sportsbook".
        asked: The names that the configuration uses.
        known: What upstream lists.
        where: Among what it was looked for, such as " of basketball"; may be "".
        by_id: Whether only the id is taken: a sport stands in a path.
    """
    if not asked:
        return []
    if not known:
        text = f"upstream lists no {kind}s{where}, so {_listing(asked)} can't be compared"
        return [Finding(Section.OPTICODDS, kind, where.removeprefix(" of "), Level.WARNING, text)]
    found = [_judge_one(kind, name, known, where, by_id) for name in asked]
    good = [name for name, finding in zip(asked, found, strict=True) if finding is None]
    findings = [finding for finding in found if finding is not None]
    if good:
        text = f"{kind}{'s' * (len(good) > 1)}{where} known to upstream: {_listing(good)}"
        findings.insert(0, Finding(Section.OPTICODDS, kind, where.removeprefix(" of "), Level.OK, text))
    return findings


def _judge_one(kind: str, name: str, known: Sequence[Known], where: str, by_id: bool) -> Finding | None:  # noqa: FBT001
    def finding(level: Level, text: str, fix: str) -> Finding:
        return Finding(Section.OPTICODDS, kind, name, level, text, fix)

    for one in known:
        if name == one.id or (name == one.name and not by_id):
            if one.active:
                return None
            text = f"the {kind} {name!r} is known to upstream, which says that it is not active"
            return finding(Level.WARNING, text, "expect nothing from it until upstream takes it up again")
    for one in known:
        if folded(name) in {folded(one.id), folded(one.name)}:
            right = one.id if by_id else one.name
            return finding(
                Level.WARNING, f"upstream spells the {kind} {name!r} otherwise", f"write {right!r}: it may not match"
            )
    text = f"upstream knows no {kind} {name!r}{where}"
    if kind != "sport":
        text += ", and says nothing about it to a stream: it would bring nothing"
    near = nearest(name, known, by_id=by_id)
    if near:
        return finding(Level.WRONG, text, f"did you mean {' or '.join(repr(one) for one in near)}?")
    few = [one.id if by_id else one.name for one in known] if len(known) <= FEW else []
    fix = f"upstream has {_listing(few, FEW)}" if few else f"look it up in upstream's /{kind}s"
    return finding(Level.WRONG, text, fix)


def nearest(name: str, known: Sequence[Known], *, by_id: bool = False) -> list[str]:
    """The names that come nearest to `name`, the best first; none when none is near."""
    plain: dict[str, str] = {}
    for one in known:
        right = one.id if by_id else one.name
        plain.setdefault(folded(one.id), right)
        plain.setdefault(folded(one.name), right)
    wanted = folded(name)
    near = difflib.get_close_matches(wanted, plain, n=NEAREST, cutoff=0.6)
    near += [other for other in plain if len(wanted) >= 3 and wanted in other]
    return list(dict.fromkeys(plain[one] for one in near))[:NEAREST]


def _listing(names: Sequence[str], most: int = 12) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
