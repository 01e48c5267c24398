"""What the tests of this folder share: a bridge that is let in, and the comparison at its end."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bridge.config import KafkaSettings, SecuritySettings, Settings, load
from bridge.kafka.connection import Access
from bridge.simulator.control import SimulatorControl
from tests.support.bridge import KEY, Bridge, toml
from tests.support.oracle import assert_ordered, assert_same, emitted, published
from tests.support.reader import read
from tests.support.secure_kafka import SecureKafka, section
from tests.support.waiting import until

STREAMS: list[Mapping[str, object]] = [
    {"name": "nba", "feed": "odds", "sport": "basketball", "sportsbook": ["DraftKings"]}
]
UNKNOWN = "never-seen"
PASSWORD = "a very-secret=pass,word"


def settings_of(config: str, folder: Path, environment: Mapping[str, str] | None = None) -> Settings:
    file = folder / "settings.toml"
    file.write_text(config)
    return load(file, {"ODDSBRIDGE_UPSTREAM__API_KEY": KEY, **(environment or {})})


def configuration(locked: SecureKafka, unique: str, base_url: str, **sections: Mapping[str, object]) -> str:
    config = toml(base_url, locked.sasl_ssl, unique, STREAMS, kafka={"shards": 1}, **sections)
    return config + section(username="bridge", password=PASSWORD, ca_file=locked.authority.certificate)


async def trouble(bridge: Bridge) -> str:
    """What the bridge says when it can't go on: at its end, or on /readyz while it is blocked."""

    async def said() -> str:
        assert bridge.process is not None
        if bridge.process.returncode is not None:
            return bridge.text.splitlines()[-1]
        return next((why for why in (await bridge.ready()).get("why", []) if "blocked" in why), "")

    return await until(said, bool, within=40, what="a word about what is missing")


def access(servers: str, **security: Any) -> Access:
    settings = KafkaSettings(bootstrap_servers=servers, topic_prefix="x.", security=SecuritySettings(**security))
    return Access(settings, "test")


async def received(bridge: Bridge, entries: float, within: float = 40) -> None:
    await until(lambda: bridge.sum("oddsbridge_entries_total"), lambda n: n >= entries, within=within, what="entries")


async def assert_all_arrived(locked: SecureKafka, unique: str, bridge: Bridge, control: SimulatorControl) -> None:
    """Stop upstream and then the bridge, and compare."""
    await control.pause()
    logs = await control.logs()
    await received(bridge, sum(len(log) for log in logs.values()), within=60)
    assert await bridge.stop() == 0
    records = await read(locked.broker.bootstrap_servers, f"{unique}.")
    known = [record for record in records if record.headers["event"] != UNKNOWN]
    wanted = {name: [entry for entry in log if entry.event != UNKNOWN] for name, log in logs.items()}
    assert_same(emitted(wanted), published(known))
    assert_ordered(known)
    unknown = [record.topic for record in records if record.headers["event"] == UNKNOWN]
    assert unknown == [f"{unique}.event.{UNKNOWN}"] * sum(e.event == UNKNOWN for log in logs.values() for e in log)
