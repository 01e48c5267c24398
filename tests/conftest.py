"""What the tests share: one embedded Kafka for all of them, names that nobody else uses, and the numbers they tell.

`make test` runs them in two processes side by side, for they wait more than they work; then each process has a broker.
"""

import os
import signal
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

import bridge
import bridge.logs
from bridge.demo.jars import fetch_jars
from bridge.demo.kafka import EmbeddedKafka
from bridge.errors import DemoUnavailable

# A machine that has other things to do may stand still in the middle of an example: none has a time limit.
settings.register_profile("oddsbridge", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("oddsbridge")

_told: list[str] = []


def pytest_configure() -> None:
    """`make test` names the folder of the wheel that it installed: the checkout must not stand in for it."""
    wheel = os.environ.get("WHEEL_UNDER_TEST")
    if wheel and not Path(bridge.__file__).is_relative_to(wheel):
        raise pytest.UsageError(f"the tests would run against {bridge.__file__}, not against the wheel in {wheel}")
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # so it is in the background, and for children too
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "kafka" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.kafka)


def pytest_collection_finish(session: pytest.Session) -> None:
    """Fetch Kafka's jars before the first test, so that no test's time limit has to hold the download."""
    if session.config.getoption("collectonly") or not any(item.get_closest_marker("kafka") for item in session.items):
        return
    capture = session.config.pluginmanager.getplugin("capturemanager")
    with capture.global_and_fixture_disabled():
        try:
            fetch_jars()
        except DemoUnavailable as error:
            pytest.exit(str(error), returncode=pytest.ExitCode.USAGE_ERROR)


@pytest.fixture(scope="session")
def kafka() -> Iterator[EmbeddedKafka]:
    """The broker of the whole session. A test that kills or pauses it leaves it serving again."""
    with EmbeddedKafka() as broker:
        yield broker


@pytest.fixture
def unique() -> str:
    """A short name that no other test has: for topic prefixes, groups, transactional ids."""
    return f"t{uuid.uuid4().hex[:10]}"


@pytest.fixture(autouse=True)
def own_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    """A secret that one test has the logs hide isn't hidden from the others."""
    monkeypatch.setattr(bridge.logs, "_secrets", type(bridge.logs._secrets)())


@pytest.fixture
def tell() -> Callable[[str], None]:
    """Show a measured number at the end of the run, also when all went well."""
    return _told.append


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Of several processes each hands its numbers to the one that shows them."""
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["told"] = _told


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    _told.extend(getattr(node, "workeroutput", {}).get("told", []))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if _told:
        terminalreporter.section("what the tests measured")
        for line in _told:
            terminalreporter.line(line)
