"""The bridge with changes made before it starts, for what can't be had from outside: `python -m` this module.

`TEST_SET` is a JSON object of module attributes to replace (`{"bridge.summary.EVERY_S": 1}`). `TEST_CRASH` is one of
entries per stream: the `n`th entry that the stream decodes raises, as a bug would (`{"nba": [20]}`).
"""

import json
import os
import sys
from collections import Counter
from importlib import import_module

import bridge.stream
from bridge.cli import main
from bridge.entries import Entry, decode
from bridge.sse import Event, Parser


class Bug(Exception):
    """What nobody foresaw."""


def replace(values: dict[str, object]) -> None:
    for path, value in values.items():
        module, _, name = path.rpartition(".")
        target = import_module(module)
        assert hasattr(target, name), f"{path} is gone: mend the test"
        setattr(target, name, tuple(value) if isinstance(value, list) else value)


def crash(plan: dict[str, list[int]]) -> None:
    decoded: Counter[str] = Counter()
    feed = bridge.stream.Stream._feed

    def spoiled(self: bridge.stream.Stream, parser: Parser, data: bytes) -> None:
        def buggy(event: Event) -> Entry:
            decoded[self._name] += 1
            if decoded[self._name] in plan[self._name]:
                raise Bug(f"nobody foresaw this; the key was {os.environ.get('ODDSBRIDGE_UPSTREAM__API_KEY')}")
            return decode(event)

        vars(bridge.stream)["decode"] = buggy if self._name in plan else decode
        feed(self, parser, data)

    setattr(bridge.stream.Stream, "_feed", spoiled)  # noqa: B010 — the type checker is right to refuse the plain way


if __name__ == "__main__":
    replace(json.loads(os.environ.get("TEST_SET", "{}")))
    if "TEST_CRASH" in os.environ:
        crash(json.loads(os.environ["TEST_CRASH"]))
    sys.exit(main())
