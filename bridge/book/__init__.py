"""For consumers: the board of odds, folded from the topics, with prices that can be compared and vouched for.

It needs neither aiokafka nor confluent-kafka; it takes the records of either. docs/book.md has an example of both.
"""

from bridge.book.fixtures import Fixture
from bridge.book.fold import Counts
from bridge.book.odds_book import OddsBook
from bridge.book.prices import decimal
from bridge.book.quote import Quote
from bridge.book.said import NewerRecord
from bridge.book.standing import Standing

__all__ = ["Counts", "Fixture", "NewerRecord", "OddsBook", "Quote", "Standing", "decimal"]
