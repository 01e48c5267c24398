"""oddsbridge: carries the OpticOdds streams into Apache Kafka, exactly once."""

__version__ = "0.1.0"
