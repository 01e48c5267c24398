"""A publisher with a real board and buffer, and everything that can be seen of what it offers."""

from typing import Any

import orjson

from bridge.announce import Announcer
from bridge.buffer import Buffer
from bridge.continuity import Board, Position, Room
from bridge.entries import Entry, EntryId
from bridge.health import StreamHealth
from bridge.kafka.checkpoints import Stored
from bridge.metrics import Metrics
from bridge.positions import Positions
from bridge.publisher import Publisher
from bridge.records import Explode, Held, Record
from tests.support.ids import NOW

TOPICS = {
    name: f"p.{name}"
    for name in ("odds", "locked-odds", "copilot-odds", "copilot-locked-odds", "fixture-status", "fixture-results")
}


class Publishing:
    """Everything around one stream's publisher."""

    def __init__(
        self,
        *,
        position: Position | None = None,
        scope: str = "all",
        board: bool = True,
        heals: bool = True,
        limit: int = 10**9,
        clock: Any = None,
    ) -> None:
        self.now_ms = NOW + 10**6
        self.buffer = Buffer(limit)
        self.metrics = Metrics().stream("nba")
        self.health = StreamHealth(clock or (lambda: self.now_ms / 1000))
        self.board = Board(Room()) if board else None
        self.publisher = Publisher(
            explode=Explode(
                stream="nba",
                topics=TOPICS,
                unknown_prefix="p.event.",
                odds_format="AMERICAN",
                state_topic="p.odds-state",
            ),
            announcer=Announcer("p.bridge-events", "here"),
            position=position or Position(),
            board=self.board,
            buffer=self.buffer,
            scope=scope,
            health=self.health,
            metrics=self.metrics,
            now_ms=lambda: self.now_ms,
            heals=heals,
        )

    def take(self, *odds: str, ms: int | None, event: str = "odds") -> None:
        """An entry comes with some odds; its id is `NOW` and so many milliseconds."""
        items = [(odd.encode(), value(odd)) for odd in odds]
        entry_id = None if ms is None else EntryId(NOW + ms, 0)
        self.publisher.take(Entry(event, entry_id, items, size=100), self.now_ms / 1000)

    @property
    def held(self) -> list[Held]:
        """What is offered."""
        return self.buffer.first(10**12)

    @property
    def records(self) -> list[Record]:
        """All records that are offered, in order."""
        found = []
        for held in self.held:
            found += [record for part in held.parts for record in part.singles()]
            found += held.records
        return found

    def of(self, topic: str) -> list[Record]:
        """Those of a topic, without its prefix."""
        return [record for record in self.records if record.topic == f"p.{topic}"]

    @property
    def said(self) -> list[dict[str, Any]]:
        """What was announced, in order."""
        return [orjson.loads(record.value) for record in self.of("bridge-events")]

    def told(self, event: str) -> list[dict[str, Any]]:
        """What was announced under a name."""
        return [said for said in self.said if said["event"] == event]


def value(odd: str, **fields: object) -> bytes:
    """Upstream's bytes of an odd."""
    return orjson.dumps({"id": odd, "fixture_id": "F1", "sportsbook": "Novig", "price": 100, "is_live": True, **fields})


def order_of(record: Record) -> tuple[int, ...]:
    """A record's place: of one of the state, what its value says."""
    text = dict(record.headers).get("order", b"").decode() or orjson.loads(record.value)["order"]
    return tuple(map(int, text.split("-")))


def after(*ids: int, scope: str = "all", owes: str = "") -> Position:
    """The position of a stream that published entries with such ids."""
    position = Position()
    for ms in ids:
        position.add("odds", EntryId(NOW + ms, 0))
    position.scope, position.owes = scope, owes
    return position


def events(scene: Publishing) -> list[str]:
    """The names of what was announced."""
    return [said["event"] for said in scene.said]


def committed(scene: Publishing, before: Position) -> Position:
    """What a checkpoint says once all that is offered is committed."""
    positions = Positions(["nba"], "here")
    positions.adopt(Stored.of({}))
    positions.keep({"nba": before.copy()}, 1)
    return positions.after(scene.held).get("nba", before)


def connect(scene: Publishing, now: float = 100.0) -> None:
    """Upstream accepts a connection."""
    scene.publisher.connecting()
    scene.publisher.connected(now)
