"""Builds a copy of the bridge, right or wrong, and runs tests against it."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree as ET

from tests.mutants.wrong import Wrong

ROOT = Path(__file__).parents[2]
COPIED = ("bridge", "tests", "docs", "pyproject.toml")
LIMIT_S = 400.0


class Stale(Exception):
    """A wrong bridge can't be built any more, or its tests can't be run: mend tests/mutants/wrong.py."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What tests said of a bridge.

    Attributes:
        failed: The first test that failed; "" if none did.
        why: The beginning of its message.
        seconds: How long it took.
    """

    failed: str
    why: str
    seconds: float


@contextmanager
def bridge(wrong: Wrong | None) -> Iterator[Path]:
    """A folder with the bridge and its tests, and one thing wrong.

    Raises:
        Stale: the text to be replaced isn't there exactly once.
    """
    with tempfile.TemporaryDirectory(prefix="oddsbridge-mutant-") as name:
        folder = Path(name)
        for what in COPIED:
            copy = shutil.copytree if (ROOT / what).is_dir() else shutil.copy
            copy(ROOT / what, folder / what)
        if wrong is not None:
            file = folder / "bridge" / wrong.file
            source = file.read_text()
            if source.count(wrong.right) != 1:
                raise Stale(
                    f"bridge/{wrong.file} has this {source.count(wrong.right)} times, not once: {wrong.right!r}"
                )
            file.write_text(source.replace(wrong.right, wrong.wrong))
        yield folder


def run(folder: Path, tests: Sequence[str]) -> Verdict:
    """Run tests against the bridge of a folder, until the first that fails.

    Raises:
        Stale: they could not be run.
    """
    env = {**os.environ, "PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1", "KILLS": "12"}
    where = subprocess.run(
        [sys.executable, "-c", "import bridge; print(bridge.__file__)"],
        cwd=folder, env=env, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if where.stdout.strip() != str(folder / "bridge" / "__init__.py"):
        raise Stale(f"the copy isn't what is imported: {where.stdout}{where.stderr}")
    report = folder / "report.xml"
    options = ["-x", "-q", "-p", "tests.mutants.quick", "-p", "no:cacheprovider", f"--junitxml={report}"]
    began = time.monotonic()
    try:
        done = subprocess.run(
            [sys.executable, "-m", "pytest", *options, *tests],
            cwd=folder, env=env, capture_output=True, text=True, check=False, timeout=LIMIT_S,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise Stale(f"{', '.join(tests)} didn't end within {LIMIT_S:g} s") from None
    seconds = time.monotonic() - began
    if done.returncode == 0:
        return Verdict("", "", seconds)
    return _failed(report, done.stdout + done.stderr, seconds)


def _failed(report: Path, output: str, seconds: float) -> Verdict:
    """The failure that pytest reports; an error (a broken import, no Kafka) is none."""
    cases = ET.parse(report).getroot().iter("testcase") if report.exists() else ()
    for case in cases:
        failure = case.find("failure")
        if failure is not None:
            why = re.sub(r"\s+", " ", failure.get("message", ""))
            return Verdict(case.get("name", "?"), why, seconds)
    raise Stale(f"the tests could not be run:\n{output[-3_000:]}")
