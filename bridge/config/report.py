"""The text of configuration errors: one line for each, with its place, the value, and the fix."""

import difflib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from bridge.config.places import line_of, lines_of
from bridge.config.problems import Loc, Problem
from bridge.config.settings import Settings
from bridge.config.streams import MANAGED, PARAMETERS, StreamSettings
from bridge.errors import ConfigError

MAX_LINES = 50
"""Problems printed at most: a hundred equal streams overlap in thousands of pairs."""

_SECRET = re.compile(r"key|secret|password|passwd|token|credential", re.IGNORECASE)
_TABLES = {"streams": "[[streams]]"}


def problems_of(error: ValidationError, data: Mapping[str, Any]) -> list[Problem]:
    """Pydantic's errors about `data` as problems; nothing of pydantic's own text, which shows values, gets through."""
    return [problem for details in error.errors(include_url=False) for problem in _of(details, data)]


def _of(details: ErrorDetails, data: Mapping[str, Any]) -> Iterator[Problem]:
    loc: Loc = details["loc"]
    context: dict[str, Any] = details.get("ctx", {})
    match details["type"]:
        case "conflicts" | "problems":
            yield from context["problems"]
        case "setting":
            yield Problem(loc, context["message"], context["hint"])
        case "extra_forbidden":
            yield _unknown(loc, data)
        case "missing" if loc == ("streams",):
            yield _NO_STREAMS
        case "too_short" if loc == ("streams",):
            yield _NO_STREAMS
        case "missing":
            yield Problem(loc, "is missing", _example(loc))
        case "model_type" | "dict_type" | "model_attributes_type":
            table = _TABLES.get(str(loc[0])) if len(loc) > 1 and loc[0] == "streams" else f"[{'.'.join(map(str, loc))}]"
            yield Problem(loc, "must be a table", f"write it under {table}", shows_value=False)
        case "list_type" if loc == ("streams",):
            yield Problem(loc, "must be tables", "write [[streams]] above each stream", shows_value=False)
        case kind:
            yield Problem(loc, *_plain(kind, context))


_NO_STREAMS = Problem(
    ("streams",), "there is no stream", "add a [[streams]] table with name, feed and sport", shows_value=False
)

_KINDS = {
    "string_type": ("must be text", 'put it in quotes: "…"'),
    "int_type": ("must be a whole number", "write it without quotes"),
    "int_parsing": ("must be a whole number", "write digits only"),
    "int_from_float": ("must be a whole number", "write it without a fraction"),
    "float_type": ("must be a number", "write it without quotes"),
    "float_parsing": ("must be a number", "write digits only"),
    "finite_number": ("must be a finite number", ""),
    "list_type": ("must be a list", 'write it in brackets: ["…"]'),
    "path_type": ("must be a path", 'put it in quotes: "…"'),
}


def _plain(kind: str, context: Mapping[str, Any]) -> tuple[str, str]:
    if kind in _KINDS:
        return _KINDS[kind]
    if kind == "literal_error":
        allowed = re.findall(r"'([^']*)'", context["expected"])
        return "isn't one of the values that this can have", f"write one of {', '.join(allowed)}"
    bounds = {
        "greater_than_equal": ("ge", "at least"),
        "less_than_equal": ("le", "at most"),
        "greater_than": ("gt", "more than"),
    }
    if kind in bounds:
        key, word = bounds[kind]
        return f"is out of range: it must be {word} {context[key]:g}" if abs(context[key]) < 1e6 else (
            f"is out of range: it must be {word} {context[key]}"
        ), ""
    return "isn't a value that this can have", ""


def _example(loc: Loc) -> str:
    examples: dict[Loc, str] = {
        ("kafka",): 'add [kafka] with bootstrap_servers = "localhost:9092"',
        ("kafka", "bootstrap_servers"): 'add bootstrap_servers = "localhost:9092"',
        ("name",): 'add for example name = "nba"',
        ("feed",): f"add feed = one of {', '.join(json.dumps(feed) for feed in PARAMETERS)}",
        ("sport",): 'add for example sport = "basketball"',
    }
    return examples.get(loc) or examples.get(loc[-1:], "add it")


_REMOVE = "remove it; docs/configuration.md lists the settings"


def _unknown(loc: Loc, data: Mapping[str, Any]) -> Problem:
    *section, last = loc
    name = str(last)
    message = "is unknown"
    if section[:1] == ["streams"]:
        if name in MANAGED:
            return Problem(loc, *MANAGED[name], shows_value=False)
        right = _nearest(name, list(StreamSettings.model_fields))
        feed = _value((*section, "feed"), data)
        if right is not None and isinstance(feed, str) and not _belongs(right, feed):
            hint = f"remove it; {right} isn't a parameter of the {feed} feed either"
            return Problem(loc, message, hint, shows_value=False)
    else:
        right = _nearest(name, list(_model(section).model_fields))
        if right is None:
            message, right = "is unknown here", _nearest_anywhere(name)
    return Problem(loc, message, f"did you mean {right}?" if right else _REMOVE, shows_value=False)


def _belongs(name: str, feed: str) -> bool:
    feeds_with_it = [having for having, names in PARAMETERS.items() if name in names]
    return not feeds_with_it or feed in feeds_with_it or feed not in PARAMETERS


def _model(section: Sequence[str | int]) -> type[BaseModel]:
    model: type[BaseModel] = Settings
    for name in section:
        annotation = model.model_fields[str(name)].annotation
        assert isinstance(annotation, type)  # noqa: S101 — pydantic went the same way to report the error
        model = annotation
    return model


def _nearest(name: str, right: Sequence[str], cutoff: float = 0.6) -> str | None:
    plain = {key.replace("_", ""): key for key in right}
    near = difflib.get_close_matches(re.sub(r"[_-]", "", name).lower(), plain, n=1, cutoff=cutoff)
    return plain[near[0]] if near else None


def _nearest_anywhere(name: str) -> str | None:
    places_of = {
        key: ("[[streams]] " if section == "streams" else f"[{section}] ") + key
        for section in Settings.model_fields
        for key in (StreamSettings if section == "streams" else _model([section])).model_fields
    }
    near = _nearest(name, list(places_of), cutoff=0.8)
    return places_of[near] if near else None


def _value(loc: Loc, data: Any, default: Any = None) -> Any:
    for step in loc:
        try:
            data = data[step]
        except (KeyError, IndexError, TypeError):
            return default
    return data


def failure(
    problems: Sequence[Problem],
    *,
    path: Path | None = None,
    text: str = "",
    data: Mapping[str, Any] | None = None,
    origins: Mapping[Loc, str] | None = None,
) -> ConfigError:
    """The error that tells of all `problems`, a line each, in the order of the file.

    Args:
        problems: What is to be mended.
        path: The file, None when there is none.
        text: Its text, to find line numbers.
        data: The values, file and environment joined.
        origins: The places that environment variables set, with the variables' names.
    """
    lines = lines_of(text)
    told: dict[str, int] = {}
    for problem in problems:
        told.setdefault(_line(problem, path, lines, data or {}, origins or {}), line_of(problem.loc, lines) or 0)
    ordered = sorted(told, key=lambda line: told[line])
    if len(ordered) > MAX_LINES:
        ordered = [*ordered[:MAX_LINES], f"… and {len(ordered) - MAX_LINES} more"]
    return ConfigError("\n".join(ordered))


def _line(
    problem: Problem,
    path: Path | None,
    lines: Mapping[Loc, int],
    data: Mapping[str, Any],
    origins: Mapping[Loc, str],
) -> str:
    loc = problem.loc
    variable = next((origins[loc[:n]] for n in range(len(loc), 0, -1) if loc[:n] in origins), None)
    if variable is not None:
        where = f"environment: {variable}"
        # A variable that sets just this value is the place; one that holds JSON needs the place within.
        where += "" if origins.get(loc) else f": {_place(loc, data)}"
    elif loc and str(loc[0]).upper().startswith("ODDSBRIDGE_"):
        where = f"environment: {loc[0]}"
    else:
        line = line_of(loc, lines)
        where = f"{path}:{line}: " if line else f"{path}: " if path else ""
        where += _place(loc, data)
    value = _shown(problem, data)
    hint = f" — {problem.hint}" if problem.hint else ""
    return f"{where}{value}: {problem.message}{hint}"


def _place(loc: Loc, data: Mapping[str, Any]) -> str:
    if len(loc) >= 2 and loc[0] == "streams":
        name = _value((*loc[:2], "name"), data)
        stream = f"streams[{loc[1]}]" + (f' "{name}"' if isinstance(name, str) and name.isprintable() else "")
        return f"{stream}: {_dotted(loc[2:])}" if len(loc) > 2 else stream
    return _dotted(loc)


def _dotted(loc: Loc) -> str:
    text = ""
    for step in loc:
        if isinstance(step, int):
            text += f"[{step}]"
        else:
            text += ("." if text else "") + (step if step.isprintable() else repr(step))
    return text


def _shown(problem: Problem, data: Mapping[str, Any]) -> str:
    value = _value(problem.loc, data)
    secret = any(_SECRET.search(str(step)) for step in problem.loc) and not str(problem.loc[-1]).endswith("_file")
    if not problem.shows_value or secret or value is None or isinstance(value, dict):
        return ""
    if problem.loc[-1] == "base_url" and isinstance(value, str):
        value = _without_secrets(value)
    text = json.dumps(value, ensure_ascii=False, default=str)
    return f" = {text if len(text) <= 120 else text[:117] + '…'}"


def _without_secrets(url: str) -> str:
    # People paste URLs with their key in the query; what follows '?' and what stands before '@' isn't shown.
    shown = re.split(r"[?#]", url, maxsplit=1)
    url = shown[0] + ("?…" if len(shown) > 1 else "")
    return re.sub(r"//[^/]*@", "//…@", url)
