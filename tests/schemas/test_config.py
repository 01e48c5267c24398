"""docs/schemas/config.schema.json: up to date, and of the same mind as the bridge about single values."""

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from bridge.config.schema import schema, text

ROOT = Path(__file__).parents[2]
KAFKA = {"bootstrap_servers": "kafka:9092"}
ODDS = {"name": "nba", "feed": "odds", "sport": "basketball", "sportsbook": ["DraftKings"]}
SCORES = {"name": "scores", "feed": "results", "sport": "soccer"}


def wrong(config: dict[str, Any]) -> list[str]:
    return [error.json_path for error in Draft202012Validator(schema()).iter_errors(config)]


def one(stream: dict[str, Any], **kafka: Any) -> dict[str, Any]:
    return {"kafka": KAFKA | kafka, "streams": [stream]}


def test_it_is_up_to_date() -> None:
    assert (ROOT / "docs/schemas/config.schema.json").read_text() == text(), (
        "make it anew: .venv/bin/python -m bridge.config.schema > docs/schemas/config.schema.json"
    )


@pytest.mark.parametrize("path", sorted((ROOT / "docs/schemas").glob("*.json")), ids=lambda path: path.name)
def test_each_schema_is_one(path: Path) -> None:
    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        names = [name for name, _ in pairs]
        assert len(set(names)) == len(names), f"named twice: {names}"
        return dict(pairs)

    body = json.loads(path.read_text(), object_pairs_hook=once)
    assert body["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    Draft202012Validator.check_schema(body)


@pytest.mark.parametrize(
    "path", ["deploy/oddsbridge.example.toml", "deploy/compose/oddsbridge.toml", "deploy/compose/oddsbridge.demo.toml"]
)
def test_our_own_files_are_as_it_says(path: str) -> None:
    config = tomllib.loads((ROOT / path).read_text())
    config.setdefault("kafka", {}).setdefault("bootstrap_servers", "kafka:9092")  # or from the environment
    assert wrong(config) == []


@pytest.mark.parametrize(
    ("config", "place"),
    [
        (one(ODDS), None),
        (one(SCORES), None),
        (one(ODDS | {"sportsbook": ["a", "b", "c", "d", "e", "f"]}), "$.streams[0].sportsbook"),
        (one({name: value for name, value in ODDS.items() if name != "sportsbook"}), "$.streams[0]"),
        (one(SCORES | {"market": ["Moneyline"]}), "$.streams[0]"),
        (one(ODDS | {"league": []}), "$.streams[0].league"),
        (one(ODDS | {"is_live": "yes"}), "$.streams[0].is_live"),
        (one(ODDS, shards=0), "$.kafka.shards"),
        (one(ODDS, shards=True), "$.kafka.shards"),
        (one(ODDS, replication_factor=101), "$.kafka.replication_factor"),
        (one(ODDS, compresion="zstd"), "$.kafka"),
        (one(ODDS) | {"upstream": {"silence_s": 0}}, "$.upstream.silence_s"),
        ({"kafka": KAFKA}, "$"),
        ({"kafka": {}, "streams": [ODDS]}, "$.kafka"),
    ],
)
def test_it_tells_right_from_wrong(config: dict[str, Any], place: str | None) -> None:
    assert wrong(config) == ([] if place is None else [place])
