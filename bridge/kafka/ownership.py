"""Who owns a shard: the claim in its partition, read before anything is taken back, and renewed while idle.

Fencing makes ownership safe, since only the newest producer with the shard's transactional id can commit. The claim
says by whom one was fenced: a transaction that the broker timed out looks the same as another owner.
"""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from bridge.errors import KafkaFailure, OwnedElsewhere
from bridge.kafka.checkpoints import CLAIM_KEY, Claim, Stored
from bridge.kafka.writer import Round, Writer

OPEN_S = 10.0
"""Seconds that a new producer may take to start."""

_LOOKS, _LOOK_AGAIN_S = 50, 0.1  # how often, and how far apart, a stale answer is asked for again

LOOK_S = 5.0
"""Seconds between looks at the claim where nothing fences."""


@dataclass(frozen=True, slots=True)
class Identity:
    """This process, as its claims name it: a name that no two processes share, and where it runs."""

    instance: str
    host: str
    pid: int


class Read(Protocol):
    """Reads a shard's partition; see `checkpoints.read`."""

    def __call__(self, *, wait: bool) -> Awaitable[Stored]:
        """Read it, and `wait` for a transaction that is open there, or not."""


Arbiter = Callable[[int], Awaitable[bool]]
"""Says whether this instance may take a shard back that another one has claimed."""


class Ownership:
    """One instance's hold on one shard.

    Args:
        shard: The shard's number.
        identity: This process.
        writer: The shard's writer.
        read: Reads what the shard's partition says; told whether to wait for a transaction that is open there.
        arbiter: Asked when another instance's claim is found.
        fences: Whether a new producer fences the one before: it does when there are transactions.
    """

    def __init__(
        self,
        shard: int,
        *,
        identity: Identity,
        writer: Writer,
        read: Read,
        arbiter: Arbiter,
        fences: bool = True,
    ) -> None:
        self.serial = 0
        """The number of this instance's last transaction on the shard."""
        self._shard = shard
        self._identity = identity
        self._writer = writer
        self._read = read
        self._arbiter = arbiter
        self._claimed = False
        self._before: Claim | None = None  # whose claim stood there when this instance came
        self._came = False
        self._fences = fences
        self._looked = time.monotonic()

    @property
    def before(self) -> Claim | None:
        """The claim that this instance found when it came, or None."""
        return self._before

    def next(self) -> Round:
        """An empty round with the next serial number."""
        self.serial += 1
        return Round(self.serial)

    def claim(self, serial: int) -> tuple[bytes, bytes]:
        """The record that says that this instance owns the shard."""
        identity = self._identity
        claim = Claim(identity.instance, serial, identity.host, identity.pid, int(time.time() * 1000))
        return CLAIM_KEY, claim.encode()

    @property
    def instance(self) -> str:
        """This instance's name."""
        return self._identity.instance

    async def take(self, *, fenced: bool = False) -> Stored:
        """Take the shard, or take it back: look whose it is, fence, claim, and read up to that claim.

        Args:
            fenced: Whether this instance was fenced. Whoever did that has ended this instance's transaction, so one
                that is open now may hold another's claim, and is waited for. If it wasn't fenced, the open one is
                its own, and waiting for that would be waiting for the broker's time-out.

        Returns:
            What the partition says, after everything that was open is ended.

        Raises:
            OwnedElsewhere: another instance has claimed it, and may keep it.
            KafkaFailure: it can't be done now, or not at all.
        """
        seen = (await self._read(wait=fenced)).claim  # before the id is taken, which would fence a rightful owner
        if not self._came:
            self._before, self._came = seen, True
        await self._judge(seen)
        await self._writer.open(OPEN_S)
        await self._judge((await self._read(wait=True)).claim)  # nothing is open now that could hide another's claim
        transaction = self.next()
        transaction.tail = [self.claim(transaction.serial)]
        try:
            await self._writer.write(transaction)
        except KafkaFailure:
            await self._writer.abandon()
            raise
        self._claimed = True
        return await self._read_past(transaction.serial)

    async def _read_past(self, serial: int) -> Stored:
        """What the partition says up to this instance's own claim, just written.

        A broker that has just come back may not know for a moment how much of its log is committed, and a reader
        would see an old state of affairs. What stands before one's own newest record has been seen for certain.
        """
        for _ in range(_LOOKS):
            stored = await self._read(wait=True)
            claim = stored.claim
            if claim is not None and (claim.instance, claim.serial) == (self.instance, serial):
                return stored
            if claim is not None and claim.instance not in (self.instance, self._before and self._before.instance):
                await self._judge(claim)  # it came after this instance's own
                break
            await asyncio.sleep(_LOOK_AGAIN_S)
        raise _stale(self._shard)

    async def confirm(self) -> None:
        """Where nothing fences, look every `LOOK_S` seconds whether another instance has claimed the shard.

        Raises:
            OwnedElsewhere: it has.
        """
        now = time.monotonic()
        if self._fences or now - self._looked < LOOK_S:
            return
        self._looked = now
        try:
            await self._judge((await self._read(wait=False)).claim)
        except KafkaFailure as error:
            if not error.heals:
                raise

    async def release(self) -> None:
        """End what this instance left open, so that no reader waits for a time-out; another owner isn't touched."""
        await self._writer.abandon()
        if not self._claimed:
            return
        with contextlib.suppress(KafkaFailure):
            claim = (await self._read(wait=False)).claim
            if claim is not None and claim.instance == self.instance:
                await self._writer.open(OPEN_S)
        await self._writer.close()

    async def _judge(self, claim: Claim | None) -> None:
        if claim is None or claim.instance == self.instance:
            return
        before = self._before
        relieved = before is not None and claim.instance == before.instance
        if relieved and not self._claimed:
            return  # the one who was there before
        if relieved and before is not None and claim.serial <= before.serial:
            raise _stale(self._shard)  # this instance's own claim came after that one
        if await self._arbiter(self._shard):  # also where it came between: of two that start at once, both would leave
            self._before, self._claimed = claim, False
            return
        raise OwnedElsewhere(
            f"shard {self._shard} now belongs to {claim}; this instance ({self.instance}) leaves it",
            hint="let one bridge run for each kafka.group, or give each a kafka.group and a topic_prefix of its own",
        )


def _stale(shard: int) -> KafkaFailure:
    return KafkaFailure(
        f"Kafka shows an old state of shard {shard}'s checkpoints; it has just come back", reason="stale"
    )


class Outcome(Enum):
    """What became of a round whose commit is unknown. There is no fourth answer."""

    COMMITTED = "committed"
    NOT_COMMITTED = "not-committed"
    SUPERSEDED = "superseded"
    """Somebody else has written for one of the shard's streams: what is held here counts no more."""


Stamp = tuple[str, int]
"""Who wrote a checkpoint, and in which of its transactions."""


def outcome(transaction: Round, stored: Stored, stamps: Mapping[str, Stamp | None], instance: str) -> Outcome:
    """What became of a round, by what the partition says.

    Args:
        transaction: The round.
        stored: What the partition says.
        stamps: Of each stream's checkpoint, who wrote it as far as this instance knows; None where there is none.
        instance: This instance's name.
    """
    ours = (instance, transaction.serial)
    found = {name: (checkpoint.instance, checkpoint.serial) for name, checkpoint in stored.checkpoints.items()}
    for stream, stamp in found.items():
        if stream in stamps and stamp not in (stamps[stream], ours):
            return Outcome.SUPERSEDED
    claim = stored.claim
    if claim is not None and (claim.instance, claim.serial) == ours:
        return Outcome.COMMITTED
    return Outcome.COMMITTED if ours in found.values() else Outcome.NOT_COMMITTED
