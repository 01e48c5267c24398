"""The files that carry oddsbridge into service, as data."""

import re
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
COMPOSE = ROOT / "docker-compose.yml"
DEPLOY = ROOT / "deploy"


def compose() -> dict[str, Any]:
    """docker-compose.yml, its anchors resolved."""
    return dict(yaml.safe_load(COMPOSE.read_text()))


def services(profile: str) -> dict[str, dict[str, Any]]:
    """What `docker compose --profile <profile> up` starts."""
    found: dict[str, dict[str, Any]] = compose()["services"]
    return {name: service for name, service in found.items() if profile in service.get("profiles", [profile])}


def config_of(service: dict[str, Any]) -> Path:
    """The configuration file that a service mounts."""
    (mount,) = service["configs"]
    assert mount["target"] == "/etc/oddsbridge/oddsbridge.toml"
    return ROOT / str(compose()["configs"][mount["source"]]["file"])


@dataclass(frozen=True)
class Instruction:
    """One instruction of the Dockerfile, its continued lines joined."""

    word: str
    rest: str


def stages() -> dict[str, list[Instruction]]:
    """The Dockerfile's stages, by name; what stands before the first is under ""."""
    text = re.sub(r"(?m)^\s*#.*\n", "", (ROOT / "Dockerfile").read_text())
    found: dict[str, list[Instruction]] = {"": []}
    stage = ""
    for line in text.replace("\\\n", " ").splitlines():
        word, _, rest = line.strip().partition(" ")
        if word == "FROM":
            stage = rest.rpartition(" AS ")[2]
            found[stage] = []
        if word:
            found[stage].append(Instruction(word, " ".join(rest.split())))
    return found


def in_context(path: str) -> bool:
    """Whether .dockerignore lets a file, named from the checkout's root, into the build: the last match decides."""
    parts = path.split("/")
    parents = ["/".join(parts[: n + 1]) for n in range(len(parts))]
    kept = True
    for line in (ROOT / ".dockerignore").read_text().splitlines():
        if not line or line.startswith("#"):
            continue
        pattern = line.removeprefix("!")
        hit = any(_matches(pattern, parent) for parent in parents)
        kept = line.startswith("!") if hit else kept
    return kept


def _matches(pattern: str, path: str) -> bool:
    if pattern.startswith("**/"):
        return fnmatch(path.rpartition("/")[2], pattern.removeprefix("**/"))
    return pattern.count("/") == path.count("/") and fnmatch(path, pattern)
