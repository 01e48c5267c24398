"""The benchmark: the bridge beside what else one would write, on the same Kafka, core and events. See __main__."""
