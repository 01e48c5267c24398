"""An OpticOdds to develop against: the three streams, believable boards, faults on demand, and an exact log."""

from bridge.simulator.control import ControlError, Logged, SimulatorControl
from bridge.simulator.options import SimulatorOptions
from bridge.simulator.server import Simulator

__all__ = ["ControlError", "Logged", "Simulator", "SimulatorControl", "SimulatorOptions"]
