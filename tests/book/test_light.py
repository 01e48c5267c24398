"""What a consumer takes along with the book."""

import subprocess
import sys

CODE = """
import sys
before = set(sys.modules)
from bridge.book import OddsBook
print(*sorted(set(sys.modules) - before))
"""


def test_it_needs_nothing_heavy_and_nothing_else_of_the_bridge() -> None:
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=True)
    taken = set(done.stdout.split())
    packages = {name.partition(".")[0] for name in taken} - sys.stdlib_module_names
    assert packages <= {"bridge", "msgspec", "typing_extensions"}, "msgspec itself looks for the last one"
    assert {name for name in taken if name.startswith("bridge.") and not name.startswith("bridge.book")} == set()
