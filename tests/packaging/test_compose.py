"""docker-compose.yml: its schema, and that what it starts can work."""

import json
import shutil
import subprocess
from typing import Any

import jsonschema
import pytest
import yaml

from bridge.config import load, warnings
from bridge.demo.jars import KAFKA_VERSION
from bridge.simulator.options import SimulatorOptions
from tests.packaging.files import COMPOSE, DEPLOY, ROOT, compose, config_of, services

MIB = 2**20
EVERYTHING = sorted(compose()["services"])
OURS = [name for name in EVERYTHING if "build" in compose()["services"][name]]


def test_it_is_a_compose_file() -> None:
    schema = json.loads((ROOT / "tests/packaging/compose-spec.json").read_text())
    found = compose()
    jsonschema.Draft202012Validator(schema).validate(found)
    found["services"]["bridge"]["restrat"] = "always"
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(schema).validate(found)


@pytest.mark.parametrize("profile", ["live", "demo"])
def test_compose_itself_takes_it(profile: str) -> None:
    """Where the `docker compose` plugin is: it needs no engine for this."""
    docker = shutil.which("docker")
    if docker is None or subprocess.run([docker, "compose", "version"], capture_output=True, check=False).returncode:
        pytest.skip("the docker compose plugin isn't installed")
    call = [docker, "compose", "-f", str(COMPOSE), "--profile", profile, "config", "--services"]
    done = subprocess.run(call, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert set(done.stdout.split()) == set(services(profile))


def test_the_demo_needs_no_key_and_leaves_the_real_bridge_alone() -> None:
    assert set(services("demo")) == {"kafka", "simulator", "bridge-demo", "prometheus"}
    assert set(services("live")) == {"kafka", "bridge", "prometheus"}
    # Plain `docker compose up` starts the real bridge: .env says so, and holds nothing else, least of all a key.
    lines = [line for line in (ROOT / ".env").read_text().splitlines() if not line.startswith("#")]
    assert lines == ["COMPOSE_PROFILES=live"]
    assert "${" not in COMPOSE.read_text(), "a variable that must be set would be asked for by the demo too"
    for name, service in services("demo").items():
        assert "env_file" not in service, name


def test_the_demo_bridge_is_told_where_the_simulator_and_kafka_are() -> None:
    bridge = services("demo")["bridge-demo"]
    settings = load(config_of(bridge), environ=bridge["environment"])
    command = services("demo")["simulator"]["command"]
    host, _, port = command[command.index("--listen") + 1].rpartition(":")
    assert host == "0.0.0.0"
    assert settings.upstream.base_url == f"http://simulator:{port}/api/v3"
    assert settings.upstream.api_key is not None
    assert settings.upstream.api_key.get_secret_value() == SimulatorOptions().key
    assert services("demo")["simulator"]["environment"]["HEALTH"].startswith(f"127.0.0.1:{port}/")
    real = load(config_of(services("live")["bridge"]), environ={}, need_key=False)
    assert real.kafka.topic_prefix != settings.kafka.topic_prefix, "made-up odds don't go where real ones go"
    assert real.kafka.group != settings.kafka.group


@pytest.mark.parametrize(("profile", "name"), [("live", "bridge"), ("demo", "bridge-demo")])
def test_the_configuration_fits_the_containers(profile: str, name: str) -> None:
    service = services(profile)[name]
    settings = load(config_of(service), environ=service.get("environment", {"ODDSBRIDGE_UPSTREAM__API_KEY": "k"}))
    kafka = services(profile)["kafka"]["environment"]
    assert f"PLAINTEXT://{settings.kafka.bootstrap_servers}" in kafka["KAFKA_ADVERTISED_LISTENERS"].split(",")
    assert settings.admin.address.host == "0.0.0.0"
    assert service["ports"] == [f"127.0.0.1:{settings.admin.address.port}:{settings.admin.address.port}"]
    (target,) = yaml.safe_load((DEPLOY / "prometheus/prometheus.yml").read_text())["scrape_configs"][0][
        "static_configs"
    ]
    (alias,) = service["networks"]["default"]["aliases"]
    assert target["targets"] == [f"{alias}:{settings.admin.address.port}"]
    assert _seconds(service["stop_grace_period"]) > settings.process.drain_s + 5
    buffers = settings.kafka.shards * settings.kafka.buffer_bytes
    known = 500 * MIB if settings.upstream.continuity == "reconcile" else 0  # a million odds
    assert _bytes(service["mem_limit"]) > 1.5 * (buffers + settings.upstream.max_event_bytes) + known
    assert warnings(settings) == []


def test_the_simulator_has_the_memory_for_what_it_keeps() -> None:
    simulator, bridge = services("demo")["simulator"], services("demo")["bridge-demo"]
    channels = len(load(config_of(bridge), environ=bridge["environment"]).streams)
    keep = int(simulator["command"][simulator["command"].index("--keep") + 1])
    # Beside the bytes of an entry stand its ids and hashes, less than as much again; the rest is the boards and Python.
    assert _bytes(simulator["mem_limit"]) > (2 * channels * keep + 256) * MIB


def test_the_key_is_looked_for_where_git_does_not_see_it() -> None:
    (bridge,) = [service for name, service in services("live").items() if name == "bridge"]
    file = ROOT / bridge["env_file"]
    assert f"/{file.name}" in (file.parent / ".gitignore").read_text().splitlines()
    example = file.with_name(f"{file.name}.example").read_text()
    assert "ODDSBRIDGE_UPSTREAM__API_KEY=\n" in example
    ignored = subprocess.run(["git", "check-ignore", "-q", file], cwd=ROOT, check=False).returncode
    assert ignored in {0, 128}, "git would commit the key"  # 128: this is no checkout


@pytest.mark.parametrize("name", EVERYTHING)
def test_every_container_is_confined(name: str) -> None:
    service: dict[str, Any] = compose()["services"][name]
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert {"pids_limit", "mem_limit", "cpus"} <= set(service)
    assert service["logging"]["options"].keys() >= {"max-size", "max-file"}
    assert service.get("read_only", False) or name == "kafka", "only Kafka's own start script writes"
    for port in service.get("ports", []):
        assert port.startswith("127.0.0.1:"), "without a password nothing is opened to the network"
    for mount in service.get("volumes", []):
        assert mount.endswith(":ro") or mount.split(":")[0] in compose()["volumes"], mount
    assert not {"privileged", "user", "network_mode", "pid", "ipc", "cap_add"} & set(service)


@pytest.mark.parametrize("name", EVERYTHING)
def test_every_image_is_pinned_or_built_here(name: str) -> None:
    service = compose()["services"][name]
    image, _, tag = service["image"].partition(":")
    if name in OURS:
        assert (image, tag) == ("oddsbridge", "")
        assert service["build"] == "."
    else:
        assert tag.count(".") == 2, "an exact version"
    if name == "kafka":
        assert service["image"] == f"apache/kafka:{KAFKA_VERSION}", "what the tests run against"


def test_each_start_waits_for_what_it_needs() -> None:
    for name, needs in {"bridge": {"kafka"}, "bridge-demo": {"kafka", "simulator"}}.items():
        depends = compose()["services"][name]["depends_on"]
        assert depends == {need: {"condition": "service_healthy"} for need in needs}
    for name in set(EVERYTHING) - set(OURS):
        assert "healthcheck" in compose()["services"][name], "the image of the project has its own"


def test_restarts_end_for_the_bridge_and_not_for_what_it_needs() -> None:
    """Exit code 4 says that another instance owns the work: unlimited restarts on both sides would never end."""
    for name in EVERYTHING:
        assert compose()["services"][name]["restart"] == ("on-failure:5" if name in OURS else "unless-stopped")


def _bytes(text: str) -> int:
    return int(text[:-1]) * {"m": MIB, "g": 1024 * MIB}[text[-1]]


def _seconds(text: str) -> int:
    assert text.endswith("s")
    return int(text[:-1])
