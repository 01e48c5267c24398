"""The bridge as users run it, by each way in: everything arrives once, whatever is renewed meanwhile."""

import sys
from pathlib import Path

import pytest

from bridge.kafka.acls import needed
from bridge.simulator.control import SimulatorControl
from bridge.simulator.options import SimulatorOptions
from bridge.simulator.server import Simulator
from tests.security.scene import PASSWORD, STREAMS, assert_all_arrived, received, settings_of
from tests.support.bridge import Bridge, toml
from tests.support.secure_kafka import SecureKafka, section
from tests.support.token_server import TokenServer
from tests.support.waiting import until

pytestmark = pytest.mark.kafka


async def test_by_client_certificate(locked: SecureKafka, unique: str, tmp_path: Path) -> None:
    certificate, key = locked.authority.issue(unique)
    async with Simulator(SimulatorOptions(rate=500.0)) as simulator:
        config = toml(simulator.base_url, locked.mutual, unique, STREAMS, kafka={"shards": 1})
        config += section(ca_file=locked.authority.certificate, certificate_file=certificate, key_file=key)
        await locked.allow(f"User:CN={unique}", needed(settings_of(config, tmp_path)))
        async with Bridge(tmp_path, config) as bridge, SimulatorControl(simulator.base_url) as control:
            await bridge.start()
            await received(bridge, 100)
            await assert_all_arrived(locked, unique, bridge, control)


async def test_by_tokens_that_expire_and_connections_that_are_cut_for_it(
    locked: SecureKafka, unique: str, tmp_path: Path
) -> None:
    secret = "the client's secret"
    async with Simulator(SimulatorOptions(rate=300.0)) as simulator, TokenServer(secret, life_s=5.0) as server:
        config = toml(simulator.base_url, locked.sasl_ssl, unique, STREAMS, kafka={"shards": 1}, log={"level": "debug"})
        config += section(token_url=server.url, client_id=unique, ca_file=locked.authority.certificate)
        environment = {"ODDSBRIDGE_KAFKA__SECURITY__CLIENT_SECRET": secret}
        await locked.allow(f"User:{unique}", needed(settings_of(config, tmp_path, environment)))
        async with (
            Bridge(tmp_path, config, environment=environment) as bridge,
            SimulatorControl(simulator.base_url) as control,
        ):
            await bridge.start()

            async def tokens() -> int:
                return len(server.issued)

            await until(tokens, lambda n: n >= 4, within=60, what="connections made anew")
            before = await bridge.sum("oddsbridge_entries_total")
            await received(bridge, before + 100)
            await assert_all_arrived(locked, unique, bridge, control)
            assert secret not in bridge.text
            assert not any(token.split(".")[1] in bridge.text for token in server.issued)


async def test_a_password_is_changed_under_a_running_bridge(locked: SecureKafka, unique: str, tmp_path: Path) -> None:
    """A restarted broker closes all connections: what the producer then has is the password of before."""
    (tmp_path / "quick.py").write_text(
        "from bridge.kafka import connection\nfrom bridge.cli import main\nconnection.LOOK_S = 0.2\nmain()\n"
    )
    file = tmp_path / "password"
    file.write_text(PASSWORD)
    await locked.let_in(unique, PASSWORD)
    async with Simulator(SimulatorOptions(rate=200.0)) as simulator:
        config = toml(simulator.base_url, locked.sasl_ssl, unique, STREAMS, kafka={"shards": 1})
        config += section(username=unique, password_file="password", ca_file=locked.authority.certificate)
        await locked.allow(f"User:{unique}", needed(settings_of(config, tmp_path)))
        environment = {"PYTHONPATH": ":".join([str(tmp_path), *sys.path])}
        bridge = Bridge(tmp_path, config, environment=environment, module="quick")
        async with bridge, SimulatorControl(simulator.base_url) as control:
            await bridge.start()
            await received(bridge, 20)
            await locked.let_in(unique, "another password")
            file.write_text("another password\n")

            async def read_anew() -> bool:
                return "were read anew" in bridge.text

            await until(read_anew, bool, within=20, what="the new password")
            await locked.restart()
            before = await bridge.sum("oddsbridge_entries_total")
            await received(bridge, before + 100, within=90)
            await assert_all_arrived(locked, unique, bridge, control)
            assert "another password" not in bridge.text
