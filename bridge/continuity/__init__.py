"""Pure rules of continuity: what is a duplicate, and when a replay is proven."""

from bridge.continuity.position import ASIDE, RECENT, RECENT_BYTES, Position
from bridge.continuity.replay import PROOF_S, WINDOW, Continuity, Replay, Verdict

__all__ = ["ASIDE", "PROOF_S", "RECENT", "RECENT_BYTES", "WINDOW", "Continuity", "Position", "Replay", "Verdict"]
