"""Taking a shard, and taking it back: what is looked at, in which order, and what an old answer must not do."""

from collections.abc import Callable

import pytest

from bridge.errors import CommitUnknown, KafkaFailure, OwnedElsewhere
from bridge.kafka.checkpoints import Claim, Stored
from bridge.kafka.ownership import Identity, Ownership
from bridge.kafka.writer import Round

BEFORE = Claim("before", 7, "host", 1, 0)
OTHER = Claim("other", 1, "host", 2, 0)


class Partition:
    """A shard's partition and its writer: writes are seen by later reads, unless an answer is put in their place."""

    def __init__(self, claim: Claim | None) -> None:
        self.claim = claim
        self.answers: list[Claim | None] = []
        self.did: list[str] = []
        self.failures: list[KafkaFailure] = []
        self.make: Callable[[int], Claim] = lambda serial: Claim("me", serial, "host", 3, 0)

    async def read(self, *, wait: bool) -> Stored:
        self.did.append("read" if wait else "look")
        return Stored(claim=self.answers.pop(0) if self.answers else self.claim)

    async def open(self, deadline_s: float) -> None:
        assert deadline_s > 0
        self.did.append("open")

    async def write(self, transaction: Round) -> None:
        self.did.append("write")
        if self.failures:
            raise self.failures.pop(0)
        self.claim = self.make(transaction.serial)

    async def abandon(self) -> None:
        self.did.append("abandon")


def ownership(partition: Partition, *, mine: bool = False) -> Ownership:
    async def arbiter(shard: int) -> bool:
        assert shard == 0
        return mine

    return Ownership(
        0,
        identity=Identity("me", "host", 3),
        writer=partition,  # type: ignore[arg-type]  # the three calls that are made of it
        read=partition.read,
        arbiter=arbiter,
    )


async def test_it_looks_fences_claims_and_reads_up_to_its_claim() -> None:
    partition = Partition(BEFORE)
    stored = await ownership(partition).take()
    assert partition.did == ["look", "open", "read", "write", "read"]
    assert stored.claim is not None
    assert stored.claim.instance == "me"


async def test_an_answer_from_before_its_claim_is_asked_for_again() -> None:
    partition = Partition(BEFORE)
    partition.answers = [BEFORE, BEFORE, BEFORE, None]
    stored = await ownership(partition).take()
    assert partition.did == ["look", "open", "read", "write", "read", "read", "read"]
    assert stored.claim == partition.claim


async def test_the_claim_that_it_relieved_is_an_old_answer_and_no_reason_to_leave() -> None:
    partition = Partition(BEFORE)
    own = ownership(partition)
    await own.take()
    partition.answers = [BEFORE]
    with pytest.raises(KafkaFailure) as caught:
        await own.take()
    assert (caught.value.reason, caught.value.heals) == ("stale", True)
    await own.take()


async def test_a_claim_that_came_after_its_own_is_a_reason_to_leave() -> None:
    partition = Partition(BEFORE)
    own = ownership(partition)
    await own.take()
    partition.claim = OTHER
    partition.did.clear()
    with pytest.raises(OwnedElsewhere):
        await own.take(fenced=True)
    assert partition.did == ["read"], "nothing was taken from its owner"


async def test_whoever_was_before_and_came_back_is_one_too() -> None:
    partition = Partition(BEFORE)
    own = ownership(partition)
    await own.take()
    partition.claim = Claim("before", 8, "host", 1, 0)
    with pytest.raises(OwnedElsewhere):
        await own.take()


async def test_of_two_that_come_at_once_the_second_claim_stays() -> None:
    partition = Partition(BEFORE)
    partition.failures = [CommitUnknown("fenced", reason="fenced")]
    own = ownership(partition)
    with pytest.raises(CommitUnknown):
        await own.take()
    partition.claim = OTHER
    with pytest.raises(OwnedElsewhere):
        await own.take()


async def test_fenced_without_another_claim_it_tries_again() -> None:
    partition = Partition(BEFORE)
    partition.failures = [CommitUnknown("fenced", reason="fenced")]
    own = ownership(partition)
    with pytest.raises(CommitUnknown):
        await own.take()
    assert (await own.take()).claim == partition.claim


async def test_what_the_arbiter_gives_back_is_taken_even_if_the_first_claim_fails() -> None:
    partition = Partition(BEFORE)
    own = ownership(partition, mine=True)
    await own.take()
    partition.claim = OTHER
    partition.failures = [CommitUnknown("fenced", reason="fenced")]
    with pytest.raises(CommitUnknown):
        await own.take()
    assert (await own.take()).claim == partition.claim


@pytest.mark.parametrize("mine", [True, False])
async def test_a_claim_that_came_between_is_taken_over_by_whoever_has_the_first_shard(mine: bool) -> None:
    """Of two that start at once, one has the first shard and the other was here first: if it left too, both would."""
    partition = Partition(BEFORE)
    partition.answers = [BEFORE, OTHER]
    own = ownership(partition, mine=mine)
    if mine:
        assert (await own.take()).claim == partition.claim
    else:
        with pytest.raises(OwnedElsewhere):
            await own.take()
    assert partition.did == ["look", "open", "read", *(["write", "read"] if mine else [])]


async def test_a_claim_that_came_right_after_its_own_ends_it_at_once() -> None:
    partition = Partition(BEFORE)
    partition.answers = [BEFORE, BEFORE, OTHER]
    with pytest.raises(OwnedElsewhere):
        await ownership(partition).take()
    assert partition.did == ["look", "open", "read", "write", "read"]
