"""Lists in pages, by number or by cursor."""

import base64
import binascii
from bisect import bisect_right
from collections.abc import Sequence
from typing import Literal, NamedTuple

import msgspec
import orjson
from multidict import MultiMapping

from bridge.simulator.model import Fixture
from bridge.simulator.render import iso
from bridge.simulator.scope import refuse

MOST = 100
"""Rows on a page, when none or more are asked for."""

Paging = Literal["has_more", "total_pages", "cursor"]


class Asked(NamedTuple):
    """Which page is asked for."""

    number: int
    limit: int
    after: tuple[str, str] | None
    """By cursor: start and id of the last row before it."""


class Page(NamedTuple):
    """One page."""

    rows: Sequence[Fixture]
    more: dict[str, object]
    """What stands beside the data."""


class _Cursor(msgspec.Struct):
    id: str
    sd: str
    n: int


def asked(query: MultiMapping[str]) -> Asked:
    """Which page a request wants.

    Raises:
        Refusal: It names none that can be.
    """
    limit = min(MOST, _positive(query, "limit", MOST))
    text = query.get("cursor", "")
    if not text:
        return Asked(_positive(query, "page", 1), limit, None)
    try:
        cursor = msgspec.json.decode(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)), type=_Cursor)
    except (msgspec.DecodeError, binascii.Error, ValueError):
        raise refuse(400, "invalid cursor") from None
    return Asked(cursor.n + 1, limit, (cursor.sd, cursor.id))


def in_order(rows: Sequence[Fixture]) -> list[Fixture]:
    """As upstream lists them: by start, then by id."""
    return sorted(rows, key=_key)


def page(rows: Sequence[Fixture], wanted: Asked, paging: Paging, shift: int = 0) -> Page:
    """A page of rows that are in order.

    Args:
        rows: All of them.
        wanted: Which page.
        paging: How it says that there is another.
        shift: By how many rows it begins late (some are missed) or, below 0, early (some come twice).
    """
    by_number = (wanted.number - 1) * wanted.limit
    start = max(0, shift + (by_number if wanted.after is None else bisect_right(rows, wanted.after, key=_key)))
    shown = rows[start : start + wanted.limit]
    has_more = start + wanted.limit < len(rows)
    if paging == "total_pages":
        return Page(shown, {"page": wanted.number, "total_pages": -(-len(rows) // wanted.limit) or 1})
    more: dict[str, object] = {"page": wanted.number, "has_more": has_more}
    if paging == "cursor":
        more["cursor"] = _cursor(shown[-1], wanted.number) if has_more and shown else None
    return Page(shown, more)


def _key(fixture: Fixture) -> tuple[str, str]:
    return iso(fixture.start), fixture.id


def _cursor(last: Fixture, number: int) -> str:
    start, fixture_id = _key(last)
    return base64.urlsafe_b64encode(orjson.dumps({"id": fixture_id, "sd": start, "n": number})).decode().rstrip("=")


def _positive(query: MultiMapping[str], name: str, default: int) -> int:
    text = query.get(name, "") or str(default)
    if not (text.isascii() and text.isdigit() and len(text) < 10 and int(text) > 0):
        raise refuse(400, f"{name} must be a positive number")
    return int(text)
