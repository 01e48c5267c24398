"""The Dockerfile's first two stages without an engine: its own COPY and RUN lines, with its folders laid elsewhere."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pip

from tests.packaging.files import ROOT, in_context, stages

NOT_HERE = ("PYTHONPATH", "PYTHONSAFEPATH", "VIRTUAL_ENV", "PYTHONHOME")


class Builder:
    """Builds into `folder`; `environment` is then what the image has at /opt/oddsbridge.

    `/opt`, `/src` and `/dist` are folders in `folder`, and `python` is that of a fresh virtual environment.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.environment = folder / "opt/oddsbridge"
        for name in ("opt", "src"):
            (folder / name).mkdir(parents=True)

    def build(self) -> None:
        self._run(f"{sys.executable} -m venv --without-pip {self._folder}/python", self._folder)
        (site,) = (self._folder / "python").glob("lib/python3.*/site-packages")
        shutil.copytree(Path(pip.__file__).parent, site / "pip")  # quicker than ensurepip
        for name in ("wheel", "environment"):
            for instruction in stages()[name]:
                if instruction.word == "COPY":
                    self._copy(instruction.rest.split())
                elif instruction.word == "RUN":
                    self._run(self._elsewhere(instruction.rest), self._folder / "src")

    def _elsewhere(self, command: str) -> str:
        for path in ("/opt/oddsbridge", "/dist", "/src"):
            command = command.replace(f" {path}", f" {self._folder}{path}")
        return command

    def _copy(self, words: list[str]) -> None:
        if words[0].startswith("--from="):
            return  # it is there already: both stages have the same folders
        *sources, target = words
        for source in sources:
            for path in [ROOT / source] if (ROOT / source).is_file() else sorted((ROOT / source).rglob("*")):
                relative = path.relative_to(ROOT)
                if path.is_file() and in_context(relative.as_posix()):
                    inside = relative.name if (ROOT / source).is_file() else path.relative_to(ROOT / source)
                    to = self._folder / "src" / target / inside
                    to.parent.mkdir(parents=True, exist_ok=True)
                    shutil.copy2(path, to)

    def _run(self, command: str, folder: Path) -> None:
        env = {name: value for name, value in os.environ.items() if name not in NOT_HERE}
        env["PATH"] = f"{self._folder}/python/bin:{env['PATH']}"
        env["PIP_DISABLE_PIP_VERSION_CHECK"] = "1"
        done = subprocess.run(command, shell=True, cwd=folder, env=env, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{command}\n{done.stdout[-2_000:]}\n{done.stderr[-2_000:]}"
