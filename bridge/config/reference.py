"""docs/configuration.md, written from the models: `python -m bridge.config.reference > docs/configuration.md`."""

import json
import sys
import types
from collections.abc import Iterator, Mapping
from pathlib import PurePath
from typing import Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt
from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from bridge.config.environment import variables
from bridge.config.problems import Loc
from bridge.config.sections import TopicNames
from bridge.config.settings import Settings
from bridge.config.streams import PARAMETERS, StreamSettings

_HEAD = """\
# Configuration

<!-- Written by `python -m bridge.config.reference > docs/configuration.md`; a test fails when it is out of date. -->

A TOML file, overridden by environment variables: `oddsbridge run -c oddsbridge.toml`, or `ODDSBRIDGE_CONFIG` instead
of `-c`. [deploy/oddsbridge.example.toml](../deploy/oddsbridge.example.toml) has every setting with a comment, and
`oddsbridge check --offline -c FILE` says what is wrong with a file, all of it at once, and what would run.

- A variable's name is `ODDSBRIDGE_`, the section, two underscores, the setting: `ODDSBRIDGE_KAFKA__SHARDS=8`. Streams
  are one variable with a JSON list: `ODDSBRIDGE_STREAMS='[{"name": "nba", …}]'`; it replaces those of the file.
- A name that matches no setting is an error, in the file and in the environment. Only the variables that Kubernetes
  makes for a Service called `oddsbridge` are passed over.
- The API key is given once: by `ODDSBRIDGE_UPSTREAM__API_KEY`, or in a file named by `upstream.api_key_file`.
- In error messages `streams[0]` is the first stream.
"""

_STREAMS = """\
## `[[streams]]`

One table for each stream: a feed, a sport and filters, over one connection. At least one is needed. Filters and flags
carry the upstream's own names; one that the stream's feed doesn't have is an error. A filter left out takes everything.
As a variable: `ODDSBRIDGE_STREAMS`, in JSON.
"""

_TAIL = """\
## What streams must not share

Two writers of one odd could be neither told apart nor reconciled. So streams of the same feed and topic prefix must
differ in sport, sportsbook, league, market or fixture; a filter that isn't set takes everything. `is_live` and
`is_main` don't keep streams apart, for an odd moves between them. Values are compared without regard to case, spaces
and underscores (`Bet Rivers` is `bet_rivers`). All odds streams of a topic prefix have the same `odds_format` and
`exclude_fees`.

A fixture's status isn't part of this rule: two streams with different sportsbooks of one league both carry it, so
`fixture-status` may hold the same news once for each stream. Fold it by its key.

## Topic names

- Names have at most 249 of the characters a-z, A-Z, 0-9, `.`, `_`, `-`, and must differ in more than `.` and `_`.
  `odds` and `locked_odds` may be one topic, and so may `copilot_odds`, `copilot_locked_odds` and
  `copilot_settled_odds`; the header `event` then tells the records apart.
- Names that begin with `<prefix>event.` are reserved for events that nobody has seen before.
- A stream's own `topic_prefix` moves its data topics. `checkpoints`, `bridge-events` and `dead-letters` belong to the
  bridge and stay under `kafka.topic_prefix`. Names set one by one hold for `kafka.topic_prefix` only.
"""


def reference() -> str:
    """The text of docs/configuration.md."""
    names = dict(variables())
    sections = (
        _section((section,), model, names)
        for section, field in Settings.model_fields.items()
        if (model := _model_of(field)) is not None
    )
    return "\n".join([_HEAD, *sections, _streams(), _TAIL])


def _section(loc: Loc, model: type[BaseModel], names: Mapping[Loc, str]) -> str:
    inner = {name: found for name, info in model.model_fields.items() if (found := _model_of(info)) is not None}
    rows = [
        f"| `{name}` | {_type(info)} | {_default(name, info, model)} | {info.description} | `{names[(*loc, name)]}` |"
        for name, info in model.model_fields.items()
        if name not in inner
    ]
    sentence = (model.__doc__ or "").split(": ", 1)[-1].strip()
    return "\n".join(
        [
            f"## `[{'.'.join(map(str, loc))}]`\n\n{sentence[:1].upper()}{sentence[1:]}\n",
            "| setting | type | default | what it is | variable |\n| --- | --- | --- | --- | --- |",
            *rows,
            "",
            *(_section((*loc, name), found, names) for name, found in inner.items()),
        ]
    )


def _streams() -> str:
    rows = []
    for name, info in StreamSettings.model_fields.items():
        feeds = ", ".join(feed for feed, parameters in PARAMETERS.items() if name in parameters) or "all"
        default = _default(name, info, StreamSettings)
        rows.append(f"| `{name}` | {feeds} | {_type(info)} | {default} | {info.description} |")
    header = "| setting | feeds | type | default | what it is |\n| --- | --- | --- | --- | --- |"
    return "\n".join([_STREAMS, header, *rows, ""])


def _model_of(field: FieldInfo) -> type[BaseModel] | None:
    annotation = field.annotation
    return annotation if isinstance(annotation, type) and issubclass(annotation, BaseModel) else None


def _default(name: str, field: FieldInfo, model: type[BaseModel]) -> str:
    if model is TopicNames:
        return f"`{{topic_prefix}}{name.replace('_', '-')}`"
    if field.is_required():
        return "needed"
    return "" if field.default is None else f"`{json.dumps(field.default)}`"


def _type(field: FieldInfo) -> str:
    limits = " ".join(_limits(field.annotation, field.metadata))
    return " ".join(part for part in (_kind(field.annotation), limits) if part)


def _kind(annotation: Any) -> str:
    origin = get_origin(annotation)
    if origin is Literal:
        return ", ".join(f"`{value}`" for value in get_args(annotation))
    if origin is Union or origin is types.UnionType:
        return " or ".join(_kind(part) for part in get_args(annotation) if part is not type(None))
    if origin is list:
        return f"list of {_kind(get_args(annotation)[0])}"
    if hasattr(annotation, "__metadata__"):
        return _kind(annotation.__origin__)
    kinds = {str: "text", SecretStr: "secret text", bool: "flag", int: "whole number", float: "number"}
    return "path" if issubclass(annotation, PurePath) else kinds[annotation]


def _limits(annotation: Any, metadata: list[Any]) -> Iterator[str]:
    words = {Ge: "≥", Gt: ">", Le: "≤", Lt: "<"}
    nested: list[Any] = list(getattr(annotation, "__metadata__", ()))
    for part in get_args(annotation):
        nested += getattr(part, "__metadata__", ())
    for limit in [*metadata, *nested]:
        for one in getattr(limit, "metadata", [limit]):  # pydantic's Field holds its limits in a list
            if type(one) in words:
                yield f"{words[type(one)]} {getattr(one, type(one).__name__.lower())}"


if __name__ == "__main__":
    sys.stdout.write(reference())
