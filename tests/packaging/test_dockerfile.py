"""The Dockerfile: its lint, and what it must keep true."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from bridge import __version__
from bridge.config import sections
from tests.packaging.files import ROOT, in_context, stages


def test_lint() -> None:
    beside = shutil.which("hadolint", path=str(Path(sys.executable).parent))
    hadolint = beside or shutil.which("hadolint")
    if hadolint is None:
        pytest.skip("hadolint isn't installed")
    call = [hadolint, "--failure-threshold", "style", str(ROOT / "Dockerfile")]
    done = subprocess.run(call, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_stage_is_of_the_one_pinned_base() -> None:
    found = stages()
    assert list(found) == ["", "wheel", "environment", "oddsbridge"]
    (pin,) = found[""]
    assert re.fullmatch(r"PYTHON=3\.\d+-slim-[a-z]+", pin.rest), "a version of Python and of Debian"
    for name, stage in found.items():
        if name:
            assert stage[0].rest.startswith("python:${PYTHON} AS ")


def test_what_is_installed_is_checked_by_hash() -> None:
    installs = [i.rest for stage in stages().values() for i in stage if i.word == "RUN" and "pip" in i.rest]
    commands = [part for rest in installs for part in rest.split("&&") if " install " in part]
    assert len(commands) == 3
    for command in commands:
        assert "--require-hashes" in command or "--no-index" in command, command
    assert not [i for i in stages()["oddsbridge"] if "pip" in i.rest], "nothing is installed into what runs"


def test_what_runs_is_nobody_in_particular() -> None:
    final = stages()["oddsbridge"]
    by_word = {i.word: i.rest for i in final}
    assert by_word["USER"] == "10001:10001"
    after = [i.word for i in final[final.index(next(i for i in final if i.word == "USER")) :]]
    assert "RUN" not in after
    assert "COPY" not in after
    assert json.loads(by_word["ENTRYPOINT"]) == ["oddsbridge"]
    assert json.loads(by_word["CMD"]) == ["run", "-c", "/etc/oddsbridge/oddsbridge.toml"]
    assert by_word["STOPSIGNAL"] == "SIGTERM"
    assert {"PYTHONDONTWRITEBYTECODE=1", "PYTHONSAFEPATH=1"} <= set(by_word["ENV"].split())
    port = sections.AdminSettings().address.port
    assert by_word["EXPOSE"] == str(port)
    assert f"HEALTH=127.0.0.1:{port}/livez" in by_word["ENV"].split()
    for label in ("title", "description", "licenses", "version", "revision"):
        assert f"org.opencontainers.image.{label}=" in by_word["LABEL"]


def test_the_builder_is_sent_what_it_copies_and_nothing_else() -> None:
    copied = [
        i.rest.split() for stage in stages().values() for i in stage if i.word == "COPY" and "--from" not in i.rest
    ]
    sources = {source for words in copied for source in words[:-1]}
    for source in sources:
        path = ROOT / source
        assert path.exists()
        assert in_context(source if path.is_file() else f"{source}/__init__.py"), source
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False).stdout.split()
    more = ["bridge/__pycache__/cli.cpython-313.pyc", "bridge/kafka/__pycache__/x.pyc", ".env", "oddsbridge.key"]
    sent = {path for path in [*tracked, *more, ".git/config", ".venv/bin/python"] if in_context(path)}
    needed = {
        path for path in sent if path in sources or path.split("/")[0] in sources or path.startswith("requirements/")
    }
    assert sent == needed
    assert not [path for path in sent if "__pycache__" in path]


def test_the_version_that_is_built_is_the_one_that_is_told() -> None:
    assert re.fullmatch(r"\d+\.\d+\.\d+(\.?(dev|a|b|rc)\d+)?", __version__)
