"""What upstream replays, for each channel: the simulator's own setting is one for all of them."""

from collections.abc import Callable
from dataclasses import dataclass

from bridge.simulator.channel import Channel
from bridge.simulator.connection import Connection
from bridge.simulator.server import Simulator

NEVER_EMITTED = "1-0"


@dataclass(frozen=True, slots=True)
class Replay:
    """What a channel replays.

    Attributes:
        kind: `none`; `bogus` (the id is accepted, and known to nobody: it starts at "now"); `full`; `window`.
        window_s: How far back a window reaches.
    """

    kind: str
    window_s: float = 0.0

    @property
    def is_complete(self) -> bool:
        """Whether it brings all that was missed, of an outage of some seconds."""
        return self.kind == "full" or self.window_s >= 60


class Replays:
    """Decides, at each connect, what is replayed.

    Args:
        simulator: It runs.
    """

    def __init__(self, simulator: Simulator) -> None:
        self.by_channel: dict[str, Replay] = {}
        self.default = Replay("full")
        streams = simulator._streams
        plain: Callable[[Connection, Channel, str], int] = streams._replay

        def chosen(connection: Connection, channel: Channel, last_entry_id: str) -> int:
            wanted = self.by_channel.get(channel.id, self.default)
            simulator.options.replay = (
                "window" if wanted.kind == "window" else "none" if wanted.kind == "none" else "full"
            )
            simulator.options.window_s = wanted.window_s
            return plain(connection, channel, NEVER_EMITTED if wanted.kind == "bogus" else last_entry_id)

        streams._replay = chosen  # type: ignore[method-assign]
