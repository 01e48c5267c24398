"""How the embedded Kafka is set up: options of its Java machine and of the broker."""

from pathlib import Path

SMALL = ("-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
"""Quick to start and small: for tests and the demo."""
MEASURING = ("-Xms1g", "-Xmx1g", "-XX:+UseG1GC")
"""Full JIT, G1 and 1 GB: for measuring. Warm it up first."""

ALWAYS = (
    "-XX:-UsePerfData",  # would leave a file in /tmp after a kill
    "-XX:+ExitOnOutOfMemoryError",
    "-Djava.awt.headless=true",
    "--enable-native-access=ALL-UNNAMED",  # this and the next: no warnings of Java's own in the log
    "--sun-misc-unsafe-memory-access=allow",
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
    "-Dorg.slf4j.simpleLogger.showDateTime=true",
    "-Dorg.slf4j.simpleLogger.dateTimeFormat=HH:mm:ss.SSS",
)
"""What every start has: nothing left in /tmp, and a log of warnings and errors."""


def properties_of(broker_port: int, controller_port: int, data: Path) -> dict[str, str]:
    """The settings of one node, broker and controller at once, as server.properties has them.

    Args:
        broker_port: Where clients connect.
        controller_port: Where the node's controller listens.
        data: Where its logs go.
    """
    return {
        "process.roles": "broker,controller",
        "node.id": "1",
        "controller.quorum.voters": f"1@127.0.0.1:{controller_port}",
        "controller.listener.names": "CONTROLLER",
        "listeners": f"PLAINTEXT://127.0.0.1:{broker_port},CONTROLLER://127.0.0.1:{controller_port}",
        "advertised.listeners": f"PLAINTEXT://127.0.0.1:{broker_port}",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "log.dirs": str(data),
        "auto.create.topics.enable": "false",
        "default.replication.factor": "1",
        "offsets.topic.replication.factor": "1",
        "offsets.topic.num.partitions": "1",
        "transaction.state.log.replication.factor": "1",
        "transaction.state.log.min.isr": "1",
        "transaction.state.log.num.partitions": "4",
        "share.coordinator.state.topic.replication.factor": "1",
        "share.coordinator.state.topic.min.isr": "1",
        "group.initial.rebalance.delay.ms": "0",
        "group.min.session.timeout.ms": "1000",
        # A broker that was killed is let in again only when its old session is over.
        "broker.session.timeout.ms": "1500",
        "broker.heartbeat.interval.ms": "300",
        # An open transaction of a dead producer ends at most this long after its own time-out.
        "transaction.abort.timed.out.transaction.cleanup.interval.ms": "1000",
        # Compaction soon enough to be watched; its buffer comes out of the heap at once (default: 128 MB).
        "log.cleaner.enable": "true",
        "log.cleaner.backoff.ms": "500",
        "log.cleaner.dedupe.buffer.size": "16777216",
        "num.network.threads": "2",
        "num.io.threads": "4",
    }
