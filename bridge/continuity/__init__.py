"""Pure rules of continuity: duplicates, the proof of a replay, and what a snapshot says of what was published."""

from bridge.continuity.board import ROOM_BYTES, Board, Index, Known, Room, Told
from bridge.continuity.compare import LIVE_MARGIN_MS, Change, Difference, compare, standing
from bridge.continuity.coverage import Coverage
from bridge.continuity.fixtures import OVER, Fixtures
from bridge.continuity.halves import Confirmed, Locks, Withheld
from bridge.continuity.handover import Handover, Joint
from bridge.continuity.offers import Around
from bridge.continuity.packing import Order
from bridge.continuity.places import Place
from bridge.continuity.position import ASIDE, KEPT_AT_GAP, RECENT, RECENT_BYTES, Position, mark_of
from bridge.continuity.replay import PROOF_S, WINDOW, Continuity, Replay, Verdict

__all__ = [
    "ASIDE",
    "KEPT_AT_GAP",
    "LIVE_MARGIN_MS",
    "OVER",
    "PROOF_S",
    "RECENT",
    "RECENT_BYTES",
    "ROOM_BYTES",
    "WINDOW",
    "Around",
    "Board",
    "Change",
    "Confirmed",
    "Continuity",
    "Coverage",
    "Difference",
    "Fixtures",
    "Handover",
    "Index",
    "Joint",
    "Known",
    "Locks",
    "Order",
    "Place",
    "Position",
    "Replay",
    "Room",
    "Told",
    "Verdict",
    "Withheld",
    "compare",
    "mark_of",
    "standing",
]
