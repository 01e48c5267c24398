"""What the bridge writes of an odd that a snapshot told: as near as can be to what the stream would have said."""

import re
from collections.abc import Iterable

import msgspec

from bridge.continuity.facts import UNREADABLE, is_readable, slices_of
from bridge.continuity.merge import with_fields
from bridge.continuity.offers import Around, Offer

_NO_ID = re.compile(r"[^0-9a-z]")

_fields = msgspec.json.Decoder(dict[str, msgspec.Raw])


def merged(known: bytes, offer: Offer, names: Iterable[str], fixture: Around) -> bytes:
    """The last bytes of an odd with the fields that differ, and the time when they did, as the snapshot has them.

    Args:
        known: The last bytes. Where they are no object that can be read, the snapshot's odd takes their place.
        offer: The snapshot's odd.
        names: The fields that differ.
        fixture: The fixture around it.
    """
    written = slices_of(offer.odd)
    fields = {name: bytes(getattr(written, name)) for name in names}
    if "is_live" in fields:
        fields["is_live"] = msgspec.json.encode(offer.facts.is_live)
    if is_readable(offer.facts.timestamp) and offer.facts.timestamp is not None:
        fields["timestamp"] = bytes(written.timestamp)
    return with_fields(known, fields) or in_full(offer, fixture)


def in_full(offer: Offer, fixture: Around) -> bytes:
    """A snapshot's odd, with what only the fixture around it says under the names that the stream has for it."""
    odd, book = bytes(offer.odd), offer.facts.sportsbook
    said: dict[str, str | bool | None] = {
        "fixture_id": fixture.id,
        "game_id": fixture.game_id,
        "sport": fixture.sport,
        "league": fixture.league,
        "league_id": fixture.league_id,
        "sportsbook_id": _NO_ID.sub("_", book.lower()) if isinstance(book, str) else "",
        "is_live": fixture.is_live,
    }
    has = _filled(odd)
    lacking = {
        name: msgspec.json.encode(value)
        for name, value in said.items()
        if value is not None and value != "" and name not in has
    }
    return with_fields(odd, lacking) or odd


def _filled(odd: bytes) -> set[str]:
    """The fields that an odd has, and that aren't empty."""
    try:
        fields = _fields.decode(odd)
    except UNREADABLE:
        return set()
    return {name for name, value in fields.items() if bytes(value) not in {b"null", b'""'}}
