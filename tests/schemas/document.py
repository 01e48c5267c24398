"""docs/asyncapi.yaml, and what it says a topic's records are."""

import json
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

DOCS = Path(__file__).parents[2] / "docs"
HERE = "https://oddsbridge.test/asyncapi.yaml"
"""A base for the document's references; nothing is fetched."""


@cache
def document() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((DOCS / "asyncapi.yaml").read_text())
    return loaded


@cache
def registry() -> Registry[Any]:
    """The document and the schemas beside it, under the addresses that its references have."""
    files = [
        (f"https://oddsbridge.test/schemas/{path.name}", json.loads(path.read_text()))
        for path in sorted((DOCS / "schemas").glob("*.json"))
    ]
    everything = [(HERE, document()), *files]
    return Registry().with_resources(
        [(uri, Resource.from_contents(body, default_specification=DRAFT202012)) for uri, body in everything]
    )


def channels() -> dict[str, str]:
    """Channel by the end of its address, which comes after the default prefix."""
    return {body["address"].removeprefix("opticodds."): name for name, body in document()["channels"].items()}


def messages(channel: str) -> list[str]:
    """The names of a channel's messages."""
    return list(document()["channels"][channel].get("messages", {}))


@cache
def _validator(pointer: str) -> Draft202012Validator:
    return Draft202012Validator({"$ref": f"{HERE}#{pointer}"}, registry=registry())


def problems(message: str, *, key: str, headers: dict[str, str], value: bytes) -> list[str]:
    """What of a record isn't as the message says; [] if all is."""
    found = document()["components"]["messages"][message]
    place = f"/components/messages/{message}"
    parts: list[tuple[str, object]] = [(f"{place}/bindings/kafka/key", key)]
    if "headers" in found:
        parts.append((f"{place}/headers", headers))
    elif headers:
        return [f"{message} has headers: {sorted(headers)}"]
    if "payload" in found:
        parts.append((f"{place}/payload", json.loads(value or b"null")))  # a tombstone has no value
    return [
        f"{pointer}: {error.json_path}: {error.message}"
        for pointer, part in parts
        for error in _validator(pointer).iter_errors(part)
    ]


def undocumented_headers(headers: dict[str, str]) -> set[str]:
    return set(headers) - set(document()["components"]["schemas"]["EntryHeaders"]["properties"])


def schema(name: str) -> dict[str, Any]:
    """The schema `docs/schemas/<name>.schema.json`."""
    found: dict[str, Any] = json.loads((DOCS / "schemas" / f"{name}.schema.json").read_text())
    return found


def undocumented_fields(name: str, value: bytes) -> list[str]:
    """Fields of a value that its schema doesn't name, and whatever else is wrong with it."""
    closed = Draft202012Validator(schema(name) | {"unevaluatedProperties": False})
    return [f"{error.json_path}: {error.message}" for error in closed.iter_errors(json.loads(value))]
