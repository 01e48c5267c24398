"""What a consumer takes along with the book."""

import subprocess
import sys

CODE = """
import sys
from bridge.book import OddsBook
print(*sorted({name.partition(".")[0] for name in sys.modules} - set(sys.stdlib_module_names)))
print(*sorted(name for name in sys.modules if name.startswith("bridge.") and not name.startswith("bridge.book")))
"""


def test_it_needs_nothing_heavy_and_nothing_else_of_the_bridge() -> None:
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=True)
    packages, others = done.stdout.split("\n")[:2]
    assert set(packages.split()) - {"__main__", "sitecustomize", "usercustomize"} <= {"bridge", "msgspec"}
    assert others == ""
