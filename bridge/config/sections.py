"""The sections of the file, one frozen model each; what spans sections is in `settings`."""

from pathlib import Path
from typing import Annotated

from pydantic import Field, SecretStr, field_validator

from bridge.config.kinds import (
    Address,
    BaseUrl,
    Compression,
    Delivery,
    Group,
    Healing,
    Listen,
    LogFormat,
    LogLevel,
    Seconds,
    Servers,
    TopicName,
    TopicPrefix,
    Whole,
    host_port,
    unusable_key,
    wrong,
)
from bridge.config.section import Section
from bridge.config.security import SecuritySettings

MIB = 2**20


class UpstreamSettings(Section):
    """`[upstream]`: where OpticOdds is, and the key."""

    base_url: BaseUrl = Field(
        default="https://api.opticodds.com/api/v3", description="OpticOdds, or a simulator; http or https."
    )
    api_key: SecretStr | None = Field(
        default=None,
        description="The key. Best given by the environment: `ODDSBRIDGE_UPSTREAM__API_KEY`. Either this or "
        "`api_key_file`.",
    )
    api_key_file: Path | None = Field(
        default=None,
        description="A file that holds nothing but the key. Read again at each connect, so that a key can be "
        "rotated. In the file relative to the file's own folder, in the environment to the working directory.",
    )
    silence_s: Annotated[Seconds, Field(gt=0, le=300)] = Field(
        default=15.0,
        description="Seconds without a byte after which a connection counts as dead. Pings come every 5 s.",
    )
    max_event_bytes: Annotated[Whole, Field(ge=1024, le=1024 * MIB)] = Field(
        default=32 * MIB, description="An event larger than this many bytes isn't held in memory: it is a dead letter."
    )
    continuity: Healing = Field(
        default="reconcile",
        description="What follows a gap. `reconcile`: upstream's snapshot is compared with what was published, and "
        "what differs is published. `announce`: the gap is told on `bridge-events`, nothing is fetched, and "
        "`odds-state` isn't written; for a key without REST access.",
    )
    renew_after_s: Annotated[Seconds, Field(ge=0, le=86_400)] = Field(
        default=1440.0,
        description="Seconds after which a stream opens its next connection and then closes the old one, "
        "before upstream ends it after 25 to 30 minutes. 0: never.",
    )
    audit_minutes: Annotated[Seconds, Field(ge=0, le=1440)] = Field(
        default=30.0,
        description="Minutes between audits of a stream: the snapshot is compared as after a gap, and what differs "
        "twice is mended and told. 0: never.",
    )
    source_silent_s: Annotated[Seconds, Field(ge=0, le=86_400)] = Field(
        default=600.0,
        description="Seconds after which a sportsbook that upstream's scraper hasn't polled is told as silent. "
        "0: never asked.",
    )

    @field_validator("api_key")
    @classmethod
    def _legal_key(cls, value: SecretStr | None) -> SecretStr | None:
        if value is None:
            return None
        key = value.get_secret_value().strip()
        if problem := unusable_key(key):
            raise wrong(f"the key {problem}", "give the key by ODDSBRIDGE_UPSTREAM__API_KEY or api_key_file")
        return SecretStr(key)

    @field_validator("api_key_file")
    @classmethod
    def _named_file(cls, value: Path | None) -> Path | None:
        if value is not None and value == Path():
            raise wrong("names no file", "leave the setting out, or name the file that holds the key")
        return value


class TopicNames(Section):
    """`[kafka.topics]`: names of topics, set one by one."""

    odds: TopicName | None = Field(default=None, description="Odds. May be the same topic as `locked_odds`.")
    locked_odds: TopicName | None = Field(default=None, description="Odds that were locked.")
    copilot_odds: TopicName | None = Field(
        default=None, description="Copilot odds. The three copilot topics may be one."
    )
    copilot_locked_odds: TopicName | None = Field(default=None, description="Copilot odds that were locked.")
    copilot_settled_odds: TopicName | None = Field(default=None, description="Copilot odds that were settled.")
    fixture_status: TopicName | None = Field(default=None, description="Status and start time of fixtures.")
    fixture_results: TopicName | None = Field(default=None, description="Scores and statistics.")
    odds_state: TopicName | None = Field(default=None, description="The latest of each odd; compacted.")
    copilot_odds_state: TopicName | None = Field(default=None, description="The latest of each copilot odd; compacted.")
    checkpoints: TopicName | None = Field(default=None, description="Where each stream is; compacted.")
    bridge_events: TopicName | None = Field(default=None, description="What the bridge itself has to say.")
    dead_letters: TopicName | None = Field(default=None, description="What could not be published, and why.")


class KafkaSettings(Section):
    """`[kafka]`: the cluster, the topics and the transactions."""

    bootstrap_servers: Servers = Field(description="`host:port`, or several with commas between.")
    topic_prefix: TopicPrefix = Field(
        default="opticodds.", description="What the topics' names begin with; may be empty."
    )
    topics: TopicNames = TopicNames()
    security: SecuritySettings = SecuritySettings()
    group: Group = Field(
        default="oddsbridge",
        description="The consumer group of the bridge's instances, and part of the transactional ids.",
    )
    transactional_id_prefix: TopicPrefix | None = Field(
        default=None,
        description="Transactional ids are `<this><group>-<shard>`. Not to be changed lightly: an old instance "
        "under another id isn't fenced. Default: `topic_prefix`.",
    )
    delivery: Delivery = Field(
        default="exactly-once",
        description="`exactly-once` needs transactions. `at-least-once` is for brokers without them: after a failure "
        "or a kill the last entries may come twice.",
    )
    shards: Annotated[Whole, Field(ge=1, le=1000)] = Field(
        default=4,
        description="The units of fail-over, and the partitions of the checkpoints topic. Not to be changed once "
        "that topic is there.",
    )
    partitions: Annotated[Whole, Field(ge=1, le=10_000)] = Field(
        default=12, description="Partitions of the data topics that the bridge creates."
    )
    replication_factor: Annotated[Whole, Field(ge=1, le=100)] | None = Field(
        default=None, description="Of topics that the bridge creates. Default: 3, or the number of brokers if less."
    )
    compression: Compression = Field(default="zstd", description="Of the batches that the bridge writes.")
    transaction_timeout_ms: Annotated[Whole, Field(ge=1000, le=900_000)] = Field(
        default=10_000,
        description="Milliseconds after which the broker ends a dead instance's transaction; all `read_committed` "
        "readers wait that long for it. Brokers allow at most 900000 unless told otherwise.",
    )
    buffer_bytes: Annotated[Whole, Field(ge=MIB, le=64 * 1024 * MIB)] = Field(
        default=64 * MIB, description="What a shard holds in memory while Kafka is slow; then reading stops."
    )
    state_grace_s: Annotated[Seconds, Field(ge=0, le=30 * 86_400)] = Field(
        default=3600.0,
        description="Seconds that the odds of a fixture stay in `odds-state` after it is over; then come tombstones.",
    )

    def transactional_id(self, shard: int) -> str:
        """The transactional id of `shard`."""
        prefix = self.topic_prefix if self.transactional_id_prefix is None else self.transactional_id_prefix
        return f"{prefix}{self.group}-{shard}"


class AdminSettings(Section):
    """`[admin]`: health and metrics over HTTP."""

    listen: Listen = Field(
        default="127.0.0.1:9464", description="`host:port`; `:9464` is all interfaces, port 0 any free port."
    )

    @property
    def address(self) -> Address:
        """`listen`, taken apart."""
        address = host_port(self.listen)
        assert address is not None, "validated"  # noqa: S101 — the type can't say it
        return address


class LogSettings(Section):
    """`[log]`: what is logged, and how."""

    level: LogLevel = Field(default="info", description="`debug` also shows what the libraries say.")
    format: LogFormat = Field(default="auto", description="`auto`: readable on a terminal, JSON elsewhere.")


class ProcessSettings(Section):
    """`[process]`: how the process ends."""

    drain_s: Annotated[Seconds, Field(gt=0, le=600)] = Field(
        default=10.0, description="Seconds that SIGTERM leaves to commit what was read."
    )
