"""docs/ as a site: every page is found from the first one, and a link that leads nowhere is an error."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from bridge.cli.exits import Exit
from bridge.health import ShardState, State
from tests.packaging.files import ROOT


def test_the_first_page_leads_to_every_page() -> None:
    first = (ROOT / "docs/README.md").read_text()
    pages = {path.name for path in (ROOT / "docs").glob("*.md")} - {"README.md"}
    assert set(re.findall(r"\]\((\w[\w-]*\.md)\)", first)) == pages


def test_operations_tells_every_state_and_exit_code() -> None:
    page = (ROOT / "docs/operations.md").read_text()

    def firsts(title: str) -> list[str]:
        """The first cells of a section's first table, taken apart where one has several."""
        section = page.partition(f"## {title}\n")[2].partition("\n## ")[0]
        table = re.search(r"(?:^\|.*\n)+", section, re.MULTILINE)
        assert table is not None, title
        _, _, *rows = table[0].splitlines()
        return [word.strip("` ") for row in rows for word in row.split(" | ")[0].removeprefix("| ").split(",")]

    assert firsts("States of a stream") == [state.value for state in State]
    assert firsts("States of a shard") == [state.value for state in ShardState]
    assert set(firsts("Exit codes")) - {"137"} == {str(int(code)) for code in Exit}  # 137 is the kernel's


@pytest.mark.parametrize(
    ("link", "told"),
    [
        ("[there](metrics.md#connections)", ""),
        ("[there](../deploy/prometheus/alerts.yml)", ""),
        ("[gone](nowhere.md)", "nowhere.md"),
        ("[gone](metrics.md#nowhere)", "#nowhere"),
        ("[gone](../deploy/nowhere.yml)", "nowhere.yml"),
    ],
)
def test_a_link_that_leads_nowhere_is_an_error(tmp_path: Path, link: str, told: str) -> None:
    if not (Path(sys.executable).parent / "properdocs").exists():
        pytest.skip("properdocs isn't installed: `make docs` does so")
    shutil.copytree(ROOT / "deploy/prometheus", tmp_path / "deploy/prometheus")
    shutil.copy(ROOT / "properdocs.yml", tmp_path)
    (tmp_path / "docs/site").mkdir(parents=True)
    shutil.copy(ROOT / "docs/site/outside.py", tmp_path / "docs/site")
    (tmp_path / "docs/README.md").write_text(f"# First\n\n{link}\n")
    (tmp_path / "docs/metrics.md").write_text("# Metrics\n\n## Connections\n")
    call = [sys.executable, "-m", "properdocs", "build"]
    done = subprocess.run(call, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode == 0) == (told == ""), done.stderr
    assert told in done.stderr
