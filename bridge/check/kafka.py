"""The questions to Kafka: does it let the bridge in, may the bridge do there what it needs, are its topics right?

Nothing is published, no topic is made, and no owner of a shard notices.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import replace
from typing import Any, Final

import aiokafka.codec

from bridge.check import permissions, topics, transactions
from bridge.check.conversation import TRANSIENT, Conversation
from bridge.check.facts import Facts
from bridge.check.findings import Finding, Level, Section
from bridge.check.permissions import Granted
from bridge.check.reach import judge_bootstrap, judge_brokers, reach, servers_of
from bridge.check.transactions import COORDINATOR_S, FORBIDDEN_ID, name_of
from bridge.config import Settings, topic_names
from bridge.errors import KafkaFailure
from bridge.kafka.acls import Acl, commands, needed, principal
from bridge.kafka.checkpoints import read
from bridge.kafka.plan import shard_of, topic_sets, topics_of
from bridge.kafka.topics import DATA, Topic

READ_S: Final = 6.0
"""Seconds that reading one shard's checkpoints may take."""

SETTLE_S: Final = 3.0
"""Seconds that topics which were made just now are given until every broker knows them."""

MOST_READ: Final = 8
"""Shards whose checkpoints are read; the permission is one for all of them."""

PROBE: Final = "oddsbridge-check"
"""The event whose topic is asked for when it is asked whether topics of unknown events could be made."""


class KafkaQuestions:
    """Asks one cluster everything, and says what was found.

    Args:
        settings: The configuration.
        options: Gives what a Kafka client is made with, for a role.
        file: The configuration's file, for the commands that are offered.
    """

    def __init__(self, settings: Settings, options: Callable[[object], Mapping[str, Any]], file: str) -> None:
        self.findings: list[Finding] = []
        """What was found so far."""
        self._kafka = settings.kafka
        self._options = options
        self._file = file
        self._plan = topics_of(settings)
        self._events = [f"{names.unknown_events}{PROBE}" for names in topic_sets(settings).values()]
        self._checkpoints = topic_names(settings).checkpoints
        self._shards = sorted({0, *(shard_of(stream.name, settings.kafka.shards) for stream in settings.streams)})
        self._acls = needed(settings)
        self._principal = principal(settings)
        self._facts = Facts()

    async def ask(self) -> None:
        """Ask all of it; `findings` has the answers."""
        options = self._options("check")
        outcomes = await reach(options, servers_of(self._kafka.bootstrap_servers))
        self.findings += judge_bootstrap(outcomes, self._how())
        good = [server for server, error in outcomes.items() if error is None]
        if not good:
            text = "topics, permissions and transactions can't be asked for before that is mended"
            self._say("cluster", Level.WARNING, text)
            return
        options = {**options, "bootstrap_servers": ",".join(good)}
        await self._unless_it_fails("cluster", self._converse(options, good))

    async def _converse(self, options: Mapping[str, Any], reached: Collection[str]) -> None:
        async with Conversation(options) as cluster:
            brokers = cluster.brokers()
            elsewhere = await reach(options, [str(broker) for broker in brokers if str(broker) not in reached])
            self.findings += judge_brokers({str(broker): elsewhere.get(str(broker)) for broker in brokers})
            usable = [broker for broker in brokers if elsewhere.get(str(broker)) is None]
            if not usable:
                return
            cluster.use(usable)
            replication = self._kafka.replication_factor or min(3, max(1, len(brokers)))
            tried, _ = await asyncio.gather(
                self._tried("transactions", transactions.ask(self._kafka, cluster, usable)),
                self._unless_it_fails("topic", self._ask_topics(cluster, replication)),
            )
            self.findings += tried
            self._judge_replication(len(brokers), replication)
            self._judge_compression(cluster)
            await self._unless_it_fails("acl", self._judge_permissions(cluster))
            self._judge_topics(replication)
        await self._judge_checkpoints(options)

    async def _unless_it_fails(self, check: str, asking: Awaitable[None]) -> None:
        """One question's failure is a finding, and doesn't keep the others from being asked."""
        try:
            await asking
        except KafkaFailure as error:
            self._say(check, Level.WRONG, error.message, error.hint)

    async def _tried(self, check: str, asking: Awaitable[list[Finding]]) -> list[Finding]:
        try:
            return await asking
        except KafkaFailure as error:
            return [Finding(Section.KAFKA, check, "", Level.WRONG, error.message, error.hint)]

    async def _ask_topics(self, cluster: Conversation, replication: int) -> None:
        names = [topic.name for topic in self._plan]
        probes = [Topic(name, "event", "", self._kafka.partitions, DATA) for name in self._events]
        end = time.monotonic() + SETTLE_S
        while True:
            answers = await asyncio.gather(
                cluster.layouts([*names, *self._events]),
                cluster.settings([*names, *self._events]),
                cluster.would_make([*self._plan, *probes], replication),
            )
            self._facts = Facts(*answers)
            if not self._facts.unsettled() or time.monotonic() > end:
                return
            await asyncio.sleep(0.1)

    def _judge_replication(self, brokers: int, factor: int) -> None:
        if factor > brokers:
            text = f"kafka.replication_factor is {factor}, and the cluster has {brokers} broker{'s' * (brokers != 1)}"
            self._say("replication", Level.WRONG, text, f"set kafka.replication_factor = {brokers}, or add brokers")
            return
        text = f"topics that the bridge makes get {factor} replica{'s' * (factor != 1)}"
        self._say(
            "replication", Level.OK, text + (": a broker that is lost takes what it holds" if factor == 1 else "")
        )

    def _judge_compression(self, cluster: Conversation) -> None:
        codec = self._kafka.compression
        if codec != "none" and not getattr(aiokafka.codec, f"has_{codec}")():
            self._say("compression", Level.WRONG, f"{codec} isn't installed here", 'set kafka.compression = "gzip"')
        elif codec == "zstd" and not cluster.takes_zstd:
            text = "the brokers don't take zstd: Kafka 2.1 and newer do"
            self._say("compression", Level.WRONG, text, 'set kafka.compression = "lz4"')
        else:
            self._say("compression", Level.OK, f"compression {codec} is possible at both ends")

    async def _judge_permissions(self, cluster: Conversation) -> None:
        ids = [self._kafka.transactional_id(shard) for shard in self._shards]
        if self._kafka.delivery != "exactly-once":
            ids = []
        codes = await asyncio.gather(*(cluster.end_of_nothing(id_, COORDINATOR_S) for id_ in ids))
        answers = {id_: code for id_, code in zip(ids, codes, strict=True) if code not in TRANSIENT}
        granted = Granted(self._facts.granted(), {id_: code != FORBIDDEN_ID for id_, code in answers.items()})
        self.findings += permissions.judge(
            self._acls,
            granted,
            topics=[topic.name for topic in self._plan],
            events=self._events,
            there=self._facts.found(self._plan),
            allow=self._allow,
        )

    def _allow(self, acl: Acl) -> str:
        return "; ".join(commands([acl], self._principal, self._kafka.bootstrap_servers))

    def _judge_topics(self, replication: int) -> None:
        found = self._facts.found(self._plan)
        differing = topics.differences(
            self._plan, found, shards=self._kafka.shards, replication=replication, compression=self._kafka.compression
        )
        told = topics.judge(self._plan, found, differing, alter=f"oddsbridge topics -c {self._file} --alter")
        servers = self._kafka.bootstrap_servers
        self.findings += [replace(finding, fix=finding.fix.replace("SERVERS", servers)) for finding in told]
        self._judge_missing(found)

    def _judge_missing(self, found: Collection[str]) -> None:
        seen = [name for name in self._facts.layouts if name not in self._events]
        missing = [name for name in seen if name not in found and not self._facts.hidden(name)]
        refused = {name: self._facts.would[name] for name in missing if self._facts.would.get(name, (0, ""))[0]}
        possible = [name for name in missing if name not in refused]
        if possible:
            text = f"missing, and made when the bridge starts: {', '.join(sorted(possible))}"
            fix = f"to have them now: oddsbridge topics -c {self._file} --create"
            self.findings.append(Finding(Section.TOPICS, "missing", "", Level.WARNING, text, fix))
        reasons: dict[str, list[str]] = {}
        for name, (code, words) in refused.items():
            reasons.setdefault(words or name_of(code), []).append(name)
        for reason, names in reasons.items():
            text = f"missing, and the cluster would not make: {', '.join(sorted(names))}: {reason}"
            fix = "mend that, or have somebody make them"
            self.findings.append(Finding(Section.TOPICS, "missing", "", Level.WRONG, text, fix))

    async def _judge_checkpoints(self, options: Mapping[str, Any]) -> None:
        """Who owns the shards, and whether this version can go on from what stands there."""
        there = self._facts.found(self._plan).get(self._checkpoints)
        if there is None or self._facts.granted().get((self._checkpoints, "Read")) is False:
            return
        shards = [shard for shard in self._shards if shard < there.partitions][:MOST_READ]
        reading = (read(options, self._checkpoints, shard, deadline_s=READ_S, wait=False) for shard in shards)
        for shard, stored in zip(shards, await asyncio.gather(*reading, return_exceptions=True), strict=True):
            if isinstance(stored, KafkaFailure):
                level, text, fix = Level.WRONG, stored.message, stored.hint
            elif isinstance(stored, BaseException):
                raise stored
            else:
                count = len(stored.checkpoints)
                owner = f"last owned by {stored.claim}" if stored.claim is not None else "owned by nobody yet"
                level, fix = Level.OK, ""
                text = f"shard {shard}: {count} checkpoint{'s' * (count != 1)}, {owner}"
            self.findings.append(Finding(Section.TOPICS, "checkpoints", str(shard), level, text, fix))

    def _how(self) -> str:
        security = self._kafka.security
        return security.security_protocol + (f" with {security.sasl_mechanism}" if security.uses_sasl else "")

    def _say(self, check: str, level: Level, text: str, fix: str = "") -> None:
        self.findings.append(Finding(Section.KAFKA, check, "", level, text, fix))
