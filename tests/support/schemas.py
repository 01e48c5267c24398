"""The JSON Schemas of the values that are the bridge's own."""

import json
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

FOLDER = Path(__file__).parents[2] / "docs" / "schemas"


@cache
def validator(name: str) -> Draft202012Validator:
    """The schema `docs/schemas/<name>.schema.json`, itself checked; fields that it doesn't name are errors here."""
    schema = json.loads((FOLDER / f"{name}.schema.json").read_text())
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(_closed(schema))


def _closed(schema: Any) -> Any:
    if isinstance(schema, dict):
        closed = {name: _closed(value) for name, value in schema.items()}
        return closed | {"additionalProperties": False} if "properties" in closed else closed
    return [_closed(value) for value in schema] if isinstance(schema, list) else schema


def problems(name: str, value: bytes) -> list[str]:
    """What is wrong with a record's value; [] if it is as its schema says."""
    return [f"{error.json_path}: {error.message}" for error in validator(name).iter_errors(json.loads(value))]
