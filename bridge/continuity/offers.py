"""One fixture of an answer, taken apart: what each sportsbook offers there, and what is known of it."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

import msgspec

from bridge.continuity.board import Index
from bridge.continuity.facts import Facts, facts_of, timestamp_ms
from bridge.continuity.places import folded


class Around(Protocol):
    """The fixture around a snapshot's odds, in the stream's terms; texts are "" where upstream doesn't tell."""

    @property
    def id(self) -> str:
        """The fixture's id."""

    @property
    def game_id(self) -> str:
        """Its older id."""

    @property
    def sport(self) -> str:
        """The sport's id."""

    @property
    def league(self) -> str:
        """The league's name."""

    @property
    def league_id(self) -> str:
        """The league's id."""

    @property
    def is_live(self) -> bool | None:
        """Whether it is being played; None where upstream doesn't tell."""


class Offer(NamedTuple):
    """An odd of a snapshot.

    Attributes:
        odd: Its bytes.
        facts: What it says; of `is_live`, what its fixture says where it doesn't itself.
    """

    odd: bytes | msgspec.Raw
    facts: Facts


@dataclass(slots=True)
class Book:
    """One sportsbook's part of an answer.

    Attributes:
        name: As upstream writes it.
        offers: Its odds, by their ids.
        newest_ms: The highest timestamp that it offers: upstream's clock, epoch milliseconds; 0 without any.
        nameless: How many of its odds have no id.
        known: The ids of the odds that are known there.
    """

    name: str
    offers: dict[bytes, Offer] = field(default_factory=dict)
    newest_ms: int = 0
    nameless: int = 0
    known: list[bytes] = field(default_factory=list)


def books_of(
    fixture: Around, odds: Iterable[bytes | msgspec.Raw], index: Index, *, asked: Iterable[str], latest_ms: int
) -> dict[str, Book]:
    """The sportsbooks that an answer speaks of, by their folded names. Never raises, whatever the bytes of an odd.

    They are those that were asked for, and those that it has odds of: a book may be asked for under a name that nobody
    else calls it by.

    Args:
        fixture: The fixture.
        odds: What it offers.
        index: What is known, by place.
        asked: The books that were asked for, by name or id; "" among them, or none at all, means every one.
        latest_ms: The highest timestamp that can be right, epoch milliseconds; one beyond it proves nothing.
    """
    books: dict[str, Book] = {}
    for odd in odds:
        facts = facts_of(odd)
        name = facts.sportsbook if isinstance(facts.sportsbook, str) else ""
        book = books.setdefault(folded(name), Book(name))
        if not isinstance(facts.id, str) or not facts.id:
            book.nameless += 1
            continue
        if not isinstance(facts.is_live, bool):
            facts.is_live = msgspec.UNSET if fixture.is_live is None else fixture.is_live
        book.offers[facts.id.encode()] = Offer(odd, facts)
        moved_ms = timestamp_ms(facts)
        if book.newest_ms < moved_ms <= latest_ms:
            book.newest_ms = moved_ms
    _add_known(books, fixture, index, {folded(name) for name in asked})
    return books


def _add_known(books: dict[str, Book], fixture: Around, index: Index, asked: set[str]) -> None:
    everything = not asked or "" in asked
    speaks_of = asked | books.keys()
    for name, keys in _known_of(fixture, index):
        short = folded(name)
        if everything or short in speaks_of:
            books.setdefault(short, Book(name)).known += keys
        elif not short:
            for key in keys:
                for part in key.decode(errors="replace").split(":"):
                    if folded(part) in speaks_of:
                        books.setdefault(folded(part), Book(part)).known.append(key)
                        break


def _known_of(fixture: Around, index: Index) -> Iterator[tuple[str, list[bytes]]]:
    """The ids that are known of a fixture, by sportsbook.

    Some odds don't say where they belong. Then their id may: upstream makes it of the game's or the fixture's id and
    the book's.
    """
    yield from index.get(fixture.id, {}).items()
    ids = [b":%b:" % text.encode() for text in (fixture.id, fixture.game_id) if text]
    for name, keys in index.get("", {}).items():
        yield name, [key for key in keys if any(text in b":%b:" % key for text in ids)]
