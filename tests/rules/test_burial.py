"""Dead letters: what is buried, and how culprits are found among records that a broker refused together."""

import json
from collections.abc import Collection
from functools import partial
from math import log2

from hypothesis import given
from hypothesis import strategies as st

from bridge.burial import Burial, halve
from bridge.entries import EntryId, Reject
from bridge.kafka.batches import Batch, Packer, fits
from bridge.kafka.builder import Builder, shared
from bridge.kafka.topics import Existing
from bridge.records import Headers, Held, Record

LETTERS = "p.dead-letters"


def topics(odds: int = 1_048_588, letters: int = 1_048_588) -> dict[str, Existing]:
    return {
        "p.odds": Existing(3, {"max.message.bytes": str(odds)}),
        LETTERS: Existing(2, {"max.message.bytes": str(letters)}),
    }


def burial(of: dict[str, Existing], compression: str | None = None) -> Burial:
    return Burial(LETTERS, lambda: of, partial(fits, compression))


def held(values: Collection[bytes], headers: Headers | None = None) -> Held:
    shared = [("event", b"odds")] if headers is None else headers
    records = [Record("p.odds", b"odd-%d" % n, value, shared) for n, value in enumerate(values)]
    size = sum(len(value) + 300 for value in values)
    return Held("nba", "odds", EntryId(5, 1), 7, records, size, shared)


def _anything(_: Record) -> bool:
    return True


class Builders:
    def batch(self, limit: int) -> Builder:
        return Builder(limit, None, transactional=True)


def batches(one: Held, of: dict[str, Existing], alone: dict[int, int]) -> list[Batch]:
    """An entry's records as they would be sent, in order."""
    packer = Packer(Builders(), of, alone)
    full = [packer.pack(record, 7) for record in one.records]
    return [*(batch for batch in full if batch is not None), *packer.rest()]


# --- by halves ----------------------------------------------------------------------------------------------------


@given(
    count=st.integers(1, 150),
    culprits=st.sets(st.integers(0, 149), min_size=1, max_size=12),
    only_first=st.booleans(),
)
def test_halves_find_all_culprits_and_nothing_else_and_stop(
    count: int, culprits: set[int], *, only_first: bool
) -> None:
    """The broker refuses a batch as a whole; behind a refused one, those of its partition fail for another reason."""
    of = topics()
    one = held([b"bad" if n in culprits else b"good" for n in range(count)])
    everything = list(one.records)
    bad = {n for n in culprits if n < count}
    alone: dict[int, int] = {}
    tries = 0
    while True:
        sent = batches(one, of, alone)
        refused = [batch for batch in sent if any(record.value == b"bad" for record in batch.records)]
        if only_first:
            refused = list({batch.partition: batch for batch in reversed(refused)}.values())
        if not refused:
            break
        tries += 1
        assert tries <= (len(bad) or 1) * (log2(count) + 2), "it doesn't end"
        guilty = halve(refused, alone)
        burial(of).bury(one, "refused", "why", lambda record, guilty=guilty: id(record) in guilty)  # type: ignore[misc]
    buried = {n for n, record in enumerate(one.records) if record.topic == LETTERS}
    assert buried == bad
    assert one.dead == ({"refused": len(bad)} if bad else {})
    assert all(one.records[n] is everything[n] for n in range(count) if n not in bad)


@given(st.integers(1, 120), st.lists(st.tuples(st.integers(0, 119), st.integers(1, 9)), max_size=60))
def test_a_search_moves_no_record_within_its_partition(count: int, limits: list[tuple[int, int]]) -> None:
    of = topics()
    one = held([b"%d" % n for n in range(count)])
    alone = {id(one.records[n]): most for n, most in limits if n < count}
    seen: dict[int, list[int]] = {}
    for batch in batches(one, of, alone):
        seen.setdefault(batch.partition, []).extend(int(record.value) for record in batch.records)
        assert all(len(batch.records) <= alone.get(id(record), count) for record in batch.records)
    assert sorted(n for numbers in seen.values() for n in numbers) == list(range(count))
    for numbers in seen.values():
        assert numbers == sorted(numbers)


def test_one_record_that_is_refused_alone_is_the_culprit() -> None:
    record = Record("p.odds", b"k", b"v", [])
    alone: dict[int, int] = {}
    assert halve([Batch("p.odds", 0, Builders().batch(100), [record])], alone) == {id(record)}
    assert alone == {}


# --- by size ------------------------------------------------------------------------------------------------------


@given(st.lists(st.integers(0, 4_000), max_size=12), st.integers(2_500, 6_000))
def test_what_a_topic_wouldnt_take_alone_is_buried_before_it_is_sent(sizes: list[int], limit: int) -> None:
    of = topics(odds=limit)
    one = held([b"x" * size for size in sizes])
    burial(of).too_large([one])
    for record, size in zip(one.records, sizes, strict=True):
        alone = Builders().batch(10**6)
        alone.add(b"odd-10", b"x" * size, 7, shared([("event", b"odds")]))
        if record.topic == LETTERS:
            assert alone.size() > limit - 100, "the estimate is at most a hundred bytes on the safe side"
            assert json.loads(record.value)["reason"] == "too-large"
            assert json.loads(record.value)["topic"] == "p.odds"
        else:
            assert alone.size() <= limit
    assert sum(one.dead.values()) == sum(record.topic == LETTERS for record in one.records)


def test_what_fits_once_it_is_compressed_is_sent() -> None:
    of = topics(odds=3_000)
    plain, packed = held([b"x" * 50_000]), held([b"x" * 50_000])
    burial(of).too_large([plain])
    burial(of, "zstd").too_large([packed])
    assert plain.records[0].topic == LETTERS
    assert packed.records[0].topic == "p.odds"


@given(st.integers(0, 60_000), st.integers(0, 200_000))
def test_a_dead_letter_fits_its_topic_whatever_the_name_of_its_event(name: int, payload: int) -> None:
    limit = 100_000
    of = topics(odds=2_000, letters=limit)
    headers = [("event", b"e" * name), ("stream", b"nba")]
    one = held([b"x" * payload], headers)
    burial(of).bury(one, "refused", "why", _anything)
    (letter,) = one.records
    sent = Builders().batch(10**7)
    sent.add(letter.key, letter.value, 7, shared(letter.headers))
    assert letter.topic == LETTERS
    assert sent.size() <= limit


def test_a_dead_letter_isnt_buried_again() -> None:
    of = topics()
    one = held([b"x"])
    graves = burial(of)
    graves.bury(one, "refused", "why", _anything)
    (letter,) = one.records
    graves.bury(one, "refused", "why", _anything)
    assert one.records == [letter]
    assert one.dead == {"refused": 1}


def test_rejects_become_dead_letters_once_behind_the_records() -> None:
    of = topics()
    one = held([b"x"])
    one.rejects = [
        Reject("no-odd-id", b"", b'{"price":1}', "the odd has no `id`"),
        Reject("malformed", b"k", b"\xff", "?"),
    ]
    graves = burial(of)
    graves.rejects([one])
    graves.rejects([one])
    assert [record.topic for record in one.records] == ["p.odds", LETTERS, LETTERS]
    assert one.dead == {"no-odd-id": 1, "malformed": 1}
    assert json.loads(one.records[1].value)["payload"] == '{"price":1}'
    assert all(record.headers is one.headers for record in one.records)
    assert {record.key for record in one.records[1:]} == {b"nba"}
