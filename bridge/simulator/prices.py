"""One probability in each of the six odds formats."""

from typing import Literal, get_args

OddsFormat = Literal["AMERICAN", "DECIMAL", "PROBABILITY", "MALAY", "HONG_KONG", "INDONESIAN"]
FORMATS: tuple[str, ...] = get_args(OddsFormat)


def price(probability: float, odds_format: OddsFormat) -> float | int:
    """The price of a probability between 0 and 1 (both excluded), rounded as books do.

    Source: the usual definitions; DECIMAL is the total return on a stake of 1, HONG_KONG the profit.
    """
    profit = (1 - probability) / probability
    if odds_format == "AMERICAN":
        return round(profit * 100) if profit >= 1 else -round(100 / profit)
    if odds_format == "DECIMAL":
        return round(profit + 1, 3)
    if odds_format == "PROBABILITY":
        return round(probability, 4)
    if odds_format == "HONG_KONG":
        return round(profit, 3)
    if odds_format == "MALAY":
        return round(profit if profit <= 1 else -1 / profit, 3)
    return round(profit if profit >= 1 else -1 / profit, 3)
