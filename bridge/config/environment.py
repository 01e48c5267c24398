"""The environment's part of the settings: `ODDSBRIDGE_<SECTION>__<SETTING>`, through pydantic-settings."""

import difflib
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel
from pydantic_settings import EnvSettingsSource
from typing_extensions import override

from bridge.config.problems import Loc, Problem
from bridge.config.settings import Settings

PREFIX = "ODDSBRIDGE_"

NOT_SETTINGS = frozenset({"ODDSBRIDGE_CONFIG"})
"""Variables that are read elsewhere: the command line's."""

# Kubernetes puts such variables into every container for a Service whose name begins with "oddsbridge".
_SERVICE_LINK = re.compile(
    r"ODDSBRIDGE_(\w+_)?(SERVICE_(HOST|PORT\w*)|PORT(_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?)"
)


def read_environment(environ: Mapping[str, str]) -> tuple[dict[str, Any], dict[Loc, str], list[Problem]]:
    """The settings that `environ` makes.

    Returns:
        The values, nested as in the file; for each place that a variable set, the variable's name; and the
        variables that match no setting or can't be read.
    """
    known = {name.upper(): loc for loc, name in variables()}
    used: dict[str, str] = {}
    origins: dict[Loc, str] = {}
    problems: list[Problem] = []
    for name, value in environ.items():
        upper = name.upper()
        if not upper.startswith(PREFIX) or upper in NOT_SETTINGS or _SERVICE_LINK.fullmatch(upper):
            continue
        loc = known.get(upper)
        if loc is None:
            problems.append(_unknown(name, known))
        elif _needs_json(loc) and (problem := _not_json(name, loc, value)):
            problems.append(problem)
        else:
            used[upper] = value
            origins[loc] = name
    return _Source(used)(), origins, problems


def variables() -> Iterator[tuple[Loc, str]]:
    """Every place that a variable can set, with the variable's name."""
    yield from _variables(Settings, (), PREFIX)


def _variables(model: type[BaseModel], loc: Loc, name: str) -> Iterator[tuple[Loc, str]]:
    for field, info in model.model_fields.items():
        here, variable = (*loc, field), name + field.upper()
        yield here, variable
        if isinstance(info.annotation, type) and issubclass(info.annotation, BaseModel):
            yield from _variables(info.annotation, here, f"{variable}__")


def _needs_json(loc: Loc) -> bool:
    return loc == ("streams",) or len(loc) == 1 or loc in {("kafka", "topics"), ("kafka", "security")}


def _not_json(name: str, loc: Loc, value: str) -> Problem | None:
    wanted = list if loc == ("streams",) else dict
    try:
        decoded = json.loads(value)
    except ValueError:
        decoded = None
    if isinstance(decoded, wanted):
        return None
    kind = "a list of streams" if wanted is list else "an object"
    fix = "" if wanted is list else f", or set its settings one by one: {name}__…"
    return Problem((name,), f"must be {kind} in JSON", f"mend the JSON{fix}", shows_value=False)


def _unknown(name: str, known: Mapping[str, Loc]) -> Problem:
    upper = name.upper()
    # Without the prefix, which all have in common and which would make everything look near.
    plain = {right.removeprefix(PREFIX): right for right in known}
    near = [plain[match] for match in difflib.get_close_matches(upper.removeprefix(PREFIX), plain, n=1, cutoff=0.55)]
    single = next((right for right in known if right.replace("__", "_") == upper.replace("__", "_")), None)
    right = single or (near[0] if near else None)
    hint = f"did you mean {right}?" if right else "unset it; docs/configuration.md lists the variables"
    if upper.startswith(f"{PREFIX}STREAMS_"):
        hint = f"set {PREFIX}STREAMS to all streams as JSON, or write them in the file"
    return Problem((name,), "matches no setting", hint, shows_value=False)


class _Source(EnvSettingsSource):
    """pydantic-settings' reader, over the given variables instead of the process's."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        self._variables = {name.lower(): value for name, value in variables.items()}
        super().__init__(Settings)

    @override
    def _load_env_vars(self) -> Mapping[str, str | None]:
        return self._variables
