"""`make test` tests the wheel that it built: nothing of the checkout stands in for it, in no process."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import bridge
from tests.packaging.files import ROOT

WHEEL = os.environ.get("WHEEL_UNDER_TEST", "")

pytestmark = pytest.mark.skipif(not WHEEL, reason="the checkout is under test; `make test` tests the wheel")


def test_the_tests_import_the_wheel() -> None:
    assert Path(bridge.__file__).is_relative_to(WHEEL)
    assert (Path(WHEEL) / f"oddsbridge-{bridge.__version__}.dist-info/WHEEL").exists()


@pytest.mark.parametrize("folder", [ROOT, ROOT / "tests", Path("/")], ids=["checkout", "tests", "root"])
def test_the_processes_that_the_tests_start_import_the_wheel(folder: Path) -> None:
    code = "import bridge.cli.run, tests.support as s; print(bridge.cli.run.__file__, s.__file__)"
    found = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=True).stdout
    module, support = map(Path, found.split())
    assert module.is_relative_to(WHEEL)
    assert support.is_relative_to(ROOT)
    for command in (["-m", "bridge"], [str(Path(sys.executable).with_name("oddsbridge"))]):
        call = [sys.executable, "-v", *command, "--version"]  # -v tells where each module comes from
        told = subprocess.run(call, cwd=folder, capture_output=True, text=True, check=True).stderr
        assert f"{WHEEL}{os.sep}bridge{os.sep}" in told
        assert f"{ROOT / 'bridge'}{os.sep}" not in told, "a module of the checkout was imported"
