# ruff: noqa: T201  (it prints a table)
"""`python -m tests.mutants [word …]`: build each wrong bridge, and show that a test fails.

Words choose those whose names have one of them. Exit 0 when every one made each of its tests fail; 1 when one
survived; 2 when one can't be built any more, or the right bridge fails its tests.
"""

import sys
import time

from tests.mutants.workshop import Stale, Verdict, bridge, run
from tests.mutants.wrong import WRONG, Wrong

_WIDTH = 64


def main(words: list[str]) -> int:
    """Build and judge them; returns the exit code."""
    chosen = [wrong for wrong in WRONG if not words or any(word in wrong.name for word in words)]
    rows = [(wrong, test) for wrong in chosen for test in wrong.tests]
    began = time.monotonic()
    print(f"{len(chosen)} wrong bridges, {len(rows)} runs; first the right one, which must pass")
    try:
        with bridge(None) as folder:
            right = run(folder, sorted({test for _, test in rows}))
    except Stale as error:
        print(error)
        return 2
    if right.failed:
        print(f"the right bridge fails {right.failed}: {right.why}")
        return 2
    print(f"it passes ({right.seconds:.0f} s)\n\n{'wrong bridge':{_WIDTH}} {'judged by':27} {'time':>5}  verdict")
    code = 0
    for wrong, test in rows:
        code = max(code, _judge(wrong, test))
    told = {0: "every one is noticed", 1: "a wrong bridge SURVIVED", 2: "a wrong bridge is STALE"}[code]
    print(f"\n{told}; {time.monotonic() - began:.0f} s")
    return code


def _judge(wrong: Wrong, test: str) -> int:
    print(f"{wrong.name:{_WIDTH}} {test.removeprefix('tests/'):27} ", end="", flush=True)
    try:
        with bridge(wrong) as folder:
            verdict = run(folder, [test])
    except Stale as error:
        print(f"{'':>5}  STALE: {error}")
        return 2
    print(f"{verdict.seconds:4.0f}s  {_told(verdict)}")
    return 0 if verdict.failed else 1


def _told(verdict: Verdict) -> str:
    return f"noticed by {verdict.failed}\n{'':{_WIDTH}} {verdict.why[:100]}" if verdict.failed else "SURVIVED"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
