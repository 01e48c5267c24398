"""Prices of all six odds formats as decimal odds, so that they can be compared. Pure."""

import math
from collections.abc import Callable


def decimal(price: object, odds_format: str) -> float | None:
    """What a stake of 1 returns if the bet is won, the stake included: the higher, the better for the bettor.

    Args:
        price: The price as upstream writes it.
        odds_format: AMERICAN, DECIMAL, PROBABILITY (0 to 1), MALAY, HONG_KONG or INDONESIAN.

    Returns:
        A finite number above 1, or None where there is no price: 0, null, an empty text, NaN, a number that the format
        doesn't have (an American price between -100 and 100, a probability of 1), an unknown format.
    """
    profit_of = _PROFIT.get(odds_format)
    if profit_of is None or not isinstance(price, int | float) or isinstance(price, bool):
        return None
    try:
        profit = profit_of(float(price))
    except (OverflowError, ZeroDivisionError):  # an integer too large for a float; no price at all
        return None
    total = 1.0 + profit
    return total if total > 1.0 and math.isfinite(total) else None  # NaN is not above 1


def _american(price: float) -> float:
    if price >= 100:
        return price / 100
    return 100 / -price if price <= -100 else 0.0


def _malay(price: float) -> float:
    # 0 to 1: the profit on a stake of 1. -1 to 0: the stake that wins 1.
    if 0 < price <= 1:
        return price
    return -1 / price if -1 <= price < 0 else 0.0


def _indonesian(price: float) -> float:
    # American odds, divided by 100.
    if price >= 1:
        return price
    return -1 / price if price <= -1 else 0.0


_PROFIT: dict[str, Callable[[float], float]] = {
    "AMERICAN": _american,
    "DECIMAL": lambda price: price - 1,
    "PROBABILITY": lambda price: (1 - price) / price if 0 < price < 1 else 0.0,
    "MALAY": _malay,
    "HONG_KONG": lambda price: price,
    "INDONESIAN": _indonesian,
}
"""Each format's profit on a stake of 1; 0 where the number is no price of that format."""
