"""Brings a stream's topics to what upstream offers: after a gap, at a first start, and when an audit finds a drift."""

from bridge.reconcile.odds import OddsComparison
from bridge.reconcile.reconciler import Reconciler
from bridge.reconcile.results import ResultsComparison

__all__ = ["OddsComparison", "Reconciler", "ResultsComparison"]
