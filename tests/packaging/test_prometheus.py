"""deploy/prometheus: valid, of metrics that exist, firing when it should; and a real Prometheus scrapes the bridge."""

import asyncio
import json
import re
import shutil
import socket
import subprocess
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import yaml

from bridge.demo.kafka import EmbeddedKafka
from bridge.simulator.options import SimulatorOptions
from bridge.simulator.server import Simulator
from tests.packaging.files import DEPLOY, ROOT
from tests.support.bridge import Bridge, toml
from tests.support.waiting import until

FOLDER = DEPLOY / "prometheus"
CASES = ROOT / "tests/packaging/alerts.test.yml"
STREAMS: list[Mapping[str, object]] = [
    {"name": "nba", "feed": "odds", "sport": "basketball", "sportsbook": ["DraftKings", "FanDuel"]}
]

installed = pytest.mark.skipif(
    shutil.which("prometheus") is None or shutil.which("promtool") is None,
    reason="prometheus and promtool aren't installed (Debian: prometheus)",
)


@installed
@pytest.mark.parametrize(
    "check",
    [
        ["check", "config", str(FOLDER / "prometheus.yml")],
        ["check", "rules", "--lint=all", "--lint-fatal", str(FOLDER / "alerts.yml")],
        ["test", "rules", str(CASES)],
    ],
    ids=["config", "rules", "cases"],
)
def test_promtool(check: list[str]) -> None:
    done = subprocess.run(["promtool", *check], cwd=CASES.parent, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def _rules() -> list[dict[str, Any]]:
    return [rule for group in yaml.safe_load((FOLDER / "alerts.yml").read_text())["groups"] for rule in group["rules"]]


def test_alerts_name_only_metrics_and_labels_that_the_docs_have() -> None:
    docs = (ROOT / "docs/metrics.md").read_text()
    known = set(re.findall(r"^\| `(\w+)` \|", docs, re.MULTILINE))
    assert len(known) > 20
    for rule in _rules():
        used = set(re.findall(r"\b(?:oddsbridge|process)_\w+", rule["expr"]))
        assert used <= known, rule["alert"]
        for metric, labels in re.findall(r"\b(oddsbridge_\w+)\{([^}]*)\}", rule["expr"]):
            (row,) = re.findall(rf"^\| `{metric}` .*$", docs, re.MULTILINE)
            for label, value in re.findall(r'(\w+)="([^"]*)"', labels):
                assert f"`{label}`" in row, rule["alert"]
                assert f"`{value}`" in row, rule["alert"]


def test_every_alert_is_shown_to_fire_and_has_words_for_people() -> None:
    cases = CASES.read_text()
    for rule in _rules():
        assert rule["labels"]["severity"] in {"critical", "warning"}
        assert rule["annotations"].keys() == {"summary", "description"}
        assert re.search(
            rf"alertname: {rule['alert']}\n\s+exp_alerts|alertname=\"{rule['alert']}\",alertstate", cases
        ), f"{rule['alert']} isn't shown to fire"
        assert rule["alert"] in (ROOT / "docs/deployment.md").read_text()


@installed
async def test_prometheus_scrapes_the_bridge(kafka: EmbeddedKafka, unique: str, tmp_path: Path) -> None:
    async with Simulator(SimulatorOptions(rate=200.0)) as simulator:
        config = toml(simulator.base_url, kafka.bootstrap_servers, unique, STREAMS)
        async with Bridge(tmp_path, config) as bridge:
            await bridge.start()
            async with _prometheus(tmp_path, bridge.admin.removeprefix("http://")) as ask:
                assert await until(lambda: ask("up"), lambda found: found == [1.0], within=60, what="up") == [1.0]
                carried = f'oddsbridge_records_total{{topic="{unique}.odds"}} > 0'
                await until(lambda: ask(carried), len, within=60, what="records")
                assert await ask('oddsbridge_stream_state{stream="nba",state="streaming"}') == [1.0]
                assert await ask('ALERTS{alertstate="firing"}') == []
                # A histogram's buckets are read as such, too.
                quantile = "histogram_quantile(0.5, sum by (le) (oddsbridge_receipt_to_commit_seconds_bucket))"
                (median,) = await ask(quantile)
                assert median > 0
                await bridge.kill()
                await until(lambda: ask("up"), lambda found: found == [0.0], within=60, what="down")


@asynccontextmanager
async def _prometheus(folder: Path, target: str) -> AsyncIterator[Any]:
    """A Prometheus with the deployed configuration: only the target's address, and the interval, are others."""
    config = yaml.safe_load((FOLDER / "prometheus.yml").read_text())
    (job,) = config["scrape_configs"]
    job["static_configs"] = [{"targets": [target]}]
    config["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s", "scrape_timeout": "1s"}
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
    shutil.copy(FOLDER / "alerts.yml", folder)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    with (folder / "prometheus.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            "prometheus",
            f"--config.file={folder / 'prometheus.yml'}",
            f"--storage.tsdb.path={folder / 'tsdb'}",
            f"--web.listen-address={address}",
            stdout=log,
            stderr=log,
        )

    async def ask(query: str) -> list[float]:
        assert process.returncode is None, (folder / "prometheus.log").read_text()[-3_000:]
        try:
            url = f"http://{address}/api/v1/query"
            async with aiohttp.ClientSession() as session, session.get(url, params={"query": query}) as answer:
                found = json.loads(await answer.text())
        except (aiohttp.ClientError, ValueError):
            return []  # not up yet
        return [float(sample["value"][1]) for sample in found["data"]["result"]] if "data" in found else []

    try:
        yield ask
    finally:
        process.kill()
        await process.wait()
