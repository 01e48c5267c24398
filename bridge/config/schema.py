"""The configuration's JSON Schema, written from the models: `python -m bridge.config.schema` prints it.

An editor checks a file against it while somebody writes. It says what one value may be, and which parameters a feed
has; what settings must agree on with each other is for `oddsbridge check --offline`.
"""

import json
import sys
from collections.abc import Mapping
from typing import Any

from bridge.config.settings import Settings
from bridge.config.streams import MAX_SPORTSBOOKS, PARAMETERS

DIALECT = "https://json-schema.org/draft/2020-12/schema"

_LIMITS = {"ge": "minimum", "gt": "exclusiveMinimum", "le": "maximum", "lt": "exclusiveMaximum"}
"""pydantic's words for limits behind a validator of our own, and JSON Schema's."""


def schema() -> dict[str, Any]:
    """The schema of the TOML file as JSON Schema 2020-12.

    Returns:
        A new dictionary, fit for JSON.
    """
    made: dict[str, Any] = _tidy(Settings.model_json_schema())
    streams = made["$defs"]["StreamSettings"]
    streams["allOf"] = [_of_feed(feed, names) for feed, names in PARAMETERS.items()]
    for name in {name for names in PARAMETERS.values() for name in names}:
        if streams["properties"][name].get("type") == "array":
            streams["properties"][name] |= {"minItems": 1, "uniqueItems": True}
    head = {
        "$schema": DIALECT,
        "title": "oddsbridge",
        "description": "The configuration file of oddsbridge. Written by `python -m bridge.config.schema`.",
    }
    return head | {name: value for name, value in made.items() if name not in head}


def text() -> str:
    """The schema as docs/schemas/config.schema.json has it."""
    return json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"


def _of_feed(feed: str, names: tuple[str, ...]) -> dict[str, Any]:
    """What holds for the streams of one feed: other feeds' parameters are errors, and odds need sportsbooks."""
    foreign = [name for others in PARAMETERS.values() for name in others if name not in names]
    then: dict[str, Any] = {"properties": dict.fromkeys(foreign, False)}
    if feed == "odds":
        then["properties"]["sportsbook"] = {"maxItems": MAX_SPORTSBOOKS}
        then["required"] = ["sportsbook"]
    return {"if": {"properties": {"feed": {"const": feed}}, "required": ["feed"]}, "then": then}


def _tidy(node: Any) -> Any:
    """Pydantic's schema without what a TOML file can't say (null) or what only repeats the name (titles)."""
    if isinstance(node, list):
        return [_tidy(part) for part in node]
    if not isinstance(node, Mapping):
        return node
    node = _without_null(node)
    tidied: dict[str, Any] = {}
    for name, value in node.items():
        if name == "properties":
            tidied[name] = {key: _tidy(part) for key, part in value.items()}
        elif name == "title" or (name == "default" and (value is None or isinstance(value, dict))):
            continue
        else:
            tidied[_LIMITS.get(name, name)] = _tidy(value)
    return tidied


def _without_null(node: Mapping[str, Any]) -> Mapping[str, Any]:
    kinds = node.get("anyOf")
    if not kinds or {"type": "null"} not in kinds:
        return node
    left = [kind for kind in kinds if kind != {"type": "null"}]
    rest = {name: value for name, value in node.items() if name != "anyOf"}
    return rest | (left[0] if len(left) == 1 else {"anyOf": left})


if __name__ == "__main__":
    sys.stdout.write(text())
