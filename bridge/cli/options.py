"""Options that several verbs have."""

from pathlib import Path
from typing import Annotated

import typer

ConfigFile = Annotated[
    Path, typer.Option("--config", "-c", metavar="FILE", envvar="ODDSBRIDGE_CONFIG", help="The TOML file.")
]

Json = Annotated[bool, typer.Option("--json", help="Print JSON of a stable shape (docs/check.md) instead of text.")]
